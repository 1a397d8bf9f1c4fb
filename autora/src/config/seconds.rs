//! Durations on the command line.

use std::{fmt, str::FromStr, time::Duration};

use crate::wire::INFINITE_LIFETIME;

/// A duration of whole seconds, written `20s`, `5m`, `1d` or `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

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
