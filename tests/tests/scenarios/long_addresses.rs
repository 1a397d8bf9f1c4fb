//! Links whose link-layer addresses are longer than a packet socket's address has room for: RAs leave all the same.

use std::{io::Read, os::fd::AsRawFd};

use autora_tests::{Daemon, Namespace, eventually, open_tun};
use nix::libc;

use crate::bench::{SOON, on_both_paths, rarely};

on_both_paths!(a_link_with_long_addresses_gets_its_ras);

/// Sets the type of a tun device, and with it the length of its link-layer address (`tun_get_addr_len()`,
/// `drivers/net/tun.c`, Linux 6.12): 16 bytes for that of an IPv6 tunnel.
const TUNSETLINK: libc::c_ulong = 0x4004_54cd;

/// `ARPHRD_TUNNEL6` (include/uapi/linux/if_arp.h), and `ARPHRD_NONE`, without addresses.
const TUNNEL6: libc::c_ulong = 769;
const NONE: libc::c_ulong = 0xfffe;

fn a_link_with_long_addresses_gets_its_ras(arguments: &[&str]) {
    let host = Namespace::host();
    let mut tuns: Vec<_> = [("vm1", TUNNEL6), ("vm2", NONE)]
        .into_iter()
        .map(|(name, kind)| {
            let tun = open_tun(&host, name);
            // SAFETY: the argument is a number, and the descriptors are open.
            let results = unsafe {
                [
                    libc::ioctl(tun.as_raw_fd(), TUNSETLINK, kind),
                    libc::fcntl(tun.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK),
                ]
            };
            assert_eq!(results, [0, 0]);
            host.ip(&format!("link set dev {name} up multicast on"));
            host.ip(&format!("address add fe80::1/64 dev {name} nodad"));
            host.ip(&format!("address add 2001:db8:0:{}::1/64 dev {name} nodad", &name[2..]));
            (name, tun)
        })
        .collect();
    let daemon = Daemon::start(&host, &rarely(arguments));
    for (name, tun) in &mut tuns {
        eventually(SOON, &format!("an RA on {name}"), || {
            let mut packet = [0; 2_000];
            let len = tun.read(&mut packet).ok()?;
            // The next header, and the type of an ICMPv6 message right behind the IPv6 header.
            (len > 40 && (packet[6], packet[40]) == (58, 134)).then_some(())
        });
    }
    assert!(daemon.lines_with(&["could not be sent"]).is_empty(), "{:#?}", daemon.log());
}
