//! Network namespaces that are deleted with the test that made them.

use std::{
    fmt::Display,
    fs::{self, File},
    io::Write,
    panic,
    process::{Command, Stdio},
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::signal::kill,
    unistd::{Pid, geteuid},
};

use crate::{
    host_profile::{self, HostProfile},
    program, stalls,
};

const PREFIX: &str = "autora-";
const DIRECTORY: &str = "/run/netns";

/// Panics unless the process runs as root: a scenario that cannot run must not count as a success.
pub fn require_root() {
    assert!(geteuid().is_root(), "scenarios make network namespaces: run them as root");
}

/// Returns the names of the namespaces that process `pid` has made.
pub fn namespaces_of(pid: u32) -> Vec<String> {
    let ours = format!("{PREFIX}{pid}-");
    names().filter(|name| name.starts_with(&ours)).collect()
}

/// The directory is missing until the first namespace is named.
fn names() -> impl Iterator<Item = String> {
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// A network namespace with its loopback up, deleted with its last clone.
///
/// Its name is `autora-<pid>-<number>-<label>`. Namespaces of that form whose process is dead are left over
/// from a killed test run and are deleted before the first new one is made.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<Named>);

#[derive(Debug)]
struct Named {
    name: String,
    handle: File,
}

impl Namespace {
    /// Makes a namespace with the kernel's defaults.
    #[must_use]
    pub fn new(label: &str) -> Self {
        static SWEEP: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        require_root();
        SWEEP.call_once(delete_leftovers);
        stalls::watch();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{label}", std::process::id());
        program::run(Command::new("ip").args(["netns", "add", &name]));
        let handle = File::open(format!("{DIRECTORY}/{name}")).expect("a namespace just made can be opened");
        let namespace = Self(Arc::new(Named { name, handle }));
        namespace.ip("link set lo up");
        namespace
    }

    /// Makes a namespace that routes, for the daemon: `forwarding` on everywhere, the rest by the profile of this test.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "the profile belongs to the report of a failed test")]
    pub fn host() -> Self {
        let profile = HostProfile::of_this_test();
        eprintln!("the host's settings: {}={}", host_profile::VARIABLE, profile.name());
        Self::host_with(profile)
    }

    /// Makes the same with a profile that the test chooses, because the settings are its subject.
    #[must_use]
    pub fn host_with(profile: HostProfile) -> Self {
        let host = Self::new("host");
        host.default_sysctls(&profile.settings());
        host.sysctl("ipv6/conf/all/forwarding", 1);
        host
    }

    /// Makes a namespace in which only the test sends: its kernel neither solicits nor accepts RAs.
    #[must_use]
    pub fn quiet() -> Self {
        let quiet = Self::new("quiet");
        quiet.default_sysctls(&[("accept_dad", 0), ("accept_ra", 0), ("router_solicitations", 0)]);
        quiet
    }

    /// Returns its name, for `ip -n`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Does `work` on a thread of its own that has entered the namespace. Processes and sockets of `work`
    /// belong to it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.0.handle, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
                work()
            });
            inside.join().unwrap_or_else(|reason| panic::resume_unwind(reason))
        })
    }

    /// Runs `ip` in the namespace with the words of `arguments`; returns its standard output.
    pub fn ip(&self, arguments: &str) -> String {
        program::run(Command::new("ip").args(["-n", self.name()]).args(arguments.split_whitespace()))
    }

    /// Runs lines of `ip` one after the other in one process.
    pub fn ip_batch(&self, lines: &[String]) {
        let mut ip = Command::new("ip");
        ip.args(["-n", self.name(), "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ip.spawn().expect("ip can be started");
        let written = child.stdin.take().expect("stdin is piped").write_all(lines.join("\n").as_bytes());
        let output = child.wait_with_output().expect("it is a child of this process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip -batch: {}: {errors}", output.status);
        written.expect("ip reads all of its commands");
    }

    /// Runs a command in the namespace to its end; returns its standard output.
    pub fn run(&self, command: &mut Command) -> String {
        self.enter(|| program::run(command))
    }

    /// Sets `net/<key>`, separated by slashes, as an interface's name may hold dots:
    /// `ipv6/conf/tap1/forwarding`.
    pub fn sysctl(&self, key: &str, value: impl Display) {
        let value = value.to_string();
        // `/proc/sys/net` shows the namespace of the thread that opens it.
        self.enter(|| fs::write(format!("/proc/sys/net/{key}"), &value))
            .unwrap_or_else(|error| panic!("net/{key} = {value}: {error}"));
    }

    /// Sets IPv6 settings for every interface that will be made here. Existing interfaces keep theirs, except
    /// `accept_dad`, where the kernel uses the higher value of interface and `all`.
    pub fn default_sysctls(&self, settings: &[(&str, u32)]) {
        for (key, value) in settings {
            self.sysctl(&format!("ipv6/conf/default/{key}"), value);
            if *key == "accept_dad" {
                self.sysctl("ipv6/conf/all/accept_dad", value);
            }
        }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn delete_leftovers() {
    for name in names() {
        if owner(&name).is_some_and(|pid| kill(pid, None) == Err(Errno::ESRCH)) {
            delete(&name);
        }
    }
}

/// Returns the process that made a namespace, if its name has the form of this harness.
fn owner(name: &str) -> Option<Pid> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some(Pid::from_raw(pid.parse().ok()?))
}

/// Deletes a namespace, and ignores errors: another test run may delete the same leftovers, and a drop during
/// a panic must not panic.
pub(crate) fn delete(name: &str) {
    drop(Command::new("ip").args(["netns", "delete", name]).output());
}
