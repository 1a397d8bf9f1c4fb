//! How a host namespace sets the IPv6 settings that distributions and virtualization tools set differently.

use std::{env, thread};

/// The variable that chooses the profile of every scenario: `quiet`, `kernel` or `slaac`.
pub(crate) const VARIABLE: &str = "AUTORA_TEST_HOST";

/// The IPv6 defaults of a host, which its new interfaces get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostProfile {
    /// No duplicate address detection, RAs of other routers ignored.
    Quiet,
    /// The kernel's own defaults: both are on; a router ignores RAs all the same (`accept_ra` 1).
    Kernel,
    /// A host whose uplink is configured by RAs although it forwards: `accept_ra` 2, which new interfaces get as well.
    Slaac,
}

impl HostProfile {
    /// All profiles.
    pub const ALL: [Self; 3] = [Self::Quiet, Self::Kernel, Self::Slaac];

    /// Returns the profile of the test that this thread runs: the one that [`VARIABLE`] names, or one that follows from
    /// the name of the test, so that a run can be repeated. A program that is no test gets [`HostProfile::Quiet`]. Not
    /// for a thread that a test starts: it has another name.
    ///
    /// # Panics
    ///
    /// If the variable names no profile.
    #[must_use]
    pub fn of_this_test() -> Self {
        let chosen = env::var(VARIABLE).ok().filter(|name| !name.is_empty());
        if let Some(name) = chosen {
            let found = Self::ALL.into_iter().find(|profile| profile.name() == name);
            return found.unwrap_or_else(|| panic!("{VARIABLE}={name}: quiet, kernel or slaac expected"));
        }
        match thread::current().name() {
            // The test harness gives the thread of a test its name.
            Some(test) if test != "main" => Self::drawn_for(test),
            Some(_) | None => Self::Quiet,
        }
    }

    /// Returns the name of the profile.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Kernel => "kernel",
            Self::Slaac => "slaac",
        }
    }

    /// Returns the default settings below `net.ipv6.conf`.
    pub(crate) const fn settings(self) -> [(&'static str, u32); 2] {
        let (accept_dad, accept_ra) = match self {
            Self::Quiet => (0, 0),
            Self::Kernel => (1, 1),
            Self::Slaac => (1, 2),
        };
        [("accept_dad", accept_dad), ("accept_ra", accept_ra)]
    }

    /// Draws by the FNV-1a hash of the name, which stays the same in every build.
    fn drawn_for(test: &str) -> Self {
        let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        match test.bytes().fold(0x811c_9dc5, fold) % 3 {
            0 => Self::Quiet,
            1 => Self::Kernel,
            _ => Self::Slaac,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_drawn_and_a_test_always_gets_the_same() {
        let drawn: Vec<_> = (0..60).map(|n| HostProfile::drawn_for(&format!("grace::case_{n}"))).collect();
        for profile in HostProfile::ALL {
            let share = drawn.iter().filter(|one| **one == profile).count();
            assert!((10..=30).contains(&share), "{profile:?}: {share} of 60");
        }
        let fixed = ["grace::case_0", "grace::case_1", "grace::case_2"].map(HostProfile::drawn_for);
        assert_eq!(fixed, [HostProfile::Slaac, HostProfile::Kernel, HostProfile::Quiet], "the same in every build");
    }
}
