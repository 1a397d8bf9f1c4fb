//! `cargo xtask fuzz`: what looks for faults for as long as one lets it.

mod job;
mod target;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use self::job::{JOBS, Job, Kind};
use crate::{
    build,
    outcome::{self, Outcome},
    process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

/// What the leak test does in all, and what it asks for in the environment.
const LEAK_CYCLES: (&str, &str) = ("AUTORA_LEAK_CYCLES", "10000");

/// Six fuzz targets (libFuzzer), the deterministic simulation of the fleet, and the leak test of the real
/// daemon.
///
/// A fuzz target invents inputs, keeps those that reach new code, and compares what the code says of each
/// with an oracle written down a second time. What it has found is kept in target/fuzz, so the next run goes
/// on from there; a crasher is tried first until it is mended.
///
/// When something crashes, the summary shows the input and the table that it belongs into: make it a row
/// there, see the row fail, then mend the code. The row stays and the crasher may go.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Only these, as --list shows them
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(JOBS.iter().map(|job| job.name)))]
    names: Vec<String>,
    /// How long each of them takes: not all together. The leak test takes what its ten thousand cycles need
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = time)]
    time: Duration,
    /// Show what there is, and run nothing
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if args.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let jobs = job::select(&args.names);
    prepare(workspace, &jobs)?;
    let outcomes: Vec<_> =
        jobs.iter().map(|job| (job.name.to_owned(), attempt(workspace, job, args.time))).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|(name, outcome)| (name.clone(), outcome)).collect();
    outcome::summary("jobs", &outcomes);
    let all_passed = outcomes.iter().all(|(_, outcome)| outcome.passed());
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list() {
    let rows: Vec<[String; 2]> =
        JOBS.iter().map(|job| [job.name.to_owned(), format!("{}{}", job.what, job.remark())]).collect();
    for line in ui::columns(&rows) {
        println!("{line}");
    }
}

/// Whatever any of the jobs needs, before the first one starts: the tools, the filter and the daemon, the
/// targets.
fn prepare(workspace: &Workspace, jobs: &[&Job]) -> Result<()> {
    let is_target = |job: &&&Job| matches!(job.kind, Kind::Target { .. });
    let scope = if jobs.iter().any(|job| is_target(&job)) { Scope::Fuzz } else { Scope::Tests };
    let toolchain = setup::ensure(workspace, scope)?;
    if jobs.iter().any(|job| job.needs_root) {
        build::daemon::with(workspace, &toolchain)?;
    }
    let targets: Vec<_> = jobs.iter().filter(is_target).map(|job| job.name).collect();
    if targets.is_empty() { Ok(()) } else { target::build(workspace, &targets) }
}

fn attempt(workspace: &Workspace, job: &Job, time: Duration) -> Outcome {
    if job.needs_root && !process::is_root() {
        return Outcome::NotRun("needs root, for the kernel".to_owned());
    }
    ui::heading(&format!("{}: {}", job.name, job.what));
    let started = Instant::now();
    let done = match job.kind {
        Kind::Target { table } => target::run(workspace, job.name, table, time),
        Kind::Simulation => simulation(workspace, time),
        Kind::Leaks => leaks(workspace),
    };
    match done {
        Ok(()) => Outcome::Passed(started.elapsed()),
        Err(error) => {
            ui::error(&error);
            Outcome::Failed(started.elapsed())
        }
    }
}

fn simulation(workspace: &Workspace, time: Duration) -> Result<()> {
    let test = ["test", "--release", "--locked", "--package", "autora", "--test", "simulation", "--"];
    let mut cargo = workspace.cargo(test);
    cargo.arg("--nocapture").env("AUTORA_SIMULATION_TIME", format!("{}s", time.as_secs()));
    process::run(&mut cargo).context("a rule was broken: the seed is above, and it replays")
}

fn leaks(workspace: &Workspace) -> Result<()> {
    build::dev::scenarios(workspace, &workspace.daemon(), |cargo| {
        cargo.args(["--test", "scenarios", "--", "leaks::", "--nocapture"]).env(LEAK_CYCLES.0, LEAK_CYCLES.1);
    })
    .context("something leaks, see above")
}

/// `60s`, `5m`, `8h`: whole seconds, at least one.
fn time(text: &str) -> Result<Duration> {
    let unit = text.chars().next_back().unwrap_or_default();
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => bail!("a time ends in s, m or h, as in 60s"),
    };
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().context("a time is like 60s, 5m or 8h")?;
    if number == 0 {
        bail!("a time of 0 would find nothing");
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [("60s", Some(60)), ("5m", Some(300)), ("8h", Some(28_800))] {
            assert_eq!(time(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "60", "s", "0s", "-1s", "1.5s", "1d", "5 m", "5µ"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
