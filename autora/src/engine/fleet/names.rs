//! An index of the members by name.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::addr::IfIndex;

/// The names of all members, as hashes: the members have the names themselves.
///
/// Two members can briefly have the same name: the kernel has renamed the older one, and the fleet has not
/// seen the rename yet.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<(u64, IfIndex)>);

impl Names {
    pub(super) fn insert(&mut self, name: &str, index: IfIndex) {
        self.0.insert((hash(name), index));
    }

    pub(super) fn remove(&mut self, name: &str, index: IfIndex) {
        self.0.remove(&(hash(name), index));
    }

    pub(super) fn rename(&mut self, before: &str, after: &str, index: IfIndex) {
        self.remove(before, index);
        self.insert(after, index);
    }

    /// Returns the members with this name, the highest index (the newest interface) first; and, once in 2^64, one whose
    /// name has the same hash.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = IfIndex> {
        let hash = hash(name);
        self.0.range((hash, IfIndex::MIN)..=(hash, IfIndex::MAX)).rev().map(|&(_, index)| index)
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{
        addr::IfIndex,
        engine::{
            fleet::tests::{Bench, changed, index, secs, tap},
            interface::Interface,
        },
    };

    fn named(n: u32, name: &str) -> Interface {
        changed(n, |interface| name.clone_into(&mut interface.name))
    }

    fn find(bench: &Bench, name: &str) -> Option<u32> {
        bench.fleet.row_named(name).map(|row| row.index.get())
    }

    #[test]
    fn an_interface_is_found_by_its_current_name() {
        let mut bench = Bench::new();
        bench.see_all((1..=3).map(tap));
        assert_eq!((find(&bench, "tap2"), find(&bench, "tap9")), (Some(2), None));
        bench.see(named(2, "tap9"));
        assert_eq!((find(&bench, "tap2"), find(&bench, "tap9")), (None, Some(2)));
        bench.see(named(4, "tap1"));
        assert_eq!(find(&bench, "tap1"), Some(4), "1 was renamed, and the fleet has not seen it yet");
        bench.fleet.forget(index(4), bench.now);
        assert_eq!(find(&bench, "tap1"), Some(1));
        bench.fleet.forget(index(1), bench.now);
        assert_eq!(find(&bench, "tap1"), None);
        bench.fleet.stop();
        bench.see(named(3, "tap8"));
        assert_eq!((find(&bench, "tap3"), find(&bench, "tap8")), (None, Some(3)), "while the fleet stops");
    }

    #[test]
    fn a_search_by_name_visits_no_member_of_another_name() {
        let mut bench = Bench::new();
        bench.see_all((1..=1_000).map(tap));
        assert_eq!(bench.fleet.members.names.of("tap500").collect::<Vec<_>>(), [index(500)]);
        assert_eq!(bench.fleet.members.names.of("tap50").collect::<Vec<_>>(), [index(50)]);
    }

    proptest! {
        /// After any sequence of events the index holds exactly the names of the members.
        #[test]
        fn names_follow_the_members(steps in prop::collection::vec((0..8_u8, 1..5_u32, 0..5_u32), 1..60)) {
            let mut bench = Bench::new();
            // The longest that an operator may choose: thousands of RAs a day would change no name.
            bench.fleet.parameters.min_interval = secs(49_000);
            bench.fleet.parameters.max_interval = secs(65_535);
            for (what, n, name) in steps {
                match what {
                    0 => {
                        bench.fleet.forget(index(n), bench.now);
                        // The next interface with this index is another one, with a floor of its own.
                        bench.last_sent.remove(&index(n));
                    }
                    1 => bench.run_for(secs(100_000)),
                    2 if n == 1 => bench.fleet.stop(),
                    // tap0 to tap3 match; the name of 4 does not.
                    _ => bench.see(named(n, &if name == 4 { "eth0".to_owned() } else { format!("tap{name}") })),
                }
                let members = bench.fleet.members.iter();
                let expected: Vec<(&str, IfIndex)> =
                    members.map(|member| (member.seen.name.as_str(), member.seen.index)).collect();
                prop_assert_eq!(bench.fleet.members.names.0.len(), expected.len());
                for (name, index) in expected {
                    prop_assert!(bench.fleet.members.names.of(name).any(|found| found == index), "{} {}", name, index);
                }
            }
        }
    }
}
