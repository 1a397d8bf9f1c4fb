//! Draws that the world needs.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

/// A time between `shortest` and `longest` with every order of magnitude alike: coincidences of milliseconds
/// are as likely as quiet hours.
pub(crate) fn any_scale(rng: &mut StdRng, shortest: Duration, longest: Duration) -> Duration {
    let exponent = rng.random_range(shortest.as_secs_f64().ln()..=longest.as_secs_f64().ln());
    Duration::from_secs_f64(exponent.exp())
}

/// One of `choices`.
pub(crate) fn one_of<T: Copy>(rng: &mut StdRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}
