//! autora for a long time among much that happens: `cargo xtask soak`.
//!
//! A host's namespace with as many links as asked for, a namespace with their other ends, and the daemon. Links come
//! and go, guests flood, clients stall, the daemon is restarted and killed. One socket sees every Router Advertisement
//! behind the links; the rules that they have to keep (`judge`) know the RFCs and what happened, and nothing of the
//! daemon.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result and the progress of a command")]

mod agenda;
mod args;
mod clients;
mod course;
mod guests;
mod judge;
#[path = "../../../../xtask/src/neighbours.rs"]
mod neighbours;
mod ra;
mod report;
mod resources;
mod tally;

use std::process::ExitCode;

use autora_tests::supervise;
use clap::Parser;

use crate::{args::Args, course::Course, neighbours::Room, report::Report};

/// Room for several entries on each of ten thousand links.
const NEIGHBOURS: u32 = 131_072;

fn main() -> ExitCode {
    let args = Args::parse();
    supervise::supervised("autora-soak", || Room::make(NEIGHBOURS), || play(&args))
}

fn play(args: &Args) -> ExitCode {
    let plan = args.plan();
    let binary = match args.binary() {
        Ok(binary) => binary,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("{} interfaces for {}, seed {}", plan.size, humantime::format_duration(plan.time), plan.seed);
    let course = Course::prepare(&plan, &binary).run();
    let report = Report::new(&plan, &binary, course);
    if args.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.page());
    }
    report.verdict()
}
