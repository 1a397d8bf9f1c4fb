//! The host as the daemon sees it, and the guests' kernels.

use std::time::Duration;

use autora_tests::{Daemon, field, terminal::Screen, within};

use crate::{
    probe::{self, Arrival, Start, milliseconds},
    stage::{self, Member, Stage},
};

/// Long enough for the daemon's first lines.
const FIRST_WORDS: Duration = Duration::from_secs(3);

/// The interfaces and what the daemon thinks of each.
pub(crate) fn scene(screen: &mut Screen, stage: &Stage, daemon: &Daemon) {
    screen.section(&format!(
        "The host: interfaces, and what the daemon (--interface-regex '{}') says",
        stage::REGEX
    ));
    let (tap, _) = &stage.tap;
    let guest = "a guest with SLAAC on";
    let mut rows: Vec<_> =
        stage.guests.iter().map(|member| (member.name, "veth", prefix(member), guest)).collect();
    rows.push((tap.interface.name(), "tap", format!("{}/64", stage::prefix(4)), "an open file"));
    rows.push((stage.unfit.name, "veth", "-".to_owned(), guest));
    rows.push((stage.unmatched.name, "veth", prefix(&stage.unmatched), guest));
    within(FIRST_WORDS, || (!daemon.lines_with(&["started"]).is_empty()).then_some(()));
    let rows = rows.into_iter().map(|(name, kind, prefix, behind)| {
        [name.to_owned(), kind.to_owned(), prefix, behind.to_owned(), says(daemon, name)]
    });
    let rows: Vec<_> = rows.collect();
    screen.table(["interface", "kind", "prefix", "behind it", "the daemon"], rows.clone());
    let as_expected =
        ["serving", "serving", "serving", "serving", "not serving: forwarding-off, no-prefix", "ignores it"];
    screen.check(
        rows.iter().zip(as_expected).all(|(row, expected)| row[4] == expected),
        "it serves what matches and is fit, and says why not of what matches and is not",
    );
    screen.check(
        !daemon.lines_with(&["started", "filter=ebpf"]).is_empty(),
        "solicitations reach it through its eBPF filter in the kernel",
    );
    screen.check(
        probe::is_powerless(daemon.pid()),
        "started as nobody with CAP_NET_RAW and CAP_BPF alone, it has given up even these",
    );
}

/// The last thing it said of the interface.
fn says(daemon: &Daemon, name: &str) -> String {
    let lines = daemon.lines_with(&[&format!("interface={name}")]);
    let Some(line) = lines.last() else { return "ignores it".to_owned() };
    match field(line, "reasons") {
        Some(reasons) => format!("not serving: {}", reasons.replace(',', ", ")),
        None if line.contains("INFO serving") => "serving".to_owned(),
        None => line.clone(),
    }
}

fn prefix(member: &Member) -> String {
    format!("{}/64", member.prefix)
}

/// How each guest came by address and default route.
pub(crate) fn arrivals(screen: &mut Screen, stage: &mut Stage, arrivals: &[Arrival], start: Start) {
    screen
        .section("The guests: what their own kernels made of the first RA, counted from the daemon's start");
    let header = ["behind", "address", "after", "default route via", "after", "route to the /64"];
    let rows = stage.members().zip(arrivals).map(|(member, arrival)| row(member, *arrival, start));
    screen.table(header, rows);
    let served = stage.guests.iter().zip(arrivals);
    screen.check(
        served.clone().all(|(member, arrival)| {
            arrival.address.is_some() && member.guest.addresses() == [member.expected_address()]
        }),
        "every guest has the one address that its link-layer address and the prefix make",
    );
    screen.check(
        served.clone().all(|(member, arrival)| arrival.route.is_some() && routes(member) == [router(member)]),
        "and one default route, through the host's link-local address on its own link",
    );
    screen.check(
        served.clone().all(|(member, _)| !member.guest.has_route(&prefix(member))),
        "and no route to the /64 itself: what guests send one another passes by the host",
    );
    let (tap, watch) = &mut stage.tap;
    let tap_served = !watch.adverts().is_empty();
    screen.check(tap_served, &format!("an RA left by the tap {} too", tap.interface.name()));
    let others = [&mut stage.unfit, &mut stage.unmatched];
    let untouched = others.into_iter().all(|member| {
        member.watch.adverts().is_empty() && member.guest.addresses().is_empty() && routes(member).is_empty()
    });
    screen.check(untouched, "behind vm5 and storage0: not one RA, no address, no route");
}

fn row(member: &Member, arrival: Arrival, start: Start) -> [String; 6] {
    let or_none = |values: Vec<String>| if values.is_empty() { "none".to_owned() } else { values.join(" ") };
    let after =
        |moment: Option<std::time::Instant>| milliseconds(moment.map(|at| at.duration_since(start.instant)));
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

/// A guest's default routes as people write them.
fn routes(member: &Member) -> Vec<String> {
    let routes = member.guest.default_routes();
    routes.iter().map(|route| format!("{} dev {}", route.gateway, route.device)).collect()
}

/// The one that it should have.
fn router(member: &Member) -> String {
    format!("{} dev {}", member.link.host.link_local(), member.link.guest.name())
}
