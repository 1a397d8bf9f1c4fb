//! The grace, and what leaves after it.

use super::*;

/// The interface is not to be served, and its link has no carrier.
const NOT_SERVED_WITHOUT_CARRIER: Outlook = Outlook::NotServed { carrier: false, lifetimes: Some(FOR_EVER) };

fn other_pair() -> Outlook {
    Outlook::Serve(service(2, 2))
}

#[test]
fn nothing_leaves_within_the_grace_and_one_final_ra_at_its_end() {
    for gone in [NOT_SERVED, PREFIX_GONE] {
        let mut bench = Bench::rested(30);
        let start = bench.now;
        bench.follow(gone);
        assert_eq!(bench.advertiser.deadline(), Some(start + GRACE));
        bench.run_for(Duration::from_nanos(999_999_999));
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        bench.run_for(secs(1_000));
        assert_eq!(bench.log(start), [entry(1_000, "final", 1)]);
    }
}

#[test]
fn a_final_ra_after_the_grace_waits_for_the_floor() {
    let mut bench = Bench::settled(31);
    let start = bench.now;
    bench.run_for(millis(500));
    bench.follow(NOT_SERVED);
    bench.run_for(secs(100));
    assert_eq!(bench.log(start), [entry(3_000, "final", 1)]);
}

#[test]
fn ceasing_sends_one_final_advertisement() {
    let mut bench = Bench::rested(10);
    bench.follow_to_the_end(NOT_SERVED);
    bench.run_for(secs(1_000));
    assert_eq!(bench.solicit(), None);
    bench.run_for(secs(1_000));
    assert_eq!(bench.causes(), [Cause::Final]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 86_400)], "the prefix as last sent");
    assert_eq!(bench.sent[0].advert.router_lifetime, Duration::ZERO);
}

#[test]
fn further_changes_do_not_restart_the_grace_and_the_last_one_counts() {
    for (last, expected) in [
        (NOT_SERVED, entry(1_000, "final", 1)),
        (PREFIX_GONE, entry(1_000, "final", 1)),
        (other_pair(), entry(1_000, "unsolicited", 2)),
        (Outlook::Serve(service(1, 2)), entry(1_000, "unsolicited", 1)),
    ] {
        let mut bench = Bench::rested(32);
        let start = bench.now;
        for step in [NOT_SERVED, other_pair(), PREFIX_GONE, last] {
            bench.follow(step);
            bench.run_for(millis(300));
        }
        assert_eq!(bench.log(start), [expected], "{last:?}");
    }
}

#[test]
fn a_pair_that_is_back_within_the_grace_goes_on_where_it_was() {
    for gone in [NOT_SERVED, PREFIX_GONE, other_pair(), Outlook::Serve(service(2, 1)), Outlook::Serve(service(1, 2))] {
        let mut bench = Bench::rested(33);
        let due = bench.advertiser.deadline().unwrap();
        assert!(!bench.follow(gone), "{gone:?}");
        bench.run_for(millis(999));
        assert!(bench.serve(service(1, 1)), "{gone:?}");
        assert_eq!(bench.advertiser.deadline(), Some(due), "{gone:?}: the schedule stands");
        bench.run_for(secs(1_000));
        assert_eq!(bench.sent[0].at, due);
        assert!(bench.gaps().iter().all(|gap| *gap >= secs(20)), "{gone:?}: no burst: {:?}", bench.gaps());
        assert!(bench.sent.iter().all(|sent| prefixes(&sent.advert) == [(prefix(1), 86_400)]), "{gone:?}");
    }
}

#[test]
fn an_interface_that_was_not_waited_for_does_not_go_on_where_it_was() {
    let mut bench = Bench::rested(34);
    assert!(!bench.serve(service(1, 1)), "it was there");
    bench.follow_to_the_end(NOT_SERVED);
    assert!(!bench.serve(service(1, 1)), "it was withdrawn");
    let mut bench = Bench::rested(34);
    bench.serve(Service { carrier: false, ..service(1, 1) });
    bench.follow(NOT_SERVED);
    assert!(!bench.serve(service(1, 1)), "it was paused: a burst begins");
    assert_eq!(bench.causes(), [Cause::Unsolicited]);
}

#[test]
fn what_fell_due_within_the_grace_leaves_when_the_pair_is_back() {
    let mut bench = Bench::settled(35);
    let due = bench.advertiser.deadline().unwrap();
    bench.run_for(due.saturating_since(bench.now).saturating_sub(millis(500)));
    bench.follow(NOT_SERVED);
    bench.run_for(millis(900));
    assert!(bench.sent.is_empty());
    bench.serve(service(1, 1));
    assert_eq!((bench.causes(), bench.sent[0].at), (vec![Cause::Unsolicited], bench.now));
    bench.run_for(secs(100));
    assert!(bench.gaps()[0] >= secs(20), "no burst");
}

#[test]
fn a_solicitation_within_the_grace_is_answered_when_the_pair_is_back() {
    let mut bench = Bench::rested(36);
    bench.follow(NOT_SERVED);
    let answer = bench.solicit().expect("it schedules an answer");
    bench.run_for(millis(700));
    assert!(bench.sent.is_empty() && answer.due < bench.now);
    bench.serve(service(1, 1));
    assert_eq!((bench.causes(), bench.sent[0].at), (vec![Cause::Solicited], bench.now));
}

#[test]
fn a_lost_carrier_stops_the_grace_and_a_full_second_follows() {
    let other_without_carrier = Outlook::Serve(Service { carrier: false, ..service(2, 2) });
    for (gone, without_carrier, expected) in [
        (NOT_SERVED, NOT_SERVED_WITHOUT_CARRIER, entry(1_000, "final", 1)),
        (other_pair(), other_without_carrier, entry(1_000, "unsolicited", 2)),
    ] {
        let mut bench = Bench::rested(37);
        bench.follow(gone);
        bench.run_for(millis(500));
        bench.follow(without_carrier);
        assert_eq!(bench.advertiser.deadline(), None);
        bench.run_for(secs(100));
        assert!(bench.sent.is_empty());
        let back = bench.now;
        bench.follow(gone);
        bench.run_for(secs(1));
        assert_eq!(bench.log(back), [expected]);
    }
}

#[test]
fn a_pair_that_is_back_with_the_carrier_is_owed_nothing() {
    let mut bench = Bench::rested(38);
    bench.follow(NOT_SERVED_WITHOUT_CARRIER);
    bench.run_for(secs(60));
    let back = bench.now;
    bench.serve(service(1, 1));
    bench.run_for(secs(32));
    let burst = [0, 16_000, 32_000].map(|at| entry(at, "unsolicited", 1));
    assert_eq!(bench.log(back), burst, "a carrier begins a burst");
}

#[test]
fn once_the_grace_is_over_nothing_more_is_waited_for() {
    let mut bench = Bench::rested(39);
    let start = bench.now;
    bench.link_works = false;
    bench.follow_to_the_end(NOT_SERVED);
    assert_eq!(bench.failed, [start + GRACE], "the final RA failed");
    bench.run_for(millis(100));
    bench.follow(other_pair());
    bench.run_for(millis(100));
    bench.serve(service(3, 3));
    bench.run_for(millis(100));
    bench.follow(NOT_SERVED);
    bench.link_works = true;
    bench.run_for(secs(100));
    assert_eq!(bench.log(start), [entry(2_000, "final", 1)], "after the backoff, without a further second");
}

#[test]
fn a_pair_that_was_back_after_the_grace_is_waited_for_again() {
    let mut bench = Bench::rested(40);
    let start = bench.now;
    bench.link_works = false;
    bench.follow_to_the_end(NOT_SERVED);
    bench.run_for(millis(400));
    bench.serve(service(1, 1));
    bench.run_for(millis(100));
    bench.follow(NOT_SERVED);
    bench.link_works = true;
    bench.run_for(secs(100));
    assert_eq!(bench.log(start), [entry(2_500, "final", 1)]);
}

#[test]
fn an_interface_that_is_served_again_before_its_final_ra_left_sends_none() {
    let mut bench = Bench::settled(13);
    let previous = bench.now;
    bench.run_for(secs(1));
    bench.follow_to_the_end(NOT_SERVED);
    bench.run_for(millis(500));
    bench.serve(service(1, 1));
    bench.run_for(secs(35));
    assert_eq!(bench.causes(), [Cause::Unsolicited; 3]);
    assert_eq!(bench.sent[0].at, previous + secs(3));
    assert_eq!(bench.gaps(), [secs(16), secs(16)], "a burst");
}

#[test]
fn another_pair_after_the_grace_speaks_before_the_final_ra_that_was_due() {
    let mut bench = Bench::settled(41);
    let start = bench.now;
    bench.follow_to_the_end(NOT_SERVED);
    bench.run_for(millis(500));
    bench.follow(other_pair());
    bench.run_for(secs(10));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 2), entry(6_000, "final", 1)]);
}

#[test]
fn after_a_final_ra_no_source_is_in_use() {
    let mut bench = Bench::rested(42);
    bench.follow_to_the_end(NOT_SERVED);
    assert_eq!(bench.causes(), [Cause::Final]);
    let in_use = bench.advertiser.in_use(bench.now);
    assert_eq!(in_use, InUse { source: None, prefix: Some(prefix(1)) });
    let start = bench.now;
    bench.sent.clear();
    bench.follow(other_pair());
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(3_000, "unsolicited", 2)], "no grace, and no source before it");
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0), (prefix(2), 86_400)]);
}

#[test]
fn changes_before_the_first_ra_are_followed_at_once() {
    let mut bench = Bench::new(43);
    let start = bench.now;
    bench.link_works = false;
    bench.serve(service(1, 1));
    bench.follow(NOT_SERVED);
    assert_eq!(bench.advertiser.deadline(), None, "no guest holds anything");
    bench.follow(other_pair());
    bench.link_works = true;
    bench.run_for(secs(10));
    assert_eq!(bench.log(start), [entry(1_000, "unsolicited", 2)], "after the backoff");
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(2), 86_400)]);
}

#[test]
fn a_link_that_went_down_sends_nothing_and_keeps_its_floor() {
    let mut bench = Bench::settled(12);
    let previous = bench.now;
    bench.follow(Outlook::Lost);
    bench.run_for(secs(1));
    bench.serve(service(1, 2));
    bench.run_for(secs(3));
    assert_eq!(bench.causes(), [Cause::Unsolicited]);
    assert_eq!(bench.sent[0].at, previous + secs(3));
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0), (prefix(2), 86_400)], "what guests held is kept");
}

#[test]
fn a_link_that_was_down_is_owed_no_final_ra_until_it_is_served_again() {
    for before in [None, Some(NOT_SERVED), Some(other_pair())] {
        for after in [NOT_SERVED, PREFIX_GONE] {
            let mut bench = Bench::rested(44);
            if let Some(gone) = before {
                bench.follow(gone);
            }
            bench.run_for(millis(300));
            bench.follow(Outlook::Lost);
            bench.run_for(secs(5));
            bench.follow(after);
            bench.run_for(secs(20));
            assert!(bench.sent.is_empty(), "{before:?}, {after:?}");
            let back = bench.now;
            bench.serve(service(1, 1));
            bench.run_for(secs(4));
            bench.follow(after);
            bench.run_for(secs(100));
            let expected = [entry(0, "unsolicited", 1), entry(5_000, "final", 1)];
            assert_eq!(bench.log(back), expected, "{before:?}, {after:?}: the control");
        }
    }
}

#[test]
fn a_final_ra_that_waits_for_the_floor_is_not_owed_once_the_link_is_down() {
    for (outlook, expected) in [(Outlook::Lost, 0), (NOT_SERVED, 1)] {
        let mut bench = Bench::settled(45);
        bench.follow_to_the_end(NOT_SERVED);
        bench.follow(outlook);
        bench.run_for(millis(500));
        bench.follow(NOT_SERVED);
        bench.run_for(secs(100));
        assert_eq!(bench.sent.len(), expected, "{outlook:?}");
    }
}

#[test]
fn a_link_that_was_down_changes_its_pair_at_once() {
    let mut bench = Bench::rested(46);
    bench.follow(Outlook::Lost);
    bench.run_for(secs(5));
    let back = bench.now;
    bench.follow(other_pair());
    bench.run_for(secs(10));
    assert_eq!(bench.log(back), [entry(0, "unsolicited", 2), entry(3_000, "final", 1)]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0), (prefix(2), 86_400)]);
}

#[test]
fn another_pair_after_a_link_was_down_that_ceases_untold_has_no_grace() {
    let mut bench = Bench::rested(47);
    bench.follow(Outlook::Lost);
    bench.run_for(secs(5));
    let back = bench.now;
    bench.link_works = false;
    bench.follow(other_pair());
    bench.run_for(millis(500));
    bench.follow(NOT_SERVED);
    bench.link_works = true;
    bench.run_for(secs(100));
    assert_eq!(bench.log(back), [entry(1_000, "final", 1)], "after the backoff");
}

#[test]
fn what_guests_held_before_a_link_went_down_runs_out() {
    // The last RA left 10 s before, and a final RA follows 3 s after the one of the new source.
    for (down, owed, retired) in [(166, 1, 1), (167, 0, 1), (86_389, 0, 1), (86_390, 0, 0)] {
        let mut bench = Bench::rested(48);
        bench.follow(Outlook::Lost);
        bench.run_for(secs(down));
        bench.follow(other_pair());
        bench.run_for(secs(10));
        assert_eq!(prefixes(&bench.sent[0].advert).len(), 1 + retired, "{down} s");
        assert_eq!(bench.sent.len(), 1 + owed, "{down} s");
    }
}

#[test]
fn a_final_ra_waits_for_the_carrier() {
    let mut bench = Bench::settled(49);
    bench.follow_to_the_end(NOT_SERVED);
    bench.follow(NOT_SERVED_WITHOUT_CARRIER);
    bench.run_for(secs(100));
    assert!(bench.sent.is_empty());
    let back = bench.now;
    bench.follow(NOT_SERVED);
    bench.run_for(secs(100));
    assert_eq!(bench.log(back), [entry(0, "final", 1)], "the grace is over");
}

#[test]
fn a_final_ra_waits_for_duplicate_address_detection() {
    for (failed, expected) in [(false, 1), (true, 0)] {
        let mut bench = Bench::rested(50);
        bench.tentative = Some(link_local(1));
        bench.follow_to_the_end(NOT_SERVED);
        bench.run_for(secs(10));
        assert!(bench.sent.is_empty());
        bench.tentative = None;
        bench.duplicate = failed.then(|| link_local(1));
        bench.follow(NOT_SERVED);
        assert_eq!(bench.sent.len(), expected, "detection failed: {failed}");
        // The duplicate is removed: guests hold the route of the other node.
        bench.duplicate = None;
        bench.follow(NOT_SERVED);
        bench.run_for(secs(100));
        assert_eq!(bench.sent.len(), expected, "detection failed: {failed}");
        assert_eq!(bench.advertiser.in_use(bench.now).source, None);
    }
}

#[test]
fn a_stop_within_the_grace_makes_the_final_ra_due_at_once() {
    for gone in [NOT_SERVED, PREFIX_GONE, other_pair()] {
        for (mut bench, expected) in [(Bench::rested(51), 300), (Bench::settled(51), 3_000)] {
            let start = bench.now;
            bench.follow(gone);
            bench.run_for(millis(300));
            bench.stop();
            bench.run_for(secs(100));
            assert_eq!(bench.log(start), [entry(expected, "final", 1)], "{gone:?}");
        }
    }
}

#[test]
fn a_stop_sends_no_final_ra_that_cannot_leave_or_is_not_owed() {
    let mut down = Bench::rested(52);
    down.follow(Outlook::Lost);
    let mut up_again = Bench::rested(52);
    up_again.follow(Outlook::Lost);
    up_again.follow(NOT_SERVED);
    let mut without_carrier = Bench::rested(52);
    without_carrier.serve(Service { carrier: false, ..service(1, 1) });
    let mut duplicate = Bench::rested(52);
    duplicate.duplicate = Some(link_local(1));
    let mut withdrawn = Bench::rested(52);
    withdrawn.follow_to_the_end(NOT_SERVED);
    withdrawn.sent.clear();
    for (what, mut bench, expected) in [
        ("down", down, 0),
        ("up again", up_again, 0),
        ("without carrier", without_carrier, 0),
        ("a duplicate source", duplicate, 0),
        ("already withdrawn", withdrawn, 0),
        ("the control", Bench::rested(52), 1),
    ] {
        bench.stop();
        bench.run_for(secs(10));
        assert_eq!(bench.sent.len(), expected, "{what}");
        assert_eq!(bench.advertiser.deadline(), None, "{what}: the stop waits for nothing");
    }
}

/// Sends fail for longer than the Router Lifetime, so that guests hold no source when another one comes.
#[test]
fn a_source_whose_lifetime_has_run_out_before_another_came_is_not_waited_for() {
    for down_for in [secs(100), secs(200)] {
        let mut bench = Bench::rested(38);
        bench.link_works = false;
        bench.follow(Outlook::Lost);
        bench.run_for(down_for);
        bench.serve(service(2, 1));
        bench.run_for(secs(10));
        let in_use = bench.advertiser.in_use(bench.now).source;
        assert_eq!(in_use, (down_for < secs(180)).then(|| link_local(1)), "{down_for:?}");
        bench.link_works = true;
        bench.serve(Service { connected_route: false, ..service(2, 1) });
        assert!(!bench.advertiser.is_in_grace(), "{down_for:?}");
    }
}
