//! Values that are refused: all of them, where clap and a chain of checks would stop at the first.

use std::{error::Error, ffi::OsString, fmt, path::Path};

use clap::{
    ArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::origin::{Origin, Origins, SettingsLines};

/// A value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedValue {
    /// The option, without its dashes.
    option: String,
    /// The value.
    value: String,
    /// The bound that it breaks, or what else is wrong.
    why: String,
    /// Where it comes from, if that is known. Boxed, because it is not small.
    origin: Option<Box<Origin>>,
}

impl RefusedValue {
    /// Returns the refusal of a value whose origin is not known.
    pub(super) fn new(option: &str, value: impl fmt::Display, why: impl Into<String>) -> Self {
        Self { option: option.to_owned(), value: value.to_string(), why: why.into(), origin: None }
    }

    /// Returns the refusal of a path whose origin is not known.
    pub(super) fn of_path(option: &str, path: &Path, why: &str) -> Self {
        Self::new(option, format!("\"{}\"", path.display()), why)
    }
}

impl fmt::Display for RefusedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, value, why, origin } = self;
        write!(f, "--{option} {value}")?;
        match origin.as_deref() {
            Some(origin @ (Origin::Variable(_) | Origin::Line { .. })) => write!(f, " ({origin})")?,
            Some(Origin::CommandLine) | None => {}
        }
        write!(f, ": {why}")
    }
}

impl Error for RefusedValue {}

/// Every value that is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedValues(Vec<RefusedValue>);

impl RefusedValues {
    /// Returns the values, in the order in which they were refused.
    pub fn iter(&self) -> impl Iterator<Item = &RefusedValue> {
        self.0.iter()
    }

    /// Returns whether all values are accepted.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the value of an option is refused.
    pub(super) fn has(&self, option: &str) -> bool {
        self.0.iter().any(|refused| refused.option == option)
    }

    /// Returns what was accepted, or else adds what was refused.
    pub(super) fn note<T>(&mut self, checked: Result<T, RefusedValue>, origins: &Origins) -> Option<T> {
        checked
            .map_err(|refused| {
                let origin = origins.of(&refused.option).cloned().map(Box::new);
                self.0.push(RefusedValue { origin, ..refused });
            })
            .ok()
    }
}

impl fmt::Display for RefusedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

impl Error for RefusedValues {}

/// Matches `arguments`, as clap does, and the variables of `command`; leaves out the values of options that clap
/// refuses, and returns them too.
///
/// # Errors
///
/// Returns what else clap rejects, and its output for `--help` and `--version`.
pub(crate) fn matches(
    command: &clap::Command,
    arguments: &[OsString],
    lines: &SettingsLines,
) -> Result<(ArgMatches, RefusedValues), clap::Error> {
    let (mut command, mut arguments) = (command.clone(), arguments.to_vec());
    let mut refused = RefusedValues::default();
    loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => return Ok((matches, refused)),
            Err(error) => error,
        };
        let Some(argument) = with_refused_value(&command, &error) else { return Err(error) };
        let (id, option) = (argument.get_id().clone(), argument.get_long().unwrap_or_default().to_owned());
        if refused.has(&option) {
            return Err(error);
        }
        let origin = origin(argument, &arguments, lines);
        let value = text(&error, ContextKind::InvalidValue).cloned().unwrap_or_default();
        let why = why(argument, &error);
        command = command.mut_arg(id, |argument| argument.env(Resettable::Reset));
        // An option without a value has that of another one behind it, or nothing.
        arguments = without_option(&option, arguments, |word| word.to_str() == Some(&value));
        refused.0.push(RefusedValue { option, value: shown(value), why, origin: Some(origin.into()) });
    }
}

/// Returns the option whose value clap refuses; `None` for any other error.
fn with_refused_value<'c>(command: &'c clap::Command, error: &clap::Error) -> Option<&'c clap::Arg> {
    let is_of_value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    let name = text(error, ContextKind::InvalidArg).filter(|_| is_of_value)?;
    // As in `--filter <KIND>`.
    let option = name.strip_prefix("--")?.split(' ').next();
    command.get_arguments().find(|argument| argument.get_long() == option)
}

/// Returns where the value of an option comes from: the command line beats the environment.
fn origin(argument: &clap::Arg, arguments: &[OsString], lines: &SettingsLines) -> Origin {
    let is_given = arguments.iter().any(|word| argument.get_long().is_some_and(|option| names(option, word)));
    match argument.get_env().and_then(|name| name.to_str()) {
        Some(name) if !is_given => lines.origin(name),
        Some(_) | None => Origin::CommandLine,
    }
}

/// Returns the refused value: in quotes if it is empty, or not one word.
fn shown(value: String) -> String {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic());
    if is_plain { value } else { format!("{value:?}") }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&String> {
    let ContextValue::String(text) = error.get(kind)? else { return None };
    Some(text)
}

/// Returns what is wrong with a value that clap refuses.
fn why(argument: &clap::Arg, error: &clap::Error) -> String {
    if !argument.get_action().takes_values() {
        return "must be true or false".to_owned();
    }
    match (error.get(ContextKind::ValidValue), error.source()) {
        (Some(ContextValue::Strings(values)), _) if !values.is_empty() => format!("must be {}", one_of(values)),
        (_, Some(source)) => source.to_string(),
        (_, None) => "must not be empty".to_owned(),
    }
}

fn one_of(values: &[String]) -> String {
    match values {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        values => values.concat(),
    }
}

/// Returns whether an argument is `--option`, with or without its value.
pub(crate) fn names(option: &str, argument: &OsString) -> bool {
    let rest = argument.as_encoded_bytes().strip_prefix(b"--").and_then(|name| name.strip_prefix(option.as_bytes()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
}

/// Returns the arguments without an option; the one behind it is left out, too, if it `is_value`.
fn without_option(
    option: &str,
    arguments: impl IntoIterator<Item = OsString>,
    is_value: impl Fn(&OsString) -> bool,
) -> Vec<OsString> {
    let mut arguments = arguments.into_iter().peekable();
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        if !names(option, &argument) {
            kept.push(argument);
        } else if !argument.as_encoded_bytes().contains(&b'=') {
            _ = arguments.next_if(&is_value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_left_out_with_its_value() {
        let without = |words: &str| {
            let kept = without_option("settings", words.split(' ').map(OsString::from), |_| true);
            kept.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        for (words, expected) in [
            ("--check --settings /etc/x --mtu", "--check --mtu"),
            ("--settings=/etc/x --check", "--check"),
            ("--check --send raw", "--check --send raw"),
            ("--settings-x --check", "--settings-x --check"),
        ] {
            assert_eq!(without(words), expected);
        }
    }

    /// As of `--filter --check`, where the value was forgotten.
    #[test]
    fn a_word_that_is_not_the_value_stays() {
        let words = ["--filter", "--check"].map(OsString::from);
        assert_eq!(without_option("filter", words.clone(), |word| word.is_empty()), [OsString::from("--check")]);
        assert_eq!(without_option("filter", words, |_| true), [""; 0]);
    }

    #[test]
    fn values_are_listed_as_in_a_sentence() {
        let one_of = |values: &[&str]| one_of(&values.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
        assert_eq!(one_of(&["a"]), "a");
    }
}
