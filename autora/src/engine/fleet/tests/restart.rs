//! The saved state of one process, restored in the next.

use std::collections::BTreeMap;

use super::*;
use crate::engine::handover::{Advertised, AdvertisedPrefix};

/// How the first process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// SIGHUP, or SIGTERM with `--on-exit keep`.
    Silent,
    /// SIGTERM: every final RA has left.
    Withdrawn,
    /// SIGKILL.
    Killed,
}

/// Starts a second process, `gap` after the first ended as `end` says.
fn restarted(mut first: Bench, end: End, gap: Duration) -> Bench {
    if end == End::Withdrawn {
        first.fleet.stop();
        first.run_for(secs(3));
    }
    let saved = match end {
        End::Silent | End::Withdrawn => first.fleet.final_state(first.now),
        End::Killed => first.fleet.saved_state(first.now),
    };
    let mut second = Bench::new();
    second.now = first.now + gap;
    // The 3 s floor holds across both processes.
    second.last_sent = first.last_sent;
    second.fleet.restore(saved, second.now);
    second
}

/// Serves tap1 for `served`, then starts a second process.
fn tap1_restarted(served: Duration, end: End, gap: Duration) -> Bench {
    let mut first = Bench::new();
    first.see(tap(1));
    first.run_for(served);
    restarted(first, end, gap)
}

fn other_prefix(interface: &mut Interface) {
    interface.addresses[0].address = "2001:db8:99::1".parse().unwrap();
}

fn retired(advert: &RouterAdvert) -> Vec<String> {
    let prefixes = advert.options.iter().filter_map(|option| match option {
        NdOption::PrefixInformation(information) => Some(information),
        NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
    });
    prefixes
        .filter(|information| information.valid.is_zero() && information.preferred.is_zero())
        .map(|information| information.prefix.to_string())
        .collect()
}

const NEW: &[&str] = &["tap1 serving", "+1", "RA 1"];

#[test]
fn after_a_clean_end_the_floor_continues_exactly() {
    for end in [End::Silent, End::Withdrawn] {
        // A final RA starts the floor like any other RA.
        let mut second = tap1_restarted(secs(1), end, Duration::from_millis(100));
        let due = second.last_sent[&index(1)] + MIN_DELAY_BETWEEN_RAS;
        second.see(tap(1));
        second.run_for(due.saturating_since(second.now).saturating_sub(Duration::from_nanos(1)));
        assert_eq!(second.take_events(), ["tap1 serving"], "{end:?}");
        second.run_for(Duration::from_nanos(1));
        assert_eq!((second.now, second.take_events()), (due, vec!["+1".to_owned(), "RA 1".to_owned()]), "{end:?}");
    }
    let mut second = tap1_restarted(secs(1), End::Silent, secs(2));
    second.see(tap(1));
    assert_eq!(second.take_events(), NEW, "the floor has passed");
}

/// Another daemon took over while no process ran, and advertises from the same source.
#[test]
fn nothing_is_withdrawn_that_another_daemon_serves_by_now() {
    for (seen, pattern, expected) in [
        (changed(1, forwarding_off), "^tap", ["tap1 forwarding-off", "another 1", "final 1"]),
        (tap(1), "^vm", ["", "another 1", "final 1"]),
        (tap(1), "^tap", ["tap1 served-by-another", "another 1", "RA 1"]),
    ] {
        for taken in [true, false] {
            let mut second = tap1_restarted(secs(1), End::Silent, secs(60));
            second.fleet.policy.pattern = Regex::new(pattern).unwrap();
            second.others.extend(taken.then_some(index(1)));
            second.see(seen.clone());
            second.run_for(secs(10));
            let events = second.take_events();
            let [reported, refused, sent] = expected.map(|event| events.iter().any(|found| found == event));
            assert_eq!((refused, sent), (taken, !taken), "{events:?}");
            assert!(reported || expected[0].is_empty() || !taken, "{events:?}");
            second.run_for(secs(600));
            let later = second.take_events();
            assert!(!taken || later.is_empty(), "{later:?}");
        }
    }
}

#[test]
fn after_a_crash_every_first_ra_waits_three_seconds() {
    // tap2 is not in the saved state: it may have appeared just before the crash.
    let mut second = tap1_restarted(secs(100), End::Killed, secs(50));
    second.see_all([tap(1), tap(2)]);
    second.run_for(Duration::from_millis(2_999));
    assert_eq!(second.take_events(), ["tap1 serving", "tap2 serving"]);
    second.run_for(Duration::from_millis(1));
    assert_eq!(second.take_events(), ["+1", "RA 1", "+2", "RA 2"]);
    second.see(tap(3));
    assert_eq!(second.take_events(), ["tap3 serving", "+3", "RA 3"], "it came later");
}

#[test]
fn a_clean_end_within_three_seconds_of_a_crash_is_saved_as_unclean() {
    // tap2 was advertised right before the crash, and the second process ended before it saw tap2.
    for (lived, expected) in [(secs(2), ["tap2 serving"].as_slice()), (secs(3), &["tap2 serving", "+2", "RA 2"])] {
        let mut second = tap1_restarted(secs(100), End::Killed, Duration::from_millis(10));
        second.see(tap(1));
        second.run_for(lived);
        let mut third = restarted(second, End::Silent, Duration::from_millis(10));
        third.see(tap(2));
        assert_eq!(third.take_events(), expected, "after {lived:?}");
    }
}

#[test]
fn a_name_that_changes_during_a_stop_is_an_unsaved_change() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.fleet.stop();
    bench.fleet.take_unsaved();
    bench.see(tap(1));
    assert!(bench.fleet.take_unsaved().is_empty(), "positive control");
    bench.see(changed(1, |interface| interface.name = "other".to_owned()));
    assert_eq!(bench.fleet.take_unsaved(), [index(1)].into());
}

#[test]
fn a_link_that_goes_down_during_a_stop_is_owed_no_final_ra() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(1));
    bench.fleet.stop();
    assert!(bench.fleet.owes_final_ras(), "positive control");
    bench.see(changed(1, |interface| interface.flags.up = false));
    assert!(!bench.fleet.owes_final_ras());
    assert_eq!(bench.fleet.final_state(bench.now).interfaces.len(), 1, "guests still hold its prefix");
}

#[test]
fn a_process_that_stops_leaves_unseen_interfaces_to_the_next() {
    let mut first = Bench::new();
    first.see_all([tap(1), tap(2), tap(3)]);
    first.run_for(secs(10));
    let mut second = restarted(first, End::Silent, secs(10));
    // The first dump was interrupted, and the next one ends while the fleet stops.
    second.see(tap(1));
    second.fleet.stop();
    second.see_all([tap(1), tap(2)]);
    let mut known: Vec<_> =
        second.fleet.final_state(second.now).interfaces.into_iter().map(|known| known.name).collect();
    known.sort();
    assert_eq!(known, ["tap1", "tap2"], "a deleted interface is not saved");
}

#[test]
fn without_saved_state_first_ras_leave_at_once() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    assert_eq!(bench.take_events(), NEW);
}

#[test]
fn a_prefix_that_changed_between_processes_is_retired() {
    for end in [End::Silent, End::Withdrawn, End::Killed] {
        let mut second = tap1_restarted(secs(10), end, secs(10));
        second.see(changed(1, other_prefix));
        second.run_for(secs(3));
        let advert = second.last_advert.take().unwrap();
        assert_eq!(retired(&advert), ["2001:db8:1::/64"], "{end:?}");

        let mut second = tap1_restarted(secs(10), end, secs(10));
        second.see(tap(1));
        second.run_for(secs(3));
        let advert = second.last_advert.take().unwrap();
        assert!(retired(&advert).is_empty(), "positive control: {end:?}");
    }
}

#[test]
fn a_valid_lifetime_runs_on_through_a_restart() {
    let until = |end| {
        let mut second = tap1_restarted(secs(10), end, secs(600));
        second.see(changed(1, other_prefix));
        let start = second.now;
        let is_sent = |second: &mut Bench| {
            second.run_for(secs(60));
            second.last_advert.as_ref().is_none_or(|advert| !retired(advert).is_empty())
        };
        while is_sent(&mut second) {}
        second.now.saturating_since(start)
    };
    // `is_sent` checks once a minute.
    let (clean, killed) = (until(End::Silent), until(End::Killed));
    assert!((secs(85_700)..secs(85_900)).contains(&clean), "{clean:?}");
    assert!((secs(86_400)..secs(86_530)).contains(&killed), "an RA may have left just before the crash: {killed:?}");
}

#[test]
fn a_retired_prefix_stays_retired_over_a_restart() {
    let mut first = Bench::new();
    first.see(tap(1));
    first.run_for(secs(10));
    first.see(changed(1, other_prefix));
    first.run_for(secs(10));
    let mut second = restarted(first, End::Silent, secs(5));
    second.see(changed(1, other_prefix));
    assert_eq!(retired(second.last_advert.as_ref().unwrap()), ["2001:db8:1::/64"]);
}

#[test]
fn a_source_that_changed_between_processes_sends_a_final_ra() {
    let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
    second.see(changed(1, |i| i.addresses[1].address = "fe80::99".parse().unwrap()));
    assert!(second.take_events().is_empty(), "the saved source may come back");
    second.run_for(GRACE);
    assert_eq!(second.take_events(), NEW);
    second.run_for(secs(3));
    assert_eq!(second.take_events(), ["final 1"]);

    let mut second = tap1_restarted(secs(10), End::Withdrawn, secs(10));
    second.see(changed(1, |i| i.addresses[1].address = "fe80::99".parse().unwrap()));
    assert_eq!(second.take_events(), NEW, "guests held no router any more");
}

#[test]
fn a_saved_interface_that_is_not_fit_is_waited_for() {
    for (change, events) in [
        (forwarding_off as fn(&mut Interface), ["tap1 forwarding-off"].as_slice()),
        (|i| i.addresses[1].address = "fe80::99".parse().unwrap(), &[]),
        (other_prefix, &[]),
    ] {
        let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
        second.see(changed(1, change));
        assert_eq!(second.take_events(), events);
        second.run_for(Duration::from_millis(999));
        second.see(tap(1));
        second.run_for(secs(17));
        let events = second.take_events();
        assert_eq!(events[events.len() - 3..], ["+1", "RA 1", "RA 1"], "a burst, and no final RA");
        assert!(retired(second.last_advert.as_ref().unwrap()).is_empty());
    }
}

#[test]
fn a_restart_within_the_grace_begins_another_second() {
    let mut first = Bench::new();
    first.see(tap(1));
    first.run_for(secs(10));
    first.see(changed(1, forwarding_off));
    first.run_for(Duration::from_millis(500));
    let mut second = restarted(first, End::Silent, Duration::from_millis(100));
    second.see(changed(1, forwarding_off));
    second.run_for(Duration::from_millis(999));
    assert_eq!(second.take_events(), ["tap1 forwarding-off"]);
    second.run_for(Duration::from_millis(1));
    assert_eq!(second.take_events(), ["final 1"]);
}

#[test]
fn a_final_ra_that_the_source_before_is_owed_survives_a_restart() {
    let source_99 = |i: &mut Interface| i.addresses[1].address = "fe80::99".parse().unwrap();
    for (end, gap, expected) in [
        (End::Silent, secs(3), ["tap1 serving", "final 1"].as_slice()),
        (End::Killed, secs(3), &["tap1 serving"]),
        // Its Router Lifetime has run out.
        (End::Silent, secs(180), NEW),
        (End::Withdrawn, secs(3), NEW),
    ] {
        let mut first = Bench::new();
        first.see(tap(1));
        first.run_for(secs(10));
        first.see(changed(1, source_99));
        first.run_for(GRACE);
        let mut second = restarted(first, end, gap);
        second.see(changed(1, source_99));
        assert_eq!(second.take_events(), expected, "{end:?}");
        if expected != NEW {
            second.run_for(secs(6));
            let events = second.take_events();
            assert_eq!(events[events.len() - 2..], ["+1", "RA 1"], "{end:?}: the final RA leaves first");
        }
    }
}

#[test]
fn a_router_lifetime_runs_on_through_a_restart() {
    let source_99 = |i: &mut Interface| i.addresses[1].address = "fe80::99".parse().unwrap();
    // The last RA left 10 s before the end; after a crash it may have left at the end.
    for (end, gap, is_waited_for) in [
        (End::Silent, secs(169), true),
        (End::Silent, secs(170), false),
        (End::Killed, secs(1_000), true),
        (End::Withdrawn, secs(10), false),
    ] {
        let mut second = tap1_restarted(secs(10), end, gap);
        second.see(changed(1, source_99));
        let events = second.take_events();
        assert_eq!(events.is_empty(), is_waited_for, "{end:?} {gap:?}: {events:?}");
    }
}

#[test]
fn an_interface_that_is_not_served_after_a_restart_sends_a_final_ra() {
    for (what, change, expected) in [
        ("not fit", forwarding_off as fn(&mut Interface), [&["tap1 forwarding-off"] as &[_], &["final 1"]]),
        ("down", |i| i.flags.up = false, [&["tap1 down"], &[]]),
        // The kernel may have reused the index for another interface.
        ("another name", |i| i.name = "other".to_owned(), [&[], &[]]),
        ("lost carrier", |i| i.flags.carrier = false, [&["tap1 serving"], &[]]),
    ] {
        let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
        second.see_all([changed(1, change)]);
        assert_eq!(second.take_events(), *expected[0], "{what}");
        second.run_for(GRACE);
        assert_eq!(second.take_events(), *expected[1], "{what}");
        second.run_for(secs(100));
        assert!(second.events.is_empty(), "{what}");
    }
}

#[test]
fn an_interface_that_no_longer_matches_after_a_restart_sends_a_final_ra() {
    let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
    second.fleet.policy.pattern = Regex::new("^vm[0-9]+$").unwrap();
    second.see_all([tap(1), tap(2)]);
    assert!(second.take_events().is_empty());
    second.run_for(GRACE);
    assert_eq!(second.take_events(), ["final 1"]);
}

#[test]
fn missing_interfaces_are_forgotten_after_a_full_resync() {
    let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
    second.see(tap(2));
    let names = |bench: &Bench| {
        let mut names: Vec<_> =
            bench.fleet.saved_state(bench.now).interfaces.into_iter().map(|known| known.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&second), ["tap1", "tap2"], "after an interrupted dump");
    second.see_all([tap(2)]);
    assert_eq!(names(&second), ["tap2"]);
    second.fleet.forget(index(2), second.now);
    assert!(names(&second).is_empty());
}

#[test]
fn a_crash_before_the_first_resync_keeps_the_saved_state() {
    let second = tap1_restarted(secs(10), End::Silent, secs(10));
    let mut third = restarted(second, End::Killed, secs(10));
    third.see(changed(1, other_prefix));
    third.run_for(secs(3));
    assert_eq!(retired(third.last_advert.as_ref().unwrap()), ["2001:db8:1::/64"]);
}

type Act<'a> = &'a dyn Fn(&mut Bench);

#[test]
fn only_a_change_of_the_saved_state_is_an_unsaved_change() {
    let source_99 = |interface: &mut Interface| interface.addresses[1].address = "fe80::99".parse().unwrap();
    let mut bench = Bench::new();
    let steps: &[(&str, Act<'_>, &[u32])] = &[
        ("nothing yet", &|_| (), &[]),
        ("first RAs", &|bench| bench.see_all([tap(1), tap(2), tap(4)]), &[1, 2, 4]),
        ("periodic RAs", &|bench| bench.run_for(secs(1_000)), &[]),
        (
            "a solicited RA",
            &|bench| {
                bench.fleet.on_solicit(index(1), bench.now, &mut bench.rng);
            },
            &[],
        ),
        ("an interface that is not fit", &|bench| bench.see(changed(3, forwarding_off)), &[]),
        ("another prefix", &|bench| bench.see(changed(1, other_prefix)), &[]),
        ("the end of the grace", &|bench| bench.run_for(GRACE), &[1]),
        ("RAs with it", &|bench| bench.run_for(secs(1_000)), &[]),
        ("the first again", &|bench| bench.see(tap(1)), &[]),
        ("the end of the grace", &|bench| bench.run_for(GRACE), &[1]),
        ("the end of the 3 s", &|bench| bench.run_for(secs(3)), &[]),
        ("another source", &|bench| bench.see(changed(1, source_99)), &[]),
        ("the first RA from it", &|bench| bench.run_for(secs(2)), &[1]),
        ("the final RA of the one before", &|bench| bench.run_for(secs(3)), &[1]),
        ("more RAs", &|bench| bench.run_for(secs(100)), &[]),
        ("another name", &|bench| bench.see(changed(2, |i| i.name = "tap22".to_owned())), &[2]),
        ("no name that matches", &|bench| bench.see(changed(4, |i| i.name = "eth4".to_owned())), &[4]),
        ("its final RA", &|bench| bench.run_for(GRACE), &[4]),
        ("its end", &|bench| bench.fleet.forget(index(1), bench.now), &[1]),
        ("nothing more", &|bench| bench.run_for(secs(1_000)), &[]),
    ];
    for (what, act, expected) in steps {
        act(&mut bench);
        bench.run_for(Duration::ZERO);
        let expected: BTreeSet<_> = expected.iter().map(|&number| index(number)).collect();
        assert_eq!(bench.fleet.take_unsaved(), expected, "{what}");
    }
}

#[test]
fn a_restored_unchanged_interface_is_no_unsaved_change() {
    let second = |gap, seen: Vec<Interface>| {
        let mut first = Bench::new();
        first.see_all([tap(1), tap(2), tap(3)]);
        first.run_for(secs(10));
        let mut second = restarted(first, End::Silent, gap);
        assert!(second.fleet.take_unsaved().is_empty(), "just restored");
        second.see_all(seen);
        second.run_for(GRACE);
        second.fleet.take_unsaved()
    };
    let all = || vec![tap(1), tap(2), tap(3)];
    assert!(second(secs(10), all()).is_empty());
    let other_name = || changed(2, |interface| interface.name = "other".to_owned());
    let changes = vec![changed(1, other_prefix), other_name()];
    assert_eq!(second(secs(10), changes), [1, 2, 3].map(index).into(), "changed, renamed, deleted");
}

#[test]
fn a_shortened_lifetime_is_an_unsaved_change() {
    for (lifetime, expected) in [(secs(600), vec![index(1)]), (secs(86_400), vec![])] {
        let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
        second.fleet.parameters.valid_lifetime = lifetime;
        second.fleet.parameters.preferred_lifetime = secs(60);
        second.see_all([tap(1)]);
        assert_eq!(Vec::from_iter(second.fleet.take_unsaved()), expected, "{lifetime:?}");
        second.run_for(secs(1_000));
        assert!(second.fleet.take_unsaved().is_empty(), "and only once");
    }
}

#[test]
fn unsaved_changes_keep_a_saved_state_up_to_date() {
    let mut bench = Bench::new();
    let mut saved = BTreeMap::new();
    let steps: [Act<'_>; 6] = [
        &|bench| bench.see_all([tap(1), tap(2), tap(3)]),
        &|bench| bench.see(changed(1, other_prefix)),
        &|bench| bench.see(changed(2, forwarding_off)),
        &|bench| bench.see(changed(2, |i| i.flags.up = false)),
        &|bench| bench.see(changed(3, |i| i.name = "tap33".to_owned())),
        &|bench| bench.fleet.forget(index(1), bench.now),
    ];
    for (step, act) in steps.iter().enumerate() {
        act(&mut bench);
        bench.run_for(secs(5));
        for index in bench.fleet.take_unsaved() {
            match bench.fleet.saved_update(index, bench.now) {
                SavedUpdate::Known(known) => _ = saved.insert(index, known),
                SavedUpdate::Gone(index) => _ = saved.remove(&index),
            }
        }
        let key = |known: &SavedInterface| {
            let source = known.advertised.router.map(|router| router.source);
            (known.index, known.name.clone(), source)
        };
        let present = bench.fleet.saved_state(bench.now).interfaces;
        let present: BTreeSet<_> = present.iter().map(key).collect();
        assert_eq!(saved.values().map(key).collect::<BTreeSet<_>>(), present, "step {step}");
    }
}

#[test]
fn a_saved_instant_in_the_future_delays_no_ra() {
    let mut second = Bench::new();
    let later = second.now + secs(10_000);
    let advertised = Advertised {
        last_sent: Some(later),
        prefix: Some(AdvertisedPrefix {
            prefix: Prefix64::containing("2001:db8:1::".parse().unwrap()),
            valid_until: later,
        }),
        ..Advertised::default()
    };
    let interfaces = vec![SavedInterface { index: index(1), name: "tap1".to_owned(), advertised }];
    second.fleet.restore(SavedState { ending: Ending::Clean, interfaces }, second.now);
    second.see(tap(1));
    second.run_for(secs(3));
    assert_eq!(second.take_events(), NEW);
}

/// A second link-local address, lower than the one in use.
fn lower_source(interface: &mut Interface) {
    let mut lower = interface.addresses[1];
    lower.address = "fe80::".parse().unwrap();
    interface.addresses.push(lower);
}

#[test]
fn the_source_in_use_stays_over_a_restart() {
    for end in [End::Silent, End::Killed] {
        let mut first = Bench::new();
        first.see(tap(1));
        first.see(changed(1, lower_source));
        first.run_for(secs(10));
        let mut second = restarted(first, end, secs(10));
        second.see(changed(1, lower_source));
        if end == End::Killed {
            second.run_for(secs(3));
        }
        assert_eq!(second.take_events(), NEW, "no final RA: {end:?}");
    }
    // Positive control: without a source in use the lowest is selected.
    let mut second = Bench::new();
    second.see(changed(1, lower_source));
    assert!(matches!(
        second.fleet.verdicts().next(),
        Some((_, Verdict::Serve(service))) if service.source.to_string() == "fe80::"
    ));
}

#[test]
fn the_prefix_in_use_is_kept_over_a_restart_if_the_operator_wants_that() {
    let several = |i: &mut Interface| i.addresses.insert(0, address("2001:db8::1", 64));
    for (several_prefixes, expected) in
        [(SeveralPrefixes::Keep, NEW), (SeveralPrefixes::Refuse, &["tap1 several-prefixes"])]
    {
        let mut second = tap1_restarted(secs(10), End::Silent, secs(10));
        second.fleet.policy.addresses.several_prefixes = several_prefixes;
        second.see(changed(1, several));
        assert_eq!(second.take_events(), expected);
    }
}

#[test]
fn a_final_ra_does_not_advertise_a_prefix_that_went() {
    let options = |gap: Duration, change: &dyn Fn(&mut Interface), pattern: &str| {
        let mut second = tap1_restarted(secs(10), End::Silent, gap);
        second.fleet.policy.pattern = Regex::new(pattern).unwrap();
        second.see_all([changed(1, change)]);
        second.run_for(GRACE);
        assert_eq!(second.take_events().last().unwrap(), "final 1");
        let advert = second.last_advert.take().unwrap();
        (advert.options.len(), retired(&advert).len())
    };
    let no_prefix = |i: &mut Interface| _ = i.addresses.remove(0);
    let other_prefix_not_fit = |i: &mut Interface| {
        other_prefix(i);
        forwarding_off(i);
    };
    assert_eq!(options(secs(10), &no_prefix, "^vm$"), (1, 1), "neither pattern nor prefix");
    assert_eq!(options(secs(10), &other_prefix_not_fit, "^tap1$"), (1, 1), "another prefix");
    assert_eq!(options(secs(10), &forwarding_off, "^tap1$"), (1, 0), "positive control");
}

#[test]
fn a_link_that_goes_down_is_no_unsaved_change() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.see(changed(1, |i| _ = i.addresses.remove(0)));
    bench.run_for(secs(10));
    assert_eq!(bench.fleet.take_unsaved(), [index(1)].into(), "positive control: a final RA left");
    let before = bench.fleet.saved_state(bench.now);
    bench.see(changed(1, |i| {
        i.addresses.clear();
        i.flags.up = false;
    }));
    assert_eq!(bench.fleet.saved_state(bench.now), before);
    assert!(bench.fleet.take_unsaved().is_empty());
}
