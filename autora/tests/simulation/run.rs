//! Runs one seed, and reports a broken rule.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use autora::{addr::IfIndex, engine::BootInstant};

use crate::{
    driver::{START, Simulation},
    oracle::Violation,
};

/// The number of events of the interface in a report; `LONG` if the operator chose the seed.
const SHORT: usize = 30;
const LONG: usize = 200;

/// The number of events of each kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: usize) {
        if times > 0 {
            *self.0.entry(what).or_default() += times;
        }
    }
}

/// The outcome of a seed that broke no rule.
pub(crate) struct Outcome {
    tally: Tally,
    elapsed: Duration,
    /// The hash of the trace.
    pub(crate) trace: u64,
}

/// The outcomes of several seeds.
#[derive(Default)]
pub(crate) struct Totals {
    seeds: usize,
    elapsed: Duration,
    tally: Tally,
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.elapsed += outcome.elapsed;
        outcome.tally.0.iter().for_each(|(what, times)| self.tally.add(what, *times));
    }

    pub(crate) fn happened(&self, what: &str) -> bool {
        self.tally.0.contains_key(what)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.elapsed.as_secs_f64() / 86_400.0;
        writeln!(f, "{} seeds, {days:.1} days of virtual time:", self.seeds)?;
        self.tally.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>10} {what}"))
    }
}

/// Runs `seed`.
///
/// # Panics
///
/// If a rule is broken or the fleet panics, with a report that includes how to repeat the run.
pub(crate) fn run(seed: u64, verbose: bool) -> Outcome {
    attempt(seed, verbose).unwrap_or_else(|report| panic!("{report}"))
}

/// Runs `seed`.
///
/// # Errors
///
/// The report of a broken rule, or of a fleet that panics, with how to repeat the run.
pub(crate) fn attempt(seed: u64, verbose: bool) -> Result<Outcome, String> {
    let mut simulation = Simulation::new(seed);
    let result = catch_unwind(AssertUnwindSafe(|| simulation.run()));
    let Ok(result) = result else {
        let replay = replay(seed, &simulation);
        return Err(format!("seed {seed} made the fleet panic at {}\n{replay}", At(simulation.now)));
    };
    if let Err(violation) = result {
        return Err(report(seed, &simulation, &violation, verbose));
    }
    Ok(Outcome {
        tally: simulation.oracle.tally.clone(),
        elapsed: simulation.now.saturating_since(START),
        trace: simulation.trace.hash(),
    })
}

fn report(seed: u64, simulation: &Simulation, violation: &Violation, verbose: bool) -> String {
    let Violation { index, broken } = violation;
    let mut text = format!("seed {seed} breaks a rule at {}\n", At(simulation.now));
    let place = index.map_or("the fleet".to_owned(), |index| format!("interface {index}"));
    _ = writeln!(text, "  on: {place}\n  rule: {}\n  seen: {}", broken.rule, broken.detail);
    if let Some(index) = index {
        let known = simulation.fleet.saved_update(*index, simulation.now);
        _ = writeln!(text, "  saved state: {known:?}");
        write_events(&mut text, simulation, *index, if verbose { LONG } else { SHORT });
    }
    text + &replay(seed, simulation)
}

fn write_events(text: &mut String, simulation: &Simulation, index: IfIndex, count: usize) {
    _ = writeln!(text, "  last events:");
    for (at, note) in simulation.trace.last(index, count) {
        _ = writeln!(text, "    {} {note:?}", At(*at));
    }
}

fn replay(seed: u64, simulation: &Simulation) -> String {
    let release = if cfg!(debug_assertions) { "" } else { "--release " };
    format!(
        "  scenario: {}\n  again: AUTORA_SIMULATION_SEED={seed} cargo test {release}-p autora --test simulation -- \
         the_rules_hold",
        simulation.describe()
    )
}

/// An instant, displayed as the time since [`START`].
struct At(BootInstant);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.saturating_since(START);
        let (seconds, micros) = (since.as_secs(), since.subsec_micros());
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "+{hours}:{minutes:02}:{seconds:02}.{micros:06}")
    }
}
