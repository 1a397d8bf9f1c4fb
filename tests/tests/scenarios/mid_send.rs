//! Interfaces that go down or away while advertisements are on their way: it concerns nobody else, and what comes back
//! is served as ever.

use std::{thread, time::Duration};

use autora_tests::{Advert, Daemon, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, on_both_paths, rarely};

on_both_paths!(going_down_in_mid_send, deleted_in_mid_send, deleted_again_and_again);

/// More than the daemon looks at between two looks at the clock.
const MANY: u16 = 16;

/// Answers are due on all lines while the daemon stands still, and when it goes on, none of them can leave any more.
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
    // Time to hear the solicitations; hardly any answer is due so soon.
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

fn going_down_in_mid_send(arguments: &[&str]) {
    let up_again = |_: &Namespace, _: &Namespace, mut line: Line| {
        line.capture.clear();
        line.link.host.set("up");
        line.add_prefix();
        line
    };
    in_mid_send(arguments, |line| line.link.host.set("down"), up_again);
}

fn deleted_in_mid_send(arguments: &[&str]) {
    let made_again = |host: &Namespace, guest: &Namespace, line: Line| {
        let number = line.name()[2..].parse().expect("lines are called vm<number>");
        drop(line);
        Line::new(host, guest, number)
    };
    in_mid_send(arguments, |line| line.link.host.delete(), made_again);
}

/// At every moment of a new interface's first milliseconds, while guests solicit.
fn deleted_again_and_again(arguments: &[&str]) {
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
    assert!(advertised > 0, "some had the time");
    assert!(daemon.is_running());
    control.expect_answer();
    Line::new(&host, &guest, 1).expect_served(AT_ONCE);
}
