//! Settings that are chosen by name.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The socket that RAs leave through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SendPath {
    /// Packet sockets: the same cost for any number of interfaces; RAs bypass nftables output rules, tc (queues,
    /// shapers, egress filters) and captures on the host
    Packet,
    /// Raw ICMPv6 sockets: nftables output rules and tc see RAs; each interface needs a neighbour entry, and an RA
    /// waits where a queue does not drain
    Raw,
}

impl fmt::Display for SendPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Packet => "packet",
            Self::Raw => "raw",
        })
    }
}

/// The filter between the guests and the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterMode {
    /// The eBPF filter; if it cannot be loaded, log a warning and use the classic one
    Auto,
    /// The eBPF filter; if it cannot be loaded, do not start
    Ebpf,
    /// A classic BPF filter: needs no CAP_BPF, and leaves most of the work to the daemon
    Classic,
}

/// What to do on SIGTERM and SIGINT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnExit {
    /// Send a final RA on each served interface, so that guests drop their default route at once
    Withdraw,
    /// Send nothing: guests keep their default route until its lifetime is over
    Keep,
}

/// The least severe level to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What ended the daemon
    Error,
    /// Conditions that need the operator
    Warn,
    /// Changes of state, and the heartbeat
    Info,
    /// Every change of an interface that the kernel reports, and every answer as it is scheduled
    Debug,
    /// Every packet; not for production
    Trace,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Readable lines on standard error; if that is the journal, with priorities and without the time
    Text,
    /// One JSON object per line on standard error
    Json,
    /// Entries in the journal, each field as a journal field: AUTORA_INTERFACE=tap-vm-7
    Journald,
}
