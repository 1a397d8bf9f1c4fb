//! What an advertiser follows, and what it asks for.

use crate::{
    addr::LinkLocal,
    engine::{
        action::Cause,
        eligibility::{Departure, Service},
        interface::Lifetimes,
    },
};

/// What the state of an interface allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is to be served.
    Serve(Service),
    /// It is not to be served.
    NotServed {
        /// Whether its link has carrier.
        carrier: bool,
        /// When the lifetimes of the prefix in use end, or `None` if the interface has it no more.
        lifetimes: Option<Lifetimes>,
    },
    /// It is down or has no IPv6: no RA can leave, and the kernel has removed its addresses. None is owed because of
    /// that; once it is up again it is only waited for.
    Lost,
}

/// Whether a final RA can leave from the source in use, and from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// From the source in use.
    pub router: Departure,
    /// From the source that is owed a final RA.
    pub owed: Departure,
}

/// An RA that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRa {
    /// The source address.
    pub source: LinkLocal,
    /// The cause.
    pub cause: Cause,
}
