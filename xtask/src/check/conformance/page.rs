//! The tables of CONFORMANCE.md as values.

/// The title above the table of standards of which advertisements show nothing.
const SILENT: &str = "## Standards that are silent here";

/// The page.
#[derive(Debug, Default)]
pub(super) struct Page<'a> {
    /// The line that begins with "In short: ".
    pub(super) summary: Option<&'a str>,
    /// Name and reason.
    pub(super) deviations: Vec<(&'a str, &'a str)>,
    /// Standards of which advertisements show nothing: the link, and the reason.
    pub(super) silent: Vec<(&'a str, &'a str)>,
    is_about_silent: bool,
    pub(super) sections: Vec<Section<'a>>,
}

/// A section of a document, and the rules in it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Document and number: `RFC 4861 6.1.1`.
    pub(super) name: &'a str,
    pub(super) rules: Vec<Rule<'a>>,
}

/// One requirement of a document, in the page's words.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    /// Its name, unique in the section.
    pub(super) id: &'a str,
    pub(super) level: Level,
    pub(super) met: Vec<Met<'a>>,
}

/// The strength of a requirement. Each MUST and SHOULD of a section has a number, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Must(u8),
    Should(u8),
    /// A MAY, or a sentence without such a word.
    Other,
}

/// How a rule is met. A cell of the table may have several of these.
#[derive(Debug)]
pub(super) enum Met<'a> {
    /// A test, `folder/file::name`, and the file that it is linked to.
    Test { test: &'a str, file: &'a str },
    /// The name of a deviation.
    Deviation(&'a str),
    /// The reason why the rule does not apply to this daemon.
    NotOurs(&'a str),
    /// Text of no known form.
    Unknown(&'a str),
}

impl<'a> Page<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let mut page = Self::default();
        for line in text.lines() {
            if line.starts_with("## ") {
                page.is_about_silent = line == SILENT;
            }
            if let Some(name) = line.strip_prefix("## ").and_then(|title| title.split_once(": ")) {
                page.sections.push(Section { name: name.0, rules: Vec::new() });
            } else if line.starts_with("In short: ") {
                page.summary = Some(line);
            } else if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
                // A bar inside of a cell has a backslash before it, so no space.
                page.row(&row.split(" | ").map(str::trim).collect::<Vec<_>>());
            }
        }
        page
    }

    fn row(&mut self, cells: &[&'a str]) {
        match (cells, self.sections.last_mut()) {
            (["rule" | "deviation" | "standard", ..], _) => {}
            (&[standard, reason], _) if self.is_about_silent => self.silent.push((standard, reason)),
            (&[name, reason], None) => {
                self.deviations.push((name.rsplit_once('>').map_or(name, |(_, name)| name), reason));
            }
            (&[name, _, met], Some(section)) => section.rules.push(Rule::read(name, met)),
            (cells, _) => self.deviations.push((cells.first().copied().unwrap_or_default(), "")),
        }
    }
}

impl<'a> Rule<'a> {
    fn read(name: &'a str, met: &'a str) -> Self {
        let (id, level) = name.strip_suffix(')').and_then(|name| name.split_once(" (")).unwrap_or((name, ""));
        let number = |word| level.strip_prefix(word).and_then(|number| number.parse().ok());
        let level = (number("MUST ").map(Level::Must)).or_else(|| number("SHOULD ").map(Level::Should));
        let met = met.split("<br>").filter(|one| !one.is_empty()).map(Met::read).collect();
        Self { id, level: level.unwrap_or(Level::Other), met }
    }

    pub(super) fn tests(&self) -> impl Iterator<Item = &'a str> {
        self.met.iter().filter_map(|met| match *met {
            Met::Test { test, .. } => Some(test),
            Met::Deviation(_) | Met::NotOurs(_) | Met::Unknown(_) => None,
        })
    }

    pub(super) fn deviations(&self) -> impl Iterator<Item = &'a str> {
        self.met.iter().filter_map(|met| match *met {
            Met::Deviation(name) => Some(name),
            Met::Test { .. } | Met::NotOurs(_) | Met::Unknown(_) => None,
        })
    }
}

impl<'a> Met<'a> {
    fn read(text: &'a str) -> Self {
        let link = |text: &'a str| text.strip_prefix('[')?.strip_suffix(')')?.split_once("](");
        if let Some(reason) = text.strip_prefix("not ours:") {
            return Self::NotOurs(reason.trim());
        }
        let deviation = text.strip_prefix("deviation: ").and_then(link);
        if let Some((name, anchor)) = deviation
            && anchor.strip_prefix('#') == Some(name)
        {
            return Self::Deviation(name);
        }
        match link(text) {
            Some((name, file)) if deviation.is_none() => Self::Test { test: name.trim_matches('`'), file },
            Some(_) | None => Self::Unknown(text),
        }
    }
}
