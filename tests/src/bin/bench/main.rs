//! autora beside the other Router Advertisement daemons, measured: `cargo xtask bench`.
//!
//! A host's namespace with as many links as asked for, a namespace with their other ends, and in turn each
//! daemon, on a core of its own; the load and the kernel's receive path on another. What a daemon does is
//! seen from outside: RAs as they arrive behind the links, with the kernel's timestamps, and CPU, memory and
//! wake-ups as the kernel counts them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result and the progress of a command")]
#![expect(clippy::similar_names, reason = "a site has a size, a link a line of commands, a flood a step and a stop")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people: no count or time here comes near 2^52, and none is negative"
)]

mod args;
mod bench;
mod chart;
mod histogram;
mod load;
mod machine;
mod measure;
#[path = "../../../../xtask/src/neighbours.rs"]
mod neighbours;
mod results;
mod running;
mod scratch;
mod settings;
mod subject;
mod table;
mod workers;

use std::process::ExitCode;

use autora_tests::{
    site::{self, link, receiver},
    supervise,
};
use clap::Parser;

use crate::{
    args::{Args, Benchmark},
    bench::Bench,
    neighbours::Room,
    scratch::Scratch,
    subject::Subject,
    workers::Workers,
};

/// Room for several entries on each of ten thousand links.
const NEIGHBOURS: u32 = 131_072;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        println!("{}", args::list());
        return ExitCode::SUCCESS;
    }
    supervise::supervised("autora-bench", || (Room::make(NEIGHBOURS), Workers::note(), Scratch::make()), || play(&args))
}

fn play(args: &Args) -> ExitCode {
    if !machine::pin_load() {
        eprintln!("this machine has one core: daemon and load share it, and the figures say little");
    }
    let versions: Vec<(Subject, String)> = args
        .subjects()
        .into_iter()
        .filter_map(|subject| {
            let version = subject.version();
            if version.is_none() {
                eprintln!("NOT MEASURED: {} is not here", subject.name());
            }
            Some((subject, version?))
        })
        .collect();
    let subjects = versions.iter().map(|(subject, _)| *subject).collect();
    let mut bench = Bench::new(args.clone(), subjects);
    for benchmark in args.benchmarks() {
        if benchmark.is_own() && !bench.subjects.contains(&Subject::Autora) {
            continue;
        }
        bench.begin(benchmark);
        run(benchmark, &mut bench);
    }
    let head = machine::describe();
    if let Some(file) = &args.svg {
        let drawn = chart::draw(&bench.results, &versions, &head);
        if let Err(error) = std::fs::write(file, drawn) {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    if args.json {
        println!("{:#}", bench.results.json(&head, &versions));
    } else {
        println!("{head}\n\n{}", table::table(&bench.results, &versions));
    }
    ExitCode::SUCCESS
}

fn run(benchmark: Benchmark, bench: &mut Bench) {
    match benchmark {
        Benchmark::Start => measure::start(bench),
        Benchmark::Rss => measure::rss(bench),
        Benchmark::Flood => measure::flood(bench),
        Benchmark::Hoplimit => measure::hoplimit(bench),
        Benchmark::Hotplug => measure::hotplug(bench),
        Benchmark::Churn => measure::churn(bench),
        Benchmark::Idle => measure::idle(bench),
        Benchmark::Latency => measure::latency(bench),
        Benchmark::Filter => measure::filter(bench),
        Benchmark::Guard => measure::guard(bench),
        Benchmark::Migration => measure::migration(bench),
        Benchmark::Probe => measure::probe(bench),
        Benchmark::Scale => measure::scale(bench),
        Benchmark::Micro => measure::micro(bench),
    }
}
