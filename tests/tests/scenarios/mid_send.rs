//! Interfaces that go down or are deleted while RAs are due: no other interface is affected, and each is
//! served when it is back.

use std::{thread, time::Duration};

use autora_tests::{Advert, Daemon, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, on_both_paths, rarely};

on_both_paths!(
    a_link_that_goes_down_in_mid_send_affects_no_other,
    an_interface_deleted_in_mid_send_affects_no_other,
    interfaces_deleted_again_and_again_affect_no_other
);

/// More interfaces than the daemon handles between two readings of the clock.
const MANY: u16 = 16;

/// Answers are due on all lines while the daemon is stopped, and when it continues, none of them can be sent.
fn in_mid_send(arguments: &[&str], fault: fn(&Line), repair: fn(&Namespace, &Namespace, Line) -> Line) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, MANY);
    let mut control = Line::new(&host, &guest, 100);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    for line in lines.iter_mut().chain([&mut control]) {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    lines.iter().chain([&control]).for_each(Line::solicit);
    // Time to receive the solicitations; hardly any answer is due so soon.
    thread::sleep(Duration::from_millis(50));
    daemon.signal(Signal::SIGSTOP);
    thread::sleep(MAX_DELAY);
    lines.iter().for_each(fault);
    daemon.signal(Signal::SIGCONT);

    control.expect_served(MAX_DELAY + SLACK);
    eventually(SOON, "an advertisement that could not be sent", || {
        (!daemon.lines_with(&["could not be sent", "cause=solicited"]).is_empty()).then_some(())
    });
    control.expect_answer();
    assert!(daemon.is_running());
    for line in lines {
        let mut line = repair(&host, &guest, line);
        line.expect_served(AT_ONCE);
    }
}

fn a_link_that_goes_down_in_mid_send_affects_no_other(arguments: &[&str]) {
    let up_again = |_: &Namespace, _: &Namespace, mut line: Line| {
        line.capture.clear();
        line.link.host.set("up");
        line.link.host.wait_link_local();
        line.add_prefix();
        line
    };
    in_mid_send(arguments, |line| line.link.host.set("down"), up_again);
}

fn an_interface_deleted_in_mid_send_affects_no_other(arguments: &[&str]) {
    let made_again = |host: &Namespace, guest: &Namespace, line: Line| {
        let number = line.name()[2..].parse().expect("lines are called vm<number>");
        drop(line);
        Line::new(host, guest, number)
    };
    in_mid_send(arguments, |line| line.link.host.delete(), made_again);
}

/// Deletes an interface at various times within its first 12 milliseconds, while guests solicit.
fn interfaces_deleted_again_and_again_affect_no_other(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut control = Line::new(&host, &guest, 100);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    control.expect_served(SOON);
    let mut advertised = 0;
    for round in 0..60 {
        let mut line = Line::new(&host, &guest, 1);
        line.solicit();
        control.solicit();
        thread::sleep(Duration::from_millis(round % 12));
        line.link.host.delete();
        let (_, adverts) = line.seen(Duration::ZERO);
        assert!(!adverts.iter().any(Advert::is_final), "{adverts:#?}");
        advertised += adverts.len();
    }
    assert!(advertised > 0, "some RAs left in time");
    assert!(daemon.is_running());
    control.expect_answer();
    Line::new(&host, &guest, 1).expect_served(AT_ONCE);
}
