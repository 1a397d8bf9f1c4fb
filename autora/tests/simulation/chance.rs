//! Random draws of the world.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

/// Draws a time between `shortest` and `longest`, uniformly over orders of magnitude: a few milliseconds are
/// as likely as hours.
pub(crate) fn any_scale(rng: &mut StdRng, shortest: Duration, longest: Duration) -> Duration {
    let exponent = rng.random_range(shortest.as_secs_f64().ln()..=longest.as_secs_f64().ln());
    Duration::from_secs_f64(exponent.exp())
}

/// Draws one of `choices`.
pub(crate) fn one_of<T: Copy>(rng: &mut StdRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}
