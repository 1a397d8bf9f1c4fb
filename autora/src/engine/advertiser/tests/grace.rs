//! The grace, and what leaves after it.

use super::*;

#[test]
fn ceasing_sends_one_final_advertisement() {
    let mut bench = Bench::rested(10);
    bench.follow_to_the_end(UNFIT);
    bench.run_for(secs(1_000));
    bench.solicit();
    bench.run_for(secs(1_000));
    assert_eq!(bench.causes(), [Cause::Final]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 86_400)], "the prefix as last sent");
    assert_eq!(bench.sent[0].advert.router_lifetime, Duration::ZERO);
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
fn an_interface_that_is_served_again_before_its_final_ra_left_sends_none() {
    let mut bench = Bench::settled(13);
    let previous = bench.now;
    bench.run_for(secs(1));
    bench.follow_to_the_end(UNFIT);
    bench.run_for(millis(500));
    bench.serve(service(1, 1));
    bench.run_for(secs(35));
    assert_eq!(bench.causes(), [Cause::Unsolicited; 3]);
    assert_eq!(bench.sent[0].at, previous + secs(3));
    assert_eq!(bench.gaps(), [secs(16), secs(16)], "a burst");
}
