//! What has to hold of the RAs on every interface: rules over time, interface and RA. No clock and no socket is here.
//!
//! | rule | what it says |
//! |---|---|
//! | floor | never two RAs on one interface less than 3 s apart, whatever happens [RFC 4861 6.2.6] |
//! | gap | on an interface to which nothing happens, never longer without an RA than the longest interval |
//! | served | after what happened to it is over, and the kernel has it fit, an interface has an RA again |
//! | final | no RA with Router Lifetime 0, but where a grace is over: the /64 was taken away, or a restart saw none |
//! | withdrawn | and there is one there |
//! | content | the /64 of the interface, and no other |
//!
//! A restart of the daemon may add to a gap the time for which no daemon ran, and what the next one has to advertise on
//! every interface. A moment in which the machine had no processor free may add its own length.

mod figures;
mod violation;

use std::{collections::HashMap, time::Duration};

use autora_tests::site::link::Link;

pub(crate) use self::{
    figures::Figures,
    violation::{Rule, Violation},
};
use crate::ra::Ra;

/// The longest interval between two unsolicited RAs, and the shortest: those that the daemon is given, the least that
/// it takes [RFC 4861 6.2.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1).
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(4);
pub(crate) const MIN_INTERVAL: Duration = Duration::from_secs(3);

/// The least time between two RAs on an interface: `MIN_DELAY_BETWEEN_RAS`
/// [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
pub(crate) const FLOOR: Duration = Duration::from_secs(3);

/// What the clock of the packets' timestamps, which a time service may slow down by 500 ppm (`adjtimex(2)`), loses in
/// it.
const SLEW: Duration = Duration::from_millis(2);

/// The delay that a busy machine may add to any time.
pub(crate) const SLACK: Duration = Duration::from_millis(500);

/// The time in which the daemon advertises on every interface after a start.
pub(crate) const AGAIN: Duration = Duration::from_secs(4);

/// The time in which an interface has an RA after what happened to it is over: the grace, the floor, and some of the
/// kernel's for its carrier and addresses.
pub(crate) const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// How long a moment without a processor is kept: longer than any wait that is judged.
const KEPT: Duration = Duration::from_secs(60);

/// Looks at each RA and at what happens. Times are those of packets' timestamps, since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    links: HashMap<Link, Watched>,
    outages: Vec<Outage>,
    stalls: Vec<Stall>,
    figures: Figures,
    violations: Vec<Violation>,
}

/// An interface under the rules.
#[derive(Debug)]
struct Watched {
    state: State,
    last: Option<(Duration, Ra)>,
    /// Whether the missing of an RA was found already.
    is_reported: bool,
}

/// What happens to an interface.
///
/// ```text
///                  disturb                await_ra             an RA
///   Undisturbed -----------> Disturbed -------------> Awaited -------> Undisturbed
///        |                                               ^
///        +-- withdraw -----> Withdrawn --- await_ra -----+
/// ```
///
/// An RA `may_be_final` where a final one was due before and arrives late, or where the interface was not fit when the
/// next process saw it first, which begins a grace.
#[derive(Clone, Copy, Debug)]
enum State {
    Undisturbed,
    /// Its carrier, or all of it, is gone.
    Disturbed {
        may_be_final: bool,
    },
    /// Its /64 is gone. A final RA has left if it `is_told`, and has to leave if it `is_owed`.
    Withdrawn {
        is_told: bool,
        is_owed: bool,
    },
    /// It is fit, or will be.
    Awaited {
        since: Duration,
        may_be_final: bool,
    },
}

/// A time without a daemon, which has not ended as long as there is none.
#[derive(Clone, Copy, Debug)]
struct Outage {
    from: Duration,
    to: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    ended: Duration,
    lasted: Duration,
}

/// What begins and ends.
impl Judge {
    /// From `since` on, an RA is awaited on each of `links`.
    pub(crate) fn await_ra(&mut self, links: &[Link], since: Duration) {
        for link in links {
            let before = self.links.get(link).map(|watched| watched.state);
            if let Some(State::Withdrawn { is_told: false, is_owed: true }) = before {
                self.report(Rule::Withdrawn, Some(*link), since, "no final RA after its /64 went".to_owned());
            }
            let may_be_final = before.is_some_and(State::may_be_final);
            self.enter(*link, State::Awaited { since, may_be_final });
        }
    }

    /// Something happens to `links` that holds up RAs.
    pub(crate) fn disturb(&mut self, links: &[Link]) {
        for link in links {
            self.enter(*link, State::Disturbed { may_be_final: false });
        }
    }

    /// The /64 of `links` is taken away for longer than the grace.
    pub(crate) fn withdraw(&mut self, links: &[Link]) {
        for link in links {
            self.enter(*link, State::Withdrawn { is_told: false, is_owed: true });
        }
    }

    /// `links` are deleted.
    pub(crate) fn forget(&mut self, links: &[Link]) {
        for link in links {
            self.links.remove(link);
        }
    }

    /// The daemon is about to end. What it has to withdraw is for the next one then, which may find the /64 again, and
    /// may withdraw what is not fit yet.
    pub(crate) fn daemon_ends(&mut self, at: Duration) {
        self.outages.push(Outage { from: at, to: None });
        for watched in self.links.values_mut() {
            match &mut watched.state {
                State::Undisturbed => {}
                State::Withdrawn { is_owed, .. } => *is_owed = false,
                State::Disturbed { may_be_final } | State::Awaited { may_be_final, .. } => *may_be_final = true,
            }
        }
    }

    /// The next daemon has been started.
    pub(crate) fn daemon_starts(&mut self, at: Duration) {
        self.outages.iter_mut().for_each(|outage| outage.to = outage.to.or(Some(at)));
    }

    /// No processor was free.
    pub(crate) fn stall(&mut self, ended: Duration, lasted: Duration) {
        self.figures.stalled(lasted);
        self.stalls.retain(|stall| stall.ended + KEPT > ended);
        self.stalls.push(Stall { ended, lasted });
    }

    fn enter(&mut self, link: Link, state: State) {
        let watched = self.links.entry(link).or_insert(Watched { state, last: None, is_reported: false });
        (watched.state, watched.is_reported) = (state, false);
    }
}

/// What is found.
impl Judge {
    /// An RA has arrived, or what should be one. Those on a link that was deleted meanwhile say nothing.
    pub(crate) fn on_ra(&mut self, link: Link, at: Duration, decoded: Result<Ra, String>) {
        let Some(mut watched) = self.links.remove(&link) else { return };
        match decoded {
            Ok(ra) => {
                self.check(link, &watched, at, &ra);
                watched.state = watched.state.after(at, &ra);
                (watched.last, watched.is_reported) = (Some((at, ra)), false);
            }
            Err(why) => self.report(Rule::Content, Some(link), at, why),
        }
        self.links.insert(link, watched);
    }

    /// Returns the interfaces that at `now` have waited for an RA for half of the time that they may.
    pub(crate) fn late(&self, now: Duration) -> Vec<Link> {
        let is_late = |watched: &Watched| match watched.state {
            State::Awaited { since, .. } => now.saturating_sub(since) > SERVED_WITHIN / 2,
            State::Undisturbed | State::Disturbed { .. } | State::Withdrawn { .. } => false,
        };
        self.links.iter().filter(|(_, watched)| is_late(watched)).map(|(link, _)| *link).collect()
    }

    /// It is `now`, and all RAs before have been passed in.
    pub(crate) fn on_time(&mut self, now: Duration) {
        if self.outages.last().is_some_and(|outage| outage.to.is_none()) {
            return;
        }
        let unreported = self.links.iter().filter(|(_, watched)| !watched.is_reported);
        let overdue: Vec<_> = unreported.filter_map(|(link, watched)| self.overdue(*link, watched, now)).collect();
        for violation in overdue {
            let watched = violation.link.and_then(|link| self.links.get_mut(&link));
            watched.expect("it was just found").is_reported = true;
            self.violations.push(violation);
        }
    }

    /// Something is wrong beside the RAs.
    pub(crate) fn report(&mut self, rule: Rule, link: Option<Link>, at: Duration, what: String) {
        self.violations.push(Violation { rule, link, at, what, ra: None });
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    fn check(&mut self, link: Link, watched: &Watched, at: Duration, ra: &Ra) {
        let found = [watched.distance(at), self.gap(watched, at), watched.state.content(link, ra)];
        self.figures.seen(ra.is_final());
        self.measure(watched, at);
        for (rule, what) in found.into_iter().flatten() {
            self.violations.push(Violation { rule, link: Some(link), at, what, ra: Some(ra.clone()) });
        }
    }

    /// A gap that was found while it lasted is not found again.
    fn gap(&self, watched: &Watched, at: Duration) -> Option<(Rule, String)> {
        let last = watched.last.as_ref()?.0;
        let is_judged = matches!(watched.state, State::Undisturbed) && !watched.is_reported;
        let (gap, limit) = (at.saturating_sub(last), MAX_INTERVAL + SLACK + self.excuse(last, at));
        (is_judged && gap > limit).then(|| (Rule::Gap, format!("{gap:.3?} after the RA before, at most {limit:.3?}")))
    }

    fn overdue(&self, link: Link, watched: &Watched, now: Duration) -> Option<Violation> {
        let last = watched.last.as_ref();
        let (rule, since, limit) = match watched.state {
            State::Undisturbed => (Rule::Gap, last?.0, MAX_INTERVAL),
            State::Awaited { since, .. } => (Rule::Served, since, SERVED_WITHIN),
            State::Disturbed { .. } | State::Withdrawn { .. } => return None,
        };
        let (waited, limit) = (now.saturating_sub(since), limit + SLACK + self.excuse(since, now));
        (waited > limit).then(|| {
            let what = format!("no RA for {waited:.3?}, at most {limit:.3?}, after this one");
            Violation { rule, link: Some(link), at: now, what, ra: last.map(|(_, ra)| ra.clone()) }
        })
    }

    /// Returns by how much longer a wait from `since` to `until` may be for what was missing meanwhile.
    fn excuse(&self, since: Duration, until: Duration) -> Duration {
        let restarts: Duration = self.outages_in(since, until).map(|outage| outage.lasted(until) + AGAIN).sum();
        let stalls = self.stalls.iter().filter(|stall| stall.ended >= since && stall.ended <= until + stall.lasted);
        restarts + stalls.map(|stall| stall.lasted).max().unwrap_or_default()
    }

    fn outages_in(&self, since: Duration, until: Duration) -> impl Iterator<Item = &Outage> {
        self.outages.iter().filter(move |outage| outage.from <= until && outage.to.is_none_or(|to| to >= since))
    }

    fn measure(&mut self, watched: &Watched, at: Duration) {
        if let State::Awaited { since, .. } = watched.state {
            self.figures.served_after(at.saturating_sub(since));
        }
        let Some((last, _)) = watched.last else { return };
        let distance = at.saturating_sub(last);
        self.figures.apart(distance);
        if matches!(watched.state, State::Undisturbed) {
            let is_over_restart = self.outages_in(last, at).next().is_some();
            self.figures.gap(distance, is_over_restart);
        }
    }
}

impl Watched {
    fn distance(&self, at: Duration) -> Option<(Rule, String)> {
        let distance = at.saturating_sub(self.last.as_ref()?.0);
        (distance + SLEW < FLOOR).then(|| (Rule::Floor, format!("{distance:.3?} after the RA before")))
    }
}

impl State {
    fn after(self, at: Duration, ra: &Ra) -> Self {
        match self {
            Self::Awaited { since, .. } if at >= since && !ra.is_final() => Self::Undisturbed,
            Self::Withdrawn { is_owed, .. } if ra.is_final() => Self::Withdrawn { is_told: true, is_owed },
            Self::Undisturbed | Self::Disturbed { .. } | Self::Withdrawn { .. } | Self::Awaited { .. } => self,
        }
    }

    const fn may_be_final(self) -> bool {
        match self {
            Self::Undisturbed => false,
            Self::Withdrawn { .. } => true,
            Self::Disturbed { may_be_final } | Self::Awaited { may_be_final, .. } => may_be_final,
        }
    }

    /// Returns what is wrong with what an RA says.
    fn content(self, link: Link, ra: &Ra) -> Option<(Rule, String)> {
        if ra.is_final() {
            return (!self.may_be_final()).then(|| (Rule::Final, "Router Lifetime 0 without a cause".to_owned()));
        }
        (ra.live() != [link.network()]).then(|| (Rule::Content, format!("its /64 is {}", link.network())))
    }
}

impl Outage {
    fn lasted(self, until: Duration) -> Duration {
        self.to.unwrap_or(until).saturating_sub(self.from)
    }
}

#[cfg(test)]
pub(crate) mod tests;
