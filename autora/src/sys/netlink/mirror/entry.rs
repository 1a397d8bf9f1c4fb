//! An interface in the mirror, and the parts of it that are unknown.

use std::rc::Rc;

use crate::engine::interface::Interface;

/// An interface: its facts, the parts that are unknown, and what a dump under way has listed of it.
///
/// ```text
///            RTM_NEWLINK of a new link            RTM_NEWLINK of another link without
///            (ifi_change is all ones)             an entry: its addresses are NEVER_READ
///  (no entry) ------------------+                 +-------------------------------+
///      ^                        v                 (no entry)                      v
///      |     +------------->  KNOWN  -- a notification lacks a part, -------> UNKNOWN
///      |     |                | |  ^    or notifications were lost            in part
///      |     +- notification: + |  |                                            | |
///      |      a pending change, |  +---- a notification, a single read after ---+ |
///      |      Change::Seen      |        READ_DELAY, or a dump: a pending change  |
///      |                        |                                                 |
///      +------------------------+-------------------------------------------------+
///         RTM_DELLINK, or a complete dump of whole links without it: Change::Gone
/// ```
///
/// An interface of which parts are unknown is handed out all the same, with their last known values, unless its
/// addresses were never read. A reply is not applied if a notification about the interface came after the request: the
/// parts stay unknown.
#[derive(Debug)]
pub(super) struct Entry {
    /// The facts; `None` while its name has never matched: then only its existence is kept.
    pub(super) facts: Option<Rc<Interface>>,
    pub(super) unknown: Unknown,
    /// Whether it is in the queue of those to read alone.
    pub(super) queued: bool,
    /// Whether the dump under way has listed its link, and its addresses.
    pub(super) link_dumped: bool,
    pub(super) addresses_dumped: bool,
}

impl Entry {
    pub(super) const fn new(facts: Option<Rc<Interface>>, unknown: Unknown) -> Self {
        Self { facts, unknown, queued: false, link_dumped: false, addresses_dumped: false }
    }

    /// Returns whether it was never handed out, but may be once its addresses, or even its name, have been read.
    pub(super) fn is_unread(&self) -> bool {
        self.unknown.has(Unknown::NEVER_READ) || (self.facts.is_none() && self.unknown.any())
    }
}

/// What notifications did to an interface since a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notified {
    Changed,
    Deleted,
}

/// The parts of an interface that are unknown. Their last known values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown(u8);

impl Unknown {
    pub(super) const NONE: Self = Self(0);
    /// The link itself: its name, flags and master.
    pub(super) const LINK: Self = Self(1);
    /// Whether it has IPv6 settings: they were deleted, and may be back in a moment.
    pub(super) const DETACHED: Self = Self(2);
    /// Its IPv6 settings.
    pub(super) const SETTINGS: Self = Self(4 | Self::DETACHED.0);
    /// Its addresses.
    pub(super) const ADDRESSES: Self = Self(8);
    /// Its addresses, none of which was ever read: it must not be handed out yet.
    pub(super) const NEVER_READ: Self = Self(16 | Self::ADDRESSES.0);
    /// All parts of an interface that was known before.
    pub(super) const ALL: Self = Self(Self::LINK.0 | Self::SETTINGS.0 | Self::ADDRESSES.0);

    /// Returns both sets of parts together.
    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Marks `parts` as unknown.
    pub(super) const fn set(&mut self, parts: Self) {
        self.0 |= parts.0;
    }

    /// Marks `parts` as known.
    pub(super) const fn clear(&mut self, parts: Self) {
        self.0 &= !parts.0;
    }

    /// Returns whether any part is unknown.
    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }

    /// Returns whether all of these parts are unknown.
    pub(super) const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}
