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

/// How soon an event has to be there. It comes at once on a quiet machine. But every change of every namespace waits for
/// the kernel's one rtnl lock, which the tests beside this one keep busy, and the kernel tells of changed carriers only
/// once a second, all of the machine together (net/core/link_watch.c).
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Longer than events that belong together are apart.
const QUIET: Duration = Duration::from_millis(50);

const BUDGET: usize = 64;

/// A subscription, the runtime that wakes it, and somebody who asks in the plain way.
#[derive(Debug)]
pub(crate) struct Watch {
    runtime: runtime::Runtime,
    pub(crate) netlink: Netlink,
    pub(crate) queries: Queries,
    /// What the changes up to now say.
    pub(crate) known: BTreeMap<IfIndex, Rc<Interface>>,
    /// Of the whole host.
    pub(crate) forwarding: Option<bool>,
}

/// What has changed.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) changed: BTreeSet<IfIndex>,
    pub(crate) gone: BTreeSet<IfIndex>,
    pub(crate) forwarding: Option<bool>,
    pub(crate) looked: Option<bool>,
}

impl Heard {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty() && self.forwarding.is_none() && self.looked.is_none()
    }
}

impl Watch {
    /// Does `work` with a subscription in `namespace`, on a thread of its own.
    pub(crate) fn within<T: Send>(namespace: &Namespace, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        namespace.enter(|| work(&mut Self::open(|| Netlink::open(None))))
    }

    /// The same for a subscription opened in another way, in the namespace of this thread.
    pub(crate) fn open<E: Debug>(open: impl FnOnce() -> Result<Netlink, E>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut netlink = {
            let _context = runtime.enter();
            open().expect("netlink needs no privilege")
        };
        let snapshot = netlink.dump().expect("the kernel answers");
        netlink.adopt(snapshot, clock::now()).expect("the kernel answers");
        let queries = Queries::open().expect("netlink needs no privilege");
        let mut watch = Self { runtime, netlink, queries, known: BTreeMap::new(), forwarding: None };
        watch.collect(&mut Heard::default());
        watch
    }

    /// Takes what there is within `patience`, at most `budget` datagrams; whether there was anything to do.
    pub(crate) fn take(&mut self, patience: Duration, budget: usize, heard: &mut Heard) -> bool {
        let netlink = &self.netlink;
        if !netlink.is_busy() {
            let doubt = netlink.deadline().map(|at| at.saturating_since(clock::now()));
            let patience = doubt.map_or(patience, |doubt| doubt.min(patience));
            let ready = self.runtime.block_on(async { timeout(patience, netlink.readable()).await });
            match ready {
                Ok(readable) => readable.expect("the runtime lives"),
                Err(_) if doubt.is_some_and(|doubt| doubt <= patience) => {}
                Err(_) => return false,
            }
        }
        self.netlink.work(budget, clock::now()).expect("the kernel answers");
        self.collect(heard);
        true
    }

    fn collect(&mut self, heard: &mut Heard) {
        while let Some(change) = self.netlink.poll_change() {
            match change {
                Change::Gone(index) => {
                    self.known.remove(&index);
                    heard.gone.insert(index);
                }
                Change::Seen(interface) => {
                    heard.changed.insert(interface.index);
                    self.known.insert(interface.index, interface);
                }
                Change::HostForwarding(on) => {
                    (self.forwarding, heard.forwarding) = (Some(on), Some(on));
                }
                Change::Looked { complete } => heard.looked = Some(complete),
            }
        }
    }

    /// Takes everything until nothing more comes.
    pub(crate) fn settle(&mut self) -> Heard {
        let mut heard = Heard::default();
        while self.take(QUIET, BUDGET, &mut heard) {}
        heard
    }

    /// Everything there is, in a namespace where nothing else happens.
    pub(crate) fn dump(&mut self) -> Snapshot {
        let snapshot = self.queries.dump().expect("the kernel answers");
        assert!(snapshot.complete && snapshot.interfaces.is_sorted_by_key(|interface| interface.index));
        snapshot
    }

    /// Sees that what is known is what a fresh dump says, before `patience` is over.
    pub(crate) fn expect_truth(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            self.settle();
            let truth: Vec<_> = self.dump().interfaces.iter().map(as_announced).collect();
            let known = self.announced();
            if known == truth {
                return;
            }
            let differ = truth.iter().filter(|interface| !known.contains(interface)).collect::<Vec<_>>();
            let known: Vec<_> = known.iter().filter(|interface| !truth.contains(interface)).collect();
            assert!(Instant::now() < deadline, "known {known:#?}\nbut there is {differ:#?}");
        }
    }

    /// What is known, as far as it is announced.
    pub(crate) fn announced(&self) -> Vec<Interface> {
        self.known.values().map(|interface| as_announced(interface)).collect()
    }

    /// What a reading says of `index`, after seeing that the dump says the same.
    pub(crate) fn read(&mut self, index: IfIndex) -> Option<Interface> {
        // The kernel may change something between the two (duplicate address detection ends), but not forever.
        for _ in 0..10 {
            let alone = self.queries.read(index).expect("the kernel answers");
            let among_all = self.dump().interfaces.into_iter().find(|interface| interface.index == index);
            if alone == among_all {
                return alone;
            }
        }
        panic!("reading {index} alone and dumping all never agree");
    }

    /// Makes a change, and sees that it is announced for `index` soon, that the interface is then known as `wanted`, and
    /// that this is the truth.
    pub(crate) fn after(
        &mut self,
        what: &str,
        index: IfIndex,
        change: impl FnOnce(),
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        self.settle();
        let before =
            self.known.get(&index).unwrap_or_else(|| panic!("{what}: the interface is there before"));
        assert!(!wanted(before), "{what}: nothing would have to change: {before:?}");
        change();
        self.within_time(what, index, SOON, wanted)
    }

    /// Like [`Self::after`], of a change that announcements tell to the full.
    pub(crate) fn after_unasked(
        &mut self,
        what: &str,
        index: IfIndex,
        change: impl FnOnce(),
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        let before = self.netlink.counts();
        let found = self.after(what, index, change, wanted);
        assert_eq!(self.netlink.counts(), before, "{what}: nothing had to be asked");
        found
    }

    /// Waits until `index` is known as `wanted`.
    pub(crate) fn within_time(
        &mut self,
        what: &str,
        index: IfIndex,
        patience: Duration,
        wanted: impl Fn(&Interface) -> bool,
    ) -> Interface {
        let deadline = Instant::now() + patience;
        loop {
            let mut heard = Heard::default();
            let left = deadline.saturating_duration_since(Instant::now());
            let known = self.known.get(&index).cloned();
            assert!(self.take(left, BUDGET, &mut heard), "{what}: not announced, last known {known:?}");
            assert!(!heard.gone.contains(&index), "{what}: the interface stays");
            let is_wanted = |known: &Rc<Interface>| heard.changed.contains(&index) && wanted(known);
            if let Some(found) = self.known.get(&index).filter(|known| is_wanted(known)).cloned() {
                self.expect_truth(SOON);
                return (*found).clone();
            }
        }
    }
}

/// The kernel says nothing of a link-local address that it made itself until it knows whether another has it
/// (`addrconf_dad_completed()`, `addrconf_dad_stop()`).
fn as_announced(interface: &Interface) -> Interface {
    let mut interface = interface.clone();
    interface.addresses.retain(|address| address.scope != AddressScope::Link || !address.flags.tentative);
    interface
}
