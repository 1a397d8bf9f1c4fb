//! How the parts of a long task ended, and the summary of that.

use std::{fmt, time::Duration};

use crate::ui;

/// How a part ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// With the reason.
    NotRun(String),
}

/// Prints a line for each part, and how many did not run: a part that did not run is not a success.
pub(crate) fn summary(parts: &str, outcomes: &[(String, &Outcome)]) {
    ui::heading("summary");
    let rows: Vec<[String; 2]> = outcomes.iter().map(|(name, outcome)| [name.clone(), outcome.to_string()]).collect();
    for ((_, outcome), line) in outcomes.iter().zip(ui::columns(&rows)) {
        ui::note(&ui::paint(outcome.paint(), &line));
    }
    let not_run = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::NotRun(_))).count();
    if outcomes.iter().all(|(_, outcome)| outcome.passed()) {
        ui::note(&ui::paint(ui::Paint::Good, "all passed"));
    } else if not_run > 0 {
        ui::note(&ui::paint(ui::Paint::Bad, &format!("{not_run} of {} {parts} DID NOT RUN", rows.len())));
    }
}

/// How long a whole run of CI may take on a machine with two processors that has nothing yet.
const BUDGET: Duration = Duration::from_secs(60 * 60);

/// Prints how long the parts took together, and whether that is too long.
pub(crate) fn total(outcomes: &[(String, &Outcome)]) {
    let total: Duration = outcomes.iter().filter_map(|(_, outcome)| outcome.took()).sum();
    ui::note(&format!("{} in all", ui::seconds(total)));
    if total > BUDGET {
        let longest = outcomes.iter().max_by_key(|(_, outcome)| outcome.took()).map_or("", |(name, _)| name);
        let why = format!("that is over the budget of {}; most of it is {longest}", ui::seconds(BUDGET));
        ui::note(&ui::paint(ui::Paint::Bad, &why));
    }
}

impl Outcome {
    fn took(&self) -> Option<Duration> {
        match self {
            Self::Passed(took) | Self::Failed(took) => Some(*took),
            Self::NotRun(_) => None,
        }
    }

    pub(crate) fn passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }

    fn paint(&self) -> ui::Paint {
        match self {
            Self::Passed(_) => ui::Paint::Good,
            Self::Failed(_) => ui::Paint::Bad,
            Self::NotRun(_) => ui::Paint::Notice,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(took) => write!(f, "ok       {}", ui::seconds(*took)),
            Self::Failed(took) => write!(f, "FAILED   {}", ui::seconds(*took)),
            Self::NotRun(why) => write!(f, "NOT RUN  {why}"),
        }
    }
}
