//! Addresses and routes that the host's kernel learned from RAs, and addresses that are no host's: none decides what is
//! served.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Daemon, Interface, Launch, Namespace, RuntimeDirectory, Solicit, Veth, eventually};

use crate::{
    bench::{AT_ONCE, Line, SOON, expect_silence, live, prefix, rarely},
    routers::advertisement,
};

/// The /64 that another router advertises.
const ITS_PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0);

const RESYNCS: &str = "--forwarding-resync-interval=1s";

/// Returns the address that the kernel of `host` formed in the other router's prefix, as `ip address` prints it.
fn learned(host: &Interface) -> Option<String> {
    let shown = host.namespace().ip(&format!("-6 -o address show dev {} mngtmpaddr", host.name()));
    shown.split_whitespace().find(|word| word.starts_with("2001:db8:bad:")).map(str::to_owned)
}

/// Returns a Prefix Information Option ([RFC 4861 4.6.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2)) for
/// the other router's prefix, with L and A, behind the rest of the fixed part of an RA.
fn prefix_information() -> Vec<u8> {
    let hour = 3_600_u32.to_be_bytes();
    [&[0; 8], &[3, 4, 64, 0xc0][..], &hour, &hour, &[0; 4], &ITS_PREFIX.octets()].concat()
}

/// A second daemon is the provider's router on `eth0`, which takes RAs in although the host forwards.
#[test]
fn an_uplink_that_learns_from_ras_is_not_served() {
    let (host, provider) = (Namespace::host(), Namespace::host());
    let mut uplink = Line::without_prefix(&host, &provider, "eth0", 1);
    uplink.link.host.sysctl("accept_ra", 2);
    uplink.link.guest.add_address("2001:db8:bad::1/64");
    let daemon = Launch::new(&["--interface-regex=^eth0$", RESYNCS]).start(&host);
    assert_eq!(daemon.wait_not_served("eth0", SOON), ["no-prefix"]);
    let router = Daemon::start(&provider, &["--interface-regex=^g1$", "--max-ra-interval=4s"]);
    let address = eventually(SOON, "an address by SLAAC", || learned(&uplink.link.host));
    daemon.wait_for_log(&["accept_ra is 2", "interface=eth0", "net.ipv6.conf.eth0.accept_ra=0"], SOON);

    // Three resyncs later: the learned address does not count, and nothing left here but the provider's RAs.
    thread::sleep(Duration::from_secs(4));
    assert!(uplink.seen(Duration::ZERO).1.is_empty(), "an RA on the uplink");
    assert_eq!(daemon.served("eth0"), 0);
    let explained = || {
        let socket = daemon.control().path().display().to_string();
        let launch = Launch::new(&["explain", "--json", "eth0"]).env("AUTORA_CONTROL_SOCKET", &socket);
        launch.output(&host).stdout
    };
    assert!(explained().contains("learned from an RA"), "{}", explained());
    assert!(daemon.lines_with(&["default route", "made"]).is_empty(), "it is not served");

    // With a /64 of the operator's it is served, and the warning is there, once.
    uplink.add_prefix();
    uplink.expect_served(SOON);
    let warning = daemon.wait_for_log(&["WARN", "default route", "interface=eth0"], SOON);
    let metrics = || daemon.control().get("/metrics").body;
    eventually(SOON, "the count in the metrics", || {
        metrics().contains("autora_interfaces_default_route_by_ra 1\n").then_some(())
    });
    assert_eq!(daemon.control().json("/v1/status")["accepting_ra"], 1);
    assert!(["default-route-by-ra", "accepts-ra"].iter().all(|name| explained().contains(name)), "{}", explained());
    let status = String::from_utf8_lossy(&daemon.control().run(&["status"]).stdout).into_owned();
    assert!(status.contains("1 served, with a default route"), "{status}");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(daemon.lines_with(&["WARN", "default route"]), [warning], "once while it lasts");
    assert_eq!(daemon.lines_with(&["accept_ra is 2"]).len(), 1, "{:#?}", daemon.log());

    // The control: the same address, added by the operator, is served.
    drop(router);
    uplink.link.host.sysctl("accept_ra", 0);
    uplink.remove_prefix();
    uplink.link.host.remove_address(&address);
    uplink.link.host.add_address(&address);
    eventually(SOON, "an RA with the operator's prefix", || {
        let adverts = uplink.seen(Duration::from_millis(100)).1;
        adverts.iter().any(|advert| live(advert) == [ITS_PREFIX]).then_some(())
    });
}

/// Its neighbour behind another interface learns nothing either.
#[test]
fn a_guest_that_sends_an_ra_changes_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let mut bare = Line::without_prefix(&host, &guest, "vm3", 3);
    for line in lines.iter().chain([&bare]) {
        line.link.host.sysctl("accept_ra", 2);
    }
    let daemon = Daemon::start(&host, &rarely(&[RESYNCS]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    for line in [&lines[0], &bare] {
        let ra = Solicit { options: prefix_information(), ..advertisement(line) };
        line.sender.send(&ra.frame());
        eventually(SOON, "the kernel takes the RA in", || learned(&line.link.host));
    }
    thread::sleep(Duration::from_secs(3));
    for line in &mut lines {
        line.expect_answer();
    }
    expect_silence([&mut bare], Duration::ZERO);
    assert_eq!(daemon.last_reasons("vm3"), Some(vec!["no-prefix".to_owned()]));
    assert_eq!(daemon.last_reasons("vm1"), None);
    assert_eq!(daemon.lines_with(&["INFO", "serving", "interface=vm1"]).len(), 1);
    // The control: the operator's own address in that prefix counts, beside the learned one.
    bare.link.host.add_address("2001:db8:bad::5/64");
    assert_eq!(live(&bare.capture.expect_advert(AT_ONCE)), [ITS_PREFIX]);
}

/// The kernel gives them global scope.
#[test]
fn prefixes_that_are_not_unicast_never_count() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut served = Line::new(&host, &guest, 1);
    let mut bare = Line::without_prefix(&host, &guest, "vm2", 2);
    let daemon = Daemon::start(&host, &rarely(&[RESYNCS]));
    served.expect_served(SOON);
    assert_eq!(daemon.wait_not_served("vm2", SOON), ["no-prefix"]);
    let odd = ["ff0e::1234/64 autojoin", "::ffff:1.2.3.4/64", "::1.2.3.4/64", "fec0::1/64", "fe80:0:0:1::1/64"];
    for address in odd {
        for line in [&served, &bare] {
            line.link.host.add_address(address);
        }
    }
    served.expect_answer();
    expect_silence([&mut bare], Duration::from_secs(3));
    assert_eq!((daemon.served("vm1"), daemon.last_reasons("vm1")), (1, None));
    assert_eq!((daemon.served("vm2"), daemon.last_reasons("vm2")), (0, Some(vec!["no-prefix".to_owned()])));
    // The control: a unicast one beside them is served.
    bare.add_prefix();
    bare.expect_served(AT_ONCE);
    assert_eq!(live(&served.expect_answer()), [prefix(1)]);
}

/// The kernel tells lifetimes in whole seconds, so each reading gives another end.
#[test]
fn resyncs_find_no_change_in_lifetimes_that_run_down() {
    use std::os::unix::fs::MetadataExt;

    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let directory = RuntimeDirectory::new();
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64 valid_lft 7200 preferred_lft 3600");
    let daemon = Launch::new(&rarely(&[RESYNCS, "--log-level=debug"])).runtime_directory(&directory).start(&host);
    daemon.wait_serving("vm1", SOON);
    let resyncs = || daemon.lines_with(&["resync ended"]).len();
    let changes = || daemon.lines_with(&["an interface is new or has changed"]).len();
    let written = || {
        let metadata = std::fs::metadata(directory.state_file()).expect("a state file");
        (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
    };
    let wait_resyncs = |more: usize| {
        let wanted = resyncs() + more;
        eventually(SOON, "resyncs", || (resyncs() >= wanted).then_some(()));
    };
    // The first RA and its line in the state file.
    wait_resyncs(2);
    let before = (changes(), written());
    wait_resyncs(3);
    assert_eq!((changes(), written()), before, "{:#?}", daemon.log());
    assert_eq!(daemon.served("vm1"), 1);
    // The control.
    host.ip("address change 2001:db8:0:1::1/64 dev vm1 valid_lft 7200 preferred_lft 1800");
    eventually(SOON, "the change", || (changes() > before.0).then_some(()));
}
