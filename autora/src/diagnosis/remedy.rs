//! What helps against each reason: a command with the real names in it, or advice where no command does.

use std::net::Ipv6Addr;

use super::{Problem, Shell};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        eligibility::{self, Reason, Uncounted, WhyUncounted},
        interface::{Address, Interface, MIN_MTU},
    },
};

/// What helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command, for root.
    Run(Shell),
    /// What no command does, or what to know before one is run.
    Advice(String),
}

/// Returns a command in which `IFACE` is the interface.
fn run(interface: &Interface, command: &str) -> Remedy {
    Remedy::Run(Shell::on(&interface.name, command))
}

fn advice(text: impl Into<String>) -> Remedy {
    Remedy::Advice(text.into())
}

/// Returns what helps; `master` is the name of the device that the interface is a port of.
pub(super) fn against(problem: &Problem, interface: &Interface, master: Option<&str>) -> Vec<Remedy> {
    match problem {
        Problem::NoMatch { .. } => vec![advice("give the daemon an --interface-regex that matches it")],
        Problem::NotServed(reason) => against_reason(reason, interface, master),
        Problem::HostDoesNotForward => vec![
            Remedy::Run(Shell::sysctl("all", "forwarding", "1")),
            advice(
                "this host's other interfaces then forward, too, and take no more routes from RAs by default",
            ),
        ],
        Problem::NoConnectedRoute(prefix) => interface
            .addresses
            .iter()
            .find(|a| eligibility::counts_for_prefix(a) && Prefix64::containing(a.address) == *prefix)
            .map(|a| run(interface, &format!("ip address change {}/{} dev IFACE", a.address, a.prefix_len)))
            .into_iter()
            .collect(),
        Problem::TooFewNeighbours { needed, .. } => vec![
            run(interface, &format!("sysctl -w net.ipv6.neigh.default.gc_thresh3={}", needed * 4)),
            advice("one for the whole machine; or use --send packet, which needs no neighbour"),
        ],
        Problem::OtherRouter { .. } => Vec::new(),
    }
}

fn against_reason(reason: &Reason, interface: &Interface, master: Option<&str>) -> Vec<Remedy> {
    let name = interface.name.as_str();
    let run = |command: &str| run(interface, command);
    match reason {
        Reason::Loopback => vec![advice("no guest is behind it: serve another interface")],
        // What else is amiss there is to stay as it is.
        _ if interface.flags.loopback => Vec::new(),
        Reason::Ipv6Disabled { mtu } if *mtu < MIN_MTU => vec![
            // What Ethernet has, or else what no link refuses.
            run(&format!(
                "ip link set dev IFACE mtu {}",
                if interface.link_address.is_some() { 1500 } else { MIN_MTU }
            )),
            advice("the kernel then starts with its default settings there, and with no address of yours"),
        ],
        Reason::Ipv6Disabled { .. } => vec![Remedy::Run(Shell::sysctl(name, "disable_ipv6", "0"))],
        Reason::Down => vec![run("ip link set dev IFACE up")],
        Reason::NoMulticast => vec![run("ip link set dev IFACE multicast on")],
        Reason::Enslaved { .. } => {
            let instead = master.unwrap_or("that device");
            vec![
                advice(format!("serve {instead} instead; or, if it should be no port:")),
                run("ip link set dev IFACE nomaster"),
            ]
        }
        Reason::ForwardingOff => vec![Remedy::Run(Shell::sysctl(name, "forwarding", "1"))],
        Reason::NoLinkLocal { unopened } => link_local(interface, *unopened),
        Reason::NoPrefix { others } => prefix(interface, others),
        Reason::SeveralPrefixes(prefixes) => all_but_one(interface, prefixes),
        Reason::FilterFull => vec![advice("start the daemon with a larger --max-interfaces")],
        Reason::FilterError { .. } => {
            vec![advice(
                "the daemon tries again at each resync; if it stays, look for what forbids it bpf(2)",
            )]
        }
    }
}

fn link_local(interface: &Interface, unopened: bool) -> Vec<Remedy> {
    let is_off = interface.ipv6.is_none_or(|ipv6| ipv6.disabled) || !interface.flags.up;
    let own: Vec<_> = interface.addresses.iter().filter(|a| LinkLocal::new(a.address).is_some()).collect();
    let of_our_own =
        |dad: &str| run(interface, &format!("ip address add {}/64 dev IFACE{dad}", free_link_local(&own)));
    match own.as_slice() {
        // A taken address cannot be told from a guest that claims every address it is asked about.
        [_, ..] if own.iter().all(|a| a.flags.dadfailed) => {
            vec![advice("another node of the link claims it; take one without asking:"), of_our_own(" nodad")]
        }
        [_, ..] if !interface.flags.carrier => {
            vec![advice("duplicate address detection goes on when the link has a carrier")]
        }
        [_, ..] => vec![advice("duplicate address detection runs: wait a second or two")],
        [] if is_off => vec![advice("the kernel makes one when the interface is up, with IPv6 enabled")],
        [] if unopened => vec![advice("it comes when a program opens the tap: start the guest")],
        [] if !interface.flags.carrier => {
            vec![advice("it comes with the carrier: start what is at the other end")]
        }
        [] => vec![of_our_own("")],
    }
}

/// `fe80::1`, or the next one that the interface does not have.
fn free_link_local(own: &[&Address]) -> Ipv6Addr {
    let candidates = (1..).map(|number| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number));
    candidates.into_iter().find(|new| own.iter().all(|a| a.address != *new)).expect("it has fewer than all")
}

fn prefix(interface: &Interface, others: &[Uncounted]) -> Vec<Remedy> {
    let deprecated = others.iter().find(|other| other.why == WhyUncounted::Deprecated);
    if let Some(Uncounted { address, .. }) = deprecated {
        let forever = "valid_lft forever preferred_lft forever";
        return vec![run(interface, &format!("ip address change {address}/64 dev IFACE {forever}"))];
    }
    if others.iter().any(|other| other.why == WhyUncounted::Tentative) {
        return vec![advice("duplicate address detection runs: wait until it is over")];
    }
    // One for each interface, so that two of them never get the same.
    let index = interface.index.get();
    let [high, low] = [index >> 16, index & 0xffff].map(|half| u16::try_from(half).expect("16 bits"));
    let example = Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 1);
    vec![
        advice("give it an address of a /64 that is routed to this host, like"),
        run(interface, &format!("ip address add {example}/64 dev IFACE")),
    ]
}

/// Removes the addresses of every prefix but the first.
fn all_but_one(interface: &Interface, prefixes: &[Prefix64]) -> Vec<Remedy> {
    let [kept, ..] = prefixes else { return Vec::new() };
    let surplus = interface
        .addresses
        .iter()
        .filter(|a| eligibility::counts_for_prefix(a) && Prefix64::containing(a.address) != *kept)
        .map(|a| run(interface, &format!("ip address delete {}/{} dev IFACE", a.address, a.prefix_len)));
    let first = advice(format!("remove all but one; to keep {kept}:"));
    std::iter::once(first).chain(surplus).collect()
}
