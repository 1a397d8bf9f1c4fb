//! Where the values of settings come from.

use std::{collections::BTreeMap, fmt, path::Path};

use clap::{ArgMatches, parser::ValueSource};
use serde::{Deserialize, Serialize};

use super::settings_file::SetVariable;

/// The variable of a run with `--settings`: which lines of which file set the others.
pub(crate) const SETTINGS_READ: &str = "AUTORA_SETTINGS_READ";

/// Where the value of a setting comes from, if it is not the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The option on the command line.
    CommandLine,
    /// A variable of the environment.
    Variable(String),
    /// A variable that a line of a file of settings sets.
    Line {
        /// The variable.
        name: String,
        /// The number of the line.
        line: usize,
        /// The file.
        file: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Variable(name) => f.write_str(name),
            Self::Line { name, line, file } => write!(f, "{name}, line {line} of {file}"),
        }
    }
}

/// The origins of the settings that were given, by their options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Returns the origins of what `matches` has for the options of `command`.
    pub(crate) fn new(command: &clap::Command, matches: &ArgMatches, lines: &SettingsLines) -> Self {
        let given = command.get_arguments().filter_map(|argument| {
            let option = argument.get_long()?;
            let source = matches.value_source(argument.get_id().as_str())?;
            let variable = argument.get_env().and_then(|name| name.to_str());
            let origin = match variable {
                Some(name) if source == ValueSource::EnvVariable => lines.origin(name),
                Some(_) | None if source == ValueSource::CommandLine => Origin::CommandLine,
                Some(_) | None => return None,
            };
            Some((option.to_owned(), origin))
        });
        Self(given.collect())
    }

    /// Adds that a variable which is not named after the option has set it.
    pub(super) fn add(&mut self, option: &str, variable: &str) {
        self.0.insert(option.to_owned(), Origin::Variable(variable.to_owned()));
    }

    /// Returns the origin of a setting, by the name of its option; `None` for its default.
    #[must_use]
    pub fn of(&self, option: &str) -> Option<&Origin> {
        self.0.get(option)
    }
}

/// Which lines of a file of settings set which variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingsLines {
    file: String,
    lines: BTreeMap<String, usize>,
}

impl SettingsLines {
    /// Returns the lines that count: of two that set the same variable, the later one.
    pub(crate) fn new(file: &Path, variables: &[SetVariable]) -> Self {
        let lines = variables.iter().map(|variable| (variable.name.clone(), variable.line));
        Self { file: file.display().to_string(), lines: lines.collect() }
    }

    /// Reads the value of [`SETTINGS_READ`]. Any other text stands for no lines.
    pub(crate) fn read(value: &str) -> Self {
        serde_json::from_str(value).unwrap_or_default()
    }

    /// Returns the value of [`SETTINGS_READ`].
    pub(crate) fn written(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always have a JSON text")
    }

    /// Returns whether there is a file, which has been read.
    pub(crate) const fn are_read(&self) -> bool {
        !self.file.is_empty()
    }

    /// Returns the origin of a variable.
    pub(super) fn origin(&self, variable: &str) -> Origin {
        let name = variable.to_owned();
        match self.lines.get(variable) {
            Some(&line) => Origin::Line { name, line, file: self.file.clone() },
            None => Origin::Variable(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_file_survive_their_variable() {
        let set = |name: &str, line| SetVariable { name: name.to_owned(), value: String::new(), line };
        let lines = SettingsLines::new(Path::new("/etc/a \"b\""), &[set("A", 1), set("B", 2), set("A", 5)]);
        let read = SettingsLines::read(&lines.written());
        assert_eq!(read, lines);
        let origin = |name: &str| read.origin(name).to_string();
        assert_eq!(["A", "B", "C"].map(origin), ["A, line 5 of /etc/a \"b\"", "B, line 2 of /etc/a \"b\"", "C"]);
        assert!(read.are_read() && ["", "1"].iter().all(|text| !SettingsLines::read(text).are_read()));
        assert_eq!(SettingsLines::read("1").origin("A"), Origin::Variable("A".to_owned()));
    }
}
