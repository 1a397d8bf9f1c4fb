//! The wall clock jumps: somebody sets it, or a time server is found late. The protocol's time is another.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{Daemon, Namespace};
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime, clock_settime},
};

use crate::bench::{FLOOR, Line, SLACK};

const HOUR: i64 = 3_600;

/// The shortest setting there is: an RA every 3 to 4 s, in the burst and after it.
const LONGEST: Duration = Duration::from_secs(4);

/// The machine's clock, which is right again when this is dropped.
struct WallClock {
    wall: Duration,
    since_boot: Duration,
}

impl WallClock {
    fn now() -> Self {
        let read = |clock| clock_gettime(clock).expect("every kernel has this clock").into();
        Self { wall: read(ClockId::CLOCK_REALTIME), since_boot: read(ClockId::CLOCK_BOOTTIME) }
    }

    /// Sets it to what it would show now, and so many hours more.
    fn set_ahead(&self, hours: i64) {
        let passed = Self::now().since_boot.saturating_sub(self.since_boot);
        let right = TimeSpec::from_duration(self.wall + passed);
        let to = TimeSpec::new(right.tv_sec() + hours * HOUR, right.tv_nsec());
        clock_settime(ClockId::CLOCK_REALTIME, to).expect("root may set the clock (CAP_SYS_TIME)");
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        self.set_ahead(0);
    }
}

fn hours_apart(a: SystemTime, b: SystemTime) -> u64 {
    let apart = a.duration_since(b).unwrap_or_else(|error| error.duration());
    apart.as_secs().div_ceil(3_600)
}

/// Times are those of arrival, on the test's own monotonic clock: the packets' stamps jump like everything else.
#[test]
#[ignore = "sets the machine's clock: run it alone, where nobody minds"]
fn jumps_of_the_wall_clock_change_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let clock = WallClock::now();
    let arguments = ["--interface-regex=^vm1$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let mut daemon = Daemon::start(&host, &arguments);
    line.capture.expect_advert(LONGEST);
    let mut last = Instant::now();
    for hours in [1, -1, 24, -48, 0, 2] {
        thread::sleep(Duration::from_secs(1));
        let before = SystemTime::now();
        clock.set_ahead(hours);
        assert!(hours_apart(before, SystemTime::now()) >= 1, "the control: it has jumped");
        // One that asks is answered after the 3 s and at most half a second, which is before the next one is due, or not.
        line.solicit();
        let advert = line.capture.expect_advert(LONGEST + SLACK);
        let distance = last.elapsed();
        last = Instant::now();
        assert!(!advert.is_final());
        let shortest = FLOOR.saturating_sub(Duration::from_millis(20));
        assert!((shortest..LONGEST + SLACK).contains(&distance), "{hours} h ahead: {distance:?}");
    }
    assert!(daemon.is_running());
    assert!(daemon.lines_with(&["WARN"]).is_empty(), "{:?}", daemon.log());
}
