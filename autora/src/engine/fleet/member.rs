//! One interface of the fleet: its last known state, its verdict, and its advertiser.

use std::{mem, rc::Rc};

use crate::engine::{
    BootInstant,
    action::{Action, Cause, Report, StateChange, Transmission},
    advertiser::{Advertiser, Departures, DueRa, Outlook, SavedHash},
    content::LinkOptions,
    counts::RaCounts,
    eligibility::{self, Departure, OtherDaemon, Reason, Service, Verdict},
    handover::{Advertised, AdvertisedRouter},
    interface::{Interface, Lifetimes},
    parameters::Parameters,
};

/// An interface that matches, or matched before and still owes a final RA or has a lifetime running at
/// guests.
///
/// ```text
///            reconcile, name matches
///   (none) ---------------------------------------------+-----------------------------.
///     ^                                                 | fit: Claim                  | not fit
///     |                                                 v                             v
///     | forget                 +-----------------------------+             +---------------------+
///     | (any state):           | Serve                       | reconcile   | NotServed(reasons)  |
///     | Unserve, Release,      |  first RA: Serve, Send      | ----------> |  Unserve, Release at|
///     | no RA                  |  later RAs: ClearPending,   | <---------- |  once, after the    |
///     |                        |  Send                       | on_serve_   |  grace a final RA,  |
///     |                        |  no carrier, DAD: paused    | failed: ->  |  if guests hold it  |
///     |                        |                             | on_claim_   |  as a router; none  |
///     |                        |                             | refused: -> |  if claim refused   |
///     |                        +-----------------------------+             +---------------------+
///     |                                                 | reconcile, the name no longer matches
///     |   is_spent: no final RA owed, no lifetime runs  v
///     +----------------------------------------- Ignore: Unserve at once, after the grace a final RA
///
///   back within the grace: Serve at once, and the schedule goes on
///   stop: Unserve and a final RA for each served interface; no other RA leaves, no interface is added.
///   Each change of the verdict is reported once.
/// ```
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of the interface")]
pub(super) struct Member {
    pub(super) seen: Rc<Interface>,
    /// Only [`Member::set_state`] changes it, so that the counts by verdict stay right.
    verdict: Verdict,
    /// The last report, while it differs from the current name and verdict.
    reported: Option<Box<Reported>>,
    pub(super) advertiser: Advertiser,
    /// Whether it is claimed, so that no other daemon serves it.
    is_claimed: bool,
    /// Whether the SERVED map has an entry.
    pub(super) in_map: bool,
    /// Whether a solicitation has passed since the pending mark was last cleared.
    pub(super) solicited: bool,
    /// Whether the fleet stops.
    stopping: bool,
    /// Its entry in the queue of deadlines.
    pub(super) deadline: Option<BootInstant>,
    /// The hash of the advertiser's saved state at the last update.
    pub(super) saved_hash: SavedHash,
    /// RAs sent by this process.
    pub(super) sent: RaCounts,
    /// The cause of the last RA.
    pub(super) last_cause: Option<Cause>,
}

/// The name and the verdict that were reported last.
#[derive(Debug)]
struct Reported {
    name: String,
    verdict: Verdict,
}

impl Member {
    pub(super) fn new(seen: Rc<Interface>, inherited: Advertised) -> Self {
        let advertiser = Advertiser::restore(inherited);
        let saved_hash = advertiser.saved_hash();
        Self {
            seen,
            verdict: Verdict::Ignore,
            reported: None,
            advertiser,
            is_claimed: false,
            in_map: false,
            solicited: false,
            stopping: false,
            deadline: None,
            saved_hash,
            sent: RaCounts::default(),
            last_cause: None,
        }
    }

    /// Returns the verdict.
    pub(super) const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Sets the state and the verdict. Returns the previous verdict.
    pub(super) fn set_state(&mut self, seen: Rc<Interface>, verdict: Verdict) -> Verdict {
        if self.seen.name != seen.name || self.verdict != verdict {
            self.keep_reported();
        }
        self.seen = seen;
        mem::replace(&mut self.verdict, verdict)
    }

    /// Returns whether it is to be served.
    pub(super) const fn serves(&self) -> bool {
        matches!(self.verdict, Verdict::Serve(_))
    }

    /// Makes the claim follow the verdict: what is to be served is claimed before anything else is done with it.
    pub(super) fn follow_claim(&mut self) -> Option<Action> {
        let (index, serves) = (self.seen.index, self.serves());
        match (mem::replace(&mut self.is_claimed, serves), serves) {
            (false, true) => Some(Action::Claim(index)),
            (true, false) => Some(Action::Release(index)),
            (true, true) | (false, false) => None,
        }
    }

    /// Returns the claim, for a moment, before a final RA of an interface that is not claimed. Another daemon may serve
    /// it by now, from the same source, if the RA is late: after failures, without a carrier, or of a previous process.
    pub(super) fn final_claim(&self, cause: Cause) -> Vec<Action> {
        let index = self.seen.index;
        match cause {
            Cause::Final if !self.is_claimed => vec![Action::Claim(index), Action::Release(index)],
            Cause::Final | Cause::Unsolicited | Cause::Solicited => Vec::new(),
        }
    }

    /// Handles a refused claim. Where another daemon serves, nothing is withdrawn: guests hold what it advertises from
    /// the same source. Where that is not known, the interface waits as without a carrier.
    pub(super) fn yield_to(&mut self, other: Option<&OtherDaemon>, parameters: &Parameters, now: BootInstant) {
        (self.is_claimed, self.in_map) = (false, false);
        match (other, &self.verdict) {
            (None, Verdict::Serve(service)) => {
                let waiting = Outlook::Serve(Service { carrier: false, ..*service });
                self.advertiser.follow(waiting, parameters, now);
            }
            (None, Verdict::NotServed(_) | Verdict::Ignore) => {}
            (Some(_), _) => self.advertiser = Advertiser::restore(Advertised::default()),
        }
    }

    /// Returns the release of a deleted interface, if it was claimed.
    pub(super) fn released(&self) -> Option<Action> {
        self.is_claimed.then_some(Action::Release(self.seen.index))
    }

    /// Makes the advertiser follow the verdict at `now`. Returns the action on the SERVED map: an interface that is not
    /// to be served loses its entry before any final RA leaves, and one that goes on within the grace gets it back.
    pub(super) fn follow_verdict(&mut self, parameters: &Parameters, now: BootInstant) -> Option<Action> {
        let goes_on = self.advertiser.follow(self.outlook(), parameters, now);
        self.update_departures();
        let (index, serves) = (self.seen.index, self.serves());
        match (self.in_map, serves) {
            (true, false) => {
                self.in_map = false;
                Some(Action::Unserve(index))
            }
            (false, true) if goes_on => {
                (self.in_map, self.solicited) = (true, false);
                Some(Action::Serve(index))
            }
            (true, true) | (false, _) => None,
        }
    }

    /// Returns what the state and the verdict allow.
    fn outlook(&self) -> Outlook {
        match &self.verdict {
            _ if !self.seen.is_alive() => Outlook::Lost,
            Verdict::Serve(service) => Outlook::Serve(*service),
            Verdict::NotServed(_) | Verdict::Ignore => {
                Outlook::NotServed { carrier: self.seen.flags.carrier, lifetimes: self.lifetimes_in_use() }
            }
        }
    }

    /// Returns when the lifetimes of the prefix in use end on the interface, if it still has that prefix.
    fn lifetimes_in_use(&self) -> Option<Lifetimes> {
        eligibility::lifetimes_of(&self.seen, self.advertiser.advertised().prefix?.prefix)
    }

    /// Tells the advertiser whether final RAs can leave, given the current state of the interface.
    pub(super) fn update_departures(&mut self) {
        let Advertised { router, owed, .. } = self.advertiser.advertised();
        let [router, owed] = [router, owed].map(|router| {
            let departure =
                |router: AdvertisedRouter| eligibility::departure(&self.seen, router.source, !self.stopping);
            router.map_or(Departure::default(), departure)
        });
        self.advertiser.set_departures(Departures { router, owed });
    }

    /// Stops: only a final RA leaves, which does not wait for DAD, as nothing can be sent later.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.advertiser.stop(self.lifetimes_in_use());
        self.update_departures();
    }

    /// Handles a SERVED map that took no entry: cancels the RA in flight.
    pub(super) fn lose_entry(&mut self) {
        self.in_map = false;
        self.advertiser.cancel();
    }

    /// Sets the state of the interface while the fleet stops. It decides whether the owed final RA may still
    /// leave.
    pub(super) fn see_while_stopping(&mut self, seen: Rc<Interface>, parameters: &Parameters, now: BootInstant) {
        self.seen = seen;
        if !self.seen.is_alive() {
            self.advertiser.follow(Outlook::Lost, parameters, now);
        }
        self.update_departures();
    }

    /// Returns the action on the SERVED map before an RA leaves. The first RA adds the entry; a later one clears the
    /// pending mark before it leaves, so that no solicitation in between is lost. The mark stays if it was set by a
    /// solicitation that has not been read yet, as an answer to that one is to come.
    pub(super) fn map_action(&mut self, cause: Cause) -> Option<Action> {
        let index = self.seen.index;
        match cause {
            Cause::Final => None,
            Cause::Unsolicited | Cause::Solicited => {
                let (was_in_map, solicited) = (mem::replace(&mut self.in_map, true), mem::take(&mut self.solicited));
                match (was_in_map, solicited) {
                    (false, _) => Some(Action::Serve(index)),
                    (true, true) => Some(Action::ClearPending(index)),
                    (true, false) => None,
                }
            }
        }
    }

    /// Returns the due RA as it leaves at `now`.
    pub(super) fn transmission(
        &self,
        due: DueRa,
        parameters: &Parameters,
        link_options: LinkOptions,
        now: BootInstant,
    ) -> Transmission {
        let DueRa { source, cause } = due;
        let mut advert = self.advertiser.message(cause, parameters, now);
        advert.options.splice(..0, link_options.of(&self.seen));
        Transmission { index: self.seen.index, source, group_mapping: self.seen.group_mapping, cause, advert }
    }

    /// Counts the RA in flight as sent.
    pub(super) fn count_sent(&mut self) {
        if let Some(DueRa { cause, .. }) = self.advertiser.in_flight() {
            self.sent.sent(cause);
            self.last_cause = Some(cause);
        }
    }

    /// Counts the RA in flight as failed.
    pub(super) fn count_failure(&mut self) {
        if self.advertiser.in_flight().is_some() {
            self.sent.failed();
        }
    }

    /// Returns a report if the verdict differs from the last one reported.
    pub(super) fn report(&mut self) -> Option<Report> {
        let (known, before) = self.reported();
        let Some(change) = change(before, &self.verdict) else {
            if known == self.seen.name {
                self.reported = None;
            }
            return None;
        };
        // An interface that no longer matches is reported under the name that matched.
        let matched = change == StateChange::NoLongerMatching;
        let name = if matched { known } else { &self.seen.name }.to_owned();
        self.reported = None;
        Some(Report { index: self.seen.index, name, change })
    }

    /// Returns the report of a deletion, if the interface was reported as matching.
    pub(super) fn gone(&self) -> Option<Report> {
        let matched = *self.reported().1 != Verdict::Ignore;
        matched.then(|| Report { index: self.seen.index, name: self.seen.name.clone(), change: StateChange::Gone })
    }

    /// Returns the name and the verdict that were reported last.
    fn reported(&self) -> (&str, &Verdict) {
        let present = (self.seen.name.as_str(), &self.verdict);
        self.reported.as_ref().map_or(present, |reported| (&reported.name, &reported.verdict))
    }

    /// Keeps the reported name and verdict, before they change.
    fn keep_reported(&mut self) {
        let Self { seen, verdict, .. } = self;
        self.reported.get_or_insert_with(|| Reported { name: seen.name.clone(), verdict: verdict.clone() }.into());
    }

    /// Returns whether an unchanged interface needs no action. A failed entry in the SERVED map and a refused claim
    /// do not depend on the interface, so they are tried again; an interface that no longer matches is kept only
    /// until it is spent.
    pub(super) fn stays_as_it_is(&self) -> bool {
        match &self.verdict {
            Verdict::Serve(_) => true,
            Verdict::NotServed(_) => !is_tried_again(&self.verdict),
            Verdict::Ignore => false,
        }
    }

    /// Returns whether the interface could be served with another pair than the one in use, which is waited for.
    pub(super) const fn waits_with_another_pair(&self) -> bool {
        self.serves() && self.advertiser.is_in_grace()
    }

    /// Returns whether the member can be removed at `now`: its name no longer matches, and guests hold
    /// nothing from it.
    pub(super) fn is_spent(&self, now: BootInstant) -> bool {
        self.verdict == Verdict::Ignore && self.advertiser.is_spent(now)
    }

    /// Returns whether status shows the interface: it matches, or owes a final RA.
    pub(super) fn is_worth_showing(&self) -> bool {
        self.verdict != Verdict::Ignore || self.deadline.is_some()
    }
}

/// Returns whether a failure of the SERVED map, or the claim of another daemon, is among the reasons.
pub(super) fn is_tried_again(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::NotServed(reasons) if reasons.iter().any(Reason::is_outside))
}

/// Returns the change to report when the verdict changes from `before` to `after`, if any.
fn change(before: &Verdict, after: &Verdict) -> Option<StateChange> {
    match (before, after) {
        (Verdict::Serve(old), Verdict::Serve(new)) if reported(old) == reported(new) => None,
        (Verdict::Serve(old), Verdict::Serve(new))
            if reported(old) == (Service { carrier: old.carrier, ..reported(new) }) =>
        {
            Some(StateChange::Carrier(*new))
        }
        (_, Verdict::Serve(service)) => Some(StateChange::Serving(*service)),
        (Verdict::NotServed(old), Verdict::NotServed(new)) if old == new => None,
        (_, Verdict::NotServed(reasons)) => Some(StateChange::NotServing(reasons.clone())),
        (Verdict::Ignore, Verdict::Ignore) => None,
        (Verdict::Serve(_) | Verdict::NotServed(_), Verdict::Ignore) => Some(StateChange::NoLongerMatching),
    }
}

/// Returns the facts of a service that are reported: neither lifetimes, which the host renews, nor DAD, which is over
/// in a moment.
fn reported(service: &Service) -> Service {
    Service { lifetimes: Lifetimes::default(), dad: false, ..*service }
}
