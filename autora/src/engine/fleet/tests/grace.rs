//! A pair in use that goes: the SERVED map, the reports and the RAs.

use super::*;

fn other_source(interface: &mut Interface) {
    interface.addresses[1].address = "fe80::99".parse().unwrap();
}

fn other_prefix(interface: &mut Interface) {
    interface.addresses[0].address = "2001:db8:99::1".parse().unwrap();
}

/// Returns a bench that serves tap1 and whose last RA left 10 s before.
fn serving() -> Bench {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.take_events();
    bench
}

#[test]
fn an_interface_that_is_not_to_be_served_loses_its_entry_at_once_and_has_it_back_at_once() {
    let not_served: [(_, fn(&mut Interface)); 4] = [
        ("forwarding-off", forwarding_off),
        ("no-prefix", |i| _ = i.addresses.remove(0)),
        ("no-link-local", |i| _ = i.addresses.remove(1)),
        ("no match", |i| i.name = "other".to_owned()),
    ];
    for (reason, change) in not_served {
        let mut bench = serving();
        let due = bench.fleet.next_deadline();
        bench.see(changed(1, change));
        assert_eq!(bench.take_events(), ["-1".to_owned(), format!("tap1 {reason}")]);
        bench.run_for(Duration::from_millis(500));
        bench.see(tap(1));
        assert_eq!(bench.take_events(), ["+1", "tap1 serving"], "{reason}");
        assert_eq!(bench.fleet.next_deadline(), due, "{reason}: the schedule stands");
        bench.run_for(secs(6));
        assert_eq!(bench.take_events(), ["RA 1"], "{reason}: with an entry that was there");
    }
}

#[test]
fn a_map_without_room_for_an_interface_that_is_back_makes_it_not_served() {
    let mut bench = serving();
    bench.see(changed(1, forwarding_off));
    bench.take_events();
    bench.capacity = 0;
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["full 1", "tap1 serving", "tap1 filter-full"]);
}

#[test]
fn an_interface_that_could_be_served_with_another_pair_keeps_its_entry() {
    for change in [other_source, other_prefix] {
        let mut bench = serving();
        bench.see(changed(1, change));
        bench.run_for(Duration::from_millis(999));
        assert!(bench.take_events().is_empty(), "neither an action nor a report within the grace");
        bench.run_for(Duration::from_millis(1));
        assert_eq!(bench.take_events(), ["tap1 serving", "RA 1"]);
    }
}

#[test]
fn an_entry_that_was_removed_is_not_added_for_another_pair_within_the_grace() {
    let mut bench = serving();
    bench.see(changed(1, forwarding_off));
    bench.run_for(Duration::from_millis(300));
    bench.take_events();
    bench.see(changed(1, other_source));
    bench.run_for(Duration::from_millis(699));
    assert!(bench.take_events().is_empty());
    bench.run_for(Duration::from_millis(1));
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
}

#[test]
fn a_pair_that_is_back_within_the_grace_is_not_reported() {
    for change in [other_source, other_prefix] {
        let mut bench = serving();
        let due = bench.fleet.next_deadline();
        bench.see(changed(1, change));
        bench.run_for(Duration::from_millis(500));
        bench.see(tap(1));
        assert_eq!(bench.fleet.next_deadline(), due);
        bench.run_for(secs(6));
        assert_eq!(bench.take_events(), ["RA 1"]);
    }
}

#[test]
fn each_verdict_is_reported_once() {
    let mut bench = serving();
    let both = |i: &mut Interface| {
        forwarding_off(i);
        i.addresses.truncate(1);
    };
    bench.see(changed(1, forwarding_off));
    bench.see(changed(1, forwarding_off));
    bench.see_all([changed(1, forwarding_off)]);
    assert_eq!(bench.take_events(), ["-1", "tap1 forwarding-off"]);
    bench.see(changed(1, both));
    assert_eq!(bench.take_events(), ["tap1 forwarding-off,no-link-local"]);
    bench.run_for(secs(100));
    assert_eq!(bench.take_events(), ["final 1"]);
}

#[test]
fn the_end_of_the_grace_is_a_deadline_at_which_nothing_may_leave() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.see(changed(1, forwarding_off));
    bench.take_events();
    let end = bench.now + GRACE;
    assert_eq!(bench.fleet.next_deadline(), Some(end));
    bench.now = end;
    assert!(bench.fleet.on_timeout(end), "it was due");
    assert_eq!(bench.fleet.poll_action(), None, "the floor holds the final RA");
    bench.run_for(secs(2));
    assert_eq!(bench.take_events(), ["final 1"]);
}

#[test]
fn a_second_prefix_that_takes_over_within_the_grace_is_a_change() {
    // Renumbering: add the new one, deprecate the old one, later delete it.
    let add = |i: &mut Interface| i.addresses.insert(1, address("2001:db8:99::1", 64));
    let deprecate = |i: &mut Interface| {
        add(i);
        i.addresses[0].flags.deprecated = true;
    };
    let mut bench = serving();
    bench.see(changed(1, add));
    assert_eq!(bench.take_events(), ["-1", "tap1 several-prefixes"]);
    bench.run_for(Duration::from_millis(500));
    bench.see(changed(1, deprecate));
    bench.run_for(Duration::from_millis(500));
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
    assert_eq!(bench.last_advert.as_ref().unwrap().options.len(), 2, "the old one is retired");
    bench.run_for(secs(10));
    bench.see(changed(1, other_prefix));
    assert!(bench.take_events().is_empty(), "the deleted one was not in use");
}

#[test]
fn a_parked_prefix_is_no_change() {
    let parked = |i: &mut Interface| {
        i.addresses.insert(1, address("2001:db8:99::1", 64));
        i.addresses[1].flags.deprecated = true;
    };
    let mut bench = serving();
    bench.see(changed(1, parked));
    assert!(bench.take_events().is_empty());
    bench.run_for(secs(6));
    assert_eq!(bench.take_events(), ["RA 1"]);
    assert_eq!(bench.last_advert.as_ref().unwrap().options.len(), 1);
}

#[test]
fn with_several_prefixes_the_one_in_use_is_kept_if_the_operator_wants_that() {
    let several = |i: &mut Interface| i.addresses.insert(0, address("2001:db8::1", 64));
    let keeping = || {
        let mut bench = Bench::new();
        bench.fleet.policy.addresses.several_prefixes = SeveralPrefixes::Keep;
        bench
    };
    let mut bench = keeping();
    bench.see(changed(1, several));
    assert_eq!(bench.take_events(), ["tap1 several-prefixes"], "none is in use");

    let mut bench = keeping();
    bench.see(tap(1));
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, several));
    assert_eq!(bench.take_events(), ["tap1 serving"], "the other one is reported");
    bench.run_for(secs(6));
    assert_eq!(bench.take_events(), ["RA 1"], "it goes on");
    bench.see(changed(1, |i| i.flags.up = false));
    bench.run_for(secs(10));
    bench.take_events();
    bench.see(changed(1, several));
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"], "also after down and up");
    assert_eq!(bench.last_advert.as_ref().unwrap().options.len(), 1, "the same prefix");
}

#[test]
fn an_interface_that_was_down_is_only_waited_for() {
    let without_link_local = |i: &mut Interface| i.addresses.truncate(1);
    for (what, change, expected) in [
        ("down", (|i| i.flags.up = false) as fn(&mut Interface), [].as_slice()),
        ("no IPv6", |i| i.ipv6 = None, &[]),
        ("IPv6 disabled", |i| i.ipv6.as_mut().unwrap().disabled = true, &[]),
        ("the control", |i| i.addresses.truncate(1), &["final 1"]),
    ] {
        let mut bench = serving();
        bench.see(changed(1, change));
        // The kernel makes a new link-local address, which takes longer than the grace.
        bench.see(changed(1, without_link_local));
        bench.take_events();
        bench.run_for(secs(10));
        assert_eq!(bench.take_events(), expected, "{what}");
        bench.see(tap(1));
        assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"], "{what}");
    }
}

#[test]
fn an_interface_whose_source_is_under_detection_keeps_its_entry_and_waits() {
    let tentative = |i: &mut Interface| i.addresses[1].flags.tentative = true;
    let mut bench = serving();
    bench.see(changed(1, tentative));
    assert_eq!(bench.fleet.row(index(1)).unwrap().state, ServiceState::Paused);
    bench.fleet.on_solicit(index(1), bench.now, &mut bench.rng);
    bench.run_for(secs(20));
    assert!(bench.take_events().is_empty(), "neither an action nor a report");
    bench.see(tap(1));
    assert_eq!(bench.take_events(), ["~1", "RA 1"], "what was due leaves");
    assert_eq!(bench.fleet.row(index(1)).unwrap().state, ServiceState::Serving);
}

#[test]
fn ends_of_lifetimes_that_the_kernel_rounds_are_no_change() {
    let lasting = |millis: u64| {
        let end = BootInstant::from_boot(secs(3_000) + Duration::from_millis(millis));
        move |i: &mut Interface| {
            i.addresses[0].lifetimes = Lifetimes { valid: Some(end), preferred: Preferred::Until(end) };
        }
    };
    let mut bench = Bench::new();
    bench.see(changed(1, lasting(0)));
    bench.run_for(secs(100));
    bench.take_events();
    let due = bench.fleet.next_deadline();
    // Each is compared with the first one, so that many small steps do not add up.
    for millis in [1_000, 1_900, 500] {
        bench.see(changed(1, lasting(millis)));
        assert_eq!(bench.fleet.verdict_of(index(1)).unwrap().0, &changed(1, lasting(0)), "{millis}");
    }
    bench.see(changed(1, lasting(900_000)));
    assert_eq!((bench.take_events(), bench.fleet.next_deadline()), (Vec::new(), due), "longer: no RA at once");
    bench.see(changed(1, lasting(1_000)));
    bench.run_for(secs(3));
    assert_eq!(bench.take_events(), ["RA 1"], "shorter: an RA at once, and no report");
}

#[test]
fn a_preferred_lifetime_that_ran_out_while_it_was_seen_stays_over() {
    let lasting = |preferred, deprecated| {
        move |i: &mut Interface| {
            i.addresses[0].lifetimes = Lifetimes { valid: None, preferred };
            i.addresses[0].flags.deprecated = deprecated;
        }
    };
    let preferred = |bench: &Bench| match bench.last_advert.as_ref().unwrap().options.last() {
        Some(NdOption::PrefixInformation(information)) => information.preferred.as_secs(),
        other => panic!("{other:?}"),
    };
    let mut bench = Bench::new();
    bench.see(changed(1, lasting(Preferred::Until(bench.now + secs(50)), false)));
    bench.run_for(secs(50));
    bench.see(changed(1, lasting(Preferred::Zero, true)));
    bench.run_for(secs(200));
    assert_eq!(preferred(&bench), 0);
    // Positive control: the operator has parked an address that was 0 when it was first seen.
    let mut bench = Bench::new();
    bench.see(changed(1, lasting(Preferred::Zero, true)));
    bench.run_for(secs(200));
    assert_eq!(preferred(&bench), 14_400);
}

#[test]
fn an_option_about_the_link_that_changes_restarts_the_burst() {
    let mac = |i: &mut Interface| i.link_address = Some([2, 0, 0, 0, 0, 9]);
    let mtu = |i: &mut Interface| i.mtu = 1400;
    for (source_link_layer_address, wants_mtu, change, expected) in [
        (true, false, mac as fn(&mut Interface), true),
        (false, true, mtu, true),
        (true, true, mac, true),
        (false, true, mac, false),
        (true, false, mtu, false),
        (false, false, mac, false),
    ] {
        let mut bench = Bench::new();
        bench.fleet.link_options = LinkOptions { source_link_layer_address, mtu: wants_mtu };
        bench.see(changed(1, |i| i.link_address = Some([2, 0, 0, 0, 0, 1])));
        bench.run_for(secs(10));
        bench.take_events();
        bench.see(changed(1, |i| {
            i.link_address = Some([2, 0, 0, 0, 0, 1]);
            change(i);
        }));
        assert_eq!(!bench.take_events().is_empty(), expected, "{source_link_layer_address} {wants_mtu}");
    }
}

#[test]
fn a_deleted_interface_that_comes_back_keeps_its_floor() {
    let named = |name: &'static str| move |i: &mut Interface| i.name = name.to_owned();
    for (gone, n, name, wait) in [
        (1_000, 1, "tap1", 2_000),
        (2_999, 1, "tap1", 1),
        (3_000, 1, "tap1", 0),
        // The kernel has reused the index, or the name.
        (1_000, 1, "tap7", 0),
        (1_000, 2, "tap1", 0),
    ] {
        let mut bench = Bench::new();
        bench.see(tap(1));
        bench.run_for(Duration::from_millis(gone));
        bench.fleet.forget(index(1), bench.now);
        bench.see_all([]);
        bench.last_sent.clear();
        bench.take_events();
        bench.see(changed(n, named(name)));
        let back = bench.now;
        while !bench.events.iter().any(|event| event.starts_with("RA")) {
            bench.run_for(Duration::from_millis(1));
        }
        let waited = bench.now.saturating_since(back);
        assert_eq!(waited.as_millis().saturating_sub(1).max(wait), wait, "{gone} ms, {n} {name}: {waited:?}");
        assert!(waited.as_millis() >= wait);
        assert_eq!(bench.last_advert.as_ref().unwrap().options.len(), 1, "everything else is forgotten");
    }
}

#[test]
fn an_interface_that_is_deleted_within_the_grace_sends_nothing() {
    for deleted in [true, false] {
        let mut bench = serving();
        bench.see(changed(1, forwarding_off));
        if deleted {
            bench.fleet.forget(index(1), bench.now);
        }
        bench.run_for(Duration::ZERO);
        bench.take_events();
        bench.run_for(secs(100));
        let expected: &[&str] = if deleted { &[] } else { &["final 1"] };
        assert_eq!(bench.take_events(), expected);
    }
}

#[test]
fn a_stop_within_the_grace_sends_the_final_ra_at_once() {
    for (change, expected) in [
        (forwarding_off as fn(&mut Interface), ["final 1"].as_slice()),
        (other_source, &["-1", "final 1"]),
        (|i| i.flags.up = false, &[]),
        (|i| i.flags.carrier = false, &["-1"]),
    ] {
        let mut bench = serving();
        bench.see(changed(1, change));
        bench.take_events();
        bench.fleet.stop();
        bench.run_for(Duration::ZERO);
        assert_eq!(bench.take_events(), expected);
        assert!(!bench.fleet.owes_final_ras());
    }
}

#[test]
fn unsolicited_ras_leave_on_the_grid() {
    let mut bench = Bench::new();
    bench.fleet = bench.fleet.with_grid(SendGrid::with_phase(Duration::from_millis(130)));
    bench.see_all((1..=20).map(tap));
    bench.run_for(secs(40));
    // The burst is over: intervals are random.
    for _ in 0..100 {
        let due = bench.fleet.next_deadline().unwrap();
        bench.run_for(due.saturating_since(bench.now));
        assert_eq!(due.since_boot().as_millis() % 250, 130);
    }
    bench.fleet.on_solicit(index(1), bench.now, &mut bench.rng).expect("an answer");
    let due = bench.fleet.next_deadline().unwrap();
    assert_ne!(due.since_boot().as_millis() % 250, 130, "an answer is not postponed");
}
