//! Rules that were broken.

use autora::addr::IfIndex;

/// A rule that does not hold.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

/// A rule that does not hold on one interface, or on none in particular.
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

/// `rule` is kept if `holds`; `detail` says what was seen instead.
pub(super) fn rule(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, detail: detail() }) }
}
