//! The interfaces or events that a request selects, and the decoding of names in paths and queries.

use percent_encoding::percent_decode_str;

use super::{glob::Glob, model::State};

/// The interfaces or events that a request selects. No pattern or no state selects all.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// A name that is no pattern.
    exactly: Option<String>,
    names: Vec<Glob>,
    states: Vec<State>,
}

impl Selection {
    /// Parses the query of a path, in which only the parameters `known` are allowed. Any other is an error,
    /// so that a typing error does not select everything.
    ///
    /// # Errors
    ///
    /// A message for the client.
    pub(super) fn from_query(query: &str, known: &[&str]) -> Result<Self, String> {
        let mut selection = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = decode(value).ok_or("the value of a query parameter is not valid UTF-8")?;
            match key {
                "name" if known.contains(&key) => selection.names.push(value.into()),
                "state" if known.contains(&key) => {
                    let state = State::ALL.into_iter().find(|state| state.name() == value);
                    selection.states.push(state.ok_or("state must be serving, paused, not-served or ceasing")?);
                }
                _ => {
                    return Err(format!("unknown query parameter {key}; allowed here: {}", known.join(", ")));
                }
            }
        }
        Ok(selection)
    }

    /// Selects the interface of this name alone.
    pub(super) fn of(name: String) -> Self {
        Self { exactly: Some(name), ..Self::default() }
    }

    /// Returns whether `name` is selected.
    pub(super) fn has_name(&self, name: &str) -> bool {
        match &self.exactly {
            Some(exactly) => exactly == name,
            None => self.names.is_empty() || self.names.iter().any(|glob| glob.matches(name)),
        }
    }

    /// Returns whether `state` is selected.
    pub(super) fn has_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Returns whether everything is selected.
    pub(super) const fn is_everything(&self) -> bool {
        self.exactly.is_none() && self.names.is_empty() && self.states.is_empty()
    }
}

/// Returns the text of a percent-encoded string ([RFC 3986
/// 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)); `None` if it is not UTF-8.
pub(super) fn decode(encoded: &str) -> Option<String> {
    percent_decode_str(encoded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoded_names_are_decoded() {
        for (encoded, expected) in [
            ("vm1", Some("vm1")),
            ("a%20b", Some("a b")),
            ("%c3%A4", Some("ä")),
            ("%ff", None),
            ("%", Some("%")),
            ("%4", Some("%4")),
            ("%zz", Some("%zz")),
        ] {
            assert_eq!(decode(encoded).as_deref(), expected, "{encoded}");
        }
    }

    #[test]
    fn unknown_parameters_and_states_are_errors() {
        let both = &["name", "state"][..];
        for (query, known, expected) in [
            ("", both, true),
            ("name=vm*&state=not-served", both, true),
            ("state=not-served&state=paused", both, true),
            ("state=bad", both, false),
            ("state", both, false),
            ("states=refused", both, false),
            ("state=not-served", &["name"], false),
        ] {
            assert_eq!(Selection::from_query(query, known).is_ok(), expected, "{query}");
        }
    }
}
