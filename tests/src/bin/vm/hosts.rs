//! Kernels as hosts: each boots, runs the daemon on a link of its own, and powers off.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use autora_tests::{Namespace, terminal::Screen};

use crate::machine::{Machine, Plan, Tools};

/// Boot and tests take about 40 s when emulated; the rest is for a busy host.
const LONGEST: Duration = Duration::from_secs(240);

/// MiB: the root is in memory, where newer kernels hold archive and contents at once.
const MEMORY: u32 = 512;

const HEADER: [&str; 12] = [
    "Linux",
    "2 caps",
    "3 caps",
    "64 KiB",
    "verified",
    "answers",
    "invalid",
    "caps left",
    "final RA",
    "Landlock",
    "seccomp",
    "verdict",
];

const LEGEND: &str = "   2 caps      the filter with CAP_NET_RAW and CAP_BPF alone (--filter auto)
   3 caps      the same with CAP_PERFMON, as in the unit; all columns to the right of it have these three
   64 KiB      the filter with three and at most 64 KiB of locked memory
   verified    how many instructions of the filter the verifier follows, on all paths together (since Linux 5.16)
   invalid     an RS with hop limit 64: dropped, while the valid one after it was answered
   caps left   the daemon's effective capabilities while it serves
   seccomp     every thread of the daemon that serves is confined to its system calls";

/// The result of one kernel.
struct Outcome {
    marks: BTreeMap<String, String>,
    warnings: Vec<String>,
    tail: String,
}

pub(crate) fn run(tools: &Tools, kernels: &[PathBuf]) -> ExitCode {
    let mut screen = Screen::new();
    screen.section("the daemon does its job on each kernel");
    let mut outcomes = Vec::new();
    for kernel in kernels {
        match boot(tools, kernel) {
            Ok(outcome) => {
                let claim = format!("Linux {} {}", outcome.mark("boot"), outcome.verdict());
                screen.check(outcome.passed(), &claim);
                outcomes.push(outcome);
            }
            Err(error) => {
                screen.check(false, &format!("{}: {error:#}", kernel.display()));
                return ExitCode::FAILURE;
            }
        }
    }
    screen.section("results by kernel");
    screen.table(HEADER, outcomes.iter().map(Outcome::row));
    println!("\n{LEGEND}");
    outcomes.iter().for_each(Outcome::explain);
    screen.verdict()
}

fn boot(tools: &Tools, kernel: &Path) -> Result<Outcome> {
    let namespace = Namespace::new("kernels");
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    let machine = Plan::without_card(kernel, "host", tools.userland(), &namespace, MEMORY);
    let plan = Plan { name: &name, ..machine };
    let mut machine = Machine::start(tools, &plan)?;
    let deadline = Instant::now() + LONGEST;
    let (mut marks, mut warnings) = (BTreeMap::new(), Vec::new());
    while let Some(mark) = machine.console.next_mark(deadline) {
        let (key, value) = mark.split_once(' ').unwrap_or((&mark, ""));
        match key {
            "end" => break,
            "warning" => warnings.push(value.to_owned()),
            _ => drop(marks.insert(key.to_owned(), value.to_owned())),
        }
    }
    Ok(Outcome { marks, warnings, tail: machine.console.tail() })
}

impl Outcome {
    /// Returns the value of a mark, or a dash if there is none.
    fn mark(&self, key: &str) -> &str {
        self.marks.get(key).map_or("-", String::as_str)
    }

    fn passed(&self) -> bool {
        ["confined", "answered", "dropped", "withdrawn"].iter().all(|key| self.mark(key) == "yes")
    }

    fn verdict(&self) -> &str {
        match (self.passed(), self.mark("three")) {
            (true, "ebpf") => "passed",
            (true, _) => "passed, without eBPF",
            (false, _) => "FAILED",
        }
    }

    fn row(&self) -> [String; 12] {
        let landlock = match self.marks.get("lsm") {
            Some(modules) if modules.split(',').any(|one| one == "landlock") => "yes",
            Some(_) => "no",
            None => "-",
        };
        [
            self.mark("boot"),
            self.mark("two"),
            self.mark("three"),
            self.mark("memlock"),
            self.mark("verified"),
            self.mark("answered"),
            if self.mark("dropped") == "yes" { "dropped" } else { "-" },
            self.mark("capabilities"),
            self.mark("withdrawn"),
            landlock,
            self.mark("confined"),
            self.verdict(),
        ]
        .map(str::to_owned)
    }

    /// Shows the daemon's warnings, and the console of a kernel that failed.
    fn explain(&self) {
        if !self.warnings.is_empty() || !self.passed() {
            println!("\n   Linux {}", self.mark("boot"));
        }
        for warning in &self.warnings {
            println!("   {warning}");
        }
        if !self.passed() {
            println!("   {}", self.tail);
        }
    }
}
