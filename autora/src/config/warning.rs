//! Settings that are valid but probably not meant.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use regex_syntax::hir::Look;

use super::{args::CLAIM_DIRECTORY, origin::SETTINGS_READ};

/// A setting that is valid but probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The regular expression can match in the middle of a name.
    NotAnchored {
        /// The regular expression.
        regex: String,
    },
    /// No interface can match the regular expression, as its default.
    MatchesNothing {
        /// The regular expression.
        regex: String,
    },
    /// The regular expression repeats a letter that is a class behind a backslash.
    RepeatedLetter {
        /// The regular expression.
        regex: String,
        /// The letter.
        letter: char,
    },
    /// Other daemons may claim interfaces elsewhere.
    OtherClaimDirectory {
        /// The directory of claims.
        directory: PathBuf,
    },
    /// The value of a variable has what looks like a comment.
    Comment {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// A variable begins like those of the options, and is none.
    UnknownVariable {
        /// The variable.
        name: String,
        /// The known variable that is most like it.
        nearest: Option<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnchored { regex } => write!(
                f,
                "--interface-regex {regex} is not anchored at both ends, so it also matches longer names: write ^...$ to match \
                 whole names"
            ),
            Self::MatchesNothing { regex } => write!(
                f,
                "--interface-regex is {regex}, which matches no interface, so none is served: set it, or the variable \
                 AUTORA_INTERFACE_REGEX, to match your guests' interfaces, like ^tap-vm-[0-9]+$"
            ),
            Self::RepeatedLetter { regex, letter } => write!(
                f,
                "--interface-regex is read as {regex}, which repeats the letter {letter}: a file of settings loses backslashes \
                 outside quotes; if \\{letter} is meant, write the value in single quotes"
            ),
            Self::OtherClaimDirectory { directory } => write!(
                f,
                "--claim-directory is {} and not {CLAIM_DIRECTORY}: a daemon that uses another directory is not \
                 noticed, and serves the same interfaces, too; give all daemons of this host the same one",
                directory.display()
            ),
            Self::Comment { name, value } => write!(
                f,
                "the variable {name} is read as '{value}', with what looks like a comment: in a file of settings a \
                 comment needs a line of its own"
            ),
            Self::UnknownVariable { name, nearest: None } => {
                write!(f, "the variable {name} is unknown and has no effect")
            }
            Self::UnknownVariable { name, nearest: Some(nearest) } => {
                write!(f, "the variable {name} is unknown and has no effect: is {nearest} meant?")
            }
        }
    }
}

/// Returns what is odd about a regular expression, whose syntax is `syntax`.
pub(super) fn about_regex(regex: &str, syntax: &regex_syntax::hir::Hir) -> Vec<Warning> {
    let properties = syntax.properties();
    let anchored =
        properties.look_set_prefix().contains(Look::Start) && properties.look_set_suffix().contains(Look::End);
    let owned = || regex.to_owned();
    // It matches no text at all, or the empty one alone, which is no name.
    if properties.minimum_len().is_none() || (anchored && properties.maximum_len() == Some(0)) {
        return vec![Warning::MatchesNothing { regex: owned() }];
    }
    let not_anchored = (!anchored).then(|| Warning::NotAnchored { regex: owned() });
    let repeated = repeated_letter(regex).map(|letter| Warning::RepeatedLetter { regex: owned(), letter });
    not_anchored.into_iter().chain(repeated).collect()
}

/// Returns what is odd about the directory of claims. To have none is a choice that needs no warning.
pub(super) fn about_claims(directory: Option<&Path>) -> Option<Warning> {
    let other = directory.filter(|directory| *directory != Path::new(CLAIM_DIRECTORY))?;
    Some(Warning::OtherClaimDirectory { directory: other.to_owned() })
}

/// Returns the first of `d`, `w` and `s` that is repeated and has no backslash before it.
fn repeated_letter(regex: &str) -> Option<char> {
    let characters: Vec<char> = ['^'].into_iter().chain(regex.chars()).collect();
    characters.windows(3).find_map(|three| match *three {
        [before, letter @ ('d' | 'w' | 's'), '+' | '*' | '{'] if before != '\\' => Some(letter),
        _ => None,
    })
}

/// The beginning of the names of autora's variables.
const PREFIX: &str = "AUTORA_";

/// Variables that are no option: of a run with `--settings`, of the unit, and of the build and the tests.
const OTHERS: [&str; 5] =
    [SETTINGS_READ, "AUTORA_BOOT_ID", "AUTORA_BIN", "AUTORA_BIN_WITHOUT_EBPF", "AUTORA_EBPF_OBJECT"];

/// How alike two names have to be (by [`strsim::jaro`]) for one to be suggested in place of the other.
const ALIKE: f64 = 0.8;

/// Returns a warning for each variable in `set` that begins like autora's own and is not in `known`.
pub(crate) fn unknown_variables(known: &[String], set: impl IntoIterator<Item = OsString>) -> Vec<Warning> {
    let names = set.into_iter().map(|name| name.to_string_lossy().into_owned());
    let is_known = |name: &String| known.contains(name) || OTHERS.contains(&name.as_str());
    let mut unknown: Vec<_> = names.filter(|name| name.starts_with(PREFIX) && !is_known(name)).collect();
    unknown.sort();
    let warning = |name: String| Warning::UnknownVariable { nearest: nearest(&name, known), name };
    unknown.into_iter().map(warning).collect()
}

/// Returns a warning for each variable of `set` that is in `known` and has what looks like a comment behind its value:
/// a file of settings takes it for a part of the value. systemd joins a quoted value and what follows it without the
/// blank between them: `'info' # x` becomes `info# x`.
pub(crate) fn commented_variables(
    known: &[String],
    set: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<Warning> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let set = set.into_iter().map(|(name, value)| (text(name), text(value)));
    let is_commented = |value: &str| value.contains(" #") || value.contains("# ");
    let mut commented: Vec<_> = set.filter(|(name, value)| known.contains(name) && is_commented(value)).collect();
    commented.sort();
    commented.into_iter().map(|(name, value)| Warning::Comment { name, value }).collect()
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let rest = |name: &str| name.trim_start_matches(PREFIX).to_owned();
    let alike = |known: &&String| strsim::jaro(&rest(known), &rest(name));
    known.iter().filter(|known| alike(known) >= ALIKE).max_by(|a, b| alike(a).total_cmp(&alike(b))).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_lost_its_backslash_is_found() {
        for (regex, expected) in [
            ("^tapd+$", Some('d')),
            ("^tapd{3}$", Some('d')),
            ("^vmw*$", Some('w')),
            ("d+", Some('d')),
            (r"^tap\d+$", None),
            ("^tap[0-9]+$", None),
            ("^vnetd$", None),
            ("^(bond|veth)[0-9]+$", None),
        ] {
            assert_eq!(repeated_letter(regex), expected, "{regex}");
        }
    }

    #[test]
    fn an_unknown_variable_is_reported_with_the_nearest_known_one() {
        let known = ["AUTORA_INTERFACE_REGEX", "AUTORA_MTU", "AUTORA_LOG"].map(str::to_owned);
        let set = ["AUTORA_INTERFACES_REGEX", "AUTORA_QQQ", "AUTORA_MTU", "AUTORA_BOOT_ID", "PATH"].map(OsString::from);
        let unknown = |name: &str, nearest: Option<&str>| Warning::UnknownVariable {
            name: name.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        let expected =
            [unknown("AUTORA_INTERFACES_REGEX", Some("AUTORA_INTERFACE_REGEX")), unknown("AUTORA_QQQ", None)];
        assert_eq!(unknown_variables(&known, set), expected);
    }

    #[test]
    fn what_looks_like_a_comment_behind_a_value_is_reported() {
        let known = ["AUTORA_MTU", "AUTORA_LOG"].map(str::to_owned);
        let comment = |name: &str, value: &str| Warning::Comment { name: name.to_owned(), value: value.to_owned() };
        for (name, value, expected) in [
            ("AUTORA_MTU", "true # for guests", true),
            // As of `AUTORA_LOG='info' # less`.
            ("AUTORA_LOG", "info# less", true),
            ("AUTORA_LOG", "info", false),
            ("AUTORA_LOG", "a#b", false),
            ("PATH", "/bin # x", false),
        ] {
            let found = commented_variables(&known, [(name.into(), value.into())]);
            assert_eq!(found, Vec::from_iter(expected.then(|| comment(name, value))), "{name}={value}");
        }
    }
}
