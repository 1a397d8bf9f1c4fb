//! A running daemon: on a core of its own, in the host's namespace, with a /run of its own.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Stdio},
    time::{Duration, Instant},
};

use autora_tests::Control;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::{link::Link, machine, scratch::Scratch, site::Site, subject::Subject};

/// The time limit for the first RAs on all interfaces.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(45);

/// The process; killed when dropped, without a final RA.
pub(crate) struct Running {
    child: Child,
    log: tempfile::TempDir,
    /// When it was started, in nanoseconds since the epoch.
    pub(crate) started: u64,
}

/// The arrival of first RAs.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// When the first one of each link arrived.
    pub(crate) first: HashMap<Link, u64>,
    /// The number of links.
    pub(crate) of: usize,
    /// How long it was waited for them.
    pub(crate) waited: Duration,
}

/// How to start a daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    /// Numbers of links that are added later, for daemons that need their names at the start.
    pub(crate) more: Vec<u32>,
    /// Arguments of autora.
    pub(crate) arguments: Vec<String>,
    /// Whether its standard error is a pipe to the benchmark, and not a file.
    pub(crate) listen: bool,
}

impl Launch {
    /// Starts the daemon; returns `None` if it is not installed.
    pub(crate) fn start(&self, subject: Subject, site: &Site) -> Option<Running> {
        let scratch = Scratch::folder();
        let run = scratch.path().join("run");
        fs::DirBuilder::new().mode(0o755).create(&run).expect("scratch can be written");
        let numbers: Vec<u32> = site.numbers().chain(self.more.iter().copied()).collect();
        let mut command = subject.prepare(&run, &numbers)?;
        if subject == Subject::Autora {
            command.args(&self.arguments);
        }
        let log = File::create(scratch.path().join("log")).expect("scratch can be written");
        command.stdout(Stdio::from(log.try_clone().expect("a file can be cloned")));
        command.stderr(if self.listen { Stdio::piped() } else { Stdio::from(log) });
        site.receiver.clear();
        let (child, started) = site.host.enter(|| {
            machine::pin_daemon();
            seclude(scratch.path());
            let started = machine::now();
            (command.spawn(), started)
        });
        let child = child.unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        Some(Running { child, log: scratch, started })
    }
}

/// Gives this thread and its children a mount namespace in which /run is in `scratch` and /sys is read-only: they
/// cannot reach the machine's services, and networkd does not wait for udev, which sees no namespaces. FRR needs
/// its user in a group of its own.
fn seclude(scratch: &Path) {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default() + "frrvty:x:65533:root\n";
    fs::write(scratch.join("group"), groups).expect("scratch can be written");
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).expect("root may have a view of its own");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("changes stay in it");
    let bind = |from: &str, to| mount(Some(&scratch.join(from)), to, none, MsFlags::MS_BIND, none);
    bind("run", "/run").expect("/run is there");
    bind("group", "/etc/group").expect("/etc/group is there");
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::MS_RDONLY, none).expect("/sys is there");
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its CPU time so far, or `None` once it has ended.
    pub(crate) fn cpu(&mut self) -> Option<Duration> {
        // A process that was not waited for still has a clock.
        if self.has_ended() { None } else { machine::cpu(self.pid()) }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_some()
    }

    /// Returns autora's metrics.
    pub(crate) fn metrics(&self) -> String {
        Control::at(&self.socket()).get("/metrics").body
    }

    /// Returns the path of autora's control socket as others see it: the daemon has a /run of its own.
    pub(crate) fn socket(&self) -> PathBuf {
        format!("/proc/{}/root/run/autora/control.sock", self.pid()).into()
    }

    /// Returns its standard error, if [`Launch::listen`] was set.
    pub(crate) fn output(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Returns the last three lines of its output.
    pub(crate) fn last_output(&self) -> String {
        let mut text = String::new();
        let log = File::open(self.log.path().join("log"));
        drop(log.and_then(|mut log| log.read_to_string(&mut text)));
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }

    /// Waits for the first RA on each of `links`.
    pub(crate) fn first_ras(
        &mut self,
        site: &Site,
        links: impl IntoIterator<Item = Link>,
        time_limit: Duration,
    ) -> Arrivals {
        let awaited: HashSet<Link> = links.into_iter().collect();
        let mut first = HashMap::with_capacity(awaited.len());
        let begun = Instant::now();
        while first.len() < awaited.len() && begun.elapsed() < time_limit {
            site.receiver.until(time_limit.saturating_sub(begun.elapsed()).min(Duration::from_millis(500)), |ra| {
                if awaited.contains(&ra.link) && !ra.is_final {
                    first.entry(ra.link).or_insert(ra.at);
                }
                first.len() == awaited.len()
            });
            if self.has_ended() {
                break;
            }
        }
        Arrivals { first, of: awaited.len(), waited: begun.elapsed() }
    }
}

impl Arrivals {
    pub(crate) fn complete(&self) -> bool {
        self.first.len() == self.of
    }

    /// Returns when the last of them arrived.
    pub(crate) fn last(&self) -> u64 {
        self.first.values().copied().max().unwrap_or_default()
    }

    /// Returns a text like `385 in 45 s`.
    pub(crate) fn shortfall(&self) -> String {
        format!("{} in {:.0} s", self.first.len(), self.waited.as_secs_f64())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
