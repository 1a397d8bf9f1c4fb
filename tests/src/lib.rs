//! Harness for scenarios against the real kernel: network namespaces, links, guests, packets, the daemon.
//!
//! Whatever goes wrong in here panics with the reason: a scenario has nothing to recover from. What a
//! scenario makes (namespaces, processes) is gone when the value that stands for it is dropped, a failed test
//! included.
//!
//! A file imports only what stands below it:
//!
//! | file | what it is for |
//! |---|---|
//! | `intruder` | system calls from inside the running daemon, as code of an attacker would make them |
//! | `supervise` | cleans up behind a program of `src/bin`, however it ends |
//! | `daemon` | starts the daemon as any user, on any kernel; reads its log, waits for its end |
//! | `control` | a client of the control socket that can misbehave; the daemon's own commands |
//! | `log` | the daemon's lines as they come in, and the words in them |
//! | `refusal` | a kernel without a system call (seccomp) |
//! | `capture` | every frame on one interface, and the Router Advertisements among them |
//! | `solicit` | Router Solicitations with every field open to be spoilt |
//! | `packet` | packet sockets |
//! | `guest` | a namespace whose kernel configures itself: its addresses and routes |
//! | `tap` | taps, whose other end is an open file |
//! | `link` | interfaces and veths, link-layer addresses |
//! | `namespace` | network namespaces: settings, `ip`, threads inside; deletes what killed runs left |
//! | `schema` | holds JSON against a JSON Schema |
//! | `terminal` | sections, tables, checks and a verdict for the programs of `src/bin` |
//! | `program` | where the programs under test are, and how one is run |
//! | `wait` | looks again until there is something to see |
//!
//! The programs (`src/bin`): `demo` shows the main job, `bench` measures autora beside other daemons, `vm` boots
//! virtual machines as guests and as hosts, `manual` writes manual pages and completions.
#![expect(clippy::missing_panics_doc, reason = "a harness reports every failure by panicking")]
#![expect(
    clippy::must_use_candidate,
    reason = "most of these functions are called for what they do to the kernel"
)]

mod capture;
mod control;
mod daemon;
mod guest;
#[cfg(target_arch = "x86_64")]
mod intruder;
mod link;
mod log;
mod namespace;
pub mod packet;
mod program;
mod refusal;
pub mod schema;
mod solicit;
pub mod supervise;
mod tap;
pub mod terminal;
mod wait;

pub use capture::{Advert, Capture, Direction, Frame};
pub use control::{Answer, Control};
pub use daemon::{Daemon, Launch, Output, RuntimeDirectory};
pub use guest::{DefaultRoute, Guest, Held};
#[cfg(target_arch = "x86_64")]
pub use intruder::Intruder;
pub use link::{Interface, Mac, Veth};
pub use log::field;
pub use namespace::{Namespace, namespaces_of, require_root};
pub use packet::Sender;
pub use program::{binary, binary_without_program, copy_program, prometheus, workspace};
pub use refusal::Refusal;
pub use solicit::{Checksum, Fragments, Solicit};
pub use tap::{Tap, open_tun};
pub use wait::{eventually, within};
