//! The wall clock, whose jumps change nothing.
//!
//! Intervals are measured on the monotonic clock as packets arrive: the timestamps of captures jump with the
//! wall clock.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use autora_tests::{Capture, Daemon, Namespace};
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime, clock_settime},
};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

const HOUR: Duration = Duration::from_hours(1);

/// The machine's wall clock, which is set right again on drop, after a failed test too.
struct WallClock {
    /// The wall clock's time at the zero of the monotonic clock.
    origin: Duration,
}

impl WallClock {
    /// Takes control of the clock. Panics unless the environment allows that.
    fn take() -> Self {
        let is = |name: &str, value: &str| env::var_os(name).is_some_and(|found| found == value);
        assert!(
            is("CI", "true") || is("AUTORA_TEST_MAY_SET_CLOCK", "1"),
            "this test sets the machine's clock: set AUTORA_TEST_MAY_SET_CLOCK=1 to allow that"
        );
        Self { origin: now(ClockId::CLOCK_REALTIME).saturating_sub(now(ClockId::CLOCK_MONOTONIC)) }
    }

    fn ahead_by(&self, jump: Duration) {
        set_origin(self.origin + jump);
    }

    fn behind_by(&self, jump: Duration) {
        set_origin(self.origin.saturating_sub(jump));
    }

    fn right(&self) {
        set_origin(self.origin);
    }

    /// Returns how far the wall clock is from the right time.
    fn error(&self) -> Duration {
        now(ClockId::CLOCK_REALTIME).abs_diff(self.origin + now(ClockId::CLOCK_MONOTONIC))
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        self.right();
    }
}

/// Sets the wall clock to `origin` plus the time of the monotonic clock.
fn set_origin(origin: Duration) {
    let time = TimeSpec::from(origin + now(ClockId::CLOCK_MONOTONIC));
    clock_settime(ClockId::CLOCK_REALTIME, time).expect("root may set the clock");
}

fn now(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("the kernel has this clock").into()
}

/// Returns the arrival times of RAs until `end`.
fn arrivals(capture: &mut Capture, end: Instant) -> Vec<Instant> {
    let mut arrivals = Vec::new();
    while Instant::now() < end {
        capture.expect_advert(Duration::from_secs(4) + SLACK);
        arrivals.push(Instant::now());
    }
    arrivals
}

/// One guest solicits after each jump; the other gets unsolicited RAs throughout.
#[test]
#[ignore = "sets the machine's clock: run it alone, with AUTORA_TEST_MAY_SET_CLOCK=1"]
fn jumps_of_the_wall_clock_change_nothing() {
    let (host, other_host, guest) = (Namespace::host(), Namespace::host(), Namespace::quiet());
    let (mut asking, mut periodic) = (Line::new(&host, &guest, 1), Line::new(&other_host, &guest, 2));
    let _asked = Daemon::start(&host, &rarely(&["--filter=ebpf"]));
    let often = ["--interface-regex=^vm2$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let _unasked = Daemon::start(&other_host, &often);
    asking.expect_served(SOON);
    periodic.expect_served(SOON);

    let rest = FLOOR + Duration::from_millis(100);
    let end = Instant::now() + (rest + MAX_DELAY) * 4;
    thread::scope(|scope| {
        // Inside the scope, so that a failure sets the clock right before the scope waits for the other
        // thread.
        let clock = WallClock::take();
        let jumps: [&dyn Fn(); 4] =
            [&|| clock.ahead_by(3 * HOUR), &|| clock.behind_by(5 * HOUR), &|| clock.ahead_by(24 * HOUR), &|| {
                clock.right();
            }];
        let watch = scope.spawn(|| arrivals(&mut periodic.capture, end));
        for (number, jump) in (1..).zip(jumps) {
            // After the floor an answer takes only the random delay.
            thread::sleep(rest);
            jump();
            assert_eq!(clock.error() > HOUR, number < 4, "the control: the clock has jumped");
            let asked = Instant::now();
            asking.solicit();
            asking.expect_served(MAX_DELAY + SLACK);
            assert!(asked.elapsed() <= MAX_DELAY + SLACK, "jump {number}: answered after {:?}", asked.elapsed());
        }
        let arrivals = watch.join().expect("RAs arrive throughout");
        let distances: Vec<_> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(distances.len() >= 2, "{distances:?}");
        for &distance in &distances {
            let in_time = distance + SLACK >= FLOOR && distance <= Duration::from_secs(4) + SLACK;
            assert!(in_time, "{distances:?}");
        }
        assert!(clock.error() < Duration::from_millis(100), "{:?}", clock.error());
    });
}
