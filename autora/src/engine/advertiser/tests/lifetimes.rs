//! Lifetimes that follow the host, and options about the link.

use super::*;

/// Returns a service whose prefix has these lifetimes.
fn lasting(lifetimes: Lifetimes) -> Service {
    Service { lifetimes, ..service(1, 1) }
}

/// Returns lifetimes that end so many seconds after `start`, or never.
fn ending(start: BootInstant, valid: Option<u64>, preferred: Option<u64>) -> Lifetimes {
    let end = |seconds| start + secs(seconds);
    Lifetimes { valid: valid.map(end), preferred: preferred.map(end).map_or(Preferred::ForEver, Preferred::Until) }
}

/// Returns the valid and the preferred lifetime of the last prefix in seconds.
fn last_lifetimes(advert: &RouterAdvert) -> (u64, u64) {
    match advert.options.last() {
        Some(NdOption::PrefixInformation(information)) => {
            (information.valid.as_secs(), information.preferred.as_secs())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_ra_says_what_is_left() {
    let mut bench = Bench::new(90);
    let lifetimes = ending(bench.now, Some(500), Some(20));
    bench.serve(lasting(lifetimes));
    bench.run_for(secs(32));
    let said: Vec<_> = bench.sent.iter().map(|sent| last_lifetimes(&sent.advert)).collect();
    assert_eq!(said, [(500, 20), (484, 4), (468, 0)]);
}

#[test]
fn a_shorter_lifetime_restarts_the_burst_and_a_longer_one_does_not() {
    // Valid and preferred, in seconds from the change on.
    for (before, after, restarts) in [
        ((None, None), (Some(1_000), None), true),
        ((None, None), (None, Some(1_000)), true),
        // What RAs say counts: the settings are 86,400 s and 14,400 s.
        ((None, None), (Some(90_000), Some(20_000)), false),
        ((None, None), (Some(86_399), None), false),
        ((None, None), (Some(86_398), None), true),
        ((None, None), (None, Some(14_399)), false),
        ((None, None), (None, Some(14_398)), true),
        ((Some(1_000), None), (Some(999), None), false),
        ((Some(1_000), None), (Some(998), None), true),
        ((None, Some(100)), (None, Some(99)), false),
        ((None, Some(100)), (None, Some(98)), true),
        ((None, Some(100)), (None, Some(0)), true),
        ((Some(1_000), Some(100)), (Some(2_000), Some(100)), false),
        ((Some(1_000), Some(100)), (Some(2_000), Some(200)), false),
        ((Some(1_000), Some(100)), (None, None), false),
        ((Some(1_000), Some(100)), (Some(2_000), Some(50)), true),
        ((Some(1_000), Some(100)), (Some(500), Some(200)), true),
    ] {
        let mut bench = Bench::new(91);
        let change = bench.now + secs(200);
        let service = |(valid, preferred)| lasting(ending(change, valid, preferred));
        bench.serve(service(before));
        bench.run_for(secs(200));
        bench.sent.clear();
        let due = bench.advertiser.deadline();
        bench.serve(service(after));
        let restarted = !bench.sent.is_empty() || bench.advertiser.deadline() != due;
        assert_eq!(restarted, restarts, "{before:?}, then {after:?}");
    }
}

#[test]
fn a_shorter_lifetime_leaves_at_once_and_three_times() {
    let mut bench = Bench::rested(92);
    let start = bench.now;
    bench.serve(lasting(ending(start, Some(1_000), Some(100))));
    bench.run_for(secs(32));
    assert_eq!(bench.log(start), [0, 16_000, 32_000].map(|at| entry(at, "unsolicited", 1)));
    assert_eq!(last_lifetimes(&bench.sent[0].advert), (1_000, 100));

    let mut bench = Bench::settled(92);
    let start = bench.now;
    bench.serve(lasting(ending(start, Some(1_000), Some(100))));
    bench.run_for(secs(3));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 1)], "not before the floor");
}

#[test]
fn a_prefix_whose_addresses_are_all_deprecated_is_sent_with_preferred_zero() {
    let mut bench = Bench::rested(93);
    bench.serve(lasting(Lifetimes { valid: None, preferred: Preferred::Zero }));
    assert_eq!(last_lifetimes(&bench.sent[0].advert), (86_400, 0));
    bench.run_for(secs(40));
    bench.sent.clear();
    bench.serve(lasting(FOR_EVER));
    assert!(bench.sent.is_empty(), "a longer lifetime waits for the next RA");
    bench.step();
    assert_eq!(last_lifetimes(&bench.sent[0].advert), (86_400, 14_400));
}

#[test]
fn lifetimes_that_run_out_are_no_change() {
    let mut bench = Bench::new(94);
    let (valid, preferred) = (600, 300);
    let start = bench.now;
    let running = ending(start, Some(valid), Some(preferred));
    bench.serve(lasting(running));
    bench.run_for(secs(100));
    let hash = bench.advertiser.saved_hash();
    bench.sent.clear();
    for _ in 0..45 {
        let passed = bench.now.saturating_since(start);
        // The kernel marks the address deprecated.
        let over = Lifetimes { preferred: Preferred::Zero, ..running };
        bench.serve(lasting(if passed >= secs(preferred) { over } else { running }));
        bench.run_for(secs(10));
        assert_eq!(bench.advertiser.saved_hash(), hash, "after {passed:?}");
    }
    assert!(bench.gaps().iter().all(|gap| *gap >= secs(20)), "no burst: {:?}", bench.gaps());
    let said: Vec<_> = bench.sent.iter().map(|sent| last_lifetimes(&sent.advert)).collect();
    assert!(said.is_sorted_by(|earlier, later| earlier > later) && said.last().unwrap().1 == 0, "{said:?}");
}

#[test]
fn the_valid_lifetime_that_was_sent_is_recorded() {
    let mut bench = Bench::rested(95);
    let [end, sooner] = [500_700, 400_700].map(|left| bench.now + millis(left));
    bench.serve(lasting(Lifetimes { valid: Some(end), preferred: Preferred::ForEver }));
    let valid_until = |bench: &Bench| bench.advertiser.advertised().prefix.unwrap().valid_until;
    assert_eq!(valid_until(&bench), bench.now + secs(500), "rounded down, as sent");
    let hash = bench.advertiser.saved_hash();
    bench.run_for(secs(100));
    assert_eq!(bench.advertiser.saved_hash(), hash, "rounding is no change of the saved state");
    bench.serve(lasting(Lifetimes { valid: Some(sooner), preferred: Preferred::ForEver }));
    bench.run_for(secs(3));
    assert_ne!(bench.advertiser.saved_hash(), hash, "a shorter lifetime is one");
}

#[test]
fn lifetimes_that_begin_after_they_ran_out_are_a_change() {
    let mut bench = Bench::rested(98);
    let short = Parameters { valid_lifetime: secs(60), preferred_lifetime: secs(60), ..PARAMETERS };
    for (parameters, changes) in [(PARAMETERS, false), (short, true)] {
        bench.parameters = parameters;
        bench.serve(lasting(FOR_EVER));
        bench.run_for(PARAMETERS.max_interval);
        let hash = bench.advertiser.saved_hash();
        // No RA leaves while the link is down; the state that was saved may be dropped once it has run out.
        bench.follow(Outlook::Lost);
        bench.run_for(secs(100));
        bench.serve(lasting(FOR_EVER));
        bench.step();
        assert_eq!(bench.advertiser.saved_hash() != hash, changes, "{:?}", bench.parameters.valid_lifetime);
    }
}

#[test]
fn a_final_ra_says_what_is_left() {
    for (lifetimes, expected) in
        [(Some((None, None)), (86_400, 14_400)), (Some((Some(501), Some(101))), (500, 100)), (None, (0, 0))]
    {
        let mut bench = Bench::rested(96);
        let lifetimes = lifetimes.map(|(valid, preferred)| ending(bench.now, valid, preferred));
        // The grace takes a second.
        bench.follow_to_the_end(Outlook::NotServed { carrier: true, lifetimes });
        assert_eq!(last_lifetimes(&bench.sent[0].advert), expected, "{lifetimes:?}");
    }
}

#[test]
fn other_options_about_the_link_restart_the_burst() {
    let mut bench = Bench::rested(97);
    let start = bench.now;
    bench.advertiser.on_options_changed(start);
    bench.run_for(secs(32));
    assert_eq!(bench.log(start), [0, 16_000, 32_000].map(|at| entry(at, "unsolicited", 1)));

    let mut bench = Bench::settled(97);
    let start = bench.now;
    bench.advertiser.on_options_changed(start);
    bench.run_for(secs(3));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 1)], "not before the floor");

    for outlook in [NOT_SERVED, Outlook::Lost, Outlook::Serve(Service { carrier: false, ..service(1, 1) })] {
        let mut bench = Bench::rested(97);
        bench.follow_to_the_end(outlook);
        bench.sent.clear();
        bench.advertiser.on_options_changed(bench.now);
        bench.run_for(secs(100));
        assert!(bench.sent.is_empty(), "{outlook:?}");
    }
}
