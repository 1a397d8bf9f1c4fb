//! A link that is tried, with the guest at its other end.

use std::{
    array, fs,
    net::Ipv6Addr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Guest, Namespace};
use serde_json::Value;

use super::kinds::{ANSWERED, CONFIGURED, Column, HELD, Kind, NOTHING, WITHDRAWN};
use crate::solicitor::Solicitor;

/// Makes links.
const SCRIPT: &str = include_str!("links.sh");

/// The longest delay of an answer, 3.5 s, emulated.
const ANSWER: Duration = Duration::from_secs(8);

/// An unsolicited RA may be due a moment before the answer, and no answer leaves then.
const ATTEMPTS: usize = 2;

/// A look at an emulated guest takes as long.
const PAUSE: Duration = Duration::from_millis(100);

/// A link that is tried.
#[derive(Debug)]
pub(super) struct TriedLink {
    pub(super) kind: &'static Kind,
    number: usize,
    host: Namespace,
    guest: Guest,
    seen: [String; Column::COUNT],
}

impl TriedLink {
    /// Makes the link, up and with its /64.
    pub(super) fn new(host: &Namespace, kind: &'static Kind, number: usize) -> Self {
        let seen = array::from_fn(|_| NOTHING.to_owned());
        let link = Self { kind, number, host: host.clone(), guest: Guest::new(), seen };
        link.run(&format!("{}\nready\n{}", kind.make, kind.then));
        link
    }

    /// Returns the name of the host's end.
    pub(super) fn name(&self) -> String {
        format!("vm{}", self.number)
    }

    pub(super) fn is_configured(&self) -> bool {
        self.column(Column::Guest).ends_with(CONFIGURED)
    }

    pub(super) fn see(&mut self, column: Column, seen: impl Into<String>) {
        self.seen[column as usize] = seen.into();
    }

    /// Reports what was seen.
    pub(super) fn report(&self, scene: usize) {
        println!("@@ link {scene}|{}|{}", self.kind.name, self.seen.join("|"));
    }

    /// Looks for the state in the daemon.
    pub(super) fn see_state(&mut self, daemon: &Daemon, deadline: Instant) {
        let seen = self.settled(Column::State, deadline, || state(&self.shown(daemon)));
        self.see(Column::State, seen);
    }

    /// Returns whether its guest has to be configured by what leaves at once.
    pub(super) fn expects_configuration(&self) -> bool {
        self.kind.expected[Column::Guest as usize] == CONFIGURED
    }

    /// Looks for address and route in the guest: until the deadline if they are expected, else once.
    pub(super) fn see_guest(&mut self, daemon: &Daemon, deadline: Instant) {
        let deadline = if self.expects_configuration() { deadline } else { Instant::now() };
        let seen = self.settled(Column::Guest, deadline, || self.guest_now(daemon).to_owned());
        self.see(Column::Guest, seen);
    }

    /// Lets go what the queue holds, and looks for what the guest has then.
    pub(super) fn release(&mut self, daemon: &Daemon, deadline: Instant) {
        let Some(release) = self.kind.release else { return };
        let before = if self.column(Column::Guest) == NOTHING { HELD } else { self.column(Column::Guest) };
        let before = before.to_owned();
        self.run(release);
        let seen = self.settled(Column::Guest, deadline, || format!("{before}, then {}", self.guest_now(daemon)));
        self.see(Column::Guest, seen);
    }

    /// Has the guest solicit.
    pub(super) fn see_answer(&mut self, daemon: &Daemon) {
        let solicitor = self.guest.namespace().enter(|| Solicitor::on("eth0"));
        let is_answered = (0..ATTEMPTS).any(|_| {
            let before = self.answers(daemon);
            let sent = solicitor.send();
            sent.is_ok() && until(Instant::now() + ANSWER, || grown(before, self.answers(daemon)))
        });
        self.see(Column::Solicitation, if is_answered { ANSWERED } else { "unanswered" });
    }

    /// Looks whether the guest loses its route.
    pub(super) fn see_withdrawal(&mut self, deadline: Instant) {
        let is_withdrawn = until(deadline, || self.guest.default_routes().is_empty());
        self.see(Column::Stop, if is_withdrawn { WITHDRAWN } else { "keeps its route" });
    }

    fn column(&self, column: Column) -> &str {
        &self.seen[column as usize]
    }

    /// Runs functions of the script.
    fn run(&self, functions: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-euc", &format!("{SCRIPT}\n{functions}")]).env("LINK", self.name());
        shell.env("N", self.number.to_string()).env("GUEST", self.guest.namespace().name());
        let output = self.host.enter(|| shell.output()).expect("there is a shell");
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            println!("@@ warning {}: {errors:.200}", self.kind.name);
        }
    }

    /// Looks until a column has what is expected there, or the deadline is over; returns what was seen last.
    fn settled(&self, column: Column, deadline: Instant, look: impl Fn() -> String) -> String {
        let mut seen = String::new();
        until(deadline, || {
            seen = look();
            seen == self.kind.expected[column as usize]
        });
        seen
    }

    /// Returns what the daemon shows of it.
    fn shown(&self, daemon: &Daemon) -> Value {
        let answer = daemon.control().get(&format!("/v1/interfaces/{}", self.name()));
        if answer.code == 200 { answer.json() } else { Value::Null }
    }

    fn guest_now(&self, daemon: &Daemon) -> &'static str {
        let source = self.shown(daemon)["source"].as_str().and_then(|source| source.parse().ok());
        let has_route = matches!(&self.guest.default_routes()[..], [route] if Some(route.gateway) == source);
        let has_address = self.guest.addresses().into_iter().any(|address| self.is_in_prefix(address));
        match (has_address, has_route) {
            (true, true) => CONFIGURED,
            (true, false) => "no route",
            (false, true) => "no address",
            (false, false) => NOTHING,
        }
    }

    /// Returns whether the link's /64 has an address. `links.sh` gives the host one in it.
    fn is_in_prefix(&self, address: Ipv6Addr) -> bool {
        let prefix: Ipv6Addr = format!("2001:db8:0:{}::", self.number).parse().expect("an address");
        address.segments()[..4] == prefix.segments()[..4]
    }

    /// Returns how many answers the daemon sent, and how many RAs the guest received.
    fn answers(&self, daemon: &Daemon) -> [u64; 2] {
        let sent = self.shown(daemon)["rs"]["answered"].as_u64();
        [sent.unwrap_or_default(), self.guest.namespace().enter(received_adverts)]
    }
}

/// Returns the state that the daemon shows, or the reasons, or the error of the last attempt to send.
fn state(shown: &Value) -> String {
    let error = shown["send_failures"]["error"].as_str();
    match (shown["state"].as_str(), error) {
        (Some("serving"), None) => "served".to_owned(),
        (Some("serving"), Some(error)) => error.split(" (").next().unwrap_or(error).to_owned(),
        (Some("not-served"), _) => reasons(shown),
        (other, _) => other.unwrap_or("missing").to_owned(),
    }
}

fn reasons(shown: &Value) -> String {
    let reasons = shown["reasons"].as_array().into_iter().flatten();
    let mut names: Vec<_> = reasons.filter_map(|reason| reason["name"].as_str()).collect();
    names.sort_unstable();
    names.join(",")
}

/// Returns how many RAs `eth0` of this thread's namespace has received, by the kernel's counters of the interface.
fn received_adverts() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/net/dev_snmp6/eth0").expect("the guest has the interface");
    let count = |line: &str| line.strip_prefix("Icmp6InRouterAdvertisements")?.trim().parse().ok();
    counters.lines().find_map(count).unwrap_or_default()
}

fn grown(before: [u64; 2], now: [u64; 2]) -> bool {
    before.iter().zip(now).all(|(&before, now)| now > before)
}

/// Looks until `is_so`, or the deadline is over; returns whether it was so.
fn until(deadline: Instant, mut is_so: impl FnMut() -> bool) -> bool {
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
}
