//! What a user chooses by name: plain enums that the settings, the daemon and the kernel's side all know.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which socket advertisements leave through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SendPath {
    /// A packet socket: as fast with thousands of interfaces as with one, but past nftables output rules
    Packet,
    /// A raw ICMPv6 socket: through routing, the neighbour table, and nftables output rules
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

/// Which form of the filter the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterMode {
    /// The eBPF filter, or with a warning the classic one where that cannot be had
    Auto,
    /// The eBPF filter; refuse to start without it
    Ebpf,
    /// A classic BPF filter, which leaves most of the work to the daemon
    Classic,
}

/// What a stop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnExit {
    /// One final RA on every interface, so that guests drop their default route at once
    Withdraw,
    /// Nothing: guests keep their default route until its lifetime is over
    Keep,
}

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stopped the daemon
    Error,
    /// What somebody should look at
    Warn,
    /// Changes of state
    Info,
    /// Every look at an interface, and every answer as it is scheduled
    Debug,
    /// Every packet; for a short look, not for production
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people, on standard error; where that is the journal, with priorities and without the time
    Text,
    /// One JSON object a line, on standard error
    Json,
    /// To the journal itself, with each field as one of its own: AUTORA_INTERFACE=tap-vm-7
    Journald,
}
