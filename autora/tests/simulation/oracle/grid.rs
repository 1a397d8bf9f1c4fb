//! The grid that deadlines of unsolicited RAs are rounded up to, so that interfaces share their wake-ups.

use std::time::Duration;

use autora::engine::BootInstant;

use super::{
    bounds::REST,
    broken::{Broken, rule},
};
use crate::run::Tally;

/// Checks the deadline of an unsolicited RA after one that left at `last`: within one of the intervals, where
/// the rules leave open which, and on the grid if a point of it is within that interval.
pub(super) fn check(
    next: BootInstant,
    last: BootInstant,
    intervals: &[(Duration, Duration)],
    phase: Duration,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let bounds = intervals.iter().map(|(shortest, longest)| (last + *shortest, last + *longest));
    let possible: Vec<_> = bounds.filter(|(earliest, latest)| (*earliest..=*latest).contains(&next)).collect();
    rule(
        !possible.is_empty(),
        "an interval is between Min and MaxRtrAdvInterval, or 16 s in the burst, rounded or not [RFC 4861 6.2.4]",
        || format!("{:?}, not {intervals:?}", next.saturating_since(last)),
    )?;
    let on_grid = point_from(next, phase) == next;
    tally.count(if on_grid { "interval on the grid" } else { "interval off the grid" });
    rule(
        on_grid || possible.iter().any(|(earliest, latest)| point_from(*earliest, phase) > *latest),
        "deadlines of unsolicited RAs are on the grid of 250 ms where the interval allows",
        || format!("{next:?} with phase {phase:?}, within {possible:?}"),
    )
}

/// Returns the first point of the grid at `at` or later.
fn point_from(at: BootInstant, phase: Duration) -> BootInstant {
    let grid = REST.as_nanos();
    let passed = (at.since_boot().as_nanos() + grid - phase.as_nanos() % grid) % grid;
    let missing = (grid - passed) % grid;
    at + Duration::from_nanos(u64::try_from(missing).expect("below 250 ms"))
}
