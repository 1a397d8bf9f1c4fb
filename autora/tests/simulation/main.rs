//! A deterministic simulation of the whole fleet, over virtual days and hundreds of interfaces.
//!
//! A made-up kernel ([`world`]) has links that come, go and change, guests that solicit, sends that fail and
//! a filter map that is full. The [`driver`] carries out the fleet's actions against it, in virtual time that
//! jumps from one event to the next. The [`oracle`] sees what the fleet is told and what it does, and holds
//! every step against the rules. It is written from the RFCs and knows nothing of the engine but its actions
//! and deadlines.
//!
//! Everything follows from one seed. By default a few run, as a test; more on request:
//!
//! - `AUTORA_SIMULATION_SEED=7` runs this seed alone, and tells more when it fails;
//! - `AUTORA_SIMULATION_TIME=60s` runs random seeds until the time is over.

mod agenda;
mod chance;
mod disk;
mod driver;
mod lives;
mod options;
mod oracle;
mod run;
mod scenario;
mod trace;
mod world;

use std::time::Instant;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use options::Options;
use run::{Totals, run};

/// Seeds that every run of the tests has: enough that each kind of event is there.
const FIXED: std::ops::RangeInclusive<u64> = 1..=16;

/// How many more there are, new ones each time.
const FRESH: usize = 4;

/// What must have happened in the fixed seeds, or some rule was held against nothing.
const MUST_HAPPEN: &[&str] = &[
    "advertisement unsolicited",
    "advertisement solicited",
    "advertisement final",
    "final RA from a former source",
    "final RA forgone",
    "final RA given up",
    "final RA held back by the floor",
    "stop with final RAs",
    "burst begun",
    "carrier lost while served",
    "dadfailed source",
    "solicitation passed",
    "solicitation coalesced",
    "solicitation within the floor",
    "solicitation while sends fail",
    "send failed",
    "map full",
    "map full, final RA owed",
    "retired prefix rode along",
    "eight retired prefixes rode along",
    "retired prefix made room",
    "retired prefix came back",
    "promise ran out",
    "change missed, found by the resync",
    "incomplete dump",
    "announcements lost",
    "index given out again",
    "late by more than a second",
    "restart after a hangup",
    "restart after a stop",
    "restart after an impatient stop",
    "restart after a crash",
    "restart after a crash in a stop",
    "crash in the midst of actions",
    "crash right after an advertisement left",
    "crash in the midst of a save",
    "crash before a change was saved",
    "crash before a first look",
    "restart with other parameters",
    "3 s went on over a restart",
    "first advertisement 3 s after a crash",
    "source in use kept over a restart",
    "prefix changed while nobody ran",
    "final RA in place of a previous process",
    "index with another name after a restart",
    "gone while nobody ran",
    "file written anew",
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long it goes on looking is real time; what it simulates is not"
)]
fn the_rules_hold_for_random_events() {
    let options = Options::from_environment();
    let mut fresh = StdRng::try_from_rng(&mut rand::rngs::SysRng).expect("the system has randomness");
    let started = Instant::now();
    let mut totals = Totals::default();
    match options {
        Options::Seed(seed) => totals.add(&run(seed, true)),
        Options::Time(time) => {
            while started.elapsed() < time {
                totals.add(&run(fresh.random(), false));
            }
        }
        Options::Brief => {
            FIXED.for_each(|seed| totals.add(&run(seed, false)));
            let missing: Vec<_> = MUST_HAPPEN.iter().filter(|what| !totals.happened(what)).collect();
            assert!(missing.is_empty(), "the fixed seeds lack {missing:?} in {totals}");
            (0..FRESH).for_each(|_| totals.add(&run(fresh.random(), false)));
        }
    }
    println!("simulated {totals} in {:.1} s", started.elapsed().as_secs_f64());
}

#[test]
fn a_seed_gives_the_same_trace_each_time() {
    let (first, again, other) = (run(3, false), run(3, false), run(4, false));
    assert_eq!(first.trace, again.trace, "seed 3 twice");
    assert_ne!(first.trace, other.trace, "the control: seeds 3 and 4");
}
