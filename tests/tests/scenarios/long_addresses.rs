//! Links on which all nodes have another address than on Ethernet, also one that is longer than a packet socket's
//! address has room for: RAs leave all the same, and guests can be probed.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::AsRawFd,
    thread,
};

use autora::wire::{ECHO_REPLY, ECHO_REQUEST, ROUTER_ADVERTISEMENT, ipv6};
use autora_tests::{Daemon, Launch, Namespace, eventually, open_tap, open_tun};
use nix::libc;
use serde_json::Value;

use crate::bench::{SOON, on_both_paths, rarely};

on_both_paths!(a_link_with_long_addresses_gets_its_ras, all_nodes_have_the_address_that_the_kernel_maps_them_to);

/// Sets the type of a tun device, and with it the length of its link-layer address (`tun_get_addr_len()`,
/// `drivers/net/tun.c`, Linux 6.12): 16 bytes for that of an IPv6 tunnel.
const TUNSETLINK: libc::c_ulong = 0x4004_54cd;

/// `ARPHRD_TUNNEL6` (include/uapi/linux/if_arp.h), and `ARPHRD_NONE`, without addresses.
const TUNNEL6: libc::c_ulong = 769;
const NONE: libc::c_ulong = 0xfffe;

/// `ARPHRD_ETHER`, and `ARPHRD_IPGRE`, whose addresses have 4 bytes.
const ETHER: libc::c_ulong = 1;
const IPGRE: libc::c_ulong = 778;

/// Opens `vm1`, whose addresses are long, and `vm2`, which has none.
fn tuns(host: &Namespace) -> Vec<(&'static str, File)> {
    let open = |(name, kind): (&'static str, libc::c_ulong)| (name, prepare(host, name, open_tun(host, name), kind));
    [("vm1", TUNNEL6), ("vm2", NONE)].into_iter().map(open).collect()
}

/// Makes a device a link of type `kind` that is fit.
fn prepare(host: &Namespace, name: &str, device: File, kind: libc::c_ulong) -> File {
    // SAFETY: the argument is a number, and the descriptors are open.
    let results = unsafe {
        [
            libc::ioctl(device.as_raw_fd(), TUNSETLINK, kind),
            libc::fcntl(device.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK),
        ]
    };
    assert_eq!(results, [0, 0]);
    host.ip(&format!("link set dev {name} up multicast on"));
    host.ip(&format!("address add fe80::1/64 dev {name} nodad"));
    host.ip(&format!("address add 2001:db8:0:{}::1/64 dev {name} nodad", &name[2..]));
    device
}

/// Waits for a frame with such a message; returns its destination.
fn destination_of(tap: &mut File, kind: u8, what: &str) -> [u8; 6] {
    eventually(SOON, what, || {
        let mut frame = [0; 2_000];
        let len = tap.read(&mut frame).ok()?;
        let is_it = len > 54 && frame[12..14] == [0x86, 0xdd] && (frame[20], frame[54]) == (58, kind);
        is_it.then(|| *frame.first_chunk().expect("a header"))
    })
}

/// Waits for a packet with an ICMPv6 message of type `kind` right behind the IPv6 header.
fn wait_for(tun: &mut File, kind: u8, what: &str) -> Vec<u8> {
    eventually(SOON, what, || {
        let mut packet = vec![0; 2_000];
        let len = tun.read(&mut packet).ok()?;
        packet.truncate(len);
        (len > 40 && (packet[6], packet[40]) == (58, kind)).then_some(packet)
    })
}

fn a_link_with_long_addresses_gets_its_ras(arguments: &[&str]) {
    let host = Namespace::host();
    let mut tuns = tuns(&host);
    let daemon = Daemon::start(&host, &rarely(arguments));
    for (name, tun) in &mut tuns {
        wait_for(tun, ROUTER_ADVERTISEMENT, &format!("an RA on {name}"));
    }
    assert!(daemon.lines_with(&["could not be sent"]).is_empty(), "{:#?}", daemon.log());
}

/// On a GRE tunnel over IPv4 the kernel maps each group to the broadcast address of the link, which is the remote end
/// (`ipv6_ipgre_mc_map()`, `include/net/if_inet6.h`). A tap of that type shows in the frame what was taken: the first 4
/// bytes of Ethernet's broadcast address.
fn all_nodes_have_the_address_that_the_kernel_maps_them_to(arguments: &[&str]) {
    let host = Namespace::host();
    let open = |name| open_tap(&host, name);
    let mut taps = [
        ("vm1", prepare(&host, "vm1", open("vm1"), IPGRE), [0xff, 0xff, 0xff, 0xff, 0, 0]),
        ("vm2", prepare(&host, "vm2", open("vm2"), ETHER), [0x33, 0x33, 0, 0, 0, 1]),
    ];
    let daemon = Daemon::start(&host, &rarely(arguments));
    for (name, tap, expected) in &mut taps {
        let found = destination_of(tap, ROUTER_ADVERTISEMENT, &format!("an RA on {name}"));
        assert_eq!(found, *expected, "the RA on {name}");
    }
    thread::scope(|scope| {
        scope.spawn(|| Launch::new(&["probe", "vm1", "vm2"]).output(&host));
        for (name, tap, expected) in &mut taps {
            let found = destination_of(tap, ECHO_REQUEST, &format!("a request on {name}"));
            assert_eq!(found, *expected, "the request on {name}");
        }
    });
    assert!(daemon.lines_with(&["could not be sent"]).is_empty(), "{:#?}", daemon.log());
}

#[test]
fn a_guest_on_a_link_with_long_addresses_is_probed() {
    let host = Namespace::host();
    let mut tuns = tuns(&host);
    let output = thread::scope(|scope| {
        let probing = scope.spawn(|| Launch::new(&["probe", "--json", "vm1", "vm2"]).output(&host));
        for (name, tun) in &mut tuns {
            for request in ["the first", "the second"] {
                let request = wait_for(tun, ECHO_REQUEST, &format!("{request} echo request on {name}"));
                tun.write_all(&reply(name, &request)).expect("the tun is up");
            }
        }
        probing.join().expect("it ends")
    });
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    for number in 0..2 {
        assert_eq!(document["interfaces"][number]["verdict"], "works", "{document:#}");
    }
}

/// Returns what a guest with an address and a default route replies.
fn reply(name: &str, request: &[u8]) -> Vec<u8> {
    let request = ipv6::decode(request).expect("a whole packet");
    let own = if request.source.is_unicast_link_local() {
        "fe80::5".to_owned()
    } else {
        format!("2001:db8:0:{}::5", &name[2..])
    };
    let mut reply = Vec::new();
    ipv6::encode(&mut reply, own.parse().expect("an address"), request.source, |out| {
        out.extend([ECHO_REPLY, 0, 0, 0]);
        out.extend(&request.message[4..]);
    });
    reply
}
