//! Reads the state of the guests' kernels and the daemon's counters.

use std::{
    fs, thread,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{Daemon, field, within};

use crate::topology::{Member, Topology};

/// The longest that a guest may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long the guests without an RA are watched.
const SILENCE: Duration = Duration::from_secs(1);

/// The moment right before the daemon is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) instant: Instant,
    /// The same on the clock of captures.
    pub(crate) time: SystemTime,
}

/// When a guest's kernel had address and route, to the millisecond.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) address: Option<Instant>,
    pub(crate) route: Option<Instant>,
}

/// The filter's counters by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals(Vec<(String, u64)>);

impl Start {
    pub(crate) fn now() -> Self {
        Self { instant: Instant::now(), time: SystemTime::now() }
    }
}

impl Totals {
    /// Returns the counter of `reason`; 0 if the heartbeat has none.
    pub(crate) fn of(&self, reason: &str) -> u64 {
        self.0.iter().find(|(name, _)| name == reason).map_or(0, |&(_, count)| count)
    }

    /// Returns the counters of the next heartbeat, for which the daemon reads them anew.
    pub(crate) fn next(daemon: &Daemon) -> Option<Self> {
        let seen = daemon.lines_with(&["heartbeat"]).len();
        within(Duration::from_secs(3), || daemon.lines_with(&["heartbeat"]).get(seen).map(|line| Self::parse(line)))
    }

    fn parse(heartbeat: &str) -> Self {
        let packets = field(heartbeat, "packets");
        let counter = |counter: &str| {
            let (name, count) = counter.split_once(':')?;
            Some((name.to_owned(), count.parse().ok()?))
        };
        Self(packets.unwrap_or_default().split(',').filter_map(counter).collect())
    }
}

/// Formats a time as `12 ms`, or as a dash if there is none.
pub(crate) fn milliseconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

/// Watches all guests during `action`; returns their arrivals in the order of [`Topology::members`].
pub(crate) fn arrivals<T>(topology: &Topology, action: impl FnOnce() -> T) -> (Vec<Arrival>, T) {
    let served = topology.guests.len();
    thread::scope(|scope| {
        let limit = |index| if index < served { TIMEOUT } else { SILENCE };
        let watchers: Vec<_> = topology
            .members()
            .enumerate()
            .map(|(index, member)| scope.spawn(move || arrival(member, limit(index))))
            .collect();
        let done = action();
        let arrivals = watchers.into_iter().map(|watcher| watcher.join().expect("watching does not fail"));
        (arrivals.collect(), done)
    })
}

fn arrival(member: &Member, timeout: Duration) -> Arrival {
    let mut arrival = Arrival::default();
    member.guest.namespace().enter(|| {
        within(timeout, || {
            arrival.address = arrival.address.or_else(|| has_global_address().then(Instant::now));
            arrival.route = arrival.route.or_else(|| has_default_route().then(Instant::now));
            arrival.address.and(arrival.route)
        })
    });
    arrival
}

/// Waits until a guest has no default route; returns when.
pub(crate) fn route_gone(member: &Member, timeout: Duration) -> Option<Instant> {
    member.guest.namespace().enter(|| within(timeout, || (!has_default_route()).then(Instant::now)))
}

/// Reads the thread's own namespace: lines of `address ifindex prefix-length scope flags name`, numbers in
/// hex.
fn has_global_address() -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    table.lines().any(|line| line.split_whitespace().nth(3) == Some("00"))
}

/// Reads the routes: destination, its length, source, its length, next hop, four numbers, interface.
fn has_default_route() -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap_or_default();
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1) == Some(&"00") && fields.get(4).is_some_and(|hop| hop.contains(|digit| digit != '0'))
    })
}

/// Returns the CPU time of a process's main thread; `None` if the kernel does not account for it.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let schedstat = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Returns whether a process is not root and has no capability, nor one that it could regain.
pub(crate) fn is_powerless(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let users: Vec<&str> = field("Uid:").split_whitespace().collect();
    let capabilities =
        ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"].map(|set| u64::from_str_radix(field(set).trim(), 16));
    users.len() == 4 && !users.contains(&"0") && capabilities.iter().all(|set| *set == Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_a_heartbeat() {
        let line = "2026-11-24T00:45:31Z  INFO heartbeat served=1 packets=passed:3,coalesced:40,hop-limit:7 resyncs=1";
        let totals = Totals::parse(line);
        for (reason, expected) in [("passed", 3), ("coalesced", 40), ("hop-limit", 7), ("code", 0)] {
            assert_eq!(totals.of(reason), expected, "{reason}");
        }
    }
}
