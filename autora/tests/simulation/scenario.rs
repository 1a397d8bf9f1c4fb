//! The settings of a run, drawn from its seed.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::{chance::one_of, settings::Settings};

/// The first seed with another daemon and queues that do not drain: those below it stay as they were when some failed.
pub(crate) const FIRST_IN_COMPANY: u64 = 10_000;

/// The approximate number of RAs in one run, which bounds its time.
const ADVERTISEMENTS: u32 = 12_000;

/// The settings of one run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) links: usize,
    pub(crate) duration: Duration,
    pub(crate) settings: Settings,
    /// The time between two resyncs.
    pub(crate) resync: Duration,
    /// The longest time between two changes of one link.
    pub(crate) change_every: Duration,
    /// The longest time between two solicitations of one guest.
    pub(crate) solicit_every: Duration,
    /// The number of /64s that a link alternates between.
    pub(crate) prefixes: u16,
    /// The smallest capacity of the SERVED map.
    pub(crate) capacity: usize,
    /// The probability that a notification of the kernel is lost.
    pub(crate) lossiness: f64,
    /// The longest time for which sends fail.
    pub(crate) outage: Duration,
    /// Whether the machine is suspended at times.
    pub(crate) suspends: bool,
    /// The longest run time of one process, if it is restarted at all.
    pub(crate) process_lifetime: Option<Duration>,
    pub(crate) company: Company,
}

/// What happens besides on the same host, with random draws of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Company {
    /// The longest time between two acts of another daemon on one link, if there is one.
    pub(crate) daemon_acts_every: Option<Duration>,
    /// With how many RAs that wait in queues the sockets have no more room, if queues stop draining at all.
    pub(crate) room: Option<usize>,
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scenario {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        // Many links for an hour, few for days, prefixes that keep changing, or frequent changes.
        let (links, hours, change_every, prefixes) = match rng.random_range(0..4) {
            0 => (rng.random_range(100..400), 1, secs(3_600), 3),
            1 => (rng.random_range(2..9), 72, secs(12 * 3_600), 3),
            2 => (rng.random_range(2..8), 12, secs(600), 16),
            _ => (rng.random_range(5..30), 3, secs(120), 4),
        };
        let settings = Settings::draw(rng);
        let parameters = settings.parameters;
        let mean_interval = (parameters.min_interval + parameters.max_interval) / 2;
        let per_link = ADVERTISEMENTS / u32::try_from(links).expect("hundreds");
        let duration = secs(hours * 3_600).min(mean_interval * per_link);
        Self {
            links,
            duration,
            settings,
            resync: one_of(rng, &[secs(30), secs(30), secs(300)]),
            change_every,
            solicit_every: one_of(rng, &[secs(20), secs(600), secs(3_600)]),
            prefixes,
            capacity: one_of(rng, &[links * 2, links * 2, links - links / 4, 1 + links / 2]),
            lossiness: one_of(rng, &[0.0, 0.01, 0.2]),
            outage: one_of(rng, &[secs(2), secs(60), secs(1_200)]),
            suspends: rng.random_bool(0.3),
            process_lifetime: one_of(rng, &[None, Some(duration), Some(duration / 4), Some(duration / 16)]),
            company: Company::default(),
        }
    }

    /// Returns the scenario of this seed with what happens besides.
    pub(crate) fn in_company(self, seed: u64, rng: &mut StdRng) -> Self {
        if seed < FIRST_IN_COMPANY {
            return self;
        }
        let links = self.links;
        let company = Company {
            daemon_acts_every: one_of(rng, &[None, Some(secs(60)), Some(secs(600)), Some(secs(3_600))]),
            room: one_of(rng, &[None, Some(1), Some(1 + links / 8), Some(links)]),
        };
        Self { company, ..self }
    }
}
