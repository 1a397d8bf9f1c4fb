//! The histograms of `/metrics`, against delays that are known.

use std::{fmt::Debug, str::FromStr, thread, time::Duration};

use autora_tests::{Control, Daemon, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, live, prefix, rarely};

const FIRST: &str = "autora_first_ra_delay_seconds";
const ANSWERS: &str = "autora_rs_answer_lateness_seconds";

/// Returns the value of a series.
fn value<T: FromStr<Err: Debug>>(control: &Control, series: &str) -> T {
    let metrics = control.get("/metrics").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().expect("a value is a number")
}

/// Returns how many delays of a histogram were at most 1 s, how many at most 2.5 s, and how many there are.
fn counts(control: &Control, name: &str) -> [u64; 3] {
    [r#"_bucket{le="1.0"}"#, r#"_bucket{le="2.5"}"#, "_count"].map(|suffix| value(control, &format!("{name}{suffix}")))
}

#[test]
fn first_ras_are_counted_by_the_time_since_the_interface_was_fit() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(&[]));
    let control = daemon.control();
    for line in &mut lines {
        line.expect_served(SOON);
    }
    assert_eq!((counts(&control, FIRST), counts(&control, ANSWERS)), ([2; 3], [0; 3]));

    // Another /64 right after an RA: when the grace of 1 s is over it could be told, and 2 s later it may be.
    lines[0].remove_prefix();
    lines[0].link.host.add_address("2001:db8:0:7::1/64");
    let advert = lines[0].capture.expect_advert(FLOOR + SLACK);
    assert_eq!(live(&advert), [prefix(7)], "{advert:?}");
    assert_eq!(counts(&control, FIRST), [2, 3, 3]);
    let sum: f64 = value(&control, &format!("{FIRST}_sum"));
    assert!((1.2..3.0).contains(&sum), "{sum} s");
}

#[test]
fn answers_are_counted_by_how_late_they_leave() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&["--log-level=debug"]));
    let control = daemon.control();
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    line.expect_answer();
    assert_eq!(counts(&control, ANSWERS), [1; 3], "the control");

    // A solicitation right after an RA is answered 3 to 3.5 s after it. The daemon stands still until 4.75 s.
    line.solicit();
    eventually(AT_ONCE, "the second solicitation", || (daemon.lines_with(&["solicited"]).len() == 2).then_some(()));
    daemon.signal(Signal::SIGSTOP);
    thread::sleep(FLOOR + Duration::from_millis(1_750));
    daemon.signal(Signal::SIGCONT);
    line.expect_served(AT_ONCE);
    assert_eq!(counts(&control, ANSWERS), [1, 2, 2]);
    assert_eq!(counts(&control, FIRST), [1; 3]);
}
