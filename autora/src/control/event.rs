//! Events of the daemon. The log, the dry run and the control socket all render this one type.

use std::{io, time::Duration};

use crate::{
    addr::IfIndex,
    engine::{
        action::{StateChange, Transmission},
        advertiser::SolicitedRa,
    },
    sys::filter::{Counters, HeardRouter},
};

/// An event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The interface; `None` if the event concerns the whole daemon.
    pub interface: Option<InterfaceRef<'a>>,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// An interface, by index and name.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceRef<'a> {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: &'a str,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum EventKind<'a> {
    /// An interface changed its state.
    Changed(&'a StateChange),
    /// An RA left.
    Sent {
        /// The RA.
        transmission: &'a Transmission,
        /// Time until the next RA is due.
        next_in: Option<Duration>,
        /// Number of attempts that had failed before.
        failed_before: u32,
    },
    /// An attempt to send an RA failed.
    SendFailed {
        /// The RA.
        transmission: &'a Transmission,
        /// Error of the attempt.
        error: &'a io::Error,
        /// Number of failed attempts in a row, this one included.
        failures: u32,
    },
    /// A solicitation will be answered.
    Solicited {
        /// The RA that will answer it.
        answer: SolicitedRa,
        /// Time until that RA.
        answer_in: Duration,
    },
    /// Packets were dropped within about the last second; counted by reason.
    Dropped(Counters),
    /// Another router sent a valid RA.
    OtherRouter(HeardRouter),
    /// The daemon has begun to stop.
    Stopping(StopKind),
}

/// How the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// With final RAs.
    Withdraw,
    /// At once, without final RAs.
    AtOnce,
    /// At once, and the next process continues from the saved state.
    Restart,
}
