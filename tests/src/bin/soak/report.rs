//! The result of a run, on a page or as JSON.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread::available_parallelism,
    time::{Duration, SystemTime},
};

use autora_tests::terminal::columns;
use serde_json::{Value, json};

use crate::{
    agenda::{Plan, first_disturbed},
    course::{Outcome, SHOWN, arguments},
    judge::{AGAIN, FLOOR, MAX_INTERVAL, SERVED_WITHIN, SLACK, Violation},
    resources::{self, Curve},
};

/// What came of a run, and of what it was one.
pub(crate) struct Report {
    plan: Plan,
    binary: PathBuf,
    outcome: Outcome,
    curves: [Curve; 4],
}

impl Report {
    pub(crate) fn new(plan: &Plan, binary: &Path, outcome: Outcome) -> Self {
        let curves = resources::curves(&outcome.samples, plan.time, outcome.interfaces.into());
        Self { plan: *plan, binary: binary.to_owned(), outcome, curves }
    }

    pub(crate) fn verdict(&self) -> ExitCode {
        if self.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Without an RA nothing was judged.
    fn holds(&self) -> bool {
        self.outcome.judge.violations().is_empty() && self.outcome.judge.figures().ras > 0
    }

    pub(crate) fn page(&self) -> String {
        let parts = [self.head(), self.events(), self.advertisements(), self.held(), self.end()];
        parts.map(|lines| lines.join("\n")).join("\n\n")
    }

    fn head(&self) -> Vec<String> {
        let Plan { size, time, seed } = self.plan;
        let alone = first_disturbed(size) - 1;
        vec![
            format!("{size} interfaces for {}, {alone} left alone; seed {seed}", humantime::format_duration(time)),
            format!("{}, on {}", version(&self.binary), machine()),
            format!("autora {}", arguments().join(" ")),
        ]
    }

    fn events(&self) -> Vec<String> {
        let count = |what: &str, count: u64| [what.to_owned(), count.to_string(), String::new()];
        let Outcome { tally, flooded, scrapes, .. } = &self.outcome;
        let mut rows = tally.rows();
        rows.push(count("packets in floods", *flooded));
        rows.push(count("scrapes answered", scrapes.answered()));
        rows.push(count("scrapes refused, as between two daemons", scrapes.failed()));
        columns(&rows)
    }

    fn advertisements(&self) -> Vec<String> {
        let figures = self.outcome.judge.figures();
        let row = |what: &str, is: String, bound: String| [what.to_owned(), is, bound];
        let most = |bound: Duration| format!("at most {} and {}", seconds(bound), seconds(SLACK));
        columns(&[
            row("RAs", figures.ras.to_string(), format!("{} of them final", figures.finals)),
            row("longest gap on an undisturbed interface", seconds(figures.longest), most(MAX_INTERVAL)),
            row(
                "the same over a restart or kill",
                seconds(figures.longest_over_restart),
                format!("{}, without the time between two daemons", most(MAX_INTERVAL + AGAIN)),
            ),
            row(
                "shortest distance of two on an interface",
                figures.shortest.map_or_else(|| "-".to_owned(), seconds),
                format!("at least {}", seconds(FLOOR)),
            ),
            row("first RA after a disturbance", seconds(figures.served_after), most(SERVED_WITHIN)),
            row(
                "moments without a free processor",
                figures.stalls.to_string(),
                format!("up to {}", seconds(figures.longest_stall)),
            ),
        ])
    }

    fn held(&self) -> Vec<String> {
        let header = ["the daemon held", "first third", "second", "last", ""].map(str::to_owned);
        let row = |Curve { name, thirds: [first, second, last], limit }: &Curve| {
            [(*name).to_owned(), first.to_string(), second.to_string(), last.to_string(), format!("at most {limit}")]
        };
        columns(&[vec![header], self.curves.iter().map(row).collect()].concat())
    }

    fn end(&self) -> Vec<String> {
        let violations = self.outcome.judge.violations();
        if self.holds() {
            return vec!["every rule held".to_owned()];
        }
        let mut lines = vec![format!("BROKEN: {} times a rule, the first:", violations.len())];
        lines.extend(violations.iter().take(SHOWN).map(ToString::to_string));
        lines.push("the last lines of the daemon's log:".to_owned());
        lines.extend(self.outcome.log.iter().cloned());
        lines
    }

    pub(crate) fn json(&self) -> Value {
        let Outcome { judge, tally, interfaces, flooded, scrapes, .. } = &self.outcome;
        let figures = judge.figures();
        json!({
            "holds": self.holds(),
            "interfaces": interfaces,
            "seconds": self.plan.time.as_secs(),
            "seed": self.plan.seed,
            "daemon": version(&self.binary),
            "machine": machine(),
            "arguments": arguments(),
            "events": tally.json(),
            "flooded": flooded,
            "scrapes": { "answered": scrapes.answered(), "failed": scrapes.failed() },
            "ras": figures.ras,
            "final_ras": figures.finals,
            "longest_gap": figures.longest.as_secs_f64(),
            "longest_gap_over_restart": figures.longest_over_restart.as_secs_f64(),
            "shortest_distance": figures.shortest.map(|shortest| shortest.as_secs_f64()),
            "served_after": figures.served_after.as_secs_f64(),
            "stalls": { "count": figures.stalls, "longest": figures.longest_stall.as_secs_f64() },
            "held": self.curves.iter().map(Curve::json).collect::<Vec<_>>(),
            "violations": judge.violations().iter().map(Violation::json).collect::<Vec<_>>(),
        })
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// Returns the first line of what a daemon says of itself.
fn version(binary: &Path) -> String {
    let output = Command::new(binary).arg("--version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    said.lines().next().unwrap_or("unknown").to_owned()
}

/// Returns the kernel, the number of processors and the day.
fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = kernel.trim().split('-').next().unwrap_or_default();
    let processors = available_parallelism().map_or(1, usize::from);
    let day = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!("Linux {release}, {processors} processors, {}", day.split('T').next().unwrap_or_default())
}
