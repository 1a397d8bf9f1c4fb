//! Which interfaces or events a request selects, and the decoding of names in paths and queries.

use percent_encoding::percent_decode_str;

use super::{Glob, model::State};

/// Which interfaces or events a request selects.
#[derive(Debug, Default)]
pub(super) struct Selection {
    names: Vec<Glob>,
    states: Vec<State>,
}

impl Selection {
    /// Reads the part of a path behind the question mark, in which only the keys `known` may stand. What is not understood
    /// is an error, so that a slip of the pen does not go unnoticed.
    pub(super) fn from_query(query: &str, known: &[&str]) -> Result<Self, String> {
        let mut selection = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = decode(value).ok_or("a value is not UTF-8")?;
            match key {
                "name" if known.contains(&key) => selection.names.push(value.into()),
                "state" if known.contains(&key) => {
                    let state = State::ALL.into_iter().find(|state| state.name() == value);
                    selection
                        .states
                        .push(state.ok_or("state is one of serving, paused, not-served and ceasing")?);
                }
                _ => return Err(format!("what can be asked for here is {}", known.join(" and "))),
            }
        }
        Ok(selection)
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|glob| glob.matches(name))
    }

    pub(super) fn has_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether it is everything.
    pub(super) const fn is_everything(&self) -> bool {
        self.names.is_empty() && self.states.is_empty()
    }
}

/// Returns text in which `%41` stands for A [RFC 3986 2.1], or `None` if it is not UTF-8.
pub(super) fn decode(encoded: &str) -> Option<String> {
    percent_decode_str(encoded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded() {
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
    fn what_is_not_understood_is_refused() {
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
