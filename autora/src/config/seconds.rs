//! Durations on the command line.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::refused::RefusedValue;
use crate::wire::INFINITE_LIFETIME;

/// For ever.
pub(super) const INFINITY: Seconds = Seconds(INFINITE_LIFETIME);

/// A duration of whole seconds, written `20s`, `5m`, `1d` or `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl Seconds {
    /// Returns three quarters, in whole seconds.
    pub(super) const fn three_quarters(self) -> Self {
        Self(Duration::from_secs(self.0.as_secs() * 3 / 4))
    }

    /// Returns the duration of an option, if it is within its bounds.
    pub(super) fn within(self, option: &str, bounds: RangeInclusive<Self>) -> Result<Duration, RefusedValue> {
        let (low, high) = (*bounds.start(), *bounds.end());
        self.within_named(option, bounds, || format!("{low} to {high}"))
    }

    /// Returns the same; `name` returns the bounds in words.
    pub(super) fn within_named(
        self,
        option: &str,
        bounds: RangeInclusive<Self>,
        name: impl FnOnce() -> String,
    ) -> Result<Duration, RefusedValue> {
        let refused = || RefusedValue::new(option, self, format!("must be {}", name()));
        bounds.contains(&self).then_some(self.0).ok_or_else(refused)
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "infinity" {
            return Ok(Self(INFINITE_LIFETIME));
        }
        let duration = humantime::parse_duration(text)
            .map_err(|error| format!("{}; write a duration like 20s, 5m or 1d", what_is_wrong(&error)))?;
        if duration.subsec_nanos() == 0 { Ok(Self(duration)) } else { Err("not a whole number of seconds".to_owned()) }
    }
}

/// Returns the parser of a duration of `least` to `most` seconds, for an option.
pub(crate) fn seconds_between(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<Seconds, String> + Clone + Send + Sync + 'static {
    let bounds = [least, most].map(|seconds| Seconds(Duration::from_secs(seconds)));
    move |text| {
        let [least, most] = bounds;
        let duration = Seconds::from_str(text)?;
        if (least..=most).contains(&duration) { Ok(duration) } else { Err(format!("not between {least} and {most}")) }
    }
}

/// Returns what is wrong. The error's own text suggests units below a second.
fn what_is_wrong(error: &humantime::DurationError) -> &'static str {
    match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "a unit is missing",
        humantime::DurationError::UnknownUnit { .. } => "its unit is unknown",
        humantime::DurationError::NumberOverflow => "it is too long",
        humantime::DurationError::InvalidCharacter(_)
        | humantime::DurationError::NumberExpected(_)
        | humantime::DurationError::Empty => "it is no duration",
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == INFINITE_LIFETIME { f.write_str("infinity") } else { write!(f, "{}s", self.0.as_secs()) }
    }
}
