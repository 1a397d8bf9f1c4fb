//! The stable names, as types. `stable_names.rs` lists them.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::engine::{eligibility, fleet::ServiceState};

/// State of an interface that matches.
// The help of `autora status --state` shows the texts of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The interface is served.
    Serving,
    /// The interface is served, but has no carrier, or duplicate address detection runs on its source: no RA is sent,
    /// and nothing is withdrawn.
    Paused,
    /// The interface matches and is not served.
    NotServed,
    /// The interface is no longer served, and a final RA has yet to leave.
    Ceasing,
}

/// Name of a reason why an interface is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "eligibility::Reason describes them")]
pub enum ReasonName {
    Ipv6Disabled,
    Down,
    NoMulticast,
    Loopback,
    Enslaved,
    ForwardingOff,
    NoLinkLocal,
    NoPrefix,
    SeveralPrefixes,
    FilterFull,
    FilterError,
    ServedByAnother,
}

/// Name of what became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketReason(pub autora_common::Reason);

/// Name of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorName {
    /// The path does not exist.
    NotFound,
    /// The daemon knows no interface of this name.
    UnknownInterface,
    /// A query parameter or its value is not known, or the request has a body.
    BadRequest,
    /// The method is neither GET nor HEAD.
    ReadOnly,
    /// The event loop of the daemon does not answer.
    Unavailable,
    /// Too many clients are connected.
    Busy,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Serving, Self::Paused, Self::NotServed, Self::Ceasing];

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Paused => "paused",
            Self::NotServed => "not-served",
            Self::Ceasing => "ceasing",
        }
    }
}

impl From<ServiceState> for State {
    fn from(state: ServiceState) -> Self {
        match state {
            ServiceState::Serving => Self::Serving,
            ServiceState::Paused => Self::Paused,
            ServiceState::NotServed => Self::NotServed,
            ServiceState::Ceasing => Self::Ceasing,
        }
    }
}

impl From<&eligibility::Reason> for ReasonName {
    fn from(reason: &eligibility::Reason) -> Self {
        match reason {
            eligibility::Reason::Ipv6Disabled { .. } => Self::Ipv6Disabled,
            eligibility::Reason::Down => Self::Down,
            eligibility::Reason::NoMulticast => Self::NoMulticast,
            eligibility::Reason::Loopback => Self::Loopback,
            eligibility::Reason::Enslaved { .. } => Self::Enslaved,
            eligibility::Reason::ForwardingOff => Self::ForwardingOff,
            eligibility::Reason::NoLinkLocal { .. } => Self::NoLinkLocal,
            eligibility::Reason::NoPrefix { .. } => Self::NoPrefix,
            eligibility::Reason::SeveralPrefixes(_) => Self::SeveralPrefixes,
            eligibility::Reason::FilterFull => Self::FilterFull,
            eligibility::Reason::FilterError { .. } => Self::FilterError,
            eligibility::Reason::ServedByAnother(_) => Self::ServedByAnother,
        }
    }
}

impl fmt::Display for ReasonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for PacketReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Serialize for PacketReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for PacketReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = autora_common::Reason::ALL.into_iter().find(|reason| reason.name() == name);
        found.map(Self).ok_or_else(|| de::Error::custom(format!("unknown reason {name}")))
    }
}

#[cfg(test)]
mod tests {
    use eligibility::Reason;

    use super::*;

    #[test]
    fn a_reason_has_the_same_name_everywhere() {
        for reason in [
            Reason::Ipv6Disabled { mtu: 1_500 },
            Reason::Down,
            Reason::NoMulticast,
            Reason::Loopback,
            Reason::Enslaved { kind: None },
            Reason::ForwardingOff,
            Reason::NoLinkLocal { unopened: false, required: None },
            Reason::NoPrefix { others: Vec::new() },
            Reason::SeveralPrefixes(Vec::new()),
            Reason::FilterFull,
            Reason::FilterError { errno: 1 },
            Reason::ServedByAnother(None),
        ] {
            assert_eq!(ReasonName::from(&reason).to_string(), reason.name());
        }
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for reason in autora_common::Reason::ALL {
            let json = serde_json::to_value(PacketReason(reason)).unwrap();
            assert_eq!(serde_json::from_value::<PacketReason>(json).unwrap(), PacketReason(reason));
        }
        assert!(serde_json::from_value::<PacketReason>("none".into()).is_err());
    }
}
