//! The settings of one process.

use std::{net::Ipv6Addr, time::Duration};

use autora::{
    addr::LinkLocal,
    engine::{
        Fleet,
        content::LinkOptions,
        eligibility::{AddressPolicy, Policy, SeveralPrefixes},
        grid::SendGrid,
        parameters::Parameters,
    },
    wire::RouterPreference,
};
use rand::{RngExt, rngs::StdRng};
use regex::Regex;

use crate::{chance::one_of, oracle::Choice};

/// The pattern of served names. The oracle has its own implementation.
const PATTERN: &str = "^vm[0-9]+$";

/// What the operator sets, and the phase that the process draws.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) parameters: Parameters,
    pub(crate) choice: Choice,
    pub(crate) link_options: LinkOptions,
    /// The phase of the grid that unsolicited RAs are on.
    pub(crate) phase: Duration,
}

impl Settings {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        let source = one_of(rng, &[None, None, None, None, Some(1), Some(2)]);
        Self {
            parameters: draw_parameters(rng),
            choice: Choice {
                source: source.and_then(|suffix| LinkLocal::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, suffix))),
                keep: rng.random_bool(0.4),
            },
            link_options: LinkOptions { source_link_layer_address: rng.random_bool(0.4), mtu: rng.random_bool(0.4) },
            phase: Duration::from_millis(rng.random_range(0..250)),
        }
    }

    /// Returns a fleet with these settings, without interfaces.
    pub(crate) fn fleet(&self) -> Fleet {
        let Choice { source, keep } = self.choice;
        let several_prefixes = if keep { SeveralPrefixes::Keep } else { SeveralPrefixes::Refuse };
        let policy = Policy {
            addresses: AddressPolicy { source, several_prefixes },
            pattern: Regex::new(PATTERN).expect("it is valid"),
        };
        Fleet::new(policy, self.parameters)
            .with_link_options(self.link_options)
            .with_grid(SendGrid::with_phase(self.phase))
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn draw_parameters(rng: &mut StdRng) -> Parameters {
    let (min, max) = match rng.random_range(0..8) {
        0..3 => (20, 60),
        3 => (3, 4),
        4 => (8, 16),
        5 => (1_000, 1_400),
        _ => {
            let max = rng.random_range(4..=1_800);
            (rng.random_range(3..=max * 3 / 4), max)
        }
    };
    let valid = one_of(rng, &[60, 600, 7_200, 86_400, 86_400, u64::from(u32::MAX)]);
    Parameters {
        min_interval: secs(min),
        max_interval: secs(max),
        router_lifetime: secs(one_of(rng, &[max, 3 * max, 3 * max, 65_535, 0])),
        valid_lifetime: secs(valid),
        preferred_lifetime: secs(one_of(rng, &[valid, valid / 6])),
        preference: one_of(rng, &[RouterPreference::Medium, RouterPreference::High, RouterPreference::Low]),
    }
}
