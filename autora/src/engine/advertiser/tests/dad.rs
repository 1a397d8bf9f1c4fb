//! Duplicate address detection on the source in use.

use super::*;

fn under_detection() -> Service {
    Service { dad: true, ..service(1, 1) }
}

#[test]
fn nothing_leaves_while_detection_runs_and_what_is_due_leaves_when_it_ends() {
    let mut bench = Bench::rested(80);
    bench.serve(under_detection());
    assert_eq!(bench.advertiser.deadline(), None);
    bench.run_for(secs(100));
    assert!(bench.sent.is_empty());
    bench.serve(service(1, 1));
    assert_eq!((bench.causes(), bench.sent[0].at), (vec![Cause::Unsolicited], bench.now));
    bench.run_for(secs(1_000));
    assert!(bench.gaps().iter().all(|gap| *gap >= secs(20)), "no burst: {:?}", bench.gaps());
}

#[test]
fn the_schedule_stands_while_detection_runs() {
    let mut bench = Bench::rested(81);
    let due = bench.advertiser.deadline().unwrap();
    bench.serve(under_detection());
    bench.run_for(secs(2));
    bench.serve(service(1, 1));
    assert_eq!(bench.advertiser.deadline(), Some(due));
}

#[test]
fn a_solicitation_waits_for_the_end_of_detection() {
    let mut bench = Bench::rested(82);
    bench.serve(under_detection());
    let answer = bench.solicit().expect("it schedules an answer");
    bench.run_for(secs(2));
    assert!(bench.sent.is_empty() && answer.due < bench.now);
    bench.serve(service(1, 1));
    assert_eq!((bench.causes(), bench.sent[0].at), (vec![Cause::Solicited], bench.now));
}

#[test]
fn nothing_leaves_from_a_source_whose_detection_failed() {
    for (failed, expected) in [(true, 0), (false, 1)] {
        let mut bench = Bench::rested(83);
        bench.serve(under_detection());
        bench.run_for(secs(1));
        bench.duplicate = failed.then(|| link_local(1));
        bench.follow_to_the_end(NOT_SERVED);
        bench.run_for(secs(100));
        assert_eq!(bench.sent.len(), expected, "failed: {failed}");
    }
}

#[test]
fn another_source_replaces_one_whose_detection_failed() {
    let mut bench = Bench::rested(84);
    bench.serve(under_detection());
    bench.duplicate = Some(link_local(1));
    let start = bench.now;
    bench.serve(service(2, 1));
    bench.run_for(secs(15));
    assert_eq!(bench.log(start), [entry(1_000, "unsolicited", 2)], "none from a duplicate");
}
