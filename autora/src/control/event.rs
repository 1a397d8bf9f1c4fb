//! What happens in the daemon, told once: the log, the dry run and the clients of the control socket all render this.

use std::{io, time::Duration};

use crate::{
    addr::IfIndex,
    engine::{
        action::{StateChange, Transmission},
        advertiser::SolicitedRa,
    },
    sys::filter::{Counters, HeardRouter},
};

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Where; none if it concerns the whole daemon.
    pub interface: Option<InterfaceRef<'a>>,
    /// What.
    pub kind: EventKind<'a>,
}

/// An interface.
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
    /// A change of state.
    Changed(&'a StateChange),
    /// An RA left.
    Sent {
        /// Why, and what.
        transmission: &'a Transmission,
        /// When the next one is due.
        next_in: Option<Duration>,
        /// How many tries had failed before.
        failed_before: u32,
    },
    /// One did not leave.
    SendFailed {
        /// Why it should have.
        transmission: &'a Transmission,
        /// Why it did not.
        error: &'a io::Error,
        /// How many in a row.
        failures: u32,
    },
    /// A solicitation will be answered.
    Solicited {
        /// By which RA.
        answer: SolicitedRa,
        /// In how much time.
        answer_in: Duration,
    },
    /// What packets were dropped as, in about a second.
    Dropped(Counters),
    /// Another router advertises.
    OtherRouter(HeardRouter),
    /// The daemon begins to stop.
    Stopping(StopKind),
}

/// How the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// With final RAs.
    Withdraw,
    /// At once.
    AtOnce,
    /// At once, and the next process goes on.
    Restart,
}
