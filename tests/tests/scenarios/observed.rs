//! Guests with a kernel of their own, observed while their host is edited: RAs, default routes and lost pings; and
//! the same guests behind a host whose daemon has ended, under the same edits.

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Advert, Daemon, Guest, Interface, Lost, Namespace, Pings, RouteMonitor};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, prefix, rarely};

/// An address of the host outside every guest's /64: only a default route leads there.
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// Of two guests under the same edit, one may lose a ping or two more: those that are under way at its beginning and
/// at its end.
const UNDER_WAY: usize = 2;

/// The time after an edit for a final RA at the end of the grace, and for what leaves at the end of its floor.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// The time between the commands of one `ip -batch`.
pub(crate) const IN_ONE_BATCH: Duration = Duration::ZERO;

pub(crate) const A_MOMENT: Duration = Duration::from_millis(50);

/// An edit of a host's end: two commands, and the time between them.
#[derive(Clone, Copy)]
pub(crate) struct Edit {
    pub(crate) what: &'static str,
    /// Made before the daemon starts.
    pub(crate) prepare: fn(&Line),
    pub(crate) begin: fn(&Line) -> Step,
    pub(crate) end: fn(&Line) -> Step,
    pub(crate) pause: Duration,
}

/// A command of an operator.
pub(crate) enum Step {
    /// A line of `ip -batch`.
    Ip(String),
    /// A value of `net/ipv6/conf/<key>`.
    Conf(String, u32),
    None,
}

impl Step {
    fn run(&self, host: &Namespace) {
        match self {
            Self::Ip(line) => drop(host.ip(line)),
            Self::Conf(key, value) => host.sysctl(&format!("ipv6/conf/{key}"), value),
            Self::None => {}
        }
    }
}

/// Deletes an address of the host's end.
pub(crate) fn delete(line: &Line, address: &str) -> Step {
    Step::Ip(format!("address delete {address} dev {}", line.name()))
}

/// Adds an address to the host's end.
pub(crate) fn add(line: &Line, address: &str, flags: &str) -> Step {
    Step::Ip(format!("address add {address} dev {} {flags}", line.name()))
}

impl Edit {
    /// Makes the edit.
    fn run(&self, line: &Line) -> Times {
        let (host, began) = (line.link.host.namespace(), SystemTime::now());
        let steps = [(self.begin)(line), (self.end)(line)];
        if let ([Step::Ip(first), Step::Ip(second)], IN_ONE_BATCH) = (&steps, self.pause) {
            host.ip_batch(&[first.clone(), second.clone()]);
            return Times { began, ended: began, over: SystemTime::now() };
        }
        let [first, second] = steps;
        first.run(host);
        thread::sleep(self.pause);
        let ended = SystemTime::now();
        second.run(host);
        Times { began, ended, over: SystemTime::now() }
    }
}

/// When an edit was made.
#[derive(Clone, Copy)]
struct Times {
    /// Its first command began.
    began: SystemTime,
    /// Its second command began.
    ended: SystemTime,
    /// Its second command was over.
    over: SystemTime,
}

impl Times {
    fn duration(self) -> Duration {
        self.over.duration_since(self.began).unwrap_or_default()
    }
}

/// What was seen of a guest during an edit and after it.
pub(crate) struct Seen {
    pub(crate) what: &'static str,
    pub(crate) pause: Duration,
    /// The time when the edit began.
    pub(crate) began: SystemTime,
    /// The time when its second command began.
    pub(crate) ended: SystemTime,
    /// The RA before the edit.
    pub(crate) before: Advert,
    /// The RAs after the edit.
    pub(crate) adverts: Vec<Advert>,
    /// The RAs after a solicitation, sent when all of these were over.
    pub(crate) answers: Vec<Advert>,
    absences: Vec<String>,
    lost: Lost,
    lost_without_daemon: Lost,
    /// How long the edit took.
    lasted: Duration,
    /// How much longer than its pause the edit took: it waits for the kernel's RTNL lock, before or after what it does.
    pub(crate) longer: Duration,
}

impl Seen {
    /// Returns whether the guest noticed nothing but RAs.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.is_route_kept() && self.are_pings_kept()
    }

    /// Returns whether the guest had a default route at any time.
    pub(crate) fn is_route_kept(&self) -> bool {
        self.absences.is_empty()
    }

    /// Returns whether the guest lost no more pings than the one behind the host without a daemon, but for those of the
    /// time for which the edit itself may have waited.
    fn are_pings_kept(&self) -> bool {
        self.lost.lost <= self.lost_without_daemon.lost + Lost::within(self.longer) + UNDER_WAY
    }

    /// Returns whether an RA left when the edit had lasted for as long as the daemon waits.
    pub(crate) fn is_at_the_end_of_the_grace(&self, advert: &Advert) -> bool {
        (GRACE..GRACE + SLACK).contains(&self.after(advert))
    }

    /// Returns whether the edit, which was to be over before that, lasted for as long as the daemon waits.
    fn is_another_edit(&self) -> bool {
        self.pause < GRACE && self.lasted + SLACK > GRACE
    }

    /// Returns how long after the beginning of the edit an RA was captured.
    fn after(&self, advert: &Advert) -> Duration {
        advert.since(self.began)
    }
}

/// What a test reports.
impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Lost { lost, sent } = self.lost;
        writeln!(f, "{}, {:?} between", self.what, self.pause)?;
        let without = self.lost_without_daemon.lost;
        writeln!(f, "    {lost} of {sent} pings lost, {without} without a daemon; {:.2?} longer", self.longer)?;
        self.absences.iter().try_for_each(|line| writeln!(f, "    no default route: {line}"))?;
        for advert in self.adverts.iter().chain(&self.answers) {
            let kind = if advert.is_final() { "final RA" } else { "RA" };
            write!(f, "    {kind} after {:.2?} from {}", self.after(advert), advert.source)?;
            for option in advert.prefixes() {
                let (valid, preferred) = (option.valid.as_secs(), option.preferred.as_secs());
                write!(f, ", {} {valid}/{preferred}", option.prefix.network())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Panics with what was seen of all guests of which `is_right` does not hold.
pub(crate) fn check(seen: &[Seen], is_right: impl Fn(&Seen) -> bool) {
    let wrong: Vec<_> = seen.iter().filter(|seen| !is_right(seen)).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), seen.len(), wrong.concat());
}

/// A line whose guest's kernel configures itself.
struct Observed {
    line: Line,
    guest: Guest,
}

impl Observed {
    fn new(host: &Namespace, number: u16, edit: &Edit) -> Self {
        let guest = Guest::new();
        let line = Line::new(host, guest.namespace(), number);
        (edit.prepare)(&line);
        Self { line, guest }
    }

    fn wait_configured(&self, number: u16) {
        self.guest.wait_for_address(self.line.link.guest.mac().address_in(prefix(number)), SOON);
        self.guest.wait_for_default_route(SOON);
    }
}

/// A host with a line for each edit, whose guests have an address and a default route.
struct Host {
    daemon: Daemon,
    lines: Vec<Observed>,
}

impl Host {
    fn new(edits: &[Edit], arguments: &[&str]) -> Self {
        let namespace = Namespace::host();
        Interface::existing(&namespace, "lo").add_address(&format!("{FAR}/128"));
        let lines: Vec<_> = (1..).zip(edits).map(|(number, edit)| Observed::new(&namespace, number, edit)).collect();
        let daemon = Daemon::start(&namespace, &rarely(arguments));
        (1..).zip(&lines).for_each(|(number, observed)| observed.wait_configured(number));
        Self { daemon, lines }
    }
}

/// The records of one guest.
struct Recording(RouteMonitor, Pings);

impl Recording {
    fn start(observed: &Observed) -> Self {
        Self(RouteMonitor::start(&observed.guest), Pings::start(observed.guest.namespace(), FAR))
    }

    fn finish(self) -> (Vec<String>, Lost) {
        let Self(monitor, pings) = self;
        let seen = (monitor.absences(), pings.finish());
        monitor.expect_deletion_seen();
        seen
    }
}

/// Makes all edits at once, on a host with a daemon and on one without; returns what is seen until `settle` after the
/// last. Edits that became others are made once more, on other hosts.
pub(crate) fn observe(edits: &[Edit], arguments: &[&str], settle: Duration) -> Vec<Seen> {
    let seen = observe_once(edits, arguments, settle);
    if seen.iter().any(Seen::is_another_edit) { observe_once(edits, arguments, settle) } else { seen }
}

fn observe_once(edits: &[Edit], arguments: &[&str], settle: Duration) -> Vec<Seen> {
    let (mut host, mut other) = (Host::new(edits, arguments), Host::new(edits, arguments));
    // It sends nothing, and its guests keep their routes.
    other.daemon.signal(Signal::SIGHUP);
    assert_eq!(other.daemon.wait_exit(SOON), 0);
    // From now on the floor delays no final RA.
    thread::sleep(FLOOR);
    let record = |host: &Host| host.lines.iter().map(Recording::start).collect::<Vec<_>>();
    let (with, without) = (record(&host), record(&other));
    let before: Vec<_> = host.lines.iter_mut().map(last_advert).collect();
    let times = edit_all(edits, &host.lines, &other.lines);
    thread::sleep(settle);
    let adverts: Vec<_> = host.lines.iter_mut().map(captured).collect();
    let finish = |recordings: Vec<Recording>| recordings.into_iter().map(Recording::finish);
    let (with, without): (Vec<_>, Vec<_>) = (finish(with).collect(), finish(without).collect());
    host.lines.iter().for_each(|observed| observed.line.solicit());
    thread::sleep(FLOOR + MAX_DELAY + SLACK);
    let answers = host.lines.iter_mut().map(captured);

    let seen = edits.iter().zip(times).zip(before).zip(adverts).zip(answers).zip(with).zip(without);
    seen.map(|((((((edit, own), before), adverts), answers), (absences, lost)), (_, lost_without_daemon))| {
        let (Edit { what, pause, .. }, Times { began, ended, .. }) = (*edit, own);
        let lasted = own.duration();
        let longer = lasted.saturating_sub(pause);
        Seen {
            what,
            pause,
            began,
            ended,
            before,
            adverts,
            answers,
            absences,
            lost,
            lost_without_daemon,
            lasted,
            longer,
        }
    })
    .collect()
}

/// Makes each edit on the line of its place on both hosts; returns its times on the first.
fn edit_all(edits: &[Edit], lines: &[Observed], others: &[Observed]) -> Vec<Times> {
    thread::scope(|scope| {
        let running: Vec<_> = (edits.iter().zip(lines).zip(others))
            .map(|((edit, own), other)| [own, other].map(|observed| scope.spawn(|| edit.run(&observed.line))))
            .collect();
        let times = running.into_iter().map(|both| both.map(|edit| edit.join().expect("it ends without a panic")));
        times.map(|[own, _other]| own).collect()
    })
}

fn captured(observed: &mut Observed) -> Vec<Advert> {
    observed.line.capture.adverts_within(Duration::ZERO)
}

fn last_advert(observed: &mut Observed) -> Advert {
    captured(observed).pop().expect("the guest is configured by RAs")
}
