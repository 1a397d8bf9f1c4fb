//! One interface in the mirror, and what of it is unknown.

use std::rc::Rc;

use crate::engine::interface::Interface;

/// One interface: what is known of it, which parts are unknown, and how far a dump has come with it.
///
/// ```text
///            RTM_NEWLINK of one just made         RTM_NEWLINK of one not known before:
///            (ifi_change is all ones)             its addresses were NEVER_READ
///  (no entry) ------------------+                 +-------------------------------+
///      ^                        v                 (no entry)                      v
///      |     +------------->  KNOWN  -- a notification leaves a part open, --> UNKNOWN
///      |     |                | |  ^    or notifications were lost              in part
///      |     +-- announced: --+ |  |                                              | |
///      |      a pending change, |  +---- announced, asked for alone after --------+ |
///      |      Change::Seen      |        READ_DELAY, or dumped: a pending change         |
///      |                        |                                                   |
///      +------------------------+---------------------------------------------------+
///         RTM_DELLINK, or a complete dump of whole links without it: Change::Gone
/// ```
///
/// What is known may be polled while other parts are unknown, but for one whose addresses were never read. An
/// answer is not taken in if the interface was named after the question: it stays unknown.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` while its name has never matched. Then nothing is kept but that it exists.
    pub(super) facts: Option<Rc<Interface>>,
    pub(super) unknown: Unknown,
    /// Whether it stands in the queue of those to ask for.
    pub(super) queued: bool,
    /// Whether the dump that is going on has come to its link, and to its addresses.
    pub(super) link_dumped: bool,
    pub(super) addresses_dumped: bool,
}

impl Entry {
    pub(super) const fn new(facts: Option<Rc<Interface>>, unknown: Unknown) -> Self {
        Self { facts, unknown, queued: false, link_dumped: false, addresses_dumped: false }
    }

    /// Whether it was never shown, though it may turn out to be wanted: its addresses, or even its name, are
    /// still to be asked for.
    pub(super) fn is_unread(&self) -> bool {
        self.unknown.has(Unknown::NEVER_READ) || (self.facts.is_none() && self.unknown.any())
    }
}

/// What a notification did to an interface while an answer was on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notified {
    Changed,
    Deleted,
}

/// The parts of an interface that are unknown. What was known of them stands meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown(u8);

impl Unknown {
    pub(super) const NONE: Self = Self(0);
    /// The link itself: name, flags, master.
    pub(super) const LINK: Self = Self(1);
    /// Its IPv6 settings were taken away, and may be back in a moment.
    pub(super) const DETACHED: Self = Self(2);
    /// Its IPv6 settings.
    pub(super) const SETTINGS: Self = Self(4 | Self::DETACHED.0);
    /// Its addresses.
    pub(super) const ADDRESSES: Self = Self(8);
    /// Its addresses, of which not one was ever read: not yet fit to be shown.
    pub(super) const NEVER_READ: Self = Self(16 | Self::ADDRESSES.0);
    /// Everything that was known once.
    pub(super) const ALL: Self = Self(Self::LINK.0 | Self::SETTINGS.0 | Self::ADDRESSES.0);

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn set(&mut self, parts: Self) {
        self.0 |= parts.0;
    }

    pub(super) const fn clear(&mut self, parts: Self) {
        self.0 &= !parts.0;
    }

    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}
