//! Files of settings, in the syntax of `EnvironmentFile=` (`systemd.exec(5)`), as systemd reads them
//! ([`src/basic/env-file.c`](https://github.com/systemd/systemd/blob/v257/src/basic/env-file.c)): so that a check sees
//! what the service will see.

use std::{collections::BTreeMap, mem};

/// What a file sets, in its order; of two lines with one name the later one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsFile {
    /// Each variable, as often as it is set.
    pub variables: Vec<SetVariable>,
    /// Numbers of the lines that set nothing and are no comment.
    pub ignored: Vec<usize>,
    /// Line and name of each variable that has what looks like a comment behind its value, which is part of the value.
    pub commented: Vec<(usize, String)>,
}

/// A variable that a line sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The number of the line.
    pub line: usize,
}

/// A variable that several lines set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedVariable<'a> {
    /// Its name.
    pub name: &'a str,
    /// The numbers of the lines that have no effect.
    pub ignored: Vec<usize>,
    /// The number of the line that counts, the last one.
    pub counts: usize,
}

#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    BeforeName,
    Comment,
    Name,
    BeforeValue,
    Value,
    Escape,
    SingleQuoted,
    DoubleQuoted,
    DoubleQuotedEscape,
}

/// A line that is being read.
#[derive(Default)]
struct Assignment {
    name: String,
    value: String,
    /// The length of the value without blanks at its end, which count only in quotes or behind a backslash.
    kept: usize,
    /// Whether the value has what looks like a comment.
    commented: bool,
}

/// Reads the text of a file.
#[must_use]
pub fn parse(text: &str) -> SettingsFile {
    let mut reader = Reader { line: 1, begun: 1, ..Reader::default() };
    text.chars().for_each(|c| reader.read(c));
    reader.end()
}

/// A file as far as it has been read.
#[derive(Default)]
struct Reader {
    file: SettingsFile,
    place: Place,
    assignment: Assignment,
    line: usize,
    /// The line on which the assignment began.
    begun: usize,
    /// The character before this one.
    last: Option<char>,
}

impl Reader {
    fn read(&mut self, c: char) {
        if matches!(self.place, Place::BeforeName) {
            self.begun = self.line;
        }
        let in_value = matches!(self.place, Place::BeforeValue | Place::Value);
        // As for a variable that systemd hands on: a blank before the sign, or behind it.
        let is_comment = matches!((self.last, c), (Some(' ' | '\t'), '#') | (Some('#'), ' ' | '\t'));
        self.assignment.commented |= in_value && is_comment;
        let next = self.assignment.read(self.place, c);
        match (self.place, next) {
            (Place::BeforeValue | Place::Value, Place::BeforeName) => self.set(),
            (Place::Name, Place::BeforeName) => {
                self.assignment = Assignment::default();
                self.file.ignored.push(self.begun);
            }
            _ => {}
        }
        self.place = next;
        self.line += usize::from(c == '\n');
        self.last = Some(c);
    }

    /// Ends the file, and with it the last line, which may have no end of its own.
    fn end(mut self) -> SettingsFile {
        match self.place {
            // A quote or a line that goes on beyond the end of the file ends there.
            Place::SingleQuoted | Place::DoubleQuoted | Place::DoubleQuotedEscape | Place::Escape => self.set(),
            Place::BeforeName | Place::Comment | Place::Name | Place::BeforeValue | Place::Value => self.read('\n'),
        }
        self.file
    }

    fn set(&mut self) {
        self.file.set(mem::take(&mut self.assignment), self.begun);
    }
}

impl SettingsFile {
    fn set(&mut self, Assignment { name, mut value, kept, commented }: Assignment, line: usize) {
        value.truncate(kept);
        let name = name.trim_end();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.chars().all(is_name) && name.starts_with(|c: char| !c.is_ascii_digit()) {
            self.commented.extend(commented.then(|| (line, name.to_owned())));
            self.variables.push(SetVariable { name: name.to_owned(), value, line });
        } else {
            self.ignored.push(line);
        }
    }
}

impl SettingsFile {
    /// Returns the variables that several lines set, by their names.
    #[must_use]
    pub fn repeated(&self) -> Vec<RepeatedVariable<'_>> {
        let mut lines = BTreeMap::<&str, Vec<usize>>::new();
        for SetVariable { name, line, .. } in &self.variables {
            lines.entry(name).or_default().push(*line);
        }
        let repeated = lines.into_iter().filter_map(|(name, mut ignored)| {
            let counts = ignored.pop()?;
            (!ignored.is_empty()).then_some(RepeatedVariable { name, ignored, counts })
        });
        repeated.collect()
    }
}

impl Assignment {
    /// Reads one character at `place`; returns the place of the next one.
    fn read(&mut self, place: Place, c: char) -> Place {
        let ends = c == '\n';
        match place {
            Place::BeforeName if c.is_ascii_whitespace() => Place::BeforeName,
            Place::BeforeName if matches!(c, '#' | ';') => Place::Comment,
            Place::Comment if !ends => Place::Comment,
            Place::Comment => Place::BeforeName,
            Place::Name | Place::BeforeValue | Place::Value if ends => Place::BeforeName,
            Place::BeforeName | Place::Name if c == '=' => Place::BeforeValue,
            Place::BeforeName | Place::Name => {
                self.name.push(c);
                Place::Name
            }
            Place::BeforeValue | Place::Value if c == '\\' => Place::Escape,
            Place::BeforeValue if c == '\'' => Place::SingleQuoted,
            Place::BeforeValue if c == '"' => Place::DoubleQuoted,
            Place::BeforeValue if c.is_ascii_whitespace() => Place::BeforeValue,
            Place::BeforeValue | Place::Value => self.push(c, !c.is_ascii_whitespace(), Place::Value),
            // A backslash at the end of a line joins it with the next one.
            Place::Escape if ends => Place::Value,
            Place::Escape => self.push(c, true, Place::Value),
            Place::SingleQuoted if c == '\'' => Place::BeforeValue,
            Place::SingleQuoted => self.push(c, true, Place::SingleQuoted),
            Place::DoubleQuoted if c == '"' => Place::BeforeValue,
            Place::DoubleQuoted if c == '\\' => Place::DoubleQuotedEscape,
            Place::DoubleQuoted => self.push(c, true, Place::DoubleQuoted),
            Place::DoubleQuotedEscape if ends => Place::DoubleQuoted,
            Place::DoubleQuotedEscape => {
                // In double quotes only these lose the backslash before them, as in a shell.
                if !matches!(c, '"' | '\\' | '`' | '$') {
                    self.push('\\', true, place);
                }
                self.push(c, true, Place::DoubleQuoted)
            }
        }
    }

    fn push(&mut self, c: char, counts: bool, next: Place) -> Place {
        self.value.push(c);
        if counts {
            self.kept = self.value.len();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_systemd_reads_them() {
        for (line, expected) in [
            ("A=x", "x"),
            ("A= x  y ", "x  y"),
            ("A =x", "x"),
            ("A=", ""),
            ("A=b=c", "b=c"),
            // What becomes of a regular expression without quotes, and with them.
            (r"A=^tap\d+$", "^tapd+$"),
            (r"A='^tap\d+$'", r"^tap\d+$"),
            (r#"A="^tap\d+$""#, r"^tap\d+$"),
            (r"A=^tap\\d+$", r"^tap\d+$"),
            // A comment needs a line of its own.
            ("A=^tap[0-9]+$ # guests", "^tap[0-9]+$ # guests"),
            ("A='x' # y", "x# y"),
            ("A='x'\"y\"z", "xyz"),
            (r#"A="a\"b\$c\`d\\e\f""#, r#"a"b$c`d\e\f"#),
            ("A=one\\\ntwo", "onetwo"),
            ("A=\"one\\\ntwo\nthree\"", "onetwo\nthree"),
            ("A='one\ntwo'", "one\ntwo"),
            ("A=x'y'", "x'y'"),
            ("A='unfinished", "unfinished"),
            ("A='unfinished\n", "unfinished\n"),
            ("A=unfinished\\", "unfinished"),
            ("  A=x", "x"),
        ] {
            let file = parse(line);
            let [SetVariable { name, value, .. }] = &file.variables[..] else { panic!("{line}: {file:?}") };
            assert_eq!((name.as_str(), value.as_str()), ("A", expected), "{line}");
            assert_eq!(file.ignored, [0; 0], "{line}");
        }
    }

    #[test]
    fn comments_are_skipped_and_lines_that_set_nothing_are_numbered() {
        let file = parse("# A=1\n; A=2\n\nA=3\nnothing\nexport B=4\n2C=5\nA=6\n=7\n");
        let set = |value: &str, line| SetVariable { name: "A".to_owned(), value: value.to_owned(), line };
        let variables = vec![set("3", 4), set("6", 8)];
        assert_eq!(file, SettingsFile { variables, ignored: vec![5, 6, 7, 9], commented: Vec::new() });
    }

    #[test]
    fn of_lines_that_set_the_same_variable_the_last_one_counts() {
        let found = |text: &str| {
            let file = parse(text);
            let repeated = file.repeated();
            repeated.iter().map(|one| (one.name.to_owned(), one.ignored.clone(), one.counts)).collect::<Vec<_>>()
        };
        let one = |name: &str, ignored: &[usize], counts| (name.to_owned(), ignored.to_vec(), counts);
        for (text, expected) in [
            ("A=1\nB=2\n", vec![]),
            ("A=1\n#A=2\n", vec![]),
            ("A=1\n\nA=1\n", vec![one("A", &[1], 3)]),
            ("B=1\nA='x\ny'\nA=\nB=2\nB=3", vec![one("A", &[2], 4), one("B", &[1, 5], 6)]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_comment_behind_a_value_is_found() {
        for (text, expected) in [
            ("# x\nA=5 # y", Some(2)),
            ("A='5' # y", Some(1)),
            ("A=\"5\"\t#y", Some(1)),
            ("A= # y", Some(1)),
            ("A=one\\\n two # y", Some(1)),
            ("A='5 # y'", None),
            ("A=# y", Some(1)),
            ("A='5'# y", Some(1)),
            ("A=a#b", None),
            ("A=#b", None),
            ("A=5\n# y", None),
            ("A # y=5", None),
        ] {
            let line = parse(text).commented.first().map(|(line, name)| {
                assert_eq!(name, "A");
                *line
            });
            assert_eq!(line, expected, "{text}");
        }
    }
}
