//! A subscription under test, inside a namespace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    rc::Rc,
    time::{Duration, Instant},
};

use autora::{
    addr::IfIndex,
    engine::interface::{AddressScope, Interface},
    sys::{
        clock,
        netlink::{Change, Netlink, Queries, Snapshot},
    },
};
use autora_tests::Namespace;
use tokio::{runtime, time::timeout};

/// The longest wait for a notification. On a quiet machine it comes at once, but changes in all namespaces
/// share one lock (RTNL), which parallel tests hold, and the kernel sends the notifications of carrier changes of the
/// whole machine once a second (`net/core/link_watch.c`).
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Longer than the time between notifications of one change.
const QUIET: Duration = Duration::from_millis(50);

const BUDGET: usize = 64;

/// A subscription with its runtime, and a socket for plain queries.
#[derive(Debug)]
pub(crate) struct Watch {
    runtime: runtime::Runtime,
    pub(crate) netlink: Netlink,
    pub(crate) queries: Queries,
    /// The interfaces by the changes so far.
    pub(crate) known: BTreeMap<IfIndex, Rc<Interface>>,
    /// `conf.all.forwarding`, by the changes so far.
    pub(crate) forwarding: Option<bool>,
}

/// A set of changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) changed: BTreeSet<IfIndex>,
    pub(crate) gone: BTreeSet<IfIndex>,
    pub(crate) forwarding: Option<bool>,
    pub(crate) resynced: Option<bool>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty() && self.forwarding.is_none() && self.resynced.is_none()
    }
}

impl Watch {
    /// Does `work` with a subscription in `namespace`, on a thread of its own.
    pub(crate) fn within<T: Send>(namespace: &Namespace, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        namespace.enter(|| work(&mut Self::open(|| Netlink::open(None))))
    }

    /// Makes a watch with a subscription that `open` opens, in the namespace of this thread.
    pub(crate) fn open<E: Debug>(open: impl FnOnce() -> Result<Netlink, E>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut netlink = {
            let _context = runtime.enter();
            open().expect("netlink needs no privilege")
        };
        let snapshot = netlink.dump().expect("the kernel replies");
        netlink.adopt(snapshot, clock::now());
        let queries = Queries::open().expect("netlink needs no privilege");
        let mut watch = Self { runtime, netlink, queries, known: BTreeMap::new(), forwarding: None };
        watch.collect(&mut Changes::default());
        watch
    }

    /// Reads at most `budget` datagrams that are there within `limit`; returns whether there was anything to
    /// do.
    pub(crate) fn take(&mut self, limit: Duration, budget: usize, changes: &mut Changes) -> bool {
        let netlink = &self.netlink;
        if !netlink.is_busy() {
            let due = netlink.deadline().map(|at| at.saturating_since(clock::now()));
            let limit = due.map_or(limit, |due| due.min(limit));
            let ready = self.runtime.block_on(async { timeout(limit, netlink.readable()).await });
            match ready {
                Ok(readable) => readable.expect("the runtime exists"),
                Err(_) if due.is_some_and(|due| due <= limit) => {}
                Err(_) => return false,
            }
        }
        self.netlink.process(budget, clock::now()).expect("the kernel replies");
        self.collect(changes);
        true
    }

    /// Takes the pending changes.
    pub(crate) fn collect(&mut self, changes: &mut Changes) {
        while let Some(change) = self.netlink.poll_change() {
            match change {
                Change::Gone(index) => {
                    self.known.remove(&index);
                    changes.gone.insert(index);
                }
                Change::Seen(interface) => {
                    changes.changed.insert(interface.index);
                    self.known.insert(interface.index, interface);
                }
                Change::HostForwarding(on) => {
                    (self.forwarding, changes.forwarding) = (Some(on), Some(on));
                }
                Change::Resynced { complete } => changes.resynced = Some(complete),
            }
        }
    }

    /// Reads until no notification follows within [`QUIET`].
    pub(crate) fn drain(&mut self) -> Changes {
        let mut changes = Changes::default();
        while self.take(QUIET, BUDGET, &mut changes) {}
        changes
    }

    /// Returns a dump, which must be complete: nothing else changes the namespace.
    pub(crate) fn dump(&mut self) -> Snapshot {
        let snapshot = self.queries.dump().expect("the kernel replies");
        assert!(snapshot.complete && snapshot.interfaces.is_sorted_by_key(|interface| interface.index));
        snapshot
    }

    /// Panics unless the known interfaces equal a fresh dump within `limit`.
    pub(crate) fn expect_truth(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            self.drain();
            let truth: Vec<_> =
                self.dump().interfaces.into_iter().map(|found| as_notified(&self.as_read(found))).collect();
            let known = self.notified();
            if known == truth {
                return;
            }
            let differ = truth.iter().filter(|interface| !known.contains(interface)).collect::<Vec<_>>();
            let known: Vec<_> = known.iter().filter(|interface| !truth.contains(interface)).collect();
            assert!(Instant::now() < deadline, "known {known:#?}\nbut the dump has {differ:#?}");
        }
    }

    /// Returns `found` with the ends of lifetimes that are known already: the kernel rounds them.
    fn as_read(&self, found: Interface) -> Rc<Interface> {
        let mut found = Rc::new(found);
        if let Some(known) = self.known.get(&found.index) {
            found.settle_lifetimes(known, clock::now());
        }
        found
    }

    /// Returns the known interfaces, limited to facts of which the kernel sends notifications.
    pub(crate) fn notified(&self) -> Vec<Interface> {
        self.known.values().map(|interface| as_notified(interface)).collect()
    }

    /// Returns what a single read of `index` finds, which must equal the entry of a dump.
    pub(crate) fn read(&mut self, index: IfIndex) -> Option<Interface> {
        // The kernel may change something between the two (duplicate address detection ends), but not ten
        // times.
        for _ in 0..10 {
            let alone = self.queries.read(index).expect("the kernel replies").map(|found| self.as_read(found));
            let among_all = self.dump().interfaces.into_iter().find(|interface| interface.index == index);
            let among_all = among_all.map(|found| self.as_read(found));
            if alone == among_all {
                return alone.map(Rc::unwrap_or_clone);
            }
        }
        panic!("a query for {index} and a dump never agree");
    }

    /// Makes a change; panics unless `index` changes within [`SOON`], `wanted` then holds, and a dump agrees.
    pub(crate) fn after(
        &mut self,
        what: &str,
        index: IfIndex,
        change: impl FnOnce(),
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        self.drain();
        let before = self.known.get(&index).unwrap_or_else(|| panic!("{what}: the interface exists before"));
        assert!(!wanted(before), "{what}: it was so before the change: {before:?}");
        change();
        self.within_time(what, index, SOON, wanted)
    }

    /// Does the same as [`Self::after`] for a change whose notifications are complete: the mirror sends no
    /// query.
    pub(crate) fn after_without_reads(
        &mut self,
        what: &str,
        index: IfIndex,
        change: impl FnOnce(),
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        let before = self.netlink.counts();
        let found = self.after(what, index, change, wanted);
        assert_eq!(self.netlink.counts(), before, "{what}: no query was needed");
        found
    }

    /// Waits until `index` changes and `wanted` holds; a dump must agree.
    pub(crate) fn within_time(
        &mut self,
        what: &str,
        index: IfIndex,
        limit: Duration,
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        let deadline = Instant::now() + limit;
        loop {
            let mut changes = Changes::default();
            let left = deadline.saturating_duration_since(Instant::now());
            let known = self.known.get(&index).cloned();
            assert!(self.take(left, BUDGET, &mut changes), "{what}: no change, last known {known:?}");
            assert!(!changes.gone.contains(&index), "{what}: the interface stays");
            let is_wanted = |known: &Rc<Interface>| changes.changed.contains(&index) && wanted(known);
            if let Some(found) = self.known.get(&index).filter(|known| is_wanted(known)).cloned() {
                self.expect_truth(SOON);
                return (*found).clone();
            }
        }
    }
}

/// Removes facts of which the kernel sends no notification: that of a link-local address which the kernel made itself
/// comes only when duplicate address detection has ended (`addrconf_dad_completed()`, `addrconf_dad_stop()`).
fn as_notified(interface: &Interface) -> Interface {
    let mut interface = interface.clone();
    interface.addresses.retain(|address| address.scope != AddressScope::Link || !address.flags.tentative);
    interface
}
