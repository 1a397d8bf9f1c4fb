//! The real daemon before the real kernel: guests behind veths and taps, and what is on the wire.
//!
//! One program, so that all scenarios run side by side: they wait far more than they compute. What each file covers:
//!
//! - `bench`: What most scenarios have in common
//! - `capacity`: More interfaces than are to be served
//! - `ceasing`: Ceasing: every way in which an interface stops being fit, what leaves then, and how it comes back
//! - `changes`: Interfaces that come, change and go while the daemon runs
//! - `clock`: The wall clock
//! - `confinement`: A daemon that has everything open shuts itself in
//! - `conformance`: Rules of RFC 4861 6.2 that no other scenario shows
//! - `control`: The control socket: what is answered, to whom, and how the socket comes and goes
//! - `control_commands`: The commands that ask a running daemon: status, wait, monitor
//! - `control_hostile`: Clients of the control socket that do not behave
//! - `crashes`: Daemons that are killed, and those that come after them
//! - `eligibility`: Which interfaces are served
//! - `entries`: The filter's map from outside
//! - `explain`: `autora explain`, as a user without any privilege
//! - `flapping`: A guest that makes the daemon talk: no interface fills the log
//! - `guests`: The main job: a guest's own kernel takes an address and a default route
//! - `handover`: The link-local address that changes: guests are handed over from the old one to the new
//! - `hooks`: The hook scripts of `contrib/hooks`: what each hypervisor would call, on interfaces as it would make them
//! - `index_reuse`: Interfaces that are deleted and made again with the same index
//! - `leaks`: Interfaces that come, are served and go, by the thousand: nothing of them may stay behind
//! - `link_options`: What advertisements say of their link when they are asked to
//! - `links`: Links that lose what they need and get it back
//! - `logs`: The forms of the log
//! - `mid_send`: Interfaces that go down or away while advertisements are on their way
//! - `monitoring`: A real Prometheus that scrapes the real daemon
//! - `options`: Settings: what is refused and how, and what reaches the wire
//! - `overrun`: More changes than the kernel has room to announce
//! - `packets`: The bytes that leave, and how others read them
//! - `prefixes`: Prefixes that change, go and come back while the interface is served [RFC 9096 3.5]
//! - `privileges`: What the daemon may do, and what it does when it may not
//! - `programs`: eBPF programs that are not there, or that the kernel does not take
//! - `receiving`: The receiving socket in need: without room, and with what no filter can see
//! - `refusals`: Sends that the kernel refuses, by all that can refuse them on either path
//! - `restarts`: One daemon after another on the same host: what the second knows of the first
//! - `routers`: Other routers behind a served interface
//! - `solicitations`: Which solicitations are answered, which are not, and how soon
//! - `stopping`: The end of the daemon: a stop withdraws, a restart does not
//! - `storms`: Guests that do not behave
//! - `watchdog`: What the service manager is told

mod bench;
mod capacity;
mod ceasing;
mod changes;
mod clock;
#[cfg(target_arch = "x86_64")]
mod confinement;
mod conformance;
mod control;
mod control_commands;
mod control_hostile;
mod crashes;
mod eligibility;
mod entries;
mod explain;
mod flapping;
mod guests;
mod handover;
mod hooks;
mod index_reuse;
mod leaks;
mod link_options;
mod links;
mod logs;
mod mid_send;
mod monitoring;
mod options;
mod overrun;
mod packets;
mod prefixes;
mod privileges;
mod programs;
mod receiving;
mod refusals;
mod restarts;
mod routers;
mod solicitations;
mod stopping;
mod storms;
mod watchdog;
