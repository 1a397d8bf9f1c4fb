use std::{
    collections::{HashMap, HashSet},
    iter,
    time::Duration,
};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use regex::Regex;

mod grace;
mod restart;
mod rows;
mod takeover;

use super::*;
use crate::{
    addr::Prefix64,
    engine::{
        action::{Cause, Fault, Report, StateChange, Transmission},
        eligibility::{AddressPolicy, OtherDaemon, Reason, SeveralPrefixes},
        interface::{Lifetimes, Preferred, address, fit},
        rfc4861::MIN_DELAY_BETWEEN_RAS,
    },
    wire::{NdOption, RouterAdvert, RouterPreference},
};

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long a pair that is gone is waited for.
pub(super) const GRACE: Duration = secs(1);

pub(super) fn index(n: u32) -> IfIndex {
    IfIndex::new(n).unwrap()
}

/// Returns a fit interface: tapN with fe80::N and 2001:db8:N::1/64.
pub(super) fn tap(n: u32) -> Interface {
    Interface {
        index: index(n),
        name: format!("tap{n}"),
        link_address: None,
        addresses: vec![address(&format!("2001:db8:{n}::1"), 64), address(&format!("fe80::{n}"), 64)],
        ..fit()
    }
}

pub(super) fn changed(n: u32, change: impl FnOnce(&mut Interface)) -> Interface {
    let mut interface = tap(n);
    change(&mut interface);
    interface
}

pub(super) fn forwarding_off(interface: &mut Interface) {
    interface.ipv6.as_mut().unwrap().forwarding = false;
}

/// A fleet in virtual time, with a SERVED map of its own that checks the actions.
pub(super) struct Bench {
    pub(super) fleet: Fleet,
    pub(super) now: BootInstant,
    pub(super) rng: StdRng,
    map: HashSet<IfIndex>,
    pub(super) claims: HashSet<IfIndex>,
    /// The interfaces that another daemon has claimed.
    pub(super) others: HashSet<IfIndex>,
    /// What another daemon left of interfaces that are taken over from it.
    pub(super) left: HashMap<IfIndex, TakenOver>,
    /// Whether another daemon has the table of claims for too long.
    pub(super) is_busy: bool,
    capacity: usize,
    /// The failure of a full map.
    map_failure: MapFailure,
    /// Every action in short form: `+1` served, `-1` removed, `~1` mark cleared, `RA 1`, `final 1`, and reports.
    pub(super) events: Vec<String>,
    pub(super) last_sent: HashMap<IfIndex, BootInstant>,
    pub(super) last_advert: Option<RouterAdvert>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let policy = Policy { pattern: Regex::new("^tap[0-9]+$").unwrap(), addresses: AddressPolicy::default() };
        let parameters = Parameters {
            min_interval: secs(20),
            max_interval: secs(60),
            router_lifetime: secs(180),
            valid_lifetime: secs(86_400),
            preferred_lifetime: secs(14_400),
            preference: RouterPreference::Medium,
        };
        Self {
            fleet: Fleet::new(policy, parameters),
            now: BootInstant::from_boot(secs(1_000)),
            rng: StdRng::seed_from_u64(1),
            map: HashSet::new(),
            claims: HashSet::new(),
            others: HashSet::new(),
            left: HashMap::new(),
            is_busy: false,
            capacity: usize::MAX,
            map_failure: MapFailure::Full,
            events: Vec::new(),
            last_sent: HashMap::new(),
            last_advert: None,
        }
    }

    pub(super) fn see(&mut self, interface: Interface) {
        self.fleet.reconcile(interface, self.now);
        self.run_for(Duration::ZERO);
    }

    pub(super) fn see_all(&mut self, interfaces: impl IntoIterator<Item = Interface>) {
        self.fleet.reconcile_all(interfaces.into_iter().collect(), self.now);
        self.run_for(Duration::ZERO);
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.act();
            match self.fleet.next_deadline() {
                Some(deadline) if deadline <= end => {
                    self.now = self.now.max(deadline);
                    assert!(self.fleet.on_timeout(self.now), "the deadline has passed");
                }
                Some(_) | None => break,
            }
        }
        self.now = end;
    }

    fn act(&mut self) {
        while let Some(action) = self.fleet.poll_action() {
            let event = match action {
                Action::Claim(index) if self.is_busy || self.others.contains(&index) => {
                    let other = (!self.is_busy).then(|| OtherDaemon { directory: "/run/b".to_owned(), pid: Some(1) });
                    self.fleet.on_claim_refused(index, other, self.now);
                    format!("{} {index}", if self.is_busy { "busy" } else { "another" })
                }
                Action::Claim(index) => {
                    assert!(self.claims.insert(index), "claimed twice");
                    if let Some(left) = self.left.remove(&index) {
                        self.fleet.on_taken_over(index, left, self.now);
                    }
                    continue;
                }
                Action::Release(index) => {
                    assert!(self.claims.remove(&index) || self.is_busy, "released twice");
                    continue;
                }
                Action::Serve(index) if self.map.len() >= self.capacity => {
                    self.fleet.on_serve_failed(index, self.map_failure, self.now);
                    format!("full {index}")
                }
                Action::Serve(index) => {
                    assert!(self.claims.contains(&index), "served without a claim");
                    assert!(self.map.insert(index), "served twice");
                    format!("+{index}")
                }
                Action::Unserve(index) => {
                    assert!(self.map.remove(&index), "removed twice");
                    format!("-{index}")
                }
                Action::ClearPending(index) => {
                    assert!(self.map.contains(&index), "a mark is cleared in an existing entry");
                    format!("~{index}")
                }
                Action::Send(send) => self.send(&send),
                Action::Report(Report { name, change, .. }) => match change {
                    StateChange::Serving(_) => format!("{name} serving"),
                    StateChange::Carrier(service) => format!("{name} carrier {}", service.carrier),
                    StateChange::NotServing(reasons) => {
                        let names: Vec<_> = reasons.iter().map(Reason::name).collect();
                        format!("{name} {}", names.join(","))
                    }
                    StateChange::NoLongerMatching => format!("{name} no match"),
                    StateChange::Gone => format!("{name} gone"),
                },
                Action::Fault(fault) => panic!("{fault}"),
            };
            self.events.push(event);
        }
        assert_eq!(self.fleet.counts(), counted(&self.fleet), "the counts match the verdicts");
    }

    fn send(&mut self, send: &Transmission) -> String {
        let index = send.index;
        let is_final = send.cause == Cause::Final;
        assert_eq!(send.advert.router_lifetime == Duration::ZERO, is_final);
        assert!(is_final || self.map.contains(&index), "served, unless it is a final RA");
        if let Some(previous) = self.last_sent.insert(index, self.now) {
            assert!(self.now.saturating_since(previous) >= MIN_DELAY_BETWEEN_RAS);
        }
        self.fleet.on_sent(index, self.now, &mut self.rng);
        self.last_advert = Some(send.advert.clone());
        format!("{} {index}", if is_final { "final" } else { "RA" })
    }

    pub(super) fn take_events(&mut self) -> Vec<String> {
        mem::take(&mut self.events)
    }
}

/// Counts all verdicts one by one.
fn counted(fleet: &Fleet) -> InterfaceCounts {
    let mut counted = InterfaceCounts::default();
    for (_, verdict) in fleet.verdicts() {
        match verdict {
            Verdict::Serve(service) if service.is_ready() => counted.served += 1,
            Verdict::Serve(_) => counted.paused += 1,
            Verdict::NotServed(_) => counted.not_served += 1,
            Verdict::Ignore => unreachable!("`verdicts` skips interfaces that do not match"),
        }
    }
    counted
}

#[test]
fn a_fit_interface_gets_its_map_entry_and_then_its_first_ra() {
    let mut bench = Bench::new();
    bench.see_all([tap(1), changed(2, forwarding_off), changed(3, |i| i.name = "eth0".to_owned())]);
    assert_eq!(bench.take_events(), ["tap1 serving", "tap2 forwarding-off", "+1", "RA 1"]);
    bench.run_for(secs(16));
    assert_eq!(bench.take_events(), ["RA 1"], "no solicitation has set the mark");
    bench.fleet.on_solicit(index(1), bench.now, &mut bench.rng);
    bench.run_for(secs(4));
    assert_eq!(bench.take_events(), ["~1", "RA 1"], "the mark is cleared before the RA leaves");
}

#[test]
fn an_unchanged_interface_causes_no_action() {
    let mut bench = Bench::new();
    bench.see_all([tap(1), changed(2, forwarding_off)]);
    bench.take_events();
    bench.see_all([tap(1), changed(2, forwarding_off)]);
    bench.see(tap(1));
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.see(changed(2, |i| i.flags.up = false));
    assert_eq!(bench.take_events(), ["tap2 down"], "the control");
}

#[test]
fn an_interface_that_is_no_longer_fit_loses_its_entry_before_its_final_ra() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, forwarding_off));
    assert_eq!(bench.take_events(), ["-1", "tap1 forwarding-off"], "the entry goes at once");
    bench.run_for(GRACE);
    assert_eq!(bench.take_events(), ["final 1"]);
    bench.run_for(secs(1));
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["tap1 serving"], "the 3 s floor delays the first RA and the entry");
    bench.run_for(secs(2));
    assert_eq!(bench.take_events(), ["+1", "RA 1"]);
}

#[test]
fn no_ra_leaves_an_interface_that_is_down_or_deleted() {
    let mut bench = Bench::new();
    bench.see_all([tap(1), tap(2), tap(3)]);
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, |i| i.flags.up = false));
    bench.fleet.forget(index(2), bench.now);
    bench.run_for(secs(1));
    bench.see_all([changed(1, |i| i.flags.up = false)]);
    assert_eq!(bench.take_events(), ["-1", "tap1 down", "-2", "tap2 gone", "-3", "tap3 gone"]);
    bench.run_for(secs(100));
    assert!(bench.events.is_empty());
}

#[test]
fn a_link_that_went_down_keeps_what_guests_hold() {
    let other_prefix = |i: &mut Interface| i.addresses[0].address = "2001:db8:99::1".parse().unwrap();
    let prefixes_after = |gap: fn(&mut Bench)| {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(secs(10));
        gap(&mut bench);
        bench.run_for(secs(10));
        bench.see(changed(1, other_prefix));
        bench.run_for(secs(10));
        bench.last_advert.unwrap().options.len()
    };
    assert_eq!(prefixes_after(|bench| bench.see(changed(1, |i| i.flags.up = false))), 2);
    assert_eq!(prefixes_after(|bench| bench.see(changed(1, |i| i.ipv6 = None))), 2);
    assert_eq!(
        prefixes_after(|bench| bench.fleet.forget(index(1), bench.now)),
        1,
        "the control: a deleted one is forgotten"
    );
}

#[test]
fn an_ra_that_is_queued_does_not_leave_on_an_interface_that_is_deleted() {
    let sends = |is_deleted: bool| {
        let mut bench = Bench::new();
        bench.fleet.reconcile(tap(1), bench.now);
        assert!(bench.fleet.on_timeout(bench.now));
        if is_deleted {
            bench.fleet.forget(index(1), bench.now);
        }
        iter::from_fn(|| bench.fleet.poll_action()).any(|action| matches!(action, Action::Send(_)))
    };
    assert!(sends(false), "the control");
    assert!(!sends(true));
}

#[test]
fn an_interface_is_reported_under_the_name_that_was_reported_last() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, |i| i.name = "tap7".to_owned()));
    assert_eq!(bench.take_events(), [""; 0], "a name alone is no report");
    bench.see(changed(1, |i| i.name = "other".to_owned()));
    assert_eq!(bench.take_events(), ["-1", "tap1 no match"]);
}

#[test]
fn an_interface_renamed_out_of_the_pattern_sends_a_final_ra_and_is_forgotten() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, |i| i.name = "other".to_owned()));
    bench.run_for(GRACE);
    assert_eq!(bench.take_events(), ["-1", "tap1 no match", "final 1"]);
    bench.run_for(secs(90_000));
    bench.see_all([changed(1, |i| i.name = "other".to_owned())]);
    assert!(bench.fleet.members.indices().next().is_none(), "once no advertised lifetime runs");
    assert!(bench.events.is_empty());
}

#[test]
fn an_interface_without_carrier_that_no_longer_matches_is_forgotten() {
    for carrier in [true, false] {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(secs(10));
        let renamed = || {
            changed(1, |i| {
                i.name = "other".to_owned();
                i.flags.carrier = carrier;
            })
        };
        bench.see(renamed());
        bench.run_for(secs(90_000));
        bench.see_all([renamed()]);
        assert!(bench.fleet.members.indices().next().is_none(), "carrier: {carrier}");
    }
}

#[test]
fn no_final_ra_leaves_for_a_router_lifetime_that_has_run_out() {
    for (gone, expected) in [(100, ["final 1"].as_slice()), (200, &[])] {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(secs(10));
        bench.see(changed(1, |i| i.flags.carrier = false));
        bench.run_for(secs(gone));
        bench.see(changed(1, forwarding_off));
        bench.take_events();
        bench.run_for(secs(10));
        assert_eq!(bench.take_events(), expected, "{gone} s");
    }
}

#[test]
fn a_full_map_makes_one_interface_not_served_and_the_others_go_on() {
    let mut bench = Bench::new();
    bench.capacity = 1;
    bench.see_all([tap(1), tap(2)]);
    let events = bench.take_events();
    assert_eq!(events.iter().filter(|event| event.ends_with("filter-full")).count(), 1, "{events:?}");
    assert_eq!(events.iter().filter(|event| event.starts_with("RA")).count(), 1, "{events:?}");
    bench.see_all([tap(1), tap(2)]);
    assert_eq!(bench.take_events().len(), 1, "a failed retry is not reported");
    bench.capacity = 2;
    bench.see_all([tap(1), tap(2)]);
    assert_eq!(bench.map.len(), 2);
    assert!(bench.events.iter().any(|event| event.ends_with("serving")), "{:?}", bench.events);
}

#[test]
fn the_cause_of_a_map_failure_decides_the_reason() {
    let errors = [MapFailure::Error { errno: 1 }, MapFailure::Error { errno: 12 }];
    let mut bench = Bench::new();
    (bench.capacity, bench.map_failure) = (0, errors[0]);
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["tap1 serving", "full 1", "tap1 filter-error"]);
    for (failure, expected) in [
        (errors[0], ["full 1"].as_slice()),
        (errors[1], &["full 1", "tap1 filter-error"]),
        (MapFailure::Full, &["full 1", "tap1 filter-full"]),
        (errors[0], &["full 1", "tap1 filter-error"]),
    ] {
        bench.map_failure = failure;
        bench.see(tap(1));
        assert_eq!(bench.take_events(), expected, "{failure}");
        let (_, verdict) = bench.fleet.verdicts().next().unwrap();
        assert_eq!(*verdict, Verdict::NotServed(vec![failure.into()]));
    }
    bench.capacity = 1;
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["+1", "RA 1", "tap1 serving"], "each reconciliation tries again");
}

#[test]
fn a_full_map_does_not_cancel_an_owed_final_ra() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(1));
    bench.see(changed(1, forwarding_off));
    bench.run_for(GRACE);
    bench.capacity = 0;
    bench.see(tap(1));
    bench.take_events();
    bench.run_for(secs(2));
    assert_eq!(bench.take_events(), ["full 1", "tap1 filter-full", "final 1"], "guests held it as a router");
    bench.run_for(secs(100));
    assert!(bench.events.is_empty(), "{:?}", bench.events);
}

/// Guests hold what the other daemon advertises, from the same source: nothing is withdrawn.
#[test]
fn an_interface_of_another_daemon_is_left_to_it() {
    let mut bench = Bench::new();
    bench.others.insert(index(1));
    bench.see(tap(1));
    assert_eq!(
        bench.take_events(),
        ["another 1", "tap1 served-by-another"],
        "nothing else, and no report of a service"
    );
    bench.run_for(secs(600));
    bench.see_all([tap(1)]);
    assert_eq!(bench.take_events(), ["another 1"], "it is tried again, without a report");
    // Its own faults count as ever.
    bench.see(changed(1, forwarding_off));
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["tap1 forwarding-off", "another 1", "tap1 served-by-another"]);
    bench.others.clear();
    bench.fleet.try_again(bench.now);
    bench.run_for(Duration::ZERO);
    assert_eq!(bench.take_events(), ["+1", "RA 1", "tap1 serving"]);
    bench.fleet.forget(index(1), bench.now);
    bench.run_for(Duration::ZERO);
    assert!(bench.claims.is_empty(), "released with the interface");
}

/// Another daemon has the table of claims for too long, as when it hangs.
#[test]
fn an_interface_that_cannot_be_claimed_for_now_waits_with_what_guests_hold() {
    for busy_for in [Duration::ZERO, secs(1), secs(2)] {
        let mut bench = Bench::new();
        bench.see(changed(1, |i| i.addresses[0].address = "2001:db8:99::1".parse().unwrap()));
        bench.run_for(secs(10));
        bench.see(tap(1));
        bench.run_for(GRACE + Duration::from_millis(500));
        bench.see(changed(1, forwarding_off));
        bench.is_busy = true;
        bench.take_events();
        bench.see(tap(1));
        assert_eq!(bench.take_events(), ["busy 1", "tap1 served-by-another"], "{busy_for:?}");
        bench.run_for(busy_for);
        assert!(bench.events.is_empty(), "{busy_for:?}: {:?}", bench.events);
        bench.is_busy = false;
        bench.fleet.try_again(bench.now);
        bench.run_for(Duration::from_nanos(2_499_999_999).saturating_sub(busy_for));
        assert!(bench.events.is_empty(), "{busy_for:?}: {:?}, before the floor is over", bench.events);
        bench.run_for(Duration::from_nanos(1));
        assert_eq!(bench.take_events(), ["+1", "RA 1", "tap1 serving"], "{busy_for:?}");
        let prefixes = bench.last_advert.as_ref().map_or(0, |advert| advert.options.len());
        assert_eq!(prefixes, 2, "{busy_for:?}: the retired one is carried on");
    }
}

/// Guests hold what the other daemon advertises, from the same source: another daemon takes over 5 s after a claim was
/// let go, and a final RA may leave later than that.
#[test]
fn a_late_final_ra_does_not_leave_where_another_daemon_serves() {
    for (taken, is_busy, expected) in
        [(true, false, "another 1"), (false, false, "final 1"), (false, true, "busy 1, final 1")]
    {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(secs(10));
        bench.see(changed(1, |i| {
            forwarding_off(i);
            i.flags.carrier = false;
        }));
        bench.run_for(secs(10));
        bench.others.extend(taken.then_some(index(1)));
        bench.is_busy = is_busy;
        bench.take_events();
        bench.see(changed(1, forwarding_off));
        bench.run_for(GRACE);
        assert_eq!(bench.take_events().join(", "), expected);
        bench.run_for(secs(100));
        assert!(bench.events.is_empty(), "{:?}", bench.events);
        assert!(bench.claims.is_empty(), "claimed for a moment only");
    }
}

#[test]
fn an_interface_whose_retries_fail_has_its_final_ra() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.see(changed(1, forwarding_off));
    bench.capacity = 0;
    bench.see(tap(1));
    bench.take_events();
    bench.run_for(secs(100));
    let events = bench.take_events();
    assert_eq!(events.iter().filter(|event| *event == "final 1").count(), 1, "{events:?}");
}

#[test]
fn a_solicitation_affects_only_its_own_interface() {
    let mut bench = Bench::new();
    bench.see_all([tap(1), tap(2)]);
    bench.run_for(secs(10));
    bench.take_events();
    bench.fleet.on_solicit(index(2), bench.now, &mut bench.rng);
    bench.fleet.on_solicit(index(9), bench.now, &mut bench.rng);
    bench.run_for(Duration::from_millis(500));
    assert_eq!(bench.take_events(), ["~2", "RA 2"]);
}

#[test]
fn a_stop_sends_final_ras_everywhere_within_three_seconds_and_nothing_after() {
    let mut bench = Bench::new();
    bench.see_all([tap(1), tap(2), changed(3, |i| i.flags.carrier = false), changed(4, forwarding_off)]);
    bench.run_for(secs(10));
    bench.see(changed(1, |i| i.addresses[0].address = "2001:db8:99::1".parse().unwrap()));
    bench.run_for(GRACE);
    bench.take_events();
    bench.fleet.stop();
    bench.see(tap(5));
    bench.fleet.on_solicit(index(2), bench.now, &mut bench.rng);
    assert!(bench.fleet.owes_final_ras(), "tap1 sent a moment ago");
    bench.run_for(secs(3));
    assert!(!bench.fleet.owes_final_ras());
    let mut events = bench.take_events();
    events.sort();
    assert_eq!(events, ["-1", "-2", "final 1", "final 2"]);
    bench.run_for(secs(1_000));
    assert!(bench.events.is_empty());
}

#[test]
fn no_final_ra_leaves_from_a_duplicate_address() {
    let moved = |dadfailed: bool| {
        move |i: &mut Interface| {
            let mut other = i.addresses[1];
            other.address = "fe80::99".parse().unwrap();
            i.addresses.push(other);
            i.addresses[1].flags.tentative = true;
            i.addresses[1].flags.dadfailed = dadfailed;
        }
    };
    for (stopping, dadfailed, expected) in [
        // The kernel detects duplicates again: the interface waits.
        (false, false, [].as_slice()),
        (false, true, &["tap1 serving", "RA 1"]),
        // A stop does not wait for the end of detection.
        (true, false, &["final 1"]),
        (true, true, &[]),
    ] {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(secs(1));
        if stopping {
            bench.fleet.stop();
            bench.act();
        }
        bench.take_events();
        // Within the 3 s, so that the final RA has to wait.
        bench.see(changed(1, moved(false)));
        bench.see(changed(1, moved(dadfailed)));
        bench.run_for(secs(10));
        assert_eq!(bench.take_events(), *expected, "stopping: {stopping}, dadfailed: {dadfailed}");
        assert!(!bench.fleet.owes_final_ras());
    }
}

#[test]
fn a_carrier_flap_is_reported_as_a_carrier_change() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.take_events();
    bench.see(changed(1, |i| i.flags.carrier = false));
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["tap1 carrier false", "tap1 carrier true"]);
}

#[test]
fn a_stray_deadline_is_dropped_and_the_fleet_goes_on() {
    for (what, stray) in [("of no member", 9), ("that a member does not have", 2)] {
        let mut bench = Bench::new();
        bench.see_all([tap(1), tap(2)]);
        bench.take_events();
        bench.fleet.members.add_deadline(bench.now, index(stray));
        assert!(bench.fleet.on_timeout(bench.now), "{what}");
        let fault = Fault::StrayDeadline(index(stray));
        assert_eq!(bench.fleet.poll_action(), Some(Action::Fault(fault)), "{what}");
        assert!(!bench.fleet.on_timeout(bench.now), "{what}: once");
        bench.run_for(secs(16));
        let mut events = bench.take_events();
        events.sort();
        assert_eq!(events, ["RA 1", "RA 2"], "{what}");
    }
}

/// A random change of one interface.
fn change_of(n: u32) -> impl Strategy<Value = Option<Interface>> {
    let what = prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4), 1 => Just(5), 1 => Just(6), 1 => Just(7)];
    what.prop_map(move |what| match what {
        0 => Some(tap(n)),
        1 => Some(changed(n, forwarding_off)),
        2 => Some(changed(n, |i| i.flags.up = false)),
        3 => Some(changed(n, |i| i.flags.carrier = false)),
        4 => Some(changed(n, |i| i.name = "other".to_owned())),
        5 => Some(changed(n, |i| _ = i.addresses.pop())),
        6 => Some(changed(n, |i| {
            i.addresses[0].address = Prefix64::containing("2001:db8:77::".parse().unwrap()).network();
        })),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Bench::act` checks every action against the rules; at the end every fit interface is served and sends
    /// RAs.
    #[test]
    fn the_rules_hold_for_many_interfaces(
        seed: u64,
        capacity in 1_usize..6,
        steps in prop::collection::vec(
            (1_u32..5).prop_flat_map(|n| (Just(n), change_of(n), prop::bool::ANY, 0_u64..4_000)), 1..80),
    ) {
        let mut bench = Bench::new();
        bench.rng = StdRng::seed_from_u64(seed);
        bench.capacity = capacity;
        for (n, seen, solicit, pass) in steps {
            if let Some(interface) = seen {
                bench.see(interface);
            } else {
                bench.fleet.forget(index(n), bench.now);
                bench.act();
                // The next interface with this index has a floor of its own.
                bench.last_sent.remove(&index(n));
            }
            if solicit {
                bench.fleet.on_solicit(index(n), bench.now, &mut bench.rng);
            }
            bench.run_for(Duration::from_millis(pass));
        }
        bench.capacity = usize::MAX;
        bench.take_events();
        bench.see_all((1..5).map(tap));
        bench.run_for(secs(180));
        for n in 1..5 {
            prop_assert!(bench.map.contains(&index(n)));
            let sent = bench.events.iter().filter(|event| **event == format!("RA {n}")).count();
            prop_assert!((3..=60).contains(&sent), "tap{n} sent {sent} RAs");
        }
        bench.see_all([]);
        prop_assert!(bench.map.is_empty() && bench.fleet.next_deadline().is_none());
    }
}
