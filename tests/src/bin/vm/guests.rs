//! Virtual machines behind taps, served by the real daemon.

use std::{net::Ipv6Addr, path::Path, process::ExitCode, time::Duration};

use anyhow::{Result, anyhow, ensure};
use autora_tests::{Daemon, Interface, Launch, Mac, Namespace, Tap};
use nix::sys::signal::Signal;

use crate::{
    checks::Checks,
    machine::{CAPABILITIES, Machine, Plan, Tools},
};

/// An emulated machine boots in about 7 s on an idle host; the rest is for a busy one.
const BOOT: Duration = Duration::from_secs(120);

/// Duplicate address detection, up to 1 s before the first solicitation, and its answer take about 4 s,
/// longer emulated.
const CONFIGURED: Duration = Duration::from_secs(60);

/// The daemon has 3.2 s for its final RAs.
const FINAL_RA: Duration = Duration::from_secs(20);

const SOON: Duration = Duration::from_secs(10);

/// MiB
const MEMORY: u32 = 256;

/// A tap and the guest behind it.
struct Port {
    tap: Tap,
    mac: Mac,
    prefix: Ipv6Addr,
}

/// The host and the machines' kernel.
struct Site<'a> {
    tools: &'a Tools,
    kernel: &'a Path,
    host: Namespace,
    checks: Checks,
}

pub(crate) fn run(tools: &Tools, kernel: &Path, boot_only: bool) -> ExitCode {
    let mut site = Site { tools, kernel, host: Namespace::host(), checks: Checks::new() };
    let outcome = site.run(boot_only);
    site.checks.end(outcome)
}

impl Site<'_> {
    fn run(&mut self, boot_only: bool) -> Result<()> {
        let (first, second) = (Port::new(&self.host, 1), Port::new(&self.host, 2));
        // Few unsolicited RAs: after the initial burst a guest gets solicited ones.
        let arguments = [
            "--interface-regex=^tap-vm-[0-9]+$",
            "--filter=ebpf",
            "--min-ra-interval=1000s",
            "--max-ra-interval=1400s",
        ];
        let mut daemon = Launch::new(&arguments).unprivileged(&CAPABILITIES).start(&self.host);
        daemon.wait_for_log(&["started"], SOON);

        self.checks.section("a guest boots");
        let mut machine = self.boot(&first, "guest")?;
        self.is_up(&mut machine)?;
        self.is_configured(&mut machine, &first)?;
        if !boot_only {
            self.checks.section("it is rebooted: the tap and its carrier stay, the guest solicits again");
            self.reboot(&daemon, &mut machine, &first)?;
            self.beside_a_flood(&daemon, &mut machine, (&first, &second))?;
        }
        self.checks.section("autora is stopped");
        self.withdrawal(&mut daemon, &mut machine)
    }

    /// Shows a check with its time, claim and value.
    fn check<T>(&mut self, claim: &str, found: Result<T>, show: impl FnOnce(&T) -> String) -> Result<()> {
        self.checks.check(claim, found, show).map(drop)
    }

    fn boot(&self, port: &Port, role: &str) -> Result<Machine> {
        let plan = Plan {
            name: port.tap.interface.name(),
            kernel: self.kernel,
            role,
            userland: self.tools.userland(),
            memory: MEMORY,
            namespace: &self.host,
            card: Some(port.mac),
            reboots: true,
            prefixes: None,
            further: Vec::new(),
        };
        Machine::start(self.tools, &plan)
    }

    fn is_up(&mut self, machine: &mut Machine) -> Result<()> {
        let up = machine.console.expect("boot", BOOT);
        self.check("its kernel is up: Linux ", up, Clone::clone)
    }

    /// Waits for the address of prefix and link-layer address, and for the route through the host's
    /// link-local address.
    fn is_configured(&mut self, machine: &mut Machine, port: &Port) -> Result<()> {
        let router = port.tap.interface.link_local();
        let route = format!("route {router} eth0");
        let address = format!("address {}/64", port.mac.address_in(port.prefix));
        // The route comes with the RA, the address after duplicate address detection.
        let found = machine.console.expect(&route, CONFIGURED);
        self.check(&format!("default {route}"), found, String::clone)?;
        let found = machine.console.expect(&address, CONFIGURED);
        self.check(&address, found, String::clone)
    }

    fn reboot(&mut self, daemon: &Daemon, machine: &mut Machine, port: &Port) -> Result<()> {
        // Not the solicited RAs: an unsolicited RA that is due answers too.
        let received = || {
            let count = |verdict| solicitations(daemon, &port.tap.interface, verdict);
            count("passed") + count("coalesced")
        };
        let before = received();
        machine.say("reboot")?;
        self.is_up(machine)?;
        self.is_configured(machine, port)?;
        let solicited = match received() - before {
            0 => Err(anyhow!("it has a route without a solicitation")),
            some => Ok(some),
        };
        self.check("its solicitations: ", solicited, u64::to_string)
    }

    fn beside_a_flood(
        &mut self,
        daemon: &Daemon,
        machine: &mut Machine,
        (first, second): (&Port, &Port),
    ) -> Result<()> {
        self.checks.section("another guest floods, the first one is rebooted again");
        let mut flooder = self.boot(second, "flood")?;
        self.is_up(&mut flooder)?;
        let flooding = flooder.console.expect("flooding", CONFIGURED);
        self.check("it floods with solicitations", flooding, |_| String::new())?;
        let dropped = || solicitations(daemon, &second.tap.interface, "coalesced");
        let before = dropped();
        self.reboot(daemon, machine, first)?;
        let enough = ensure_flood(dropped() - before);
        let claim = "solicitations of the flooding guest, dropped in the kernel meanwhile: ";
        self.check(claim, enough, u64::to_string)
    }

    fn withdrawal(&mut self, daemon: &mut Daemon, machine: &mut Machine) -> Result<()> {
        daemon.signal(Signal::SIGTERM);
        let code = daemon.wait_exit(FINAL_RA);
        let ended = match code {
            0 => Ok(()),
            other => Err(anyhow!("autora ended with exit code {other}")),
        };
        self.check("it has sent its final RAs and ended", ended, |()| String::new())?;
        let gone = machine.console.expect("route none", FINAL_RA);
        self.check("the guest has removed its default route", gone, |_| String::new())
    }
}

impl Port {
    fn new(host: &Namespace, number: u16) -> Self {
        let tap = Tap::new(host, &format!("tap-vm-{number}"));
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0);
        tap.interface.add_address(&format!("2001:db8:{number:x}::1/64"));
        Self { tap, mac: Mac::unique(), prefix }
    }
}

/// Returns the interface's count of solicitations with this verdict: `passed` or `coalesced`.
fn solicitations(daemon: &Daemon, interface: &Interface, verdict: &str) -> u64 {
    let shown = daemon.control().json(&format!("/v1/interfaces/{}", interface.name()));
    shown["rs"][verdict].as_u64().unwrap_or_else(|| panic!("no count in {shown}"))
}

/// An emulated machine sends thousands a second.
fn ensure_flood(coalesced: u64) -> Result<u64> {
    ensure!(coalesced >= 1000, "no flood: {coalesced} coalesced solicitations");
    Ok(coalesced)
}
