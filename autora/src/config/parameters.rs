//! The intervals and lifetimes. A setting that is not given follows those that are. Bounds: [RFC 4861
//! 6.2.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1), with the upper bounds of RFC 8319 4.

use std::time::Duration;

use super::{
    args::DaemonArgs,
    refused::{RefusedValue, RefusedValues},
    seconds::{INFINITY, Seconds},
};
use crate::engine::parameters::Parameters;

const ZERO: Seconds = seconds(0);

/// Lower bound of the longest interval.
const LEAST_MAX: Seconds = seconds(4);

/// Upper bound of the intervals and of the Router Lifetime, as raised by
/// [RFC 8319 4](https://www.rfc-editor.org/rfc/rfc8319#section-4).
const MAX_SECONDS: Seconds = seconds(65_535);

const fn seconds(seconds: u64) -> Seconds {
    Seconds(Duration::from_secs(seconds))
}

/// Returns the intervals and lifetimes, or `None` if one is refused.
pub(super) fn checked(args: &DaemonArgs, refused: &mut RefusedValues) -> Option<Parameters> {
    let origins = &args.origins;
    let max = max_interval(args, refused);
    let min_interval = refused.note(min_interval(args.min_ra_interval, max), origins);
    let router_lifetime = refused.note(router_lifetime(args.router_lifetime, max), origins);
    let preferred = args.pio_preferred_lifetime;
    let valid = refused.note(valid_lifetime(args.pio_valid_lifetime, preferred), origins);
    let preferred = refused.note(preferred_lifetime(preferred, valid.map(Seconds)), origins);
    Some(Parameters {
        min_interval: min_interval?,
        max_interval: max?.0,
        router_lifetime: router_lifetime?,
        valid_lifetime: valid?,
        preferred_lifetime: preferred?,
        preference: args.router_preference,
    })
}

/// Returns the longest interval; `None` if it is refused, and then it bounds no other value.
fn max_interval(args: &DaemonArgs, refused: &mut RefusedValues) -> Option<Seconds> {
    const OPTION: &str = "max-ra-interval";
    let max = refused.note(args.max_ra_interval.within(OPTION, LEAST_MAX..=MAX_SECONDS), &args.origins);
    // In the place of a value that was refused before is the default.
    max.filter(|_| !refused.has(OPTION)).map(Seconds)
}

fn min_interval(given: Option<Seconds>, max: Option<Seconds>) -> Result<Duration, RefusedValue> {
    let low = seconds(3);
    let high = max.unwrap_or(MAX_SECONDS).three_quarters();
    let value = given.unwrap_or(seconds(20).min(high));
    value.within_named("min-ra-interval", low..=high, || match max {
        Some(max) => format!("{low} to {high}, which is 3/4 of --max-ra-interval {max}"),
        None => format!("{low} to 3/4 of --max-ra-interval"),
    })
}

fn router_lifetime(given: Option<Seconds>, max: Option<Seconds>) -> Result<Duration, RefusedValue> {
    let low = max.unwrap_or(LEAST_MAX);
    let value = given.unwrap_or(seconds(180).max(Seconds(low.0 * 3).min(MAX_SECONDS)));
    if value == ZERO {
        return Ok(Duration::ZERO);
    }
    value.within_named("router-lifetime", low..=MAX_SECONDS, || match max {
        Some(max) => format!("0s, or {max} (--max-ra-interval) to {MAX_SECONDS}"),
        None => format!("0s, or --max-ra-interval to {MAX_SECONDS}"),
    })
}

fn valid_lifetime(given: Option<Seconds>, preferred: Option<Seconds>) -> Result<Duration, RefusedValue> {
    let value = given.unwrap_or(seconds(86_400).max(preferred.unwrap_or(ZERO).min(INFINITY)));
    value.within("pio-valid-lifetime", ZERO..=INFINITY)
}

fn preferred_lifetime(given: Option<Seconds>, valid: Option<Seconds>) -> Result<Duration, RefusedValue> {
    let high = valid.unwrap_or(INFINITY);
    let value = given.unwrap_or(seconds(14_400).min(high));
    value.within_named("pio-preferred-lifetime", ZERO..=high, || match valid {
        Some(valid) => format!("{ZERO} to {valid} (--pio-valid-lifetime)"),
        None => format!("{ZERO} to --pio-valid-lifetime"),
    })
}
