//! Options from environment variables.

use std::{env, time::Duration};

/// Which seeds to run.
pub(crate) enum Options {
    /// This seed alone.
    Seed(u64),
    /// Random seeds, until this much time is over.
    Time(Duration),
    /// The few seeds of an ordinary test run.
    Brief,
}

impl Options {
    /// Reads `AUTORA_SIMULATION_SEED` and `AUTORA_SIMULATION_TIME`; an empty variable counts as unset.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(seed) = variable("AUTORA_SIMULATION_SEED") {
            return Self::Seed(seed.parse().expect("AUTORA_SIMULATION_SEED is a number"));
        }
        match variable("AUTORA_SIMULATION_TIME") {
            Some(time) => {
                Self::Time(humantime::parse_duration(&time).expect("AUTORA_SIMULATION_TIME is like 60s or 5m"))
            }
            None => Self::Brief,
        }
    }
}
