//! The run: what is drawn happens, every RA is judged, and the daemon's resources are sampled.

use std::{
    path::Path,
    process::Command,
    sync::mpsc::Receiver,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{
    Daemon, Launch, Standstill, Tap,
    site::{
        Site,
        link::{Link, prefix},
    },
    standstills,
};
use nix::sys::signal::Signal;

use crate::{
    agenda::{self, Act, Ending, Plan, Step},
    clients::{Scrapes, Stalled},
    guests::Guests,
    judge::{Judge, MAX_INTERVAL, MIN_INTERVAL, Rule},
    ra::Ra,
    resources::{self, Sample},
    tally::Tally,
};

/// The time between two looks at what is missing.
const TICK: Duration = Duration::from_millis(200);

/// The time in which the daemon ends.
const END: Duration = Duration::from_secs(10);

/// Taps that are open and not read, as those of guests that are paused: no RA leaves on them after a few.
const PAUSED: u32 = 5;

/// A queue that lets next to nothing out, and holds a thousand RAs.
const CLOG: &str = "root tbf rate 8bit burst 200 limit 1000000";

/// The most interfaces of an event that are named while it runs.
const NAMED: usize = 5;

/// The most violations that are shown while it runs.
pub(crate) const SHOWN: usize = 20;

/// A run with everything that it needs.
pub(crate) struct Course {
    plan: Plan,
    site: Site,
    launch: Launch,
    daemon: Daemon,
    guests: Guests,
    scrapes: Scrapes,
    stalled: Stalled,
    standstills: Receiver<Standstill>,
    paused: Vec<Tap>,
    judge: Judge,
    tally: Tally,
    samples: Vec<Sample>,
    begun: Instant,
    shown: usize,
    has_ended: bool,
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) judge: Judge,
    pub(crate) tally: Tally,
    pub(crate) samples: Vec<Sample>,
    /// Interfaces that the daemon was to serve.
    pub(crate) interfaces: u32,
    pub(crate) flooded: u64,
    pub(crate) scrapes: Scrapes,
    /// The last lines of the daemon's log.
    pub(crate) log: Vec<String>,
}

impl Course {
    /// Makes the links and starts the daemon.
    pub(crate) fn prepare(plan: &Plan, binary: &Path) -> Self {
        say(Duration::ZERO, &format!("making {} links", plan.size));
        let site = Site::build(plan.size);
        let paused = site.more(PAUSED).map(|number| pause(&site, number)).collect();
        let launch = Launch::new(&arguments().each_ref().map(String::as_str)).binary(binary);
        let mut judge = Judge::default();
        judge.await_ra(&site.links(site.numbers()), now());
        let daemon = launch.start(&site.host);
        Self {
            guests: Guests::open(&site.guest),
            scrapes: Scrapes::begin(daemon.control().path().to_owned()),
            plan: *plan,
            site,
            launch,
            daemon,
            stalled: Stalled::default(),
            standstills: standstills(),
            paused,
            judge,
            tally: Tally::default(),
            samples: Vec::new(),
            begun: Instant::now(),
            shown: 0,
            has_ended: false,
        }
    }

    /// Lets everything happen, to the end of the run or of the daemon.
    pub(crate) fn run(mut self) -> Outcome {
        for Step { at, act } in agenda::draw(&self.plan) {
            self.watch_until(at);
            if self.has_ended {
                break;
            }
            self.happen(&act);
        }
        self.watch_until(self.plan.time);
        self.end()
    }

    /// Watches until this time after the start.
    fn watch_until(&mut self, at: Duration) {
        loop {
            self.look();
            let left = at.saturating_sub(self.begun.elapsed());
            if left.is_zero() || self.has_ended {
                return;
            }
            self.site.receiver.wait(left.min(TICK));
        }
    }

    fn look(&mut self) {
        // The time is taken before the RAs are, so that none that arrived earlier is missing.
        let now = now();
        for Standstill { ended, lasted } in self.standstills.try_iter() {
            self.judge.stall(since_epoch(ended), lasted);
        }
        while let Some(frame) = self.site.receiver.frame() {
            self.judge.on_ra(frame.link, frame.at, Ra::decode(&frame.bytes));
        }
        self.wait_for_kernel(now);
        self.judge.on_time(now);
        self.sample();
        if !self.has_ended && !self.daemon.is_running() {
            self.has_ended = true;
            self.judge.report(Rule::Daemon, None, now, "it has ended by itself".to_owned());
        }
        self.show();
    }

    /// Where the kernel takes long, as it does for thousands of links at once, an RA is awaited from when it is done.
    fn wait_for_kernel(&mut self, now: Duration) {
        let late = self.judge.late(now);
        if !late.is_empty() {
            let fit = self.site.fit_of(&late);
            let unfit: Vec<Link> = late.into_iter().filter(|link| !fit.contains(link)).collect();
            self.judge.await_ra(&unfit, now);
        }
    }

    fn sample(&mut self) {
        let at = self.begun.elapsed();
        if at >= self.samples.last().map_or(resources::INTERVAL, |last| last.at + resources::INTERVAL) {
            self.samples.extend(Sample::take(self.daemon.pid(), at));
        }
    }

    fn show(&mut self) {
        let violations = self.judge.violations();
        for violation in violations.iter().take(SHOWN).skip(self.shown) {
            eprintln!("{violation}");
        }
        self.shown = violations.len();
    }

    fn happen(&mut self, act: &Act) {
        say(self.begun.elapsed(), &describe(act));
        self.tally.count(act);
        let links = self.site.links(act.numbers().iter().copied());
        match act {
            Act::Replace(numbers) => self.replace(numbers, &links),
            Act::CarrierOff(_) => {
                self.judge.disturb(&links);
                self.guests_ends(&links, "down");
            }
            Act::CarrierOn(_) => self.restored(&links, |course| course.guests_ends(&links, "up")),
            Act::Down(_) => {
                self.judge.disturb(&links);
                self.hosts_ends(&links, |number| format!("link set vm{number} down"));
            }
            Act::Add(_) => self.restored(&links, |course| course.hosts_ends(&links, add)),
            Act::Up(_) => self.restored(&links, |course| course.site.finish(&links)),
            Act::Edit(_) => self.hosts_ends(&links, |number| format!("{}\n{}", remove(number), add(number))),
            Act::Remove(_) => {
                self.judge.withdraw(&links);
                self.hosts_ends(&links, remove);
            }
            Act::Solicit(_) => links.iter().for_each(|link| self.guests.solicit(*link)),
            Act::Flood(number, frames) => self.guests.flood(self.site.link(*number), *frames),
            Act::Clog(_) => self.queues("add", &links),
            Act::Unclog(_) => self.queues("delete", &links),
            Act::Stall(client) => self.stalled.connect(self.daemon.control().path(), *client),
            Act::Restart(ending) => self.restart(*ending),
        }
    }

    fn replace(&mut self, numbers: &[u32], links: &[Link]) {
        self.judge.forget(links);
        self.site.delete(numbers.iter().copied());
        let links = self.site.next_generation(numbers.iter().copied());
        self.restored(&links, |course| {
            course.site.plug(&links);
            course.site.finish(&links);
        });
    }

    /// Does what makes links fit again, from which on an RA is awaited.
    fn restored(&mut self, links: &[Link], make: impl FnOnce(&Self)) {
        let since = now();
        make(self);
        self.judge.await_ra(links, since);
    }

    fn guests_ends(&self, links: &[Link], state: &str) {
        let line = |link: &Link| format!("link set e{} {state}", link.number);
        self.site.guest.ip_batch(&links.iter().map(line).collect::<Vec<_>>());
    }

    fn hosts_ends(&self, links: &[Link], line: impl Fn(u32) -> String) {
        self.site.host.ip_batch(&links.iter().map(|link| line(link.number)).collect::<Vec<_>>());
    }

    fn queues(&self, action: &str, links: &[Link]) {
        for link in links {
            let words = format!("qdisc {action} dev {link} {CLOG}");
            self.site.host.run(Command::new("tc").args(words.split(' ')));
        }
    }

    fn restart(&mut self, ending: Ending) {
        let (signal, expected) = match ending {
            Ending::Hangup => (Signal::SIGHUP, 0),
            Ending::Terminate => (Signal::SIGTERM, 0),
            Ending::Kill => (Signal::SIGKILL, -9),
        };
        self.judge.daemon_ends(now());
        self.daemon.signal(signal);
        let code = self.daemon.wait_exit(END);
        if code != expected {
            self.judge.report(Rule::Daemon, None, now(), format!("{signal} ended it with {code}, not {expected}"));
        }
        self.daemon = self.launch.start(&self.site.host);
        self.judge.daemon_starts(now());
    }

    fn end(mut self) -> Outcome {
        let interfaces = self.site.size() + u32::try_from(self.paused.len()).expect("a few");
        for figure in resources::curves(&self.samples, self.plan.time, interfaces.into()) {
            if !figure.is_flat() && !self.has_ended {
                self.judge.report(Rule::Flat, None, now(), figure.to_string());
            }
        }
        self.show();
        let log = self.daemon.log();
        Outcome {
            log: log[log.len().saturating_sub(SHOWN)..].to_vec(),
            judge: self.judge,
            tally: self.tally,
            samples: self.samples,
            interfaces,
            flooded: self.guests.flooded(),
            scrapes: self.scrapes,
        }
    }
}

/// Returns the daemon's arguments. Between two processes nothing is withdrawn.
pub(crate) fn arguments() -> [String; 4] {
    [
        "--interface-regex=^vm[0-9]+$".to_owned(),
        format!("--min-ra-interval={}s", MIN_INTERVAL.as_secs()),
        format!("--max-ra-interval={}s", MAX_INTERVAL.as_secs()),
        "--on-exit=keep".to_owned(),
    ]
}

/// Makes a tap that is open and not read, with room for one packet.
fn pause(site: &Site, number: u32) -> Tap {
    let mut tap = Tap::new(&site.host, &format!("vm{number}"));
    tap.interface.set("txqueuelen 1");
    tap.open();
    tap.interface.wait_link_local();
    tap.interface.add_address(&format!("{}1/64", prefix(number)));
    tap
}

fn add(number: u32) -> String {
    format!("address add {}1/64 dev vm{number}", prefix(number))
}

fn remove(number: u32) -> String {
    format!("address delete {}1/64 dev vm{number}", prefix(number))
}

fn describe(act: &Act) -> String {
    match act {
        Act::Stall(client) => format!("{}: {client:?}", act.words()),
        Act::Flood(number, frames) => format!("{}: vm{number}, {frames:?}", act.words()),
        Act::Replace(_)
        | Act::CarrierOff(_)
        | Act::CarrierOn(_)
        | Act::Down(_)
        | Act::Up(_)
        | Act::Edit(_)
        | Act::Remove(_)
        | Act::Add(_)
        | Act::Solicit(_)
        | Act::Clog(_)
        | Act::Unclog(_)
        | Act::Restart(_) => {
            let names: Vec<_> = act.numbers().iter().take(NAMED).map(|number| format!(" vm{number}")).collect();
            let more = act.numbers().len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{}{}{more}", act.words(), names.concat())
        }
    }
}

/// Writes a line of progress.
fn say(at: Duration, what: &str) {
    let seconds = at.as_secs_f64();
    eprintln!("{seconds:>8.1}  {what}");
}

/// Returns the time on the clock of packets' timestamps, since the epoch.
fn now() -> Duration {
    since_epoch(SystemTime::now())
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}
