//! A check that random values are uniform.

use super::broken::{Broken, rule};

const PARTS: usize = 10;

/// With fewer samples the check passes.
const ENOUGH: u32 = 1_000;

/// Draws between 0 and 1, counted by tenths.
#[derive(Debug, Default)]
pub(super) struct Spread {
    counts: [u32; PARTS],
}

impl Spread {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the draw is between 0 and 1, so the part is between 0 and 10"
    )]
    pub(super) fn add(&mut self, draw: f64) {
        let part = (draw.clamp(0.0, 1.0) * 10.0) as usize;
        self.counts[part.min(PARTS - 1)] += 1;
    }

    /// Checks that each tenth has its share, with a tolerance of six standard deviations.
    pub(super) fn check(&self, name: &'static str) -> Result<(), Broken> {
        let all: u32 = self.counts.iter().sum();
        let even = self.counts.iter().all(|count| (all / 25..=all / 50 * 9 + 9).contains(count));
        rule(all < ENOUGH || even, name, || format!("draws by tenths of the range: {:?}", self.counts))
    }
}
