//! Names and patterns that name no interface: one sentence and one exit code in every command.

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

use super::{
    client::{ControlSocketArg, names},
    screen,
};
use crate::{
    engine::interface::Interface,
    error::{self, Failure},
};

/// The exit code if no interface has a name that was given, or none matches a pattern.
pub(super) const EXIT_NO_INTERFACE: u8 = 4;

/// The names that are suggested have at least this Jaro-Winkler similarity.
const MIN_SIMILARITY: f64 = 0.7;

/// The most names that are suggested.
const MOST_SIMILAR: usize = 3;

/// A name that no interface has, or a pattern that matches none.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) name: String,
    /// Existing names that resemble it, the most similar first.
    pub(super) similar: Vec<String>,
}

impl Missing {
    /// Looks for similar names among `existing`.
    pub(super) fn new(name: &str, existing: &[Interface]) -> Self {
        let mut likely: Vec<_> = existing
            .iter()
            .map(|interface| (strsim::jaro_winkler(name, &interface.name), &interface.name))
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .collect();
        likely.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let similar = likely.into_iter().take(MOST_SIMILAR).map(|(_, name)| name.clone()).collect();
        Self { name: name.to_owned(), similar }
    }

    /// Returns it in JSON.
    pub(super) fn json(&self) -> Value {
        json!({ "name": self.name, "similar": self.similar })
    }
}

/// Returns which of `arguments`, names and patterns, name none of the interfaces of these names.
pub(super) fn naming_none<'a>(arguments: &'a [String], existing: &[String]) -> Vec<&'a String> {
    let is_absent = |argument: &&String| {
        let is_named = names(argument);
        !existing.iter().any(|name| is_named(name))
    };
    arguments.iter().filter(is_absent).collect()
}

/// The interfaces among which one was looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Among<'a> {
    /// Those of the network namespace that the command runs in.
    Namespace,
    /// Those of the daemon, whose names match its regular expression.
    Matching(&'a str),
    /// Those of the daemon, where the name that was given matches.
    Daemon,
}

impl Display for Among<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace => f.write_str(" in this network namespace"),
            Self::Matching(regex) => write!(f, " among those that match {regex}"),
            Self::Daemon => Ok(()),
        }
    }
}

/// Returns the failure of a command that needs the interfaces to be there. `socket` names the daemon for the hint.
pub(super) fn no_such_interface(missing: &[Missing], among: Among<'_>, socket: &ControlSocketArg) -> Failure {
    let listed = screen::list(missing.iter().map(|missing| &missing.name));
    let hint = match similar(missing).as_slice() {
        [] => format!("`{}` lists those that exist", socket.command("explain", &[])),
        similar => format!("similar: {}", screen::list(similar)),
    };
    Failure::because(format!("no such interface{among}: {listed}")).advise(hint).with_code(EXIT_NO_INTERFACE)
}

/// Returns the names that resemble any of those that are missing, each once.
fn similar(missing: &[Missing]) -> Vec<&String> {
    let mut names: Vec<&String> = Vec::new();
    for name in missing.iter().flat_map(|missing| &missing.similar) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Says on standard error that a command waits for interfaces that are not there yet.
pub(super) fn note_waiting(names: &[impl Display], among: Among<'_>) {
    error::note(&format!("no such interface yet{among}: {}; this waits for it", screen::list(names)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interface::fit;

    #[test]
    fn names_and_patterns_that_name_none_are_found() {
        let existing = ["vm1", "vm2"].map(str::to_owned);
        let arguments = ["vm1", "vm3", "vm?", "tap*"].map(str::to_owned);
        assert_eq!(naming_none(&arguments, &existing), ["vm3", "tap*"]);
    }

    #[test]
    fn the_sentence_is_the_same_in_every_command() {
        let socket = ControlSocketArg { socket: "/srv/s".into(), instance: None };
        let existing = ["vm1", "vm2", "eth0"].map(|name| Interface { name: name.to_owned(), ..fit() });
        let said = |names: &[&str], among| {
            let missing: Vec<_> = names.iter().map(|name| Missing::new(name, &existing)).collect();
            no_such_interface(&missing, among, &socket).to_string()
        };
        let list = "`autora explain --socket /srv/s` lists those that exist";
        for (names, among, expected) in [
            (&["vm9"][..], Among::Namespace, "no such interface in this network namespace: vm9; similar: vm1, vm2"),
            (
                &["vm8", "vm9"],
                Among::Namespace,
                "no such interface in this network namespace: vm8, vm9; similar: vm1, vm2",
            ),
            (
                &["x*", "y"],
                Among::Matching("^vm"),
                &format!("no such interface among those that match ^vm: x*, y; {list}"),
            ),
            (&["x"], Among::Daemon, &format!("no such interface: x; {list}")),
        ] {
            assert_eq!(said(names, among), expected);
        }
    }
}
