//! What is to happen, and when: drawn from a seed, before anything does.
//!
//! A fifth of the interfaces is left alone for the whole run. Restarts fall into the first third: from then on one
//! process lives to the end, whose memory in the last third can be compared with that in the second.

use std::{collections::HashMap, ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::judge::SERVED_WITHIN;

/// A run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The number of interfaces.
    pub(crate) size: u32,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

/// What happens at a time after the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) act: Act,
}

/// What happens, and to which interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The links are deleted and made anew.
    Replace(Vec<u32>),
    /// The guests' ends go down, and with them the carrier of the host's.
    CarrierOff(Vec<u32>),
    CarrierOn(Vec<u32>),
    /// The host's ends go down.
    Down(Vec<u32>),
    Up(Vec<u32>),
    /// The /64s are removed and added at once: well within the grace.
    Edit(Vec<u32>),
    /// The /64s are removed, for longer than the grace.
    Remove(Vec<u32>),
    Add(Vec<u32>),
    /// The guests solicit, once each.
    Solicit(Vec<u32>),
    /// A guest floods.
    Flood(u32, Frames),
    /// The queues of the host's ends let next to nothing out.
    Clog(Vec<u32>),
    Unclog(Vec<u32>),
    /// A client connects to the control socket and reads nothing.
    Stall(Client),
    /// The daemon ends, and is started again.
    Restart(Ending),
}

/// What a guest floods with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    Solicitations,
    /// From `::`.
    Unspecified,
    /// Not from this link.
    WrongHopLimit,
    /// With an option of length 0.
    WrongOption,
}

/// What a client sends before it stalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Nothing,
    HalfARequest,
    /// Many requests, whose answers fill all buffers.
    Requests,
    /// A request for events.
    Events,
}

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGHUP, as a restart by the service manager.
    Hangup,
    /// SIGTERM, with `--on-exit keep`.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// The time before the first event.
const FIRST: Duration = Duration::from_secs(5);

/// The time between two events, in milliseconds.
const PAUSE: Range<u64> = 500..2_500;

/// The time between two restarts, in milliseconds.
const RESTART_PAUSE: Range<u64> = 8_000..14_000;

/// For how long a link is without carrier, or down, in milliseconds.
const GONE: Range<u64> = 200..5_000;

/// For how long a /64 is away: the grace, the floor, and as long again.
const WITHDRAWN: Duration = Duration::from_secs(7);

/// For how long a queue is clogged, in milliseconds.
const CLOGGED: Range<u64> = 5_000..20_000;

/// For how long a guest floods.
pub(crate) const FLOOD: Duration = Duration::from_secs(5);

/// Returns the first interface that is not left alone.
pub(crate) fn first_disturbed(size: u32) -> u32 {
    size / 5 + 1
}

/// Draws what is to happen, in order.
pub(crate) fn draw(plan: &Plan) -> Vec<Step> {
    let mut draft = Draft::new(plan);
    draft.restarts(plan.time / 3);
    // The last event has ended, and what came of it is seen, before the run is over.
    draft.events(plan.time.saturating_sub(millis(CLOGGED.end) + SERVED_WITHIN));
    draft.steps.sort_by_key(|step| step.at);
    draft.steps
}

struct Draft {
    rng: StdRng,
    size: u32,
    steps: Vec<Step>,
    /// Until when something happens to an interface.
    busy: HashMap<u32, Duration>,
}

impl Draft {
    fn new(plan: &Plan) -> Self {
        Self { rng: StdRng::seed_from_u64(plan.seed), size: plan.size, steps: Vec::new(), busy: HashMap::new() }
    }

    fn restarts(&mut self, end: Duration) {
        let mut at = FIRST + millis(self.rng.random_range(RESTART_PAUSE)) / 4;
        for ending in [Ending::Kill, Ending::Hangup, Ending::Terminate].into_iter().cycle() {
            if at >= end {
                return;
            }
            self.push(at, Act::Restart(ending));
            at += millis(self.rng.random_range(RESTART_PAUSE));
        }
    }

    fn events(&mut self, end: Duration) {
        let mut at = FIRST;
        while at < end {
            self.event(at);
            at += millis(self.rng.random_range(PAUSE));
        }
    }

    fn event(&mut self, at: Duration) {
        let (many, few) = (self.disturbed().count() / 20, self.disturbed().count() / 100);
        match self.rng.random_range(0..12) {
            0 | 1 => self.once(at, many, Act::Replace),
            2 | 3 => self.for_a_while(at, many, GONE, Act::CarrierOff, Act::CarrierOn),
            4 => self.for_a_while(at, many, GONE, Act::Down, Act::Up),
            5 => self.once(at, few, Act::Edit),
            6 => self.withdraw(at, few),
            7 => self.flood(at),
            8 => self.solicit(at, many),
            9 => self.for_a_while(at, few, CLOGGED, Act::Clog, Act::Unclog),
            _ => self.stall(at),
        }
    }

    fn once(&mut self, at: Duration, most: usize, act: fn(Vec<u32>) -> Act) {
        let numbers = self.take(at, at, most);
        self.push(at, act(numbers));
    }

    fn for_a_while(
        &mut self,
        at: Duration,
        most: usize,
        time: Range<u64>,
        begin: fn(Vec<u32>) -> Act,
        end: fn(Vec<u32>) -> Act,
    ) {
        let until = at + millis(self.rng.random_range(time));
        let numbers = self.take(at, until, most);
        self.push(at, begin(numbers.clone()));
        self.push(until, end(numbers));
    }

    fn withdraw(&mut self, at: Duration, most: usize) {
        let until = at + WITHDRAWN;
        let numbers = self.take(at, until, most);
        self.push(at, Act::Remove(numbers.clone()));
        self.push(until, Act::Add(numbers));
    }

    fn flood(&mut self, at: Duration) {
        let frames = [Frames::Solicitations, Frames::Unspecified, Frames::WrongHopLimit, Frames::WrongOption];
        let frames = frames[self.rng.random_range(0..frames.len())];
        for number in self.take(at, at + FLOOD, 1) {
            self.push(at, Act::Flood(number, frames));
        }
    }

    /// Those that are left alone may ask, too: that disturbs nothing.
    fn solicit(&mut self, at: Duration, many: usize) {
        let numbers = (0..many.max(1)).map(|_| self.rng.random_range(1..=self.size)).collect();
        self.push(at, Act::Solicit(numbers));
    }

    fn stall(&mut self, at: Duration) {
        let clients = [Client::Nothing, Client::HalfARequest, Client::Requests, Client::Events];
        let client = clients[self.rng.random_range(0..clients.len())];
        self.push(at, Act::Stall(client));
    }

    fn push(&mut self, at: Duration, act: Act) {
        self.steps.push(Step { at, act });
    }

    /// Takes up to `most` interfaces to which nothing happens, from `at` until what came of it at `until` was seen.
    fn take(&mut self, at: Duration, until: Duration, most: usize) -> Vec<u32> {
        let is_free = |number: &u32| self.busy.get(number).is_none_or(|busy| *busy <= at);
        let mut free: Vec<u32> = self.disturbed().filter(is_free).collect();
        let count = self.rng.random_range(1..=most.max(1)).min(free.len());
        let taken: Vec<u32> = (0..count).map(|_| free.swap_remove(self.rng.random_range(0..free.len()))).collect();
        self.busy.extend(taken.iter().map(|number| (*number, until + SERVED_WITHIN)));
        taken
    }

    fn disturbed(&self) -> Range<u32> {
        first_disturbed(self.size)..self.size + 1
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Act {
    /// Returns what happens, in words.
    pub(crate) const fn words(&self) -> &'static str {
        match self {
            Self::Replace(_) => "links deleted and made anew",
            Self::CarrierOff(_) => "carrier lost",
            Self::CarrierOn(_) => "carrier back",
            Self::Down(_) => "interfaces down",
            Self::Up(_) => "interfaces up",
            Self::Edit(_) => "/64s removed and added at once",
            Self::Remove(_) => "/64s removed",
            Self::Add(_) => "/64s added again",
            Self::Solicit(_) => "guests solicit",
            Self::Flood(..) => "floods",
            Self::Clog(_) => "queues clogged",
            Self::Unclog(_) => "queues drain again",
            Self::Stall(_) => "clients stall",
            Self::Restart(Ending::Hangup) => "restarts with SIGHUP",
            Self::Restart(Ending::Terminate) => "restarts with SIGTERM",
            Self::Restart(Ending::Kill) => "kill -9",
        }
    }

    /// Returns the interfaces to which it happens.
    pub(crate) fn numbers(&self) -> &[u32] {
        match self {
            Self::Replace(numbers)
            | Self::CarrierOff(numbers)
            | Self::CarrierOn(numbers)
            | Self::Down(numbers)
            | Self::Up(numbers)
            | Self::Edit(numbers)
            | Self::Remove(numbers)
            | Self::Add(numbers)
            | Self::Solicit(numbers)
            | Self::Clog(numbers)
            | Self::Unclog(numbers) => numbers,
            Self::Flood(number, _) => std::slice::from_ref(number),
            Self::Stall(_) | Self::Restart(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, mem::discriminant};

    use super::*;

    const PLAN: Plan = Plan { size: 1_000, time: Duration::from_secs(1_800), seed: 7 };

    #[test]
    fn a_seed_is_a_run() {
        assert_eq!(draw(&PLAN), draw(&PLAN));
        assert_ne!(draw(&PLAN), draw(&Plan { seed: 8, ..PLAN }));
        assert!(draw(&PLAN).is_sorted_by_key(|step| step.at));
    }

    #[test]
    fn everything_happens_and_restarts_end_with_the_first_third() {
        for time in [120, 600, 1_800].map(Duration::from_secs) {
            let steps = draw(&Plan { time, ..PLAN });
            let restarts = steps.iter().filter(|step| matches!(step.act, Act::Restart(_)));
            let last = restarts.map(|step| step.at).max().expect("there are restarts");
            assert!(last < time / 3 && last > time / 6, "{last:?} of {time:?}");
            let words: HashSet<_> = steps.iter().map(|step| step.act.words()).collect();
            assert!(words.len() == 16 || time < PLAN.time && words.len() > 12, "{time:?}: {words:?}");
            assert!(steps.iter().all(|step| step.at + SERVED_WITHIN <= time), "what comes of it is seen");
        }
    }

    #[test]
    fn some_interfaces_are_left_alone() {
        let steps = draw(&PLAN);
        let disturbing = steps.iter().filter(|step| !matches!(step.act, Act::Solicit(_)));
        let numbers: HashSet<u32> = disturbing.flat_map(|step| step.act.numbers().iter().copied()).collect();
        assert!(numbers.iter().all(|number| (first_disturbed(PLAN.size)..=PLAN.size).contains(number)));
        assert!(numbers.len() > 700, "{} of the others are not", numbers.len());
    }

    /// What begins on an interface ends before something else begins there.
    #[test]
    fn one_thing_at_a_time_happens_to_an_interface() {
        for size in [20, 1_000] {
            let mut open: HashMap<u32, Act> = HashMap::new();
            for Step { act, at } in draw(&Plan { size, ..PLAN }) {
                for number in act.numbers() {
                    let ends = |begin: fn(Vec<u32>) -> Act| discriminant(&begin(Vec::new()));
                    let expected = match act {
                        Act::CarrierOn(_) => Some(ends(Act::CarrierOff)),
                        Act::Up(_) => Some(ends(Act::Down)),
                        Act::Add(_) => Some(ends(Act::Remove)),
                        Act::Unclog(_) => Some(ends(Act::Clog)),
                        Act::CarrierOff(_) | Act::Down(_) | Act::Remove(_) | Act::Clog(_) => {
                            assert_eq!(open.insert(*number, act.clone()), None, "{number} at {at:?}");
                            continue;
                        }
                        Act::Solicit(_) => continue,
                        Act::Replace(_) | Act::Edit(_) | Act::Flood(..) | Act::Stall(_) | Act::Restart(_) => None,
                    };
                    assert_eq!(open.remove(number).as_ref().map(discriminant), expected, "{number} at {at:?}");
                }
            }
            assert!(open.is_empty(), "{open:?}");
        }
    }
}
