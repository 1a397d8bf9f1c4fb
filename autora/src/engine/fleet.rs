//! All interfaces together: verdicts become advertisers, deadlines one next deadline, effects one queue of actions.
//!
//! Level-triggered: [`Fleet::reconcile`] takes a fresh look at an interface, compares it with the last one, and acts on
//! the difference. Work grows with events, never with the number of interfaces.

mod census;
mod legacy;
mod view;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    rc::Rc,
};

use rand::Rng;

pub use self::{
    census::Census,
    view::{Sent, Standing, View},
};
use super::{
    Instant,
    advertiser::{Advertiser, Answer, Cause, Cease, Footprint, Parameters, PrefixFate, Transmission},
    eligibility::{self, Policy, Reason, Service, Verdict},
    interface::Interface,
    link_options::LinkOptions,
    memory::Past,
};
use crate::{
    addr::{IfIndex, LinkLocal},
    wire::RouterAdvert,
};

/// Room for actions that is kept from one turn to the next.
const USUAL_ACTIONS: usize = 128;

/// Every interface that matches, and what has to be done about it.
#[derive(Debug)]
pub struct Fleet {
    policy: Policy,
    parameters: Parameters,
    link_options: LinkOptions,
    /// Each in a box: a hash table is up to twice as large as what is in it.
    members: HashMap<IfIndex, Box<Member>>,
    census: Census,
    deadlines: BTreeSet<(Instant, IfIndex)>,
    actions: VecDeque<Action>,
    stopping: bool,
    /// What a former life left of interfaces that were not seen in this one yet.
    remembered: HashMap<IfIndex, (String, Past)>,
    /// When that life may have sent last on any interface, if it could not say.
    may_have_sent: Option<Instant>,
    /// Interfaces of which [`Fleet::memory`] has something new to say.
    news: BTreeSet<IfIndex>,
}

/// Something that has to happen outside. Actions are carried out in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put the interface into the filter's map, its pending mark clear. A failure goes to [`Fleet::on_serve_failed`].
    Serve(IfIndex),
    /// Take it out of the map.
    Unserve(IfIndex),
    /// An answer is about to leave: clear the pending mark, so that the next solicitation passes the filter.
    Answered(IfIndex),
    /// Send an advertisement. The outcome goes to [`Fleet::on_sent`] or [`Fleet::on_send_failed`].
    Send(Send),
    /// Tell people.
    Report(Report),
}

/// An advertisement to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// The interface that it leaves through.
    pub index: IfIndex,
    /// Its source; its destination is all nodes.
    pub source: LinkLocal,
    /// Why it leaves.
    pub cause: Cause,
    /// The message.
    pub advert: RouterAdvert,
}

/// A change of state of one interface that people want to know about; said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is served now, or served in another way than before.
    Serving(Service),
    /// It is served as before, but for its carrier, which has come or gone.
    Carrier(Service),
    /// It matches but is not served, for these reasons.
    NotServing(Vec<Reason>),
    /// It was served and no longer matches.
    NoLongerMatching,
    /// It was known and is gone.
    Gone,
}

/// One interface that matches, or matched a moment ago.
#[derive(Debug)]
struct Member {
    seen: Rc<Interface>,
    verdict: Verdict,
    /// What people know, while that is not what there is.
    told: Option<Box<Told>>,
    advertiser: Advertiser,
    /// Whether the filter's map has an entry.
    in_map: bool,
    /// Its entry in `Fleet::deadlines`.
    deadline: Option<Instant>,
    /// The advertiser's own when it was last looked at.
    footprint: Footprint,
    sent: Sent,
}

/// What people know of a member.
#[derive(Debug)]
struct Told {
    name: String,
    verdict: Verdict,
}

impl Fleet {
    /// A fleet of none.
    #[must_use]
    pub fn new(policy: Policy, parameters: Parameters) -> Self {
        Self {
            policy,
            parameters,
            link_options: LinkOptions::default(),
            members: HashMap::new(),
            census: Census::default(),
            deadlines: BTreeSet::new(),
            actions: VecDeque::new(),
            stopping: false,
            remembered: HashMap::new(),
            may_have_sent: None,
            news: BTreeSet::new(),
        }
    }

    /// With these facts of each link in its advertisements.
    #[must_use]
    pub fn with_link_options(self, link_options: LinkOptions) -> Self {
        Self { link_options, ..self }
    }

    /// Everything there is was looked at: reconciles each interface and forgets those that are not among them.
    pub fn reconcile_all(&mut self, interfaces: Vec<Interface>, now: Instant) {
        let present: BTreeSet<_> = interfaces.iter().map(|interface| interface.index).collect();
        let known = self.members.keys().chain(self.remembered.keys()).copied();
        let gone: Vec<_> = known.filter(|index| !present.contains(index)).collect();
        for index in gone {
            self.forget(index);
        }
        for interface in interfaces {
            self.reconcile(interface, now);
        }
        self.all_seen(now);
    }

    /// Everything there is was looked at, and what has changed was told: what a former life left of others concerns
    /// nobody any more, and what stood in the way of an interface without being a part of it may be gone.
    pub fn all_seen(&mut self, now: Instant) {
        // A fleet that stops takes on nobody, so what is there is left to the next one.
        if !self.stopping {
            self.news.extend(self.remembered.drain().map(|(index, _)| index));
        }
        let waiting = self.members.values().filter(|member| !member.stays_as_it_is());
        for interface in waiting.map(|member| member.seen.clone()).collect::<Vec<_>>() {
            self.reconcile(interface, now);
        }
    }

    /// One interface was looked at.
    pub fn reconcile(&mut self, interface: impl Into<Rc<Interface>>, now: Instant) {
        let interface = interface.into();
        let index = interface.index;
        if self.stopping {
            return self.heed_while_stopping(interface);
        }
        let past = self.past_of(&interface);
        let in_use = match self.members.get(&index) {
            Some(member) if member.seen == interface && member.stays_as_it_is() => return,
            Some(member) => member.source(),
            None => past.as_ref().and_then(|past| past.announced),
        };
        let verdict = eligibility::decide(&self.policy, &interface, in_use);
        if verdict == Verdict::Ignore && past.is_none() && !self.members.contains_key(&index) {
            return;
        }
        let may_have_sent = self.sent_before_it_could_know(now);
        let member = self.members.entry(index).or_insert_with(|| {
            let unknown = Past { last_sent: may_have_sent, ..Past::default() };
            Member::new(interface.clone(), past.unwrap_or(unknown)).into()
        });
        if member.seen.name != interface.name {
            self.news.insert(index);
        }
        if member.seen.name != interface.name || member.verdict != verdict {
            member.keep_told();
        }
        let before = member.judge(verdict, &mut self.census);
        member.seen = interface;
        match &member.verdict {
            Verdict::Serve(service) => {
                member.advertiser.advertise(*service, now);
                member.check_goodbye(Some(service.source));
            }
            Verdict::Refuse(_) | Verdict::Ignore => {
                member.advertiser.cease(member.manner_of_ceasing());
                if mem::take(&mut member.in_map) {
                    self.actions.push_back(Action::Unserve(index));
                }
            }
        }
        // A retry after a full map is only news once it has worked.
        if !is_full(&before) {
            self.tell(index);
        }
        self.settle(index, now);
    }

    /// What a former life left of an interface that is seen for the first time in this one.
    fn past_of(&mut self, interface: &Interface) -> Option<Past> {
        let (name, past) = self.remembered.remove(&interface.index)?;
        if name != interface.name {
            self.news.insert(interface.index);
            return None;
        }
        Some(past)
    }

    /// While goodbyes are on their way two things matter: whether each may still be said, and whether the link went down
    /// or away, and with it everything that a successor would have to know of it.
    fn heed_while_stopping(&mut self, interface: Rc<Interface>) {
        let index = interface.index;
        if let Some(member) = self.members.get_mut(&index) {
            if member.seen.name != interface.name {
                self.news.insert(index);
            }
            member.seen = interface;
            let how = member.manner_of_ceasing();
            if how.prefix == PrefixFate::Forgotten {
                member.advertiser.cease(how);
            }
            member.check_goodbye(None);
            self.schedule(index);
        }
    }

    /// The interface is gone, and so is everything that was known of it.
    pub fn forget(&mut self, index: IfIndex) {
        if self.remembered.remove(&index).is_some() {
            self.news.insert(index);
        }
        let Some(member) = self.members.remove(&index) else { return };
        self.census.leave(&member.verdict);
        self.news.insert(index);
        self.actions.retain(|action| !action.sends_on(index));
        if member.in_map {
            self.actions.push_back(Action::Unserve(index));
        }
        if let Some(deadline) = member.deadline {
            self.deadlines.remove(&(deadline, index));
        }
        if *member.told().1 != Verdict::Ignore {
            let report = Report { index, name: member.seen.name.clone(), change: Change::Gone };
            self.actions.push_back(Action::Report(report));
        }
    }

    /// A valid solicitation came in on the interface. Returns the answer if it brings one about.
    pub fn on_solicit(&mut self, index: IfIndex, now: Instant, rng: &mut impl Rng) -> Option<Answer> {
        let answer = self.members.get_mut(&index)?.advertiser.on_solicit(now, rng);
        self.schedule(index);
        answer
    }

    /// When [`Fleet::on_timeout`] wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Time has passed: what has been due the longest becomes actions. Whether something was due: carry out the actions,
    /// then call this again with the same `now`. So thousands that are due together never stand in the queue together.
    pub fn on_timeout(&mut self, now: Instant) -> bool {
        let due = self.deadlines.first().filter(|(deadline, _)| *deadline <= now);
        let Some(&(_, index)) = due else { return false };
        let member = self.members.get_mut(&index).expect("a deadline belongs to a member");
        if let Some(transmission) = member.advertiser.poll(now) {
            self.emit(index, transmission, now);
        }
        self.schedule(index);
        true
    }

    /// The next thing to do, if there is one.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() {
            // A stop has some for each interface.
            self.actions.shrink_to(USUAL_ACTIONS);
        }
        action
    }

    /// The filter's map has no room for the interface: it is refused, and nothing leaves on it but the goodbye that it
    /// may still owe from a moment ago.
    pub fn on_serve_failed(&mut self, index: IfIndex) {
        let Some(member) = self.members.get_mut(&index) else { return };
        // The advertisement comes right behind its entry.
        self.actions.pop_front_if(|action| action.sends_on(index));
        member.in_map = false;
        member.keep_told();
        member.judge(Verdict::Refuse(vec![Reason::FilterFull]), &mut self.census);
        member.advertiser.abandon(member.manner_of_ceasing());
        self.tell(index);
        self.schedule(index);
    }

    /// The advertisement handed out last for the interface has left at `now`. Returns how many tries had failed before.
    pub fn on_sent(&mut self, index: IfIndex, now: Instant, rng: &mut impl Rng) -> u32 {
        let Some(member) = self.members.get_mut(&index) else { return 0 };
        if let Some(transmission) = member.advertiser.in_flight() {
            member.sent.count(transmission.cause);
        }
        let failed_before = member.advertiser.on_sent(&self.parameters, now, rng);
        self.tell(index);
        self.settle(index, now);
        failed_before
    }

    /// It did not leave. Returns how many tries in a row have failed now.
    pub fn on_send_failed(&mut self, index: IfIndex, now: Instant) -> u32 {
        let Some(member) = self.members.get_mut(&index) else { return 0 };
        if member.advertiser.in_flight().is_some() {
            member.sent.count_failure();
        }
        let failures = member.advertiser.on_send_failed(now);
        self.settle(index, now);
        failures
    }

    /// The daemon is to stop: every served interface says goodbye, and nothing else is sent any more.
    pub fn stop(&mut self) {
        self.stopping = true;
        let indices: Vec<_> = self.members.keys().copied().collect();
        for index in indices {
            let member = self.members.get_mut(&index).expect("the keys were just read");
            if let Verdict::Serve(_) = member.verdict {
                member.advertiser.cease(member.manner_of_ceasing());
            }
            if mem::take(&mut member.in_map) {
                self.actions.push_back(Action::Unserve(index));
            }
            self.schedule(index);
        }
    }

    /// Whether, after [`Fleet::stop`], a final advertisement is still to leave somewhere.
    #[must_use]
    pub fn owes_goodbyes(&self) -> bool {
        self.stopping && !self.deadlines.is_empty()
    }

    /// Every interface that matches, with its verdict; in no order.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Interface, &Verdict)> {
        self.members
            .values()
            .map(|member| (&*member.seen, &member.verdict))
            .filter(|(_, verdict)| **verdict != Verdict::Ignore)
    }

    /// How many there are of each kind.
    #[must_use]
    pub const fn census(&self) -> Census {
        self.census
    }

    /// One interface, with its verdict, if it matches or did a moment ago.
    #[must_use]
    pub fn verdict_of(&self, index: IfIndex) -> Option<(&Interface, &Verdict)> {
        self.members.get(&index).map(|member| (&*member.seen, &member.verdict))
    }

    /// The name under which the interface was last seen, and when the next advertisement is due there.
    #[must_use]
    pub fn schedule_of(&self, index: IfIndex) -> Option<(&str, Option<Instant>)> {
        self.members.get(&index).map(|member| (member.seen.name.as_str(), member.deadline))
    }

    /// Turns what an advertiser wants into actions. The map entry appears only now, when the first advertisement can
    /// leave, and the pending mark is cleared before the answer leaves, so that no solicitation falls in between.
    fn emit(&mut self, index: IfIndex, transmission: Transmission, now: Instant) {
        let member = self.members.get_mut(&index).expect("only members transmit");
        if transmission.cause != Cause::Final {
            let action =
                if mem::replace(&mut member.in_map, true) { Action::Answered } else { Action::Serve };
            self.actions.push_back(action(index));
        }
        let mut advert = member.advertiser.message(transmission, &self.parameters, now);
        advert.options.splice(..0, self.link_options.of(&member.seen));
        let Transmission { source, cause } = transmission;
        self.actions.push_back(Action::Send(Send { index, source, cause, advert }));
    }

    /// After a change: a member that nobody needs any more goes, the deadline of any other is brought up to date.
    fn settle(&mut self, index: IfIndex, now: Instant) {
        let spent = self
            .members
            .get(&index)
            .is_some_and(|member| member.verdict == Verdict::Ignore && member.advertiser.is_spent(now));
        self.schedule(index);
        if spent {
            self.members.remove(&index);
            self.news.insert(index);
        }
    }

    /// Brings the queue of deadlines in step with the advertiser's own.
    fn schedule(&mut self, index: IfIndex) {
        let Some(member) = self.members.get_mut(&index) else { return };
        let deadline = member.advertiser.deadline();
        let before = mem::replace(&mut member.deadline, deadline);
        if before != deadline {
            if let Some(before) = before {
                self.deadlines.remove(&(before, index));
            }
            if let Some(deadline) = deadline {
                self.deadlines.insert((deadline, index));
            }
        }
        let footprint = member.advertiser.footprint();
        if mem::replace(&mut member.footprint, footprint) != footprint {
            self.news.insert(index);
        }
    }

    /// Tells people of the member's verdict if it is not the one that they were told last.
    fn tell(&mut self, index: IfIndex) {
        let Some(member) = self.members.get_mut(&index) else { return };
        let (known, before) = member.told();
        if let Some(change) = change(before, &member.verdict) {
            // One that no longer matches is still known by the name under which it did.
            let gone = change == Change::NoLongerMatching;
            let name = if gone { known } else { member.seen.name.as_str() }.to_owned();
            member.told = None;
            self.actions.push_back(Action::Report(Report { index, name, change }));
        } else if known == member.seen.name {
            member.told = None;
        }
    }
}

impl Member {
    fn new(seen: Rc<Interface>, past: Past) -> Self {
        let advertiser = Advertiser::recall(past);
        let footprint = advertiser.footprint();
        Self {
            seen,
            verdict: Verdict::Ignore,
            told: None,
            advertiser,
            in_map: false,
            deadline: None,
            footprint,
            sent: Sent::default(),
        }
    }

    /// Takes on a verdict, in the census too. Returns the one before.
    fn judge(&mut self, verdict: Verdict, census: &mut Census) -> Verdict {
        census.leave(&self.verdict);
        census.enter(&verdict);
        mem::replace(&mut self.verdict, verdict)
    }

    /// The name and the verdict that people know.
    fn told(&self) -> (&str, &Verdict) {
        let present = (self.seen.name.as_str(), &self.verdict);
        self.told.as_ref().map_or(present, |told| (&told.name, &told.verdict))
    }

    /// Name or verdict change now, and people do not know it yet.
    fn keep_told(&mut self) {
        let Self { seen, verdict, .. } = self;
        self.told.get_or_insert_with(|| Told { name: seen.name.clone(), verdict: verdict.clone() }.into());
    }

    /// The source in use, if the interface is served.
    fn source(&self) -> Option<LinkLocal> {
        match &self.verdict {
            Verdict::Serve(service) => Some(service.source),
            Verdict::Refuse(_) | Verdict::Ignore => None,
        }
    }

    /// Whether an unchanged interface means that there is nothing to do. The full map lies outside the interface, so
    /// that is tried again; and one that no longer matches is only kept until it is spent.
    fn stays_as_it_is(&self) -> bool {
        match &self.verdict {
            Verdict::Serve(_) => true,
            Verdict::Refuse(_) => !is_full(&self.verdict),
            Verdict::Ignore => false,
        }
    }

    /// Drops the goodbye that is owed from a source other than `in_use` if it may not be said any more.
    fn check_goodbye(&mut self, in_use: Option<LinkLocal>) {
        if let Some(announced) = self.advertiser.announced()
            && in_use != Some(announced)
            && !eligibility::can_withdraw(&self.seen, announced)
        {
            self.advertiser.forgo_goodbye();
        }
    }

    /// How it ceases, in the state it was just seen in.
    fn manner_of_ceasing(&self) -> Cease {
        let promised = self.advertiser.past().promised;
        let gone = promised.is_some_and(|promise| !eligibility::has_prefix(&self.seen, promise.prefix));
        let lost = !self.seen.flags.up || self.seen.ipv6.is_none_or(|ipv6| ipv6.disabled);
        Cease {
            say_goodbye: self
                .advertiser
                .announced()
                .is_some_and(|source| eligibility::can_withdraw(&self.seen, source)),
            prefix: match () {
                () if lost => PrefixFate::Forgotten,
                () if gone => PrefixFate::Gone,
                () => PrefixFate::Stands,
            },
        }
    }
}

impl Action {
    fn sends_on(&self, on: IfIndex) -> bool {
        matches!(self, Self::Send(send) if send.index == on)
    }
}

/// Whether the filter's map is what stands in the way.
fn is_full(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refuse(reasons) if *reasons == [Reason::FilterFull])
}

/// What there is to tell when a verdict takes the place of another.
fn change(before: &Verdict, after: &Verdict) -> Option<Change> {
    match (before, after) {
        (Verdict::Serve(old), Verdict::Serve(new)) if old == new => None,
        (Verdict::Serve(old), Verdict::Serve(new)) if *old == (Service { carrier: old.carrier, ..*new }) => {
            Some(Change::Carrier(*new))
        }
        (_, Verdict::Serve(service)) => Some(Change::Serving(*service)),
        (Verdict::Refuse(old), Verdict::Refuse(new)) if old == new => None,
        (_, Verdict::Refuse(reasons)) => Some(Change::NotServing(reasons.clone())),
        (Verdict::Ignore, Verdict::Ignore) => None,
        (Verdict::Serve(_) | Verdict::Refuse(_), Verdict::Ignore) => Some(Change::NoLongerMatching),
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "fleet_restart_tests.rs"]
mod restart_tests;
