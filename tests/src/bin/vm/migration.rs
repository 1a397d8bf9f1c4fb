//! A guest that QEMU migrates from one host to another, both of which autora serves.

use std::{
    fs,
    net::Ipv6Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use autora_tests::{Daemon, Interface, Launch, Mac, Namespace, within};
use tempfile::TempDir;

use crate::{
    checks::Checks,
    machine::{CAPABILITIES, Machine, Plan, Tools},
    migrant::TARGET,
    qmp::Qmp,
};

const TAP: &str = "tap-vm-1";
const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0);

/// An emulated machine boots in about 7 s on an idle host; the rest is for a busy one.
const BOOT: Duration = Duration::from_secs(120);
const CONFIGURED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(15);

/// For how long the guest is observed before and after it migrates.
const OBSERVED: Duration = Duration::from_secs(6);

/// MiB
const MEMORY: u32 = 256;

/// What the handbook recommends, and after the initial burst no RA but solicited ones, so that RAs have a cause here.
const ARGUMENTS: [&str; 6] = [
    "--interface-regex=^tap-vm-[0-9]+$",
    "--filter=ebpf",
    "--source-address=fe80::1",
    "--source-link-layer-address",
    "--min-ra-interval=1000s",
    "--max-ra-interval=1400s",
];

/// A host with the daemon. QEMU makes the tap, and the hook of `contrib` prepares it.
struct Host {
    namespace: Namespace,
    daemon: Daemon,
}

/// What the guest has reported for a while.
#[derive(Debug, Default)]
struct Reports {
    /// The RAs: source and link-layer address, with the time since the guest was observed.
    adverts: Vec<(String, Duration)>,
    /// The last number of echo requests, and of lost ones.
    pings: Option<(u32, u32)>,
    /// Changes of its address or its default route.
    changes: Vec<String>,
}

/// The two hosts and the machine's kernel.
struct Site<'a> {
    tools: &'a Tools,
    kernel: &'a Path,
    hosts: [Host; 2],
    card: Mac,
    folder: TempDir,
    checks: Checks,
}

pub(crate) fn run(tools: &Tools, kernel: &Path) -> ExitCode {
    let folder = TempDir::with_prefix("autora-vm-").expect("a temporary directory can be made");
    let hosts = [Host::new(), Host::new()];
    let mut site = Site { tools, kernel, hosts, card: Mac::unique(), folder, checks: Checks::new() };
    let outcome = site.run();
    site.checks.end(outcome)
}

impl Site<'_> {
    fn run(&mut self) -> Result<()> {
        self.checks.section("a guest boots on the first host");
        let (mut machine, mut control) = self.start(0, &[])?;
        self.is_up(&mut machine)?;
        let before = Reports::of(&mut machine, OBSERVED);
        let lost = self.checks.check("echo requests, and lost ones: ", before.pings(), |pings| format!("{pings:?}"))?;

        self.checks.section("the second host waits for it: QEMU has opened the tap, an RA is in the tap's queue");
        let (mut arrived, mut other) = self.start(1, &["-incoming".to_owned(), self.incoming()])?;
        let sent = self.hosts[1].first_advert();
        let sent = self.checks.check("RAs of the second host so far: ", sent, u64::to_string)?;

        self.checks.section("QEMU migrates it");
        control.migrate(&self.incoming())?;
        other.wait("RESUME").context("it does not run on the second host")?;
        let after = Reports::of(&mut arrived, OBSERVED);
        self.check_adverts(&after, sent)?;
        self.check_pings(&after, lost)?;
        self.check_changes(&after)
    }

    /// Starts the guest, or what waits for it, on one of the hosts.
    fn start(&self, number: usize, further: &[String]) -> Result<(Machine, Qmp)> {
        let socket = self.folder.path().join(format!("qmp{number}"));
        let qmp = ["-qmp".to_owned(), format!("unix:{},server=on,wait=off", socket.display())];
        let prefixes = self.folder.path().join("prefixes");
        fs::write(&prefixes, format!("{TAP} {PREFIX}/64 {SOURCE}\n"))?;
        let plan = Plan {
            name: TAP,
            kernel: self.kernel,
            role: "migrant",
            userland: self.tools.userland(),
            memory: MEMORY,
            namespace: &self.hosts[number].namespace,
            card: Some(self.card),
            reboots: true,
            prefixes: Some(&prefixes),
            further: [&qmp, further].concat(),
        };
        Ok((Machine::start(self.tools, &plan)?, Qmp::connect(&socket)?))
    }

    fn incoming(&self) -> String {
        let socket: PathBuf = self.folder.path().join("incoming");
        format!("unix:{}", socket.display())
    }

    fn is_up(&mut self, machine: &mut Machine) -> Result<()> {
        let up = machine.console.expect("boot", BOOT);
        self.checks.check("its kernel is up: Linux ", up, Clone::clone)?;
        let route = format!("route {SOURCE} eth0");
        let found = machine.console.expect(&route, CONFIGURED);
        self.checks.check(&format!("default {route}"), found, String::clone)?;
        let address = format!("address {}/64", self.card.address_in(PREFIX));
        let found = machine.console.expect(&address, CONFIGURED);
        self.checks.check(&address, found, String::clone).map(drop)
    }

    fn check_adverts(&mut self, after: &Reports, before: u64) -> Result<()> {
        let expected = format!("{SOURCE} {}", Interface::existing(&self.hosts[1].namespace, TAP).mac());
        let found = after.adverts.iter().find(|(advert, _)| *advert == expected).map(|(_, at)| *at);
        let found = found.with_context(|| format!("no RA with {expected}: {after:?}"));
        self.checks
            .check("the second host's RA arrives after it runs there, ms: ", found, |at| at.as_millis().to_string())?;
        let now = self.hosts[1].sent();
        let queued = if now == before { Ok(now) } else { Err(anyhow!("{now} RAs, {before} before")) };
        self.checks
            .check("it had waited in the tap: RAs of the second host are still ", queued, u64::to_string)
            .map(drop)
    }

    fn check_pings(&mut self, after: &Reports, (sent, lost): (u32, u32)) -> Result<()> {
        let more = after.pings().and_then(|(now, lost_now)| {
            let (sent, lost) = (now - sent, lost_now - lost);
            ensure!(sent > 20 && lost <= 2, "{lost} of {sent} echo requests are lost");
            Ok((sent, lost))
        });
        self.checks.check("echo requests since, and lost ones: ", more, |pings| format!("{pings:?}")).map(drop)
    }

    fn check_changes(&mut self, after: &Reports) -> Result<()> {
        let none = if after.changes.is_empty() { Ok(()) } else { Err(anyhow!("{:?}", after.changes)) };
        self.checks.check("its address and its default route are the same", none, |()| String::new())
    }
}

impl Host {
    fn new() -> Self {
        let namespace = Namespace::host();
        namespace.ip(&format!("address add {TARGET}/128 dev lo"));
        let daemon = Launch::new(&ARGUMENTS).unprivileged(&CAPABILITIES).start(&namespace);
        daemon.wait_for_log(&["started"], SOON);
        Self { namespace, daemon }
    }

    /// Waits for the first RA; returns how many have left.
    fn first_advert(&self) -> Result<u64> {
        within(SOON, || Some(self.sent()).filter(|sent| *sent > 0)).context("no RA has left")
    }

    /// Returns the number of RAs that have left.
    fn sent(&self) -> u64 {
        let shown = self.daemon.control().json(&format!("/v1/interfaces/{TAP}"));
        shown["ra_sent"]["unsolicited"].as_u64().unwrap_or_else(|| panic!("no count in {shown}"))
    }
}

impl Reports {
    /// Reads what the guest reports for a while.
    fn of(machine: &mut Machine, time: Duration) -> Self {
        let (begun, mut reports) = (Instant::now(), Self::default());
        while let Some(mark) = machine.console.next_mark(begun + time) {
            match mark.split_once(' ') {
                Some(("ra", advert)) => reports.adverts.push((advert.to_owned(), begun.elapsed())),
                Some(("pings", counts)) => reports.pings = numbers(counts),
                _ => reports.changes.push(mark),
            }
        }
        reports
    }

    fn pings(&self) -> Result<(u32, u32)> {
        self.pings.context("the guest reports no pings")
    }
}

fn numbers(counts: &str) -> Option<(u32, u32)> {
    let (sent, lost) = counts.split_once(' ')?;
    Some((sent.parse().ok()?, lost.parse().ok()?))
}
