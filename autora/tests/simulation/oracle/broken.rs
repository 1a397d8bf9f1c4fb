//! Broken rules.

use autora::addr::IfIndex;

/// A broken rule.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

/// A broken rule, and the interface if there is one.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) index: Option<IfIndex>,
    pub(crate) broken: Broken,
}

impl Broken {
    pub(super) fn on(self, index: IfIndex) -> Violation {
        Violation { index: Some(index), broken: self }
    }

    pub(super) fn anywhere(self) -> Violation {
        Violation { index: None, broken: self }
    }
}

/// Returns an error unless the rule `holds`; `detail` describes what was seen instead.
pub(super) fn rule(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, detail: detail() }) }
}
