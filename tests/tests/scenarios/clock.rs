//! The wall clock, which is nobody's business here.
//!
//! Distances are measured on the monotonic clock as packets come in: the captures' own timestamps jump with the rest.

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

/// The machine's clock, which is set right again when this is dropped, a failed test included.
struct WallClock {
    /// What it would show at the beginning of the monotonic clock.
    origin: Duration,
}

impl WallClock {
    /// Takes hold of it, if that was allowed.
    fn take() -> Self {
        let is = |name: &str, value: &str| env::var_os(name).is_some_and(|found| found == value);
        assert!(
            is("CI", "true") || is("AUTORA_TEST_MAY_SET_CLOCK", "1"),
            "this test sets the machine's clock: say AUTORA_TEST_MAY_SET_CLOCK=1 if it may"
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

    /// How far it is from where it should be.
    fn error(&self) -> Duration {
        now(ClockId::CLOCK_REALTIME).abs_diff(self.origin + now(ClockId::CLOCK_MONOTONIC))
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        self.right();
    }
}

/// Sets the clock as if it had shown this when the monotonic clock began.
fn set_origin(origin: Duration) {
    let time = TimeSpec::from(origin + now(ClockId::CLOCK_MONOTONIC));
    clock_settime(ClockId::CLOCK_REALTIME, time).expect("root may set the clock");
}

fn now(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("the kernel has this clock").into()
}

/// When advertisements come in, until `end`.
fn arrivals(capture: &mut Capture, end: Instant) -> Vec<Instant> {
    let mut arrivals = Vec::new();
    while Instant::now() < end {
        capture.expect_advert(Duration::from_secs(4) + SLACK);
        arrivals.push(Instant::now());
    }
    arrivals
}

/// Somebody asks after each jump, and on another interface advertisements are due all along.
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
        // In here, so that a failure sets it right before it waits for the other thread.
        let clock = WallClock::take();
        let jumps: [&dyn Fn(); 4] = [
            &|| clock.ahead_by(3 * HOUR),
            &|| clock.behind_by(5 * HOUR),
            &|| clock.ahead_by(24 * HOUR),
            &|| clock.right(),
        ];
        let watch = scope.spawn(|| arrivals(&mut periodic.capture, end));
        for (number, jump) in (1..).zip(jumps) {
            // Past the floor, so that it takes no longer than the random delay; a pending mark is cleared with it.
            thread::sleep(rest);
            jump();
            assert_eq!(clock.error() > HOUR, number < 4, "the control: it has jumped");
            let asked = Instant::now();
            asking.solicit();
            asking.expect_served(MAX_DELAY + SLACK);
            assert!(
                asked.elapsed() <= MAX_DELAY + SLACK,
                "jump {number}: answered after {:?}",
                asked.elapsed()
            );
        }
        let arrivals = watch.join().expect("advertisements came all along");
        let distances: Vec<_> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(distances.len() >= 2, "{distances:?}");
        for &distance in &distances {
            let in_time = distance + SLACK >= FLOOR && distance <= Duration::from_secs(4) + SLACK;
            assert!(in_time, "{distances:?}");
        }
        assert!(clock.error() < Duration::from_millis(100), "{:?}", clock.error());
    });
}
