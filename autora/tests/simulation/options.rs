//! Options from environment variables.

use std::{env, ops::Range, time::Duration};

/// Which seeds to run.
pub(crate) enum Options {
    /// This seed alone.
    Seed(u64),
    /// All of these, also after one that fails.
    Seeds(Range<u64>),
    /// Random seeds, until this much time is over.
    Time(Duration),
    /// The few seeds of an ordinary test run.
    Brief,
}

impl Options {
    /// Reads `AUTORA_SIMULATION_SEED`, `AUTORA_SIMULATION_SEEDS` and `AUTORA_SIMULATION_TIME`; an empty variable counts
    /// as unset. New seeds begin at `first`.
    pub(crate) fn from_environment(first: u64) -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(seed) = variable("AUTORA_SIMULATION_SEED") {
            return Self::Seed(seed.parse().expect("AUTORA_SIMULATION_SEED is a number"));
        }
        if let Some(seeds) = variable("AUTORA_SIMULATION_SEEDS") {
            return Self::Seeds(parse_seeds(&seeds, first).expect("AUTORA_SIMULATION_SEEDS is like 4096 or 100..200"));
        }
        match variable("AUTORA_SIMULATION_TIME") {
            Some(time) => {
                Self::Time(humantime::parse_duration(&time).expect("AUTORA_SIMULATION_TIME is like 60s or 5m"))
            }
            None => Self::Brief,
        }
    }
}

/// Returns so many seeds from `first` on, or those from one to another.
fn parse_seeds(text: &str, first: u64) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => Some(first..first.checked_add(text.parse().ok()?)?),
    }
}

#[test]
fn seeds_are_a_number_of_new_ones_or_a_range() {
    for (text, expected) in
        [("3", Some(100..103)), ("7..9", Some(7..9)), ("", None), ("7..", None), ("x", None), ("1..2..3", None)]
    {
        assert_eq!(parse_seeds(text, 100), expected, "{text}");
    }
}
