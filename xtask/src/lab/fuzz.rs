//! `cargo xtask fuzz`: searches for faults for a given time.

mod job;
mod target;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
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

/// The environment variable that sets the number of cycles of the leak test, and its value.
const LEAK_CYCLES: (&str, &str) = ("AUTORA_LEAK_CYCLES", "10000");

/// Run the fuzz targets (libFuzzer), the simulation of the fleet, and the leak test of the real daemon.
///
/// A fuzz target invents inputs, keeps those that reach new code, and compares the result for each with an
/// independent oracle. The inputs are kept in target/fuzz, and the next run continues from there. An input
/// that crashed is tried first until the fault is fixed.
///
/// After a crash the summary shows the input and the table of tests that it belongs to: add it there as a
/// row, see the row fail, then fix the code. The row stays; the file of the input may be deleted.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Run only these; --list shows the names
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(JOBS.iter().map(|job| job.name)))]
    names: Vec<String>,
    /// How long each of them runs. The leak test ignores this and runs ten thousand cycles
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = time)]
    time: Duration,
    /// How many new seeds the simulation runs, in place of a time; it lists all that fail. 4096 are those of a night
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    simulation_seeds: Option<u32>,
    /// List the names, and run nothing
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
    let outcomes: Vec<_> = jobs.iter().map(|job| (job.name.to_owned(), attempt(workspace, job, args))).collect();
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

/// Installs and builds what the jobs need, before the first one starts.
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

fn attempt(workspace: &Workspace, job: &Job, args: &Args) -> Outcome {
    if job.needs_root && !process::is_root() {
        return Outcome::NotRun("needs root, for the real kernel".to_owned());
    }
    ui::heading(&format!("{}: {}", job.name, job.what));
    let started = Instant::now();
    let done = match job.kind {
        Kind::Target { table } => target::run(workspace, job.name, table, args.time),
        Kind::Simulation => simulation(workspace, args),
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

fn simulation(workspace: &Workspace, args: &Args) -> Result<()> {
    let test = ["test", "--release", "--locked", "--package", "autora", "--test", "simulation", "--"];
    let mut cargo = workspace.cargo(test);
    cargo.args(["the_rules_hold", "--nocapture"]);
    match args.simulation_seeds {
        Some(count) => cargo.env("AUTORA_SIMULATION_SEEDS", count.to_string()),
        None => cargo.env("AUTORA_SIMULATION_TIME", format!("{}s", args.time.as_secs())),
    };
    process::run(&mut cargo).context("the simulation broke a rule; each seed above replays it")
}

fn leaks(workspace: &Workspace) -> Result<()> {
    let (passed, _shown) = build::dev::scenarios(workspace, &workspace.daemon(), |cargo| {
        cargo.args(["--test", "scenarios", "--", "leaks::", "--nocapture"]).env(LEAK_CYCLES.0, LEAK_CYCLES.1);
    })?;
    ensure!(passed, "the daemon leaks; see above");
    Ok(())
}

/// Parses a time like `60s`, `5m` or `8h`, which is at least 1 s.
fn time(text: &str) -> Result<Duration> {
    let unit = text.chars().next_back().unwrap_or_default();
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => bail!("the time must end in s, m or h, as in 60s"),
    };
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().context("the time must be like 60s, 5m or 8h")?;
    if number == 0 {
        bail!("the time must be at least 1s");
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        for (text, seconds) in [("60s", Some(60)), ("5m", Some(300)), ("8h", Some(28_800))] {
            assert_eq!(time(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "60", "s", "0s", "-1s", "1.5s", "1d", "5 m", "5µ"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
