//! The receiver on a real link: a guest's packets go in at one end of a veth, and what comes out of the socket counts.

use std::{
    collections::BTreeSet,
    net::Ipv6Addr,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use autora::{
    addr::IfIndex,
    engine::Instant,
    sys::{
        filter::{CAPACITY, Filter, FilterMode},
        receiver::{Receiver, Solicitation},
    },
};
use autora_common::Reason;
use autora_tests::{Fragments, Interface, Namespace, Sender, Solicit, Veth};
use nix::time::{ClockId, clock_gettime};
use tokio::time::{sleep, timeout};

use crate::rows::{OTHER_ROUTER, Row, rows};

/// Long enough for a packet to cross a veth on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn the_good_rows_come_out() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let all_but = BTreeSet::from([
            Reason::Coalesced,
            Reason::NotServed,
            // `ICMP6_FILTER` was there before.
            Reason::Type,
            // No row is fragmented.
            Reason::Fragment,
        ]);
        let counted = link.judge_rows().await;
        let expected: BTreeSet<_> =
            Reason::ALL.into_iter().filter(|reason| !all_but.contains(reason)).collect();
        assert_eq!(counted, expected);

        let stats = link.receiver.filter().interface_stats(link.index).unwrap().unwrap();
        let foreign = stats.foreign.expect("rows had another router");
        assert_eq!((foreign.source, foreign.router_lifetime), (OTHER_ROUTER, Duration::ZERO), "the last one");
        assert!(foreign.seen <= now());
    });
}

#[test]
fn the_good_rows_come_out_of_the_classic_filter() {
    on_a_link(FilterMode::Classic, async |link| {
        // Two kinds are dropped in the kernel, where nobody counts, and advertisements are not asked for.
        let expected = BTreeSet::from([
            Reason::Passed,
            Reason::TooShort,
            Reason::Code,
            Reason::OptionLength,
            Reason::TooManyOptions,
            Reason::UnspecifiedWithSourceLinkLayer,
        ]);
        assert_eq!(link.judge_rows().await, expected);
    });
}

#[test]
fn fragments_are_refused_and_hold_nobody_up() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let fragmented = Solicit { fragments: Fragments::Two, ..link.solicit() };
        link.send(&fragmented.frames());
        link.wait_count(Reason::Fragment, 1).await;
        link.send(&[link.solicit().frame()]);
        assert_eq!(
            link.next().await.source,
            link.solicit().source,
            "the mark is given back, so this one passes"
        );

        // A second one so soon after the first gives it back when the tenth of a second is over.
        link.receiver.filter_mut().clear_pending(link.index).unwrap();
        link.send(&fragmented.frames());
        link.wait_count(Reason::Fragment, 2).await;
        sleep(Duration::from_millis(110)).await;
        link.send(&[link.solicit().frame()]);
        assert_eq!(link.next().await.source, link.solicit().source);

        let stats = link.receiver.filter().interface_stats(link.index).unwrap().unwrap();
        assert_eq!((stats.counters.get(Reason::Fragment), stats.counters.get(Reason::Passed)), (2, 4));
    });
}

#[test]
fn a_flood_of_fragments_wakes_the_daemon_ten_times_a_second() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let fragmented = Solicit { fragments: Fragments::Two, ..link.solicit() }.frames();
        let start = now();
        while now().saturating_since(start) < Duration::from_secs(1) {
            link.send(&fragmented);
            link.read();
            sleep(Duration::from_millis(1)).await;
        }
        let elapsed = now().saturating_since(start);
        let refused = u128::from(link.count(Reason::Fragment));
        let limit = elapsed.as_millis() / 100 + 1;
        assert!((5..=limit).contains(&refused), "{refused} in {elapsed:?}");
        assert!(link.count(Reason::Coalesced) > 100, "the others did not get through");
    });
}

#[test]
fn fragments_are_refused_behind_the_classic_filter() {
    on_a_link(FilterMode::Classic, async |link| {
        link.send(&Solicit { fragments: Fragments::Two, ..link.solicit() }.frames());
        link.send(&[link.solicit().frame()]);
        assert_eq!(link.next().await.source, link.solicit().source);
        link.wait_count(Reason::Fragment, 1).await;
        assert_eq!(link.count(Reason::Passed), 1);
    });
}

#[test]
fn one_solicitation_until_the_answer() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let solicit = link.solicit().frame();
        link.send(&[&solicit]);
        link.next().await;
        link.send(&[&solicit; 3]);
        link.wait_count(Reason::Coalesced, 3).await;
        assert_eq!(link.read(), [], "an answer is pending");

        link.receiver.filter_mut().clear_pending(link.index).unwrap();
        link.send(&[&solicit]);
        link.next().await;

        // The daemon has missed it: the mark is now as old as it gets.
        link.receiver.filter_mut().set_pending_until(link.index, now()).unwrap();
        link.send(&[&solicit]);
        link.next().await;

        // Not quite as old.
        link.receiver.filter_mut().set_pending_until(link.index, now() + PATIENCE).unwrap();
        link.send(&[&solicit]);
        link.wait_count(Reason::Coalesced, 4).await;
        assert_eq!(link.read(), []);
    });
}

#[test]
fn an_interface_is_served_until_it_is_not() {
    for mode in [FilterMode::Ebpf, FilterMode::Classic] {
        on_a_link(mode, async |link| {
            let solicit = link.solicit().frame();
            link.send(&[&solicit]);
            link.next().await;

            link.receiver.filter_mut().unserve(link.index).unwrap();
            link.send(&[&solicit]);
            link.wait_count(Reason::NotServed, 1).await;
            assert_eq!(link.read(), []);
            assert_eq!(link.receiver.filter().interface_stats(link.index).unwrap(), None);

            // The answer to the first one is still pending, but that was another life.
            link.receiver.filter_mut().serve(link.index).unwrap();
            link.send(&[&solicit]);
            link.next().await;
        });
    }
}

#[test]
fn nothing_unfiltered_comes_out_of_a_new_socket() {
    for (mode, hop_limit) in [(FilterMode::Ebpf, 255), (FilterMode::Classic, 64)] {
        on_a_link(mode, async |link| {
            // What is there for the filter to stop: a good one where nobody is served, or one that a router forwarded.
            let frame = Solicit { hop_limit, ..link.solicit() }.frame();
            let sender = Sender::on(link.guest());
            // The flood ends with this value, also if the test fails.
            let wanted = Arc::new(());
            let still_wanted = Arc::downgrade(&wanted);
            let flood = thread::spawn(move || {
                while still_wanted.strong_count() > 0 {
                    sender.send(&frame);
                }
            });
            open_again_and_again(mode).await;
            drop(wanted);
            flood.join().unwrap();
        });
    }
}

/// Opens the socket some times; each time it must have nothing to say, though packets arrive all the time.
async fn open_again_and_again(mode: FilterMode) {
    for round in 0..40 {
        let (filter, _) = Filter::open(mode, CAPACITY).unwrap();
        let mut receiver = Receiver::open(filter).unwrap();
        let silent = timeout(Duration::from_millis(10), receiver.readable()).await.is_err();
        assert!(silent, "something came out in round {round}");
    }
}

#[test]
fn a_flood_fills_the_buffer_of_the_classic_filter_alone() {
    for (mode, dropped) in [(FilterMode::Ebpf, false), (FilterMode::Classic, true)] {
        on_a_link(mode, async |link| {
            assert_eq!(link.receiver.dropped().unwrap(), 0);
            let solicit = link.solicit().frame();
            link.send(&vec![&solicit; 3000]);
            if mode == FilterMode::Ebpf {
                link.wait_count(Reason::Coalesced, 2999).await;
            }
            assert_eq!(link.receiver.dropped().unwrap() > 0, dropped, "{mode:?}");
            link.next().await;
        });
    }
}

#[test]
fn a_budget_is_kept_and_the_rest_stays_readable() {
    on_a_link(FilterMode::Classic, async |link| {
        link.send(&vec![link.solicit().frame(); 10]);
        let mut out = Vec::new();
        while out.len() < 3 {
            link.wait_readable().await;
            link.receiver.receive(now(), 1, &mut out);
        }
        assert_eq!(out.len(), 3);
        while out.len() < 10 {
            link.wait_readable().await;
            link.receiver.receive(now(), 100, &mut out);
        }
        assert_eq!(out.len(), 10);
    });
}

#[test]
fn the_filter_in_the_kernel_logs_at_trace_level() {
    // As long as there is only one subscriber in the process, tracing decides by the thread that passes a log statement
    // first whether anybody wants it, and other tests want nothing.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    on_a_link_observed(FilterMode::Ebpf, &tracing::Dispatch::new(subscriber), async |link| {
        link.send(&[Solicit { hop_limit: 64, ..link.solicit() }.frame(), link.solicit().frame()]);
        link.next().await;
        assert_eq!(link.read(), [], "there are no more");
        // Records are passed on while waiting.
        let waited = timeout(Duration::from_millis(200), link.receiver.readable()).await;
        assert!(waited.is_err());
        let text = log.text();
        for expected in ["hop-limit", "passed"] {
            let line = format!("ifindex={} reason=\"{expected}\"", link.index);
            assert!(text.contains(&line), "{line} in {text}");
        }
    });
}

/// A guest's link to a host that routes, with the receiver open in the host and the interface served.
struct Link {
    receiver: Receiver,
    index: IfIndex,
    veth: Veth,
    sender: Sender,
    controls: u16,
}

fn on_a_link(mode: FilterMode, scenario: impl AsyncFnOnce(&mut Link) + Send) {
    on_a_link_observed(mode, &tracing::Dispatch::none(), scenario);
}

fn on_a_link_observed(
    mode: FilterMode,
    observer: &tracing::Dispatch,
    scenario: impl AsyncFnOnce(&mut Link) + Send,
) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let veth = Veth::new((&host, "vm0"), (&guest, "eth0"));
    // The largest option that there is must fit.
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
        Self { receiver, index, sender: Sender::on(&veth.guest), veth, controls: 0 }
    }

    fn guest(&self) -> &Interface {
        &self.veth.guest
    }

    fn solicit(&self) -> Solicit {
        Solicit::from(self.guest())
    }

    fn send(&self, frames: &[impl AsRef<[u8]>]) {
        self.sender.send_all(frames);
    }

    fn count(&self, reason: Reason) -> u64 {
        self.receiver.filter().totals().unwrap().get(reason)
    }

    /// What has come out by now.
    fn read(&mut self) -> Vec<Solicitation> {
        let mut out = Vec::new();
        self.receiver.receive(now(), 1000, &mut out);
        out
    }

    async fn wait_readable(&mut self) {
        timeout(PATIENCE, self.receiver.readable()).await.expect("something comes out").unwrap();
    }

    /// The one solicitation that comes out next.
    async fn next(&mut self) -> Solicitation {
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

    /// Waits until a counter has reached a value, while the daemon's side does what it has to; nothing may come out.
    async fn wait_count(&mut self, reason: Reason, count: u64) {
        let waited = timeout(PATIENCE, async {
            while self.count(reason) < count {
                // Readiness is only noticed by a runtime that gets a chance to.
                let _ = timeout(Duration::from_millis(2), self.receiver.readable()).await;
                assert_eq!(self.read(), []);
            }
        });
        waited.await.unwrap_or_else(|_| {
            panic!("{reason:?}: {} of {count}", self.receiver.filter().totals().unwrap().get(reason))
        });
        assert_eq!(self.count(reason), count, "{reason:?}");
    }

    /// Sends every row, and behind each a good solicitation, which must come out. Returns what was counted.
    async fn judge_rows(&mut self) -> BTreeSet<Reason> {
        let mut counted = BTreeSet::new();
        for row in rows(self.guest().mac()) {
            counted.extend(self.judge(&row).await);
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

    /// The sources of what comes out before a control that is sent now. It is sent until it comes out: the mark that the
    /// packet before it may spend must be cleared when that has happened.
    async fn before_control(&mut self) -> Vec<Ipv6Addr> {
        self.controls += 1;
        let source = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0xc0, self.controls);
        let control = Solicit { source, ..self.solicit() }.frame();
        let mut before = Vec::new();
        for _ in 0..100 {
            self.receiver.filter_mut().clear_pending(self.index).unwrap();
            self.send(&[&control]);
            while timeout(PATIENCE / 100, self.receiver.readable()).await.is_ok() {
                let mut out = Vec::new();
                self.receiver.receive(now(), 1, &mut out);
                for solicitation in out {
                    if solicitation.source == source {
                        return before;
                    }
                    // A control of the row before that was sent twice.
                    if !is_control(solicitation.source) {
                        before.push(solicitation.source);
                    }
                }
            }
        }
        panic!("the control does not come out");
    }
}

fn is_control(source: Ipv6Addr) -> bool {
    source.segments()[6] == 0xc0
}

fn source_of(frame: &[u8]) -> Ipv6Addr {
    Ipv6Addr::from(<[u8; 16]>::try_from(&frame[22..38]).unwrap())
}

fn now() -> Instant {
    Instant::from_boot(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into())
}

/// Where a subscriber writes to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
