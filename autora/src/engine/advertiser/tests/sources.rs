//! Changes of the source, and the final RA that the one before is owed.

use super::*;

#[test]
fn a_new_source_speaks_first_and_the_final_ra_of_the_old_one_follows() {
    let mut bench = Bench::rested(6);
    let start = bench.now;
    bench.serve(service(2, 1));
    bench.run_for(secs(40));
    // The final RA neither resets the timers nor counts for the burst.
    let expected = [
        entry(1_000, "unsolicited", 2),
        entry(4_000, "final", 1),
        entry(17_000, "unsolicited", 2),
        entry(33_000, "unsolicited", 2),
    ];
    assert_eq!(bench.log(start), expected);
    assert_eq!(bench.sent[0].advert.router_lifetime, secs(180));
    assert_eq!(bench.sent[1].advert.router_lifetime, Duration::ZERO);
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(1), 86_400)], "the prefix stays");
}

/// Returns a bench whose source has changed from 1 to 2 just now: source 1 is owed a final RA in 3 s.
fn owing(seed: u64) -> Bench {
    let mut bench = Bench::rested(seed);
    bench.change_to(service(2, 1));
    assert_eq!(bench.sent.pop().unwrap().transmission.source, link_local(2));
    bench
}

#[test]
fn the_final_ra_of_the_old_source_leaves_before_any_other_ra() {
    let mut bench = owing(60);
    let start = bench.now;
    bench.run_for(secs(1));
    bench.solicit().expect("it schedules an answer");
    bench.run_for(secs(10));
    assert_eq!(bench.log(start), [entry(3_000, "final", 1), entry(6_000, "solicited", 2)]);
}

#[test]
fn a_further_source_replaces_the_one_that_is_owed_a_final_ra() {
    let mut bench = owing(61);
    let start = bench.now;
    bench.serve(service(3, 1));
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 3), entry(6_000, "final", 2)], "none from 1");
}

#[test]
fn a_further_prefix_does_not_postpone_the_final_ra_of_the_old_source() {
    let mut bench = owing(73);
    let start = bench.now;
    bench.serve(service(2, 2));
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(3_000, "final", 1), entry(6_000, "unsolicited", 2)]);
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(1), 0), (prefix(2), 86_400)]);
}

#[test]
fn a_source_that_is_in_use_again_is_owed_no_final_ra() {
    let mut bench = owing(62);
    let start = bench.now;
    bench.serve(service(1, 1));
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 1), entry(6_000, "final", 2)]);
}

#[test]
fn a_source_that_is_served_again_before_its_owed_final_ra_sends_none() {
    // Another source speaks first.
    let other = [entry(6_000, "unsolicited", 3), entry(9_000, "final", 1)];
    for (again, expected) in [(1, [entry(6_000, "unsolicited", 1)].as_slice()), (3, &other)] {
        let mut bench = owing(75);
        let start = bench.now;
        bench.follow(NOT_SERVED);
        bench.run_for(secs(4));
        assert_eq!(bench.log(start), [entry(3_000, "final", 2)]);
        bench.sent.clear();
        bench.serve(service(again, 1));
        bench.run_for(secs(15));
        assert_eq!(bench.log(start), expected, "source {again}");
    }
}

#[test]
fn failed_tries_of_one_source_do_not_count_against_another() {
    let mut bench = owing(99);
    bench.link_works = false;
    bench.run_for(secs(3));
    assert_eq!(bench.failed.len(), 1, "the final RA of the old source");
    bench.stop();
    bench.run_for(secs(60));
    assert_eq!(bench.failed.len(), 1 + 3, "all tries of the source in use");
}

#[test]
fn a_told_source_that_is_usable_again_before_the_new_one_spoke_is_kept() {
    let mut bench = Bench::settled(63);
    let start = bench.now;
    bench.change_to(service(2, 1));
    assert_eq!(bench.advertiser.in_use(bench.now).source, Some(link_local(1)), "guests were told no other");
    bench.serve(service(1, 1));
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 1)]);
}

#[test]
fn a_final_ra_is_owed_until_its_router_lifetime_has_run_out() {
    // Without a carrier it waits. The old source's last RA left 11 s before the new one spoke.
    for (without_carrier, expected) in [(168, true), (169, false)] {
        let mut bench = owing(64);
        bench.serve(Service { carrier: false, ..service(2, 1) });
        bench.run_for(secs(without_carrier));
        bench.serve(service(2, 1));
        bench.run_for(secs(10));
        assert_eq!(bench.causes().contains(&Cause::Final), expected, "{without_carrier} s");
        assert!(bench.causes().contains(&Cause::Unsolicited));
    }
}

#[test]
fn a_changed_source_that_guests_do_not_hold_is_owed_no_final_ra() {
    for (router_lifetime, expected) in [(180, 1), (0, 0)] {
        let mut bench = Bench::new(65);
        bench.parameters.router_lifetime = secs(router_lifetime);
        bench.serve(service(1, 1));
        bench.run_for(secs(10));
        bench.sent.clear();
        bench.change_to(service(2, 1));
        let owed = bench.advertiser.advertised().owed.is_some();
        bench.run_for(secs(10));
        let finals = bench.causes().iter().filter(|cause| **cause == Cause::Final).count();
        assert_eq!((bench.sent[0].transmission.source, finals), (link_local(2), expected), "{router_lifetime} s");
        assert_eq!(owed, expected == 1, "{router_lifetime} s: nor is it saved");
    }
}

#[test]
fn an_old_source_that_is_a_duplicate_is_owed_no_final_ra() {
    for (duplicate, expected) in [(None, 1), (Some(link_local(1)), 0), (Some(link_local(2)), 1)] {
        let mut bench = owing(66);
        bench.duplicate = duplicate;
        bench.update_departures();
        bench.duplicate = None;
        bench.update_departures();
        bench.run_for(secs(10));
        assert_eq!(bench.sent.len(), expected, "{duplicate:?}");
    }
}

#[test]
fn a_source_that_was_a_duplicate_is_owed_no_final_ra_after_its_removal() {
    for (duplicate, expected) in [(None, 2), (Some(link_local(1)), 1)] {
        let mut bench = Bench::rested(74);
        bench.duplicate = duplicate;
        bench.serve(service(2, 1));
        bench.run_for(millis(500));
        bench.duplicate = None;
        bench.serve(service(2, 1));
        bench.run_for(secs(10));
        assert_eq!(bench.sent.len(), expected, "{duplicate:?}");
    }
}

#[test]
fn an_owed_final_ra_waits_for_duplicate_address_detection_while_others_leave() {
    let mut bench = owing(67);
    let start = bench.now;
    bench.tentative = Some(link_local(1));
    bench.update_departures();
    bench.run_for(secs(20));
    assert_eq!(bench.log(start), [entry(16_000, "unsolicited", 2)]);
    bench.tentative = None;
    bench.serve(service(2, 1));
    assert_eq!(bench.log(start)[1], entry(20_000, "final", 1));
}

#[test]
fn a_stop_leaves_only_the_final_ra_of_the_source_in_use() {
    let mut bench = owing(68);
    let start = bench.now;
    bench.stop();
    bench.run_for(secs(100));
    assert_eq!(bench.log(start), [entry(3_000, "final", 2)]);
}

#[test]
fn an_interface_that_is_not_to_be_served_withdraws_both_sources() {
    let mut bench = owing(69);
    let start = bench.now;
    bench.follow(NOT_SERVED);
    bench.run_for(secs(100));
    assert_eq!(bench.log(start), [entry(3_000, "final", 2), entry(6_000, "final", 1)], "that in use first");
}

#[test]
fn an_owed_final_ra_waits_for_a_pair_that_is_gone() {
    let mut bench = owing(70);
    let start = bench.now;
    bench.run_for(millis(2_500));
    bench.follow(PREFIX_GONE);
    bench.run_for(millis(900));
    assert!(bench.sent.is_empty());
    bench.serve(service(2, 1));
    assert_eq!(bench.log(start), [entry(3_400, "final", 1)]);
}

#[test]
fn an_owed_final_ra_is_given_up_after_three_failures_and_others_leave() {
    let mut bench = owing(71);
    let start = bench.now;
    bench.link_works = false;
    while bench.failed.len() < 3 {
        bench.step();
    }
    let waits: Vec<_> = bench.failed.iter().map(|at| at.saturating_since(start)).collect();
    assert_eq!(waits, [secs(3), secs(4), secs(6)]);
    assert_eq!(bench.advertiser.advertised().owed, None);
    bench.link_works = true;
    bench.run_for(secs(14));
    assert_eq!(bench.log(start), [entry(16_000, "unsolicited", 2)]);
}

#[test]
fn a_final_ra_is_owed_after_a_link_was_down_once_it_is_served_again() {
    let mut bench = owing(72);
    bench.follow(Outlook::Lost);
    bench.run_for(secs(5));
    bench.follow(NOT_SERVED);
    bench.run_for(secs(10));
    assert!(bench.sent.is_empty(), "not before");
    let back = bench.now;
    bench.serve(service(2, 1));
    bench.run_for(secs(10));
    assert_eq!(bench.log(back), [entry(0, "final", 1), entry(3_000, "unsolicited", 2)]);
}
