//! The bytes of an RA, and how tcpdump and rdisc6 decode them.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use autora_tests::{Capture, Daemon, Mac, Namespace, Veth};

use crate::bench::SOON;

const HOST: Mac = Mac([0x02, 0, 0, 0, 0, 0x0a]);
const GUEST: Mac = Mac([0x02, 0, 0, 0, 0, 0x0b]);

/// The frame with the default settings, written by hand.
#[rustfmt::skip]
const GOLDEN: [u8; 14 + 40 + 48] = [
    0x33, 0x33, 0, 0, 0, 1,  0x02, 0, 0, 0, 0, 0x0a,  0x86, 0xdd,
    // Version 6, traffic class 0, flow label 0; payload of 48 bytes; ICMPv6; hop limit 255.
    0x60, 0, 0, 0,  0, 48,  58,  255,
    0xfe, 0x80, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0xff, 0xfe, 0, 0, 0x0a,
    0xff, 0x02, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 1,
    // Type, code, checksum; Cur Hop Limit, flags, Router Lifetime; Reachable Time; Retrans Timer.
    134, 0, 0x81, 0x7e,  0, 0, 0, 180,  0, 0, 0, 0,  0, 0, 0, 0,
    // Prefix Information: 4 units, /64, A alone; valid, preferred, reserved, prefix.
    3, 4, 64, 0x40,  0, 1, 0x51, 0x80,  0, 0, 0x38, 0x40,  0, 0, 0, 0,
    0x20, 0x01, 0x0d, 0xb8, 0, 0x0a, 0, 0x0b,  0, 0, 0, 0, 0, 0, 0, 0,
];

/// Returns host and guest with the addresses of `GOLDEN`.
fn bench() -> (Namespace, Namespace, Veth) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::with_mac((&host, "vm1", HOST), (&guest, "eth0", GUEST));
    link.host.add_address("2001:db8:a:b::1/64");
    (host, guest, link)
}

/// Returns the first frame that the daemon sends with these arguments.
fn first_frame(arguments: &[&str]) -> Vec<u8> {
    let (host, _guest, link) = bench();
    let mut capture = Capture::on(&link.guest);
    let _daemon = Daemon::start(&host, &[&["--interface-regex=^vm1$"], arguments].concat());
    capture.expect_advert(SOON).frame
}

/// Returns `GOLDEN` with other bytes at some offsets.
fn golden_but(changes: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    for (at, change) in changes {
        bytes[*at..*at + change.len()].copy_from_slice(change);
    }
    bytes
}

const CHECKSUM: usize = 14 + 40 + 2;
const ROUTER_LIFETIME: usize = 14 + 40 + 6;
const VALID: usize = 14 + 40 + 20;
const PREFERRED: usize = 14 + 40 + 24;

#[test]
fn by_default() {
    assert_eq!(first_frame(&[]), GOLDEN);
}

#[test]
fn through_the_raw_socket() {
    let mut frame = first_frame(&["--send=raw"]);
    // On this path the kernel may set a flow label, which the checksum does not cover.
    frame[15..18].fill(0);
    assert_eq!(frame, GOLDEN);
}

#[test]
fn with_other_lifetimes() {
    let frame =
        first_frame(&["--router-lifetime=4660s", "--pio-valid-lifetime=infinity", "--pio-preferred-lifetime=1h"]);
    let expected = [
        (CHECKSUM, &[0xeb, 0xaf][..]),
        (ROUTER_LIFETIME, &[0x12, 0x34]),
        (VALID, &[0xff; 4]),
        (PREFERRED, &[0, 0, 0x0e, 0x10]),
    ];
    assert_eq!(frame, golden_but(&expected));
}

#[test]
fn tcpdump_decodes_the_ra() {
    let text = tcpdump(&first_frame(&[]));
    for fragment in [
        "hlim 255",
        "fe80::ff:fe00:a > ff02::1",
        "[icmp6 sum ok]",
        "ICMP6, router advertisement",
        "hop limit 0, Flags [none], pref medium, router lifetime 180s, reachable time 0ms, retrans timer 0ms",
        "prefix info option (3), length 32 (4): 2001:db8:a:b::/64, Flags [auto], valid time 86400s, pref. time 14400s",
    ] {
        assert!(text.contains(fragment), "tcpdump does not say {fragment:?}:\n{text}");
    }
    assert_eq!(text.matches("option (").count(), 1, "one option and no more:\n{text}");
}

#[test]
fn rdisc6_decodes_the_ra() {
    let (host, guest, link) = bench();
    link.guest.wait_link_local();
    let daemon = Daemon::start(&host, &["--interface-regex=^vm1$"]);
    daemon.wait_serving("vm1", SOON);
    let text = guest.run(Command::new("rdisc6").args(["--single", "--wait", "8000", "eth0"]));
    let facts: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for fact in [
        "Hop limit : undefined ( 0x00)",
        "Stateful address conf. : No",
        "Stateful other conf. : No",
        "Router lifetime : 180 (0x000000b4) seconds",
        "Reachable time : unspecified (0x00000000)",
        "Retransmit time : unspecified (0x00000000)",
        "Prefix : 2001:db8:a:b::/64",
        "On-link : No",
        "Autonomous address conf.: Yes",
        "Valid time : 86400 (0x00015180) seconds",
        "Pref. time : 14400 (0x00003840) seconds",
        "from fe80::ff:fe00:a",
    ] {
        assert!(facts.iter().any(|line| line == fact), "rdisc6 does not say {fact:?}:\n{text}");
    }
}

/// Returns tcpdump's output for a frame, which it reads from a capture file.
fn tcpdump(frame: &[u8]) -> String {
    let mut child = Command::new("tcpdump")
        .args(["-vvv", "-n", "-t", "-r", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump is needed: install the package tcpdump");
    let len = u32::try_from(frame.len()).expect("a frame is short").to_le_bytes();
    // Magic number, version 2.4, time zone and accuracy, longest packet, Ethernet; then one packet at time 0.
    let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_536, 1];
    let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    let file = [&header[..], &[0; 8], &len, &len, frame].concat();
    child.stdin.take().expect("it is piped").write_all(&file).expect("tcpdump reads");
    let output = child.wait_with_output().expect("tcpdump ends with its input");
    assert!(output.status.success(), "tcpdump: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("tcpdump prints text")
}
