//! The real daemon on the real kernel: guests behind veths and taps, and the packets between them.
//!
//! One program, so that all scenarios run in parallel: they wait far more than they compute. The files:
//!
//! - `bench`: What most scenarios share: a host, and veth links with a silent guest at the far end of each
//! - `bridges`: A bridge as served interface: guests on isolated ports, which reach each other through the host
//!   alone
//! - `capacity`: More interfaces than `--max-interfaces` and the SERVED map allow
//! - `ceasing`: Ceasing: every way in which an interface stops being fit, the final RA that leaves, and the
//!   return to serving
//! - `changes`: Interfaces that are created, changed and deleted while the daemon runs
//! - `claims`: Two daemons that would serve the same interface: one does, and the other takes over when that one is
//!   gone
//! - `clock`: The wall clock, whose jumps change nothing
//! - `confinement`: Confinement: what an attacker who has taken over the daemon can still do, and what the
//!   daemon does on a kernel that cannot confine it
//! - `conformance`: Rules of RFC 4861 6.2 that no other scenario shows, and the router's cases of the IPv6
//!   Ready core tests (v6LC) with their values and times
//! - `control`: The control socket: its answers, who may connect, and when the socket exists
//! - `control_clients`: Many clients of the control socket, clients of a daemon that hangs, and what commands say
//!   then
//! - `control_commands`: The commands that connect to a running daemon: status, wait, monitor, report
//! - `control_hostile`: Hostile clients of the control socket: none delays an RA, or makes the daemon's
//!   memory grow
//! - `crashes`: Daemons that are killed, and the next daemons
//! - `delays`: The histograms of `/metrics`, against delays that are known
//! - `down_up`: Links that go down and come up: only what changed meanwhile is told
//! - `dry_runs`: The dry run and its reader
//! - `eligibility`: Which interfaces are served
//! - `entries`: The SERVED map from outside
//! - `explain`: `autora explain`, as a user without any privilege
//! - `flapping`: A guest whose carrier flaps: no interface fills the log
//! - `grace`: Edits of a host that are undone or completed within a second: no RA leaves, and no guest loses its
//!   route
//! - `guard`: The guard of `contrib/nftables`: what passes, what is dropped, and whose packets
//! - `guests`: The main purpose: a guest's own kernel gets an address and a default route, and loses the
//!   route when the daemon stops
//! - `handover`: A link-local address that changes: guests move from the old source to the new one
//! - `hooks`: The hook scripts of `contrib/hooks`, called as each hypervisor calls them, on interfaces like
//!   those it creates
//! - `index_reuse`: Interfaces that are deleted and created again with the same index
//! - `leaks`: Interfaces that are created, served and deleted by the thousand: the daemon keeps nothing of
//!   them
//! - `learned`: Addresses and routes that the host's kernel learned from RAs, and addresses that are no host's:
//!   none decides what is served
//! - `lifetimes`: Lifetimes that the host gave to its addresses
//! - `link_options`: The options for MTU and source link-layer address, and their effect on a guest's kernel
//! - `links`: Links that lose and regain carrier and forwarding, and the initial burst after a change
//! - `log_readers`: A log whose reader stops: nothing waits for it, and what found no room is counted
//! - `logs`: The formats of the log: text, JSON, and the journal
//! - `long_addresses`: Links on which all nodes have another address than on Ethernet, also one that is longer than a
//!   packet socket's address has room for: RAs leave all the same, and guests can be probed
//! - `mid_send`: Interfaces that go down or are deleted while RAs are due
//! - `migration`: A guest that moves from one host to another: what it loses, by what the hosts have in common
//! - `monitoring`: A real Prometheus that scrapes the real daemon
//! - `moves`: Interfaces that swap names while they are served, and that move to another namespace and back
//! - `names`: Names of interfaces that are no printable text: shown everywhere as text, each unlike every
//!   other, and taken back
//! - `observed`: Guests with a kernel of their own, observed while their host is edited
//! - `options`: Settings: which are refused with which error, and their effect on RAs
//! - `overrun`: More changes than the netlink socket has room for: notifications are lost, and a resync
//!   follows
//! - `packets`: The bytes of an RA, and how tcpdump and rdisc6 decode them
//! - `preferences`: `--router-preference`: its bits, and which of two routers a guest's kernel takes
//! - `prefixes`: Prefixes that change, are removed and come back while the interface is served
//! - `privileges`: The capabilities that the daemon needs, and its behaviour without them
//! - `probe`: `autora probe` and `status --guests`: what real guests answer from each state that they can be in, and
//!   what hostile ones send
//! - `programs`: eBPF programs that are missing, or that the kernel refuses
//! - `receiving`: The receiving socket: without room for packets, and with fragments, which no filter can see
//! - `refusals`: Sends that the kernel refuses: every cause on either path, and the recovery after it
//! - `renumbering`: A /64 that takes the place of another, or stands beside it
//! - `restarts`: Daemons one after another on the same host: what the next process takes from the saved state
//! - `routers`: Other routers on a served link
//! - `routes`: The host's routes: what the daemon and `explain` say where they and the addresses do not fit together
//! - `solicitations`: Which solicitations are answered, and after which delay
//! - `starts`: Starts on machines that lack something: file descriptors, random numbers, `/sys`
//! - `stopping`: The end of the daemon: a stop withdraws, a restart does not, and neither does a stop with
//!   `--on-exit=keep`
//! - `storms`: Guests that flood the daemon with solicitations
//! - `watchdog`: The notifications to the service manager

mod bench;
mod bridges;
mod capacity;
mod ceasing;
mod changes;
mod claims;
mod clock;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod confinement;
mod conformance;
mod control;
mod control_clients;
mod control_commands;
mod control_hostile;
mod crashes;
mod delays;
mod down_up;
mod dry_runs;
mod eligibility;
mod entries;
mod explain;
mod flapping;
mod grace;
mod guard;
mod guests;
mod handover;
mod hooks;
mod index_reuse;
mod leaks;
mod learned;
mod lifetimes;
mod link_options;
mod links;
mod log_readers;
mod logs;
mod long_addresses;
mod mid_send;
mod migration;
mod monitoring;
mod moves;
mod names;
mod observed;
mod options;
mod overrun;
mod packets;
mod preferences;
mod prefixes;
mod privileges;
mod probe;
mod programs;
mod receiving;
mod refusals;
mod renumbering;
mod restarts;
mod routers;
mod routes;
mod solicitations;
mod starts;
mod stopping;
mod storms;
mod watchdog;
