//! The daemon's verdict on each interface of the host, and the state of the guests' kernels.

use std::time::Duration;

use autora_tests::{Daemon, field, terminal::Screen, within};

use crate::{
    probe::{self, Arrival, Start, milliseconds},
    topology::{self, Member, Topology},
};

/// Long enough for the daemon's first log lines.
const STARTED: Duration = Duration::from_secs(3);

/// Shows the interfaces and the daemon's verdict on each.
pub(crate) fn host(screen: &mut Screen, topology: &Topology, daemon: &Daemon) {
    screen.section(&format!(
        "The host: its interfaces, and which of them the daemon serves (--interface-regex '{}')",
        topology::REGEX
    ));
    let (tap, _) = &topology.tap;
    let guest = "a guest with SLAAC on";
    let mut rows: Vec<_> = topology.guests.iter().map(|member| (member.name, "veth", prefix(member), guest)).collect();
    rows.push((tap.interface.name(), "tap", format!("{}/64", topology::prefix(4)), "an open file"));
    rows.push((topology.not_fit.name, "veth", "-".to_owned(), guest));
    rows.push((topology.unmatched.name, "veth", prefix(&topology.unmatched), guest));
    within(STARTED, || (!daemon.lines_with(&["started"]).is_empty()).then_some(()));
    let rows = rows.into_iter().map(|(name, kind, prefix, behind)| {
        [name.to_owned(), kind.to_owned(), prefix, behind.to_owned(), verdict(daemon, name)]
    });
    let rows: Vec<_> = rows.collect();
    screen.table(["interface", "kind", "prefix", "other end", "verdict"], rows.clone());
    let as_expected = ["served", "served", "served", "served", "not served: forwarding-off, no-prefix", "ignored"];
    screen.check(
        rows.iter().zip(as_expected).all(|(row, expected)| row[4] == expected),
        "it serves each interface that matches and is fit, and logs the reasons for one that is not",
    );
    screen.check(
        !daemon.lines_with(&["started", "filter=ebpf"]).is_empty(),
        "its eBPF filter judges each solicitation (RS) in the kernel",
    );
    screen.check(
        probe::is_powerless(daemon.pid()),
        "it started as an unprivileged user with CAP_NET_RAW and CAP_BPF, and has dropped both",
    );
}

/// Returns the verdict in the last log line about the interface.
fn verdict(daemon: &Daemon, name: &str) -> String {
    let lines = daemon.lines_with(&[&format!("interface={name}")]);
    let Some(line) = lines.last() else { return "ignored".to_owned() };
    match field(line, "reasons") {
        Some(reasons) => format!("not served: {}", reasons.replace(',', ", ")),
        None if line.contains("INFO serving") => "served".to_owned(),
        None => line.clone(),
    }
}

fn prefix(member: &Member) -> String {
    format!("{}/64", member.prefix)
}

/// Shows when each guest had address and default route.
pub(crate) fn guests(screen: &mut Screen, topology: &mut Topology, arrivals: &[Arrival], start: Start) {
    screen.section("The guests: addresses and routes of their own kernels, timed from the daemon's start");
    let header = ["behind", "address", "after", "default route via", "after", "route to the /64"];
    let rows = topology.members().zip(arrivals).map(|(member, arrival)| row(member, *arrival, start));
    screen.table(header, rows);
    let served = topology.guests.iter().zip(arrivals);
    screen.check(
        served.clone().all(|(member, arrival)| {
            arrival.address.is_some() && member.guest.addresses() == [member.expected_address()]
        }),
        "every guest has one address: its prefix and its link-layer address (EUI-64)",
    );
    screen.check(
        served.clone().all(|(member, arrival)| arrival.route.is_some() && routes(member) == [router(member)]),
        "every guest has one default route, through the host's link-local address on its link",
    );
    screen.check(
        served.clone().all(|(member, _)| !member.guest.has_route(&prefix(member))),
        "no guest has a route to the /64: packets between guests go through the host",
    );
    let (tap, watch) = &mut topology.tap;
    let tap_served = !watch.adverts().is_empty();
    screen.check(tap_served, &format!("an RA left through the tap {} too", tap.interface.name()));
    let others = [&mut topology.not_fit, &mut topology.unmatched];
    let untouched = others.into_iter().all(|member| {
        member.watch.adverts().is_empty() && member.guest.addresses().is_empty() && routes(member).is_empty()
    });
    screen.check(untouched, "the guests behind vm5 and storage0 got no RA, no address and no route");
}

fn row(member: &Member, arrival: Arrival, start: Start) -> [String; 6] {
    let or_none = |values: Vec<String>| if values.is_empty() { "none".to_owned() } else { values.join(" ") };
    let after = |moment: Option<std::time::Instant>| milliseconds(moment.map(|at| at.duration_since(start.instant)));
    let addresses = member.guest.addresses().iter().map(ToString::to_string).collect();
    [
        member.name.to_owned(),
        or_none(addresses),
        after(arrival.address),
        or_none(routes(member)),
        after(arrival.route),
        if member.guest.has_route(&prefix(member)) { "on-link" } else { "none" }.to_owned(),
    ]
}

/// Returns a guest's default routes in the notation of `ip route`.
fn routes(member: &Member) -> Vec<String> {
    let routes = member.guest.default_routes();
    routes.iter().map(|route| format!("{} dev {}", route.gateway, route.device)).collect()
}

/// Returns the default route that the guest must have.
fn router(member: &Member) -> String {
    format!("{} dev {}", member.link.host.link_local(), member.link.guest.name())
}
