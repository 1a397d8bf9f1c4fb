//! The value that each test found, as text.

use crate::{
    addr::LinkLocal,
    engine::{
        eligibility::{self, Subject, Test},
        interface::{Address, Interface, MIN_MTU},
    },
};

/// Returns the value that `test` found; `master` is the name of the device that the interface is a port of.
pub(super) fn found(test: Test, subject: &Subject<'_>, master: Option<&str>) -> String {
    let interface = subject.interface;
    let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    match test {
        Test::Ipv6 => ipv6(interface),
        Test::Up => yes_or_no(interface.flags.up),
        Test::Multicast => yes_or_no(interface.flags.multicast),
        Test::NotLoopback => yes_or_no(!interface.flags.loopback),
        Test::NotEnslaved => port(interface, master),
        Test::Forwarding => match interface.ipv6 {
            Some(ipv6) if ipv6.forwarding => "on".to_owned(),
            Some(_) | None => "off".to_owned(),
        },
        Test::LinkLocal => link_local(subject),
        Test::Prefix => prefixes(subject),
    }
}

fn ipv6(interface: &Interface) -> String {
    let mtu = interface.mtu;
    match interface.ipv6 {
        Some(ipv6) if ipv6.disabled => "disabled (disable_ipv6 is 1)".to_owned(),
        Some(_) => format!("enabled, MTU {mtu}"),
        None if mtu < MIN_MTU => format!("none: MTU {mtu}, and IPv6 needs {MIN_MTU}"),
        None => "none".to_owned(),
    }
}

fn port(interface: &Interface, name: Option<&str>) -> String {
    let Some(master) = &interface.master else { return "yes".to_owned() };
    let kind = master.kind.as_deref().unwrap_or("device");
    let name = name.map_or_else(|| format!("with index {}", master.index), str::to_owned);
    if eligibility::is_vrf(master) { format!("yes: in the VRF {name}") } else { format!("port of the {kind} {name}") }
}

fn link_local(subject: &Subject<'_>) -> String {
    let all = subject.interface.addresses.iter();
    let described: Vec<_> = all
        .filter_map(|address| {
            let own = LinkLocal::new(address.address)?;
            Some(match why_unusable(address) {
                Some(why) => format!("{own} ({why})"),
                None if Some(own) == subject.source => own.to_string(),
                None => format!("{own} (usable, not needed)"),
            })
        })
        .collect();
    or_none(&described)
}

fn why_unusable(address: &Address) -> Option<&'static str> {
    match address.flags {
        flags if flags.usable() => None,
        flags if flags.dadfailed => Some("a duplicate: dadfailed"),
        _ => Some("tentative"),
    }
}

fn prefixes(subject: &Subject<'_>) -> String {
    let used: Vec<_> = subject.prefixes.iter().map(ToString::to_string).collect();
    let others = subject.uncounted();
    let others: Vec<_> = others.iter().map(ToString::to_string).collect();
    if others.is_empty() {
        or_none(&used)
    } else {
        format!("{}; does not count: {}", or_none(&used), others.join(", "))
    }
}

fn or_none(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
