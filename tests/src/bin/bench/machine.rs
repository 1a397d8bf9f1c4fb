//! The cores of the machine, and what a process uses.

use std::{
    fs,
    thread::available_parallelism,
    time::{Duration, SystemTime},
};

use nix::{
    libc,
    sched::{CpuSet, sched_setaffinity},
    sys::{
        resource::{UsageWho, getrusage},
        time::{TimeVal, TimeValLike as _},
    },
    time::{ClockId, clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};

/// The daemon's core.
const DAEMON_CORE: usize = 0;

/// The core of the load with the kernel's receive path, of `ip`, and of the receiver.
const LOAD_CORE: usize = 1;

/// Moves this thread and its children to the load's core. Returns false, and does nothing, on a machine with one core.
pub(crate) fn pin_load() -> bool {
    let several = available_parallelism().is_ok_and(|cores| cores.get() > LOAD_CORE);
    if several {
        pin(LOAD_CORE);
    }
    several
}

/// Returns the load's core as a hexadecimal set of cores.
pub(crate) fn load_mask() -> String {
    format!("{:x}", 1_u32 << LOAD_CORE)
}

/// Moves this thread and its children to the daemon's core.
pub(crate) fn pin_daemon() {
    pin(DAEMON_CORE);
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core).expect("the first cores fit into a set");
    sched_setaffinity(Pid::from_raw(0), &set).unwrap_or_else(|error| panic!("moving to core {core}: {error}"));
}

/// Gives this thread real-time priority, so that it sees the kernel's events at once.
pub(crate) fn raise_priority() {
    let priority = libc::sched_param { sched_priority: 10 };
    // SAFETY: the parameter lives across the call, which changes only this thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
    assert_eq!(result, 0, "root may: {}", std::io::Error::last_os_error());
}

/// Returns the CPU time of all threads of a process, or `None` once it has ended.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).ok()?;
    clock_gettime(clock).ok().map(Duration::from)
}

/// Returns the thread of the kernel that receives packets on the load's core when it can no longer do so beside what
/// sends them.
pub(crate) fn receiving_thread() -> Option<u32> {
    let named = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == format!("ksoftirqd/{LOAD_CORE}")
    };
    let names = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).find(named)
}

/// Returns the CPU time of this thread.
pub(crate) fn own_cpu() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has this clock"))
}

/// Returns the CPU time of the children that have ended.
pub(crate) fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("every process has it");
    let seconds = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs());
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Returns how often the threads of a process have slept, and so were woken.
pub(crate) fn sleeps(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    tasks.map(|task| status(&task.path().join("status").to_string_lossy(), "voluntary_ctxt_switches:")).sum()
}

fn status(path: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
}

/// Returns the time on the clock of packets' timestamps, in nanoseconds since the epoch.
pub(crate) fn now() -> u64 {
    nanoseconds(ClockId::CLOCK_REALTIME)
}

/// Returns the time on the daemon's clock, in nanoseconds since boot.
pub(crate) fn since_boot() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let now = Duration::from(clock_gettime(clock).expect("every Linux has this clock"));
    u64::try_from(now.as_nanos()).expect("for 500 years")
}

/// Returns the kernel, the processor and the day, in one line.
pub(crate) fn describe() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, name)| name);
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (day, _) = now.split_once('T').expect("a day comes before the time of it");
    let release = kernel.trim().split('-').next().unwrap_or_default();
    format!("Linux {release}, {cores} cores of {model}, {day}")
}
