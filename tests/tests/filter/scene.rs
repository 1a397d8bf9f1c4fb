//! The set-up of the tests on a real link.

use std::{net::Ipv6Addr, time::Duration};

use autora::{
    addr::IfIndex,
    engine::BootInstant,
    settings::FilterMode,
    sys::{
        filter::{CAPACITY, Filter},
        receiver::{Receiver, Solicitation},
    },
};
use autora_common::Reason;
use autora_tests::{Interface, Namespace, Ring, Sender, Solicit, Veth};
use nix::time::{ClockId, clock_gettime};
use tokio::time::timeout;

use crate::rows::{Row, rows};

/// Long enough for a packet to cross a veth on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// A guest's link to a host that routes, with the receiver open in the host and the interface served.
pub(crate) struct Link {
    pub(crate) receiver: Receiver,
    pub(crate) index: IfIndex,
    veth: Veth,
    path: Path,
    controls: u16,
}

/// How the guest sends.
enum Path {
    InOnePiece(Sender),
    InPieces(Ring),
}

pub(crate) fn on_a_link(mode: FilterMode, scenario: impl AsyncFnOnce(&mut Link) + Send) {
    on_a_link_observed(mode, &tracing::Dispatch::none(), scenario);
}

pub(crate) fn on_a_link_observed(
    mode: FilterMode,
    observer: &tracing::Dispatch,
    scenario: impl AsyncFnOnce(&mut Link) + Send,
) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let veth = Veth::new((&host, "vm0"), (&guest, "eth0"));
    // Room for the largest option, 2,040 bytes.
    for end in [&veth.host, &veth.guest] {
        end.set("mtu 4000");
    }
    host.enter(|| {
        let _observed = tracing::dispatcher::set_default(observer);
        runtime().block_on(async {
            let mut link = Link::open(mode, veth);
            scenario(&mut link).await;
        });
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl Link {
    fn open(mode: FilterMode, veth: Veth) -> Self {
        let (filter, fallback) = Filter::open(mode, CAPACITY).unwrap();
        assert!(fallback.is_none(), "{fallback:?}");
        let mut receiver = Receiver::open(filter).unwrap();
        let index = IfIndex::new(veth.host.index()).unwrap();
        receiver.filter_mut().serve(index).unwrap();
        Self { receiver, index, path: Path::InOnePiece(Sender::on(&veth.guest)), veth, controls: 0 }
    }

    /// From now on frames arrive in buffers that are not linear.
    pub(crate) fn send_in_pieces(&mut self) {
        self.path = Path::InPieces(Ring::on(self.guest()));
    }

    pub(crate) fn guest(&self) -> &Interface {
        &self.veth.guest
    }

    pub(crate) fn solicit(&self) -> Solicit {
        Solicit::from(self.guest())
    }

    pub(crate) fn send(&self, frames: &[impl AsRef<[u8]>]) {
        match &self.path {
            Path::InOnePiece(sender) => sender.send_all(frames),
            Path::InPieces(ring) => ring.send_all(frames),
        }
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.receiver.filter().totals().unwrap().get(reason)
    }

    /// Returns the solicitations received so far.
    pub(crate) fn read(&mut self) -> Vec<Solicitation> {
        let mut out = Vec::new();
        self.receiver.receive(now(), 1000, &mut out);
        out
    }

    pub(crate) async fn wait_readable(&mut self) {
        timeout(TIMEOUT, self.receiver.readable()).await.expect("a packet arrives").unwrap();
    }

    /// Waits for the next solicitation.
    pub(crate) async fn next(&mut self) -> Solicitation {
        loop {
            self.wait_readable().await;
            let mut out = Vec::new();
            self.receiver.receive(now(), 1, &mut out);
            if let [solicitation] = out[..] {
                assert_eq!(solicitation.ifindex, self.index);
                return solicitation;
            }
        }
    }

    /// Waits until a counter has reached a value, while the receiver runs; no solicitation may pass.
    pub(crate) async fn wait_count(&mut self, reason: Reason, count: u64) {
        let waited = timeout(TIMEOUT, async {
            while self.count(reason) < count {
                // The runtime notices readiness only while it waits.
                let _ = timeout(Duration::from_millis(2), self.receiver.readable()).await;
                assert_eq!(self.read(), []);
            }
        });
        waited.await.unwrap_or_else(|_| {
            panic!("{reason:?}: {} of {count}", self.receiver.filter().totals().unwrap().get(reason))
        });
        assert_eq!(self.count(reason), count, "{reason:?}");
    }

    /// Sends every row, and after each a valid solicitation, which must pass. Returns the rows whose reason
    /// was counted.
    pub(crate) async fn judge_rows(&mut self) -> Vec<(&'static str, Reason)> {
        let mut counted = Vec::new();
        for row in rows(self.guest().mac()) {
            counted.extend(self.judge(&row).await.map(|reason| (row.name, reason)));
        }
        counted
    }

    async fn judge(&mut self, row: &Row) -> Option<Reason> {
        self.receiver.filter_mut().clear_pending(self.index).unwrap();
        let before = self.count(row.expected);
        self.send(&[&row.frame]);
        let out = self.before_control().await;
        let expected = if row.expected == Reason::Passed { vec![source_of(&row.frame)] } else { vec![] };
        assert_eq!(out, expected, "{}", row.name);
        (self.count(row.expected) > before).then_some(row.expected)
    }

    /// Sends a valid solicitation (the control) until it passes; returns the sources of those that pass
    /// before it. It is repeated because the packet before it may set the mark after the mark was cleared.
    async fn before_control(&mut self) -> Vec<Ipv6Addr> {
        self.controls += 1;
        let source = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0xc0, self.controls);
        let control = Solicit { source, ..self.solicit() }.frame();
        let mut before = Vec::new();
        for _ in 0..100 {
            self.receiver.filter_mut().clear_pending(self.index).unwrap();
            self.send(&[&control]);
            while timeout(TIMEOUT / 100, self.receiver.readable()).await.is_ok() {
                let mut out = Vec::new();
                self.receiver.receive(now(), 1, &mut out);
                for solicitation in out {
                    if solicitation.source == source {
                        return before;
                    }
                    // The control of an earlier row that was repeated.
                    if !is_control(solicitation.source) {
                        before.push(solicitation.source);
                    }
                }
            }
        }
        panic!("the control does not pass");
    }
}

fn is_control(source: Ipv6Addr) -> bool {
    source.segments()[6] == 0xc0
}

fn source_of(frame: &[u8]) -> Ipv6Addr {
    Ipv6Addr::from(<[u8; 16]>::try_from(&frame[22..38]).unwrap())
}

pub(crate) fn now() -> BootInstant {
    BootInstant::from_boot(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into())
}
