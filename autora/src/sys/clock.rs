//! The one clock, CLOCK_BOOTTIME, and the one timer on it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::{Duration, SystemTime},
};

use nix::{
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    time::clock_gettime,
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::engine::BootInstant;

/// Returns the present time.
#[must_use]
pub fn now() -> BootInstant {
    let now = clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).expect("every Linux since 2.6.39 has this clock");
    BootInstant::from_boot(now.into())
}

/// Returns the time of day, as the time since 1970. Only for display, since it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the daemon's clock")]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A kernel timer that the event loop waits for. Tokio's own timers run on CLOCK_MONOTONIC, with a resolution
/// of a millisecond.
#[derive(Debug)]
pub struct Timer {
    fd: AsyncFd<Fd>,
    armed: Option<BootInstant>,
}

/// Implements the trait that [`AsyncFd`] asks for.
#[derive(Debug)]
struct Fd(TimerFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// Returns a timer that is not armed. Arms it once before, to show that the kernel allows that.
    ///
    /// # Errors
    ///
    /// If the process or the system has no file descriptor left, or a seccomp filter refuses
    /// `timerfd_create(2)` or `timerfd_settime(2)`.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        set(&fd, now())?;
        fd.unset()?;
        // SAFETY: `TimerFd` owns its descriptor and keeps it open, the same one, until the `AsyncFd` drops
        // it.
        let fd = unsafe { AsyncFd::register_with_interest(Fd(fd), Interest::READABLE) }?;
        Ok(Self { fd, armed: None })
    }

    /// Arms the timer for `deadline`; one that has passed fires at once. Makes a system call only if
    /// `deadline` differs from the armed one.
    pub fn arm(&mut self, deadline: BootInstant) {
        if self.armed == Some(deadline) {
            return;
        }
        set(&self.fd.get_ref().0, deadline).expect(SETTING_WORKS);
        self.armed = Some(deadline);
    }

    /// Waits until the armed deadline has come.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub async fn fired(&mut self) -> io::Result<()> {
        let mut guard = self.fd.readable().await?;
        // The next `arm` clears the kernel's readiness; this clears Tokio's. A timer that was armed again in
        // between has nothing to read, which costs one needless turn of the loop.
        guard.clear_ready();
        self.armed = None;
        Ok(())
    }
}

/// `do_timerfd_settime` in [fs/timerfd.c, Linux
/// 6.12](https://elixir.bootlin.com/linux/v6.12/source/fs/timerfd.c#L425) fails with EINVAL (unknown flags, a
/// time below 0 or with 10^9 nanoseconds or more, a descriptor of another kind), EBADF and EFAULT; EPERM and
/// ECANCELED are for alarms and for TFD_TIMER_CANCEL_ON_SET alone. A seccomp filter from outside is there
/// before the process starts, so a refusal already shows in [`Timer::new`].
const SETTING_WORKS: &str = "a timerfd that is open, and was set before, can be set to any time";

fn set(fd: &TimerFd, deadline: BootInstant) -> nix::Result<()> {
    // Zero would disarm the timer.
    let at = TimeSpec::from_duration(deadline.since_boot().max(Duration::from_nanos(1)));
    fd.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test)
    }

    #[test]
    fn a_timer_fires_at_its_deadline_and_not_before() {
        run(async {
            let mut timer = Timer::new().unwrap();
            for wait in [Duration::from_millis(20), Duration::from_millis(5), Duration::ZERO] {
                let deadline = now() + wait;
                timer.arm(deadline);
                timer.fired().await.unwrap();
                assert!(now() >= deadline);
            }
        });
    }

    #[test]
    fn every_instant_can_be_armed() {
        run(async {
            let mut timer = Timer::new().unwrap();
            for since_boot in [Duration::MAX, Duration::from_nanos(999_999_999), Duration::ZERO] {
                timer.arm(BootInstant::from_boot(since_boot));
            }
            timer.fired().await.unwrap();
        });
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_once() {
        run(async {
            let mut timer = Timer::new().unwrap();
            timer.arm(BootInstant::from_boot(Duration::ZERO));
            timer.fired().await.unwrap();
            timer.arm(now() + Duration::from_secs(3_600));
            timer.arm(now());
            timer.fired().await.unwrap();
        });
    }
}
