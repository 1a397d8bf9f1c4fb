//! A subscription under test, inside a namespace.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use autora::{
    addr::IfIndex,
    engine::interface::Interface,
    sys::netlink::{Changes, Netlink, Snapshot},
};
use autora_tests::Namespace;
use tokio::{runtime, time::timeout};

/// How soon an event has to be there. It comes at once; the rest is for a machine with other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Longer than events that belong together are apart.
const QUIET: Duration = Duration::from_millis(50);

const BUDGET: usize = 64;

/// A subscription, and the runtime that wakes it.
#[derive(Debug)]
pub(crate) struct Watch {
    runtime: runtime::Runtime,
    pub(crate) netlink: Netlink,
}

impl Watch {
    /// Does `work` with a subscription in `namespace`, on a thread of its own.
    pub(crate) fn within<T: Send>(namespace: &Namespace, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        namespace.enter(|| work(&mut Self::open(Netlink::open)))
    }

    /// The same for a subscription opened in another way, in the namespace of this thread.
    pub(crate) fn open<E: Debug>(open: impl FnOnce() -> Result<Netlink, E>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let netlink = {
            let _context = runtime.enter();
            open().expect("netlink needs no privilege")
        };
        Self { runtime, netlink }
    }

    /// Takes what is announced within `patience`, at most `budget` datagrams; whether there was anything.
    pub(crate) fn take(&mut self, patience: Duration, budget: usize, changes: &mut Changes) -> bool {
        let netlink = &self.netlink;
        match self.runtime.block_on(async { timeout(patience, netlink.readable()).await }) {
            Ok(readable) => readable.expect("the runtime lives"),
            Err(_) => return false,
        }
        self.netlink.drain(budget, changes);
        true
    }

    /// Takes everything until nothing more comes.
    pub(crate) fn settle(&mut self) -> Changes {
        let mut changes = Changes::default();
        while self.take(QUIET, BUDGET, &mut changes) {}
        changes
    }

    /// Everything there is, in a namespace where nothing else happens.
    pub(crate) fn dump(&mut self) -> Snapshot {
        let snapshot = self.netlink.dump().expect("the kernel answers");
        assert!(snapshot.complete && snapshot.interfaces.is_sorted_by_key(|interface| interface.index));
        snapshot
    }

    /// What a reading says of `index`, after seeing that the dump says the same.
    pub(crate) fn read(&mut self, index: IfIndex) -> Option<Interface> {
        // The kernel may change something between the two (duplicate address detection ends), but not forever.
        for _ in 0..10 {
            let alone = self.netlink.read(index).expect("the kernel answers");
            let among_all = self.dump().interfaces.into_iter().find(|interface| interface.index == index);
            if alone == among_all {
                return alone;
            }
        }
        panic!("reading {index} alone and dumping all never agree");
    }

    /// Makes a change, and sees that it is announced for `index` soon and that what is then read is as `wanted`.
    pub(crate) fn after(
        &mut self,
        what: &str,
        index: IfIndex,
        change: impl FnOnce(),
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        self.settle();
        let before = self.read(index).unwrap_or_else(|| panic!("{what}: the interface is there before"));
        assert!(!wanted(&before), "{what}: nothing would have to change: {before:?}");
        change();
        self.within_time(what, index, SOON, wanted)
    }

    /// Waits for an event about `index` after which what is read is as `wanted`.
    pub(crate) fn within_time(
        &mut self,
        what: &str,
        index: IfIndex,
        patience: Duration,
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        let deadline = Instant::now() + patience;
        let mut last = None;
        loop {
            let mut changes = Changes::default();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.take(left, BUDGET, &mut changes), "{what}: not announced, last seen {last:?}");
            assert!(!changes.overrun, "{what}: nothing is lost");
            assert!(!changes.deleted.contains(&index), "{what}: the interface stays");
            if changes.dirty.contains(&index) {
                last = self.read(index);
            }
            if let Some(found) = last.as_ref().filter(|interface| wanted(interface)) {
                return found.clone();
            }
        }
    }
}
