//! A rule that was broken: which, where, when, and by which RA.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use autora_tests::site::link::Link;
use serde_json::{Value, json};

use crate::ra::Ra;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Floor,
    Gap,
    Served,
    Final,
    Withdrawn,
    Content,
    /// The daemon ends when it is told to, as it should, and not before.
    Daemon,
    /// Files, memory and map entries are the same in the last third of the run as in the one before.
    Flat,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) link: Option<Link>,
    /// Since the epoch.
    pub(crate) at: Duration,
    pub(crate) what: String,
    /// The RA that broke it, or the last one before that was missing.
    pub(crate) ra: Option<Ra>,
}

impl Rule {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Gap => "gap",
            Self::Served => "served",
            Self::Final => "final",
            Self::Withdrawn => "withdrawn",
            Self::Content => "content",
            Self::Daemon => "daemon",
            Self::Flat => "flat",
        }
    }
}

impl Violation {
    pub(crate) fn json(&self) -> Value {
        json!({
            "rule": self.rule.name(),
            "interface": self.link.map(|link| link.to_string()),
            "ifindex": self.link.map(Link::index),
            "time": self.time(),
            "what": self.what,
            "ra": self.ra.as_ref().map(ToString::to_string),
        })
    }

    fn time(&self) -> String {
        humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + self.at).to_string()
    }
}

/// Writes it in one line.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<9}  ", self.time(), self.rule.name())?;
        if let Some(link) = self.link {
            write!(f, "{link} (ifindex {}): ", link.index())?;
        }
        f.write_str(&self.what)?;
        self.ra.iter().try_for_each(|ra| write!(f, ": {ra}"))
    }
}
