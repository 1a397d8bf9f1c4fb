//! The JSON of the control socket, version 1.
//!
//! Durations are numbers of seconds, in fields whose names end in `_s`. Instants are given relative to the
//! answer (`ago_s`, `in_s`); only `time` is absolute, in seconds since 1970. Names of states, reasons, causes
//! and events are stable (`stable_names.rs`). Within a version fields and events may be added: a client
//! ignores those that it does not know. The doc comments become the descriptions of the published schema
//! (`schema.rs`).

pub use self::{
    counts::{Adverts, Counts, Solicitations},
    error::Error,
    event::{EventDetail, EventLine},
    format::{VERSION, seconds},
    interface::{
        HeldPrefix, HeldRouter, Interface, Interfaces, LastAdvert, OtherDaemon, OtherRouter, Reason, RetiredPrefix,
        SendFailures,
    },
    named::Named,
    names::{ErrorName, PacketReason, ReasonName, State},
    status::{Filter, Netlink, OtherRouters, Settings, States, Status},
};

mod counts;
mod error;
mod event;
mod format;
mod interface;
mod named;
mod names;
#[cfg(test)]
pub(super) mod schema;
mod status;
