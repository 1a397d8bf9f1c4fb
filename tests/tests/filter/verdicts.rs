//! The program's verdict on every row, its pending mark and its record of the other router.

use std::time::Duration;

use autora_common::Reason;
use autora_tests::{Mac, Solicit};
use nix::time::{ClockId, clock_gettime};

use crate::{
    rows::{OTHER_ROUTER, rows},
    test_run::{LOOPBACK, Program, validator_reason},
};

#[test]
fn program_and_validator_agree_with_the_table() {
    let mut program = Program::load();
    let rows = rows(Mac::unique());
    for row in &rows {
        program.set_mark(0);
        assert_eq!(program.reason(&row.frame), row.expected, "the program: {}", row.name);
        assert_eq!(validator_reason(&row.frame), row.expected, "the validator: {}", row.name);
        let marked = program.mark() != 0;
        assert_eq!(marked, row.expected == Reason::Passed, "only a valid solicitation sets the mark: {}", row.name);
    }
    println!("{} rows", rows.len());
}

#[test]
fn an_interface_that_is_not_served_passes_nothing() {
    let mut program = Program::load();
    let solicit = Solicit::new(Mac::unique()).frame();
    assert_eq!(program.reason(&solicit), Reason::Passed, "the control");

    program.served.remove(&LOOPBACK).unwrap();
    for row in rows(Mac::unique()) {
        let before = program.totals().get(Reason::NotServed);
        assert!(!program.passes(&row.frame), "{}", row.name);
        assert_eq!(program.totals().get(Reason::NotServed), before + 1, "{}", row.name);
    }
    assert_eq!(program.stats().other_router.seen, 0, "RAs are not recorded there");

    program.interfaces.remove(&LOOPBACK).unwrap();
    assert!(!program.passes(&solicit), "also without counters");
}

#[test]
fn the_program_passes_one_solicitation_until_the_mark_is_cleared() {
    let mut program = Program::load();
    let solicit = Solicit::new(Mac::unique()).frame();
    let malformed = Solicit { hop_limit: 64, ..Solicit::new(Mac::unique()) }.frame();

    assert_eq!(program.reason(&malformed), Reason::HopLimit);
    assert_eq!(program.mark(), 0, "an invalid one sets no mark");
    let before = boot_time();
    assert_eq!(program.reason(&solicit), Reason::Passed);
    let mark = Duration::from_nanos(program.mark());
    assert!(before <= mark && mark <= boot_time(), "the mark is the time: {mark:?}");
    for _ in 0..3 {
        assert_eq!(program.reason(&solicit), Reason::Coalesced);
        assert_eq!(program.reason(&malformed), Reason::HopLimit, "it keeps its own reason");
    }
    assert_eq!(Duration::from_nanos(program.mark()), mark, "coalesced ones do not prolong it");

    program.set_mark(0);
    assert_eq!(program.reason(&solicit), Reason::Passed, "the mark is cleared");
}

#[test]
fn a_mark_that_is_not_cleared_expires_before_a_host_solicits_again() {
    let mut program = Program::load();
    let solicit = Solicit::new(Mac::unique()).frame();
    // The earliest second solicitation of a host comes after 3.6 s (RFC 7559 2: 4 s, less a tenth).
    let ages =
        [(1_000, Reason::Coalesced), (3_400, Reason::Coalesced), (3_600, Reason::Passed), (9_000, Reason::Passed)];
    for (age, expected) in ages {
        program.set_mark(0);
        assert_eq!(program.reason(&solicit), Reason::Passed, "it sets the mark");
        let (mark, age) = (Duration::from_nanos(program.mark()), Duration::from_millis(age));
        let earlier = mark.checked_sub(age).expect("the machine was booted longer ago");
        program.set_mark(u64::try_from(earlier.as_nanos()).unwrap());
        assert_eq!(program.reason(&solicit), expected, "{age:?}");
    }
}

#[test]
fn the_last_valid_ra_of_another_router_is_recorded() {
    let program = Program::load();
    let rows = rows(Mac::unique());
    let frame = |name| &rows.iter().find(|row| row.name == name).unwrap().frame;
    assert_eq!(program.stats().other_router.seen, 0);

    assert_eq!(program.reason(frame("an advertisement with hop limit 254")), Reason::InvalidAdvertisement);
    assert_eq!(program.stats().other_router.seen, 0, "an invalid one leaves no record");

    let before = boot_time();
    assert_eq!(program.reason(frame("another router")), Reason::OtherRouterAdvertisement);
    let record = program.stats().other_router;
    assert_eq!(u128::from(record.source_high) << 64 | u128::from(record.source_low), OTHER_ROUTER.to_bits());
    assert_eq!(record.router_lifetime, 1800);
    let seen = Duration::from_nanos(record.seen);
    assert!(before <= seen && seen <= boot_time(), "{seen:?}");

    assert_eq!(program.reason(frame("another router that ceases")), Reason::OtherRouterAdvertisement);
    assert_eq!(program.stats().other_router.router_lifetime, 0, "the last one is recorded");
    assert_eq!(program.counters().get(Reason::OtherRouterAdvertisement), 2);
    assert_eq!(program.mark(), 0, "RAs set no mark");
}

fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has this clock").into()
}
