//! What is not known for sure of an interface.

/// A set of doubts. What is known stands meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubts(u8);

impl Doubts {
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

    pub(super) const fn raise(&mut self, doubts: Self) {
        self.0 |= doubts.0;
    }

    pub(super) const fn settle(&mut self, doubts: Self) {
        self.0 &= !doubts.0;
    }

    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}
