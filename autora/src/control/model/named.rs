//! Names that a newer daemon may know more of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name: one that this version knows, or the text of one that only a newer daemon knows. Clients go on with both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Named<T> {
    /// A name that this version knows.
    Known(T),
    /// Any other.
    Unknown(String),
}

impl<T> Named<T> {
    /// Returns the name, if this version knows it.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(name) => Some(name),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Named<T> {
    fn from(name: T) -> Self {
        Self::Known(name)
    }
}

impl<T: Serialize> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => name.serialize(f),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::model::{Counts, Named, PacketReason, ReasonName, State};

    #[test]
    fn names_of_a_newer_daemon_are_text() {
        let name = |json: &str| serde_json::from_str::<Named<ReasonName>>(json).unwrap();
        assert_eq!(name("\"down\""), ReasonName::Down.into());
        assert_eq!(name("\"too-hot\""), Named::Unknown("too-hot".to_owned()));
        assert_eq!([name("\"no-prefix\""), name("\"too-hot\"")].map(|name| name.to_string()), ["no-prefix", "too-hot"]);
        assert_eq!(Named::from(State::NotServed).to_string(), "not-served");
    }

    #[test]
    fn counts_of_a_newer_daemon_are_kept() {
        let json = r#"{"hop-limit":2,"too-hot":3}"#;
        let counts: Counts<PacketReason> = serde_json::from_str(json).unwrap();
        assert!(counts.keys().any(|name| name.known().is_some()), "the control");
        assert_eq!(serde_json::to_string(&counts).unwrap(), json);
    }
}
