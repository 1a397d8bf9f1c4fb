//! Harness for scenarios against the real kernel: network namespaces, links, guests, packets, the daemon.
//!
//! Every failure panics with its reason: a scenario has nothing to recover from. Namespaces and processes end
//! when the value that stands for them is dropped, after a failed test too.
//!
//! A file imports only what stands below it:
//!
//! | file | what it is for |
//! |---|---|
//! | `intruder` | system calls from inside the running daemon, as an attacker's code would make them |
//! | `supervise` | cleans up after a program of `src/bin`, however it ends |
//! | `site` | thousands of links, made in batches, and one socket that receives all their Router Advertisements |
//! | `two_hosts` | two hosts between which a guest moves |
//! | `daemon` | starts the daemon as any user, on any kernel; reads its log, waits for its end |
//! | `control` | a client of the control socket that can misbehave; the daemon's subcommands |
//! | `held` | what a running daemon holds: files, memory, BPF maps |
//! | `log` | collects the daemon's log lines and finds words in them |
//! | `refusal` | a kernel that refuses a system call (seccomp) |
//! | `capture` | captures every frame on one interface and decodes its Router Advertisements |
//! | `solicit` | builds Router Solicitations, valid or with any field malformed |
//! | `ring` | sends frames from memory that it shares with the kernel, so that they arrive in pieces |
//! | `packet` | packet sockets |
//! | `route_monitor` | every moment in which a guest has no default route |
//! | `pings` | echo requests of a guest, and how many are lost |
//! | `guest` | a namespace whose kernel configures itself: its addresses and routes |
//! | `tap` | tap devices, whose other end is an open file |
//! | `link` | interfaces, veth pairs and link-layer addresses |
//! | `namespace` | network namespaces: settings, `ip`, threads inside; deletes those that killed runs left |
//! | `stalls` | moments in which the machine itself held everything up |
//! | `schema` | validates JSON against a JSON Schema |
//! | `terminal` | sections, tables, checks and a verdict for the programs of `src/bin` |
//! | `program` | finds, copies and runs the programs under test |
//! | `wait` | polls until a condition holds |
//!
//! The programs (`src/bin`): `demo` shows the main job, `bench` measures autora and other daemons, `soak` runs autora
//! for long among much that happens, `vm` boots virtual machines as guests and as hosts, `manual` writes manual pages
//! and completions.
#![expect(clippy::missing_panics_doc, reason = "a harness reports every failure by panicking")]
#![expect(clippy::must_use_candidate, reason = "most of these functions are called for their effect on the kernel")]

mod capture;
mod control;
mod daemon;
mod guest;
pub mod held;
mod host_profile;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod intruder;
mod link;
mod log;
mod namespace;
pub mod packet;
mod pings;
mod program;
mod refusal;
mod ring;
mod route_monitor;
pub mod schema;
pub mod site;
mod solicit;
mod stalls;
pub mod supervise;
mod tap;
pub mod terminal;
mod two_hosts;
mod wait;

pub use capture::{Advert, Capture, Direction, Frame};
pub use control::{Answer, Control};
pub use daemon::{Daemon, Launch, Output, RuntimeDirectory};
pub use guest::{DefaultRoute, Guest, Held};
pub use held::bpf_numbers;
pub use host_profile::HostProfile;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub use intruder::Intruder;
pub use link::{Interface, Mac, Veth};
pub use log::field;
pub use namespace::{Namespace, namespaces_of, require_root};
pub use packet::Sender;
pub use pings::{Lost, Pings};
pub use program::{binary, binary_without_program, copy_program, prometheus, workspace};
pub use refusal::Refusal;
pub use ring::Ring;
pub use route_monitor::RouteMonitor;
pub use solicit::{Checksum, Fragments, Solicit};
pub use stalls::{Standstill, standstills};
pub use tap::{Tap, open_tap, open_tun};
pub use two_hosts::{Likeness, TwoHosts};
pub use wait::{eventually, within};
