//! What this program does in a machine. Everything that is found out leaves by the console as a mark; what fails panics, and
//! its mark is missing.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddrV6,
    os::fd::AsRawFd,
    process::ExitCode,
    time::{Duration, Instant},
};

use autora::wire::{ALL_ROUTERS, ND_HOP_LIMIT, ROUTER_SOLICITATION};
use autora_tests::{Capture, Daemon, Launch, Namespace, Sender, Solicit, Veth, field};
use caps::CapSet;
use nix::{
    net::if_::if_nametoindex,
    sys::{
        signal::Signal,
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt,
            socket, sockopt::Ipv6MulticastHops,
        },
    },
};

use crate::machine::CAPABILITIES;

/// Emulated machines take their time.
const SOON: Duration = Duration::from_secs(30);

/// An answer has come by then: 3 s after the RA before it [RFC 4861 10, `MIN_DELAY_BETWEEN_RAS`], 0.5 s at random, and
/// emulation. The next unsolicited one is 16 s after the first.
const ANSWER: Duration = Duration::from_secs(6);

/// A guest that floods does so for as long; longer than anybody looks.
const FLOOD: Duration = Duration::from_secs(300);

/// Serves `vm1` and sends, beside the first RAs, what it is asked for.
const ARGUMENTS: [&str; 3] =
    ["--interface-regex=^vm1$", "--min-ra-interval=1000s", "--max-ra-interval=1400s"];

/// Which filter the daemon gets with these capabilities and this limit of locked memory; `auto` never fails for that.
pub(crate) fn probe(mark: &str, capabilities: &[String]) -> ExitCode {
    let host = Namespace::host();
    let names: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let daemon = Launch::new(&ARGUMENTS).unprivileged(&names).start(&host);
    let started = daemon.wait_for_log(&["started"], SOON);
    let filter = field(&started, "filter").expect("it says which filter it has");
    println!("@@ {mark} {filter}");
    tell_warnings(mark, &daemon);
    ExitCode::SUCCESS
}

/// A cable, the daemon at one end of it and a hostile guest at the other.
pub(crate) fn scene() -> ExitCode {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "eth0"));
    link.host.add_address("2001:db8::1/64");
    let (mut capture, sender) = (Capture::on(&link.guest), Sender::on(&link.guest));
    let mut daemon = Launch::new(&ARGUMENTS).unprivileged(&CAPABILITIES).start(&host);
    capture.expect_advert(SOON);
    println!("@@ served yes");
    tell_warnings("scene", &daemon);
    println!("@@ capabilities {}", capabilities(daemon.pid()));

    let good = Solicit::from(&link.guest);
    sender.send(&Solicit { hop_limit: 64, ..good.clone() }.frame());
    let answers = capture.adverts_within(ANSWER).len();
    assert_eq!(answers, 0, "nobody answers a solicitation from beyond a router");
    // Silence says something only because the same solicitation as it should be is answered.
    sender.send(&good.frame());
    capture.expect_advert(ANSWER);
    println!("@@ answered yes\n@@ dropped yes");

    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0, "it stops as asked");
    assert!(capture.expect_advert(SOON).is_final(), "the last RA withdraws");
    println!("@@ withdrawn yes");
    ExitCode::SUCCESS
}

/// Solicitations as fast as the machine can make them.
pub(crate) fn flood() -> ExitCode {
    let socket = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)
        .expect("root may open a raw socket");
    setsockopt(&socket, Ipv6MulticastHops, &i32::from(ND_HOP_LIMIT)).expect("every IPv6 socket has that");
    let card = if_nametoindex("eth0").expect("the machine has a card");
    let routers = SockaddrIn6::from(SocketAddrV6::new(ALL_ROUTERS, 0, 0, card));
    // The kernel fills in the checksum.
    let message = [ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    let deadline = Instant::now() + FLOOD;
    let mut sent = 0_u32;
    while Instant::now() < deadline {
        // It fails as long as the card has no address yet, and where the queue is full.
        if sendto(socket.as_raw_fd(), &message, &routers, MsgFlags::empty()).is_ok() {
            sent += 1;
            if sent == 100 {
                println!("@@ flooding");
            }
        }
    }
    ExitCode::SUCCESS
}

/// What a daemon that starts well has to complain about.
fn tell_warnings(mark: &str, daemon: &Daemon) {
    for line in daemon.lines_with(&["WARN"]) {
        let (_, what) = line.split_once("WARN ").expect("the word is in it");
        println!("@@ warning {mark}: {what}");
    }
}

/// The effective capabilities of all its threads, by name.
fn capabilities(pid: u32) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let held: BTreeSet<String> = tasks
        .flat_map(|task| {
            let name = task.expect("it runs").file_name().into_string().expect("a number");
            caps::read(Some(name.parse().expect("a number")), CapSet::Effective).expect("the kernel tells")
        })
        .map(|capability| capability.to_string().trim_start_matches("CAP_").to_lowercase())
        .collect();
    if held.is_empty() { "none".to_owned() } else { Vec::from_iter(held).join("+") }
}
