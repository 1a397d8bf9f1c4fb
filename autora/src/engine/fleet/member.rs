//! One interface of the fleet: what was seen of it, how it was judged, and its advertiser.

use std::{mem, rc::Rc};

use crate::{
    addr::LinkLocal,
    engine::{
        BootInstant,
        action::{Action, Cause, Report, StateChange, Transmission},
        advertiser::{Advertiser, Cease, DueRa, PrefixFate, SavedHash},
        content::LinkOptions,
        counts::RaCounts,
        eligibility::{self, Service, Verdict},
        handover::Advertised,
        interface::Interface,
        parameters::Parameters,
    },
};

/// One interface that matches, or matched a moment ago.
///
/// ```text
///            reconcile, name matches
///   (none) ---------------------------------------------+-----------------------------.
///     ^                                                 | every test passed           | some did not
///     |                                                 v                             v
///     | forget                 +-----------------------------+             +---------------------+
///     | (any state):           | Serve                       | reconcile   | NotServed(reasons)     |
///     | Unserve, nothing       |  first RA: Serve, Send      | ----------> |  Unserve at once,   |
///     | is sent                |  further ones: ClearPending,| <---------- |  then a final RA    |
///     |                        |  Send                       | on_serve_   |  if hosts hold it   |
///     |                        |  no carrier: paused         | failed: ->  |  as a router        |
///     |                        +-----------------------------+             +---------------------+
///     |                                                 | reconcile, the name matches no longer
///     |   is_spent: nothing is owed, no lifetime runs   v
///     +----------------------------------------- Ignore: Unserve at once, then a final RA
///
///   stop: Unserve and a final RA wherever Serve was; nothing else leaves, no interface is taken on.
///   Every change of the verdict leaves a Report, once.
/// ```
#[derive(Debug)]
pub(super) struct Member {
    pub(super) seen: Rc<Interface>,
    pub(super) verdict: Verdict,
    /// What was reported last, while that is not what there is.
    reported: Option<Box<Reported>>,
    pub(super) advertiser: Advertiser,
    /// Whether the filter's map has an entry.
    pub(super) in_map: bool,
    /// Its entry in the queue of deadlines.
    pub(super) deadline: Option<BootInstant>,
    /// The advertiser's own when it was last looked at.
    pub(super) saved_hash: SavedHash,
    /// What was sent on it in this process.
    pub(super) sent: RaCounts,
    /// Why the last RA left.
    pub(super) last_cause: Option<Cause>,
}

/// The name and the verdict that were reported of a member.
#[derive(Debug)]
struct Reported {
    name: String,
    verdict: Verdict,
}

impl Member {
    pub(super) fn new(seen: Rc<Interface>, told: Advertised) -> Self {
        let advertiser = Advertiser::restore(told);
        let saved_hash = advertiser.saved_hash();
        Self {
            seen,
            verdict: Verdict::Ignore,
            reported: None,
            advertiser,
            in_map: false,
            deadline: None,
            saved_hash,
            sent: RaCounts::default(),
            last_cause: None,
        }
    }

    /// Takes on what was seen and how it was judged. Returns the verdict before.
    pub(super) fn take_on(&mut self, seen: Rc<Interface>, verdict: Verdict) -> Verdict {
        if self.seen.name != seen.name || self.verdict != verdict {
            self.keep_reported();
        }
        self.seen = seen;
        mem::replace(&mut self.verdict, verdict)
    }

    /// Lets the advertiser do at `now` what the verdict asks for. Returns whether an entry in the filter's map has to
    /// go: at once where the interface is not served, before its final RA leaves.
    pub(super) fn follow_verdict(&mut self, now: BootInstant) -> bool {
        match &self.verdict {
            Verdict::Serve(service) => {
                let service = *service;
                self.advertiser.advertise(service, now);
                self.check_owed_final(Some(service.source));
                false
            }
            Verdict::NotServed(_) | Verdict::Ignore => {
                self.cease();
                mem::take(&mut self.in_map)
            }
        }
    }

    /// Ceases to advertise, in the state that was just seen.
    pub(super) fn cease(&mut self) {
        self.advertiser.cease(self.how_to_cease());
    }

    /// The filter's map has no room: nothing leaves but the final RA that it may still owe from a moment ago.
    pub(super) fn abandon(&mut self) {
        self.in_map = false;
        self.advertiser.abandon(self.how_to_cease());
    }

    /// Takes on what was seen while final RAs are on their way. Two things matter: whether this one may still be sent,
    /// and whether the link went down or away, and with it everything that the next process would have to know of it.
    pub(super) fn see_while_stopping(&mut self, seen: Rc<Interface>) {
        self.seen = seen;
        let how = self.how_to_cease();
        if how.prefix == PrefixFate::Forgotten {
            self.advertiser.cease(how);
        }
        self.check_owed_final(None);
    }

    /// Returns what has to be done to the filter's map before an RA leaves: the entry appears only now, when the first
    /// one can leave; later the pending mark is cleared first, so that no solicitation falls in between.
    pub(super) fn map_action(&mut self, cause: Cause) -> Option<Action> {
        let index = self.seen.index;
        match cause {
            Cause::Final => None,
            Cause::Unsolicited | Cause::Solicited if mem::replace(&mut self.in_map, true) => {
                Some(Action::ClearPending(index))
            }
            Cause::Unsolicited | Cause::Solicited => Some(Action::Serve(index)),
        }
    }

    /// Returns the RA that is due, as it leaves at `now`.
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
        Transmission { index: self.seen.index, source, cause, advert }
    }

    /// Counts the RA that is on its way as sent.
    pub(super) fn count_sent(&mut self) {
        if let Some(DueRa { cause, .. }) = self.advertiser.in_flight() {
            self.sent.sent(cause);
            self.last_cause = Some(cause);
        }
    }

    /// Counts it as failed.
    pub(super) fn count_failure(&mut self) {
        if self.advertiser.in_flight().is_some() {
            self.sent.failed();
        }
    }

    /// Returns the change that is to be reported if the verdict is not the one that was reported last.
    pub(super) fn report(&mut self) -> Option<Report> {
        let (known, before) = self.reported();
        let Some(change) = change(before, &self.verdict) else {
            if known == self.seen.name {
                self.reported = None;
            }
            return None;
        };
        // One that no longer matches is still known by the name under which it did.
        let matched = change == StateChange::NoLongerMatching;
        let name = if matched { known } else { &self.seen.name }.to_owned();
        self.reported = None;
        Some(Report { index: self.seen.index, name, change })
    }

    /// Returns the report that it is gone, unless it did not match.
    pub(super) fn gone(&self) -> Option<Report> {
        let matched = *self.reported().1 != Verdict::Ignore;
        matched.then(|| Report {
            index: self.seen.index,
            name: self.seen.name.clone(),
            change: StateChange::Gone,
        })
    }

    /// Returns the name and the verdict that were reported.
    fn reported(&self) -> (&str, &Verdict) {
        let present = (self.seen.name.as_str(), &self.verdict);
        self.reported.as_ref().map_or(present, |reported| (&reported.name, &reported.verdict))
    }

    /// Keeps name and verdict as they were reported: they change now.
    fn keep_reported(&mut self) {
        let Self { seen, verdict, .. } = self;
        self.reported
            .get_or_insert_with(|| Reported { name: seen.name.clone(), verdict: verdict.clone() }.into());
    }

    /// Returns the source in use, if the interface is served.
    pub(super) fn source(&self) -> Option<LinkLocal> {
        match &self.verdict {
            Verdict::Serve(service) => Some(service.source),
            Verdict::NotServed(_) | Verdict::Ignore => None,
        }
    }

    /// Returns whether an unchanged interface means that there is nothing to do. The map lies outside the interface,
    /// so that is tried again; and one that no longer matches is only kept until it is spent.
    pub(super) fn stays_as_it_is(&self) -> bool {
        match &self.verdict {
            Verdict::Serve(_) => true,
            Verdict::NotServed(_) => !awaits_map(&self.verdict),
            Verdict::Ignore => false,
        }
    }

    /// Returns whether it can be dropped at `now`: it matches no longer, and hosts believe nothing because of it.
    pub(super) fn is_spent(&self, now: BootInstant) -> bool {
        self.verdict == Verdict::Ignore && self.advertiser.is_spent(now)
    }

    /// Returns whether there is something to say of it: one that matches no longer is only kept for what its hosts
    /// still believe, unless its final RA has yet to leave.
    pub(super) fn is_worth_showing(&self) -> bool {
        self.verdict != Verdict::Ignore || self.deadline.is_some()
    }

    /// Gives up the final RA that is owed from a source other than `in_use` if it may not be sent any more.
    fn check_owed_final(&mut self, in_use: Option<LinkLocal>) {
        if let Some(router) = self.advertiser.router()
            && in_use != Some(router)
            && !eligibility::can_withdraw(&self.seen, router)
        {
            self.advertiser.forgo_final();
        }
    }

    /// Returns how it ceases, in the state that was just seen.
    fn how_to_cease(&self) -> Cease {
        let advertised = self.advertiser.advertised();
        let gone =
            advertised.prefix.is_some_and(|prefix| !eligibility::has_prefix(&self.seen, prefix.prefix));
        let lost = !self.seen.flags.up || self.seen.ipv6.is_none_or(|ipv6| ipv6.disabled);
        Cease {
            withdraw: advertised.router.is_some_and(|source| eligibility::can_withdraw(&self.seen, source)),
            prefix: match () {
                () if lost => PrefixFate::Forgotten,
                () if gone => PrefixFate::Gone,
                () => PrefixFate::Stands,
            },
        }
    }
}

/// Returns whether the filter's map is what stands in the way.
pub(super) fn awaits_map(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::NotServed(reasons) if reasons.iter().any(|reason| reason.map_failure().is_some()))
}

/// Returns what there is to report when a verdict takes the place of another.
fn change(before: &Verdict, after: &Verdict) -> Option<StateChange> {
    match (before, after) {
        (Verdict::Serve(old), Verdict::Serve(new)) if old == new => None,
        (Verdict::Serve(old), Verdict::Serve(new)) if *old == (Service { carrier: old.carrier, ..*new }) => {
            Some(StateChange::Carrier(*new))
        }
        (_, Verdict::Serve(service)) => Some(StateChange::Serving(*service)),
        (Verdict::NotServed(old), Verdict::NotServed(new)) if old == new => None,
        (_, Verdict::NotServed(reasons)) => Some(StateChange::NotServing(reasons.clone())),
        (Verdict::Ignore, Verdict::Ignore) => None,
        (Verdict::Serve(_) | Verdict::NotServed(_), Verdict::Ignore) => Some(StateChange::NoLongerMatching),
    }
}
