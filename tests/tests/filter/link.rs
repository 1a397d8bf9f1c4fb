//! The receiver on a real link: a guest sends at one end of a veth, and the socket at the other end receives.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use autora::{
    addr::IfIndex,
    settings::FilterMode,
    sys::{
        filter::{CAPACITY, Filter},
        receiver::Receiver,
    },
};
use autora_common::Reason;
use autora_tests::{Fragments, Sender, Solicit};
use tokio::time::{sleep, timeout};

use crate::{
    rows::OTHER_ROUTER,
    scene::{TIMEOUT, now, on_a_link, on_a_link_observed},
};

#[test]
fn the_ebpf_filter_passes_the_valid_rows_alone() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let all_but = BTreeSet::from([
            Reason::Coalesced,
            Reason::NotServed,
            // `ICMP6_FILTER` drops these before the filter runs.
            Reason::Type,
            // No row is fragmented.
            Reason::Fragment,
        ]);
        let counted = reasons(&link.judge_rows().await);
        let expected: BTreeSet<_> = Reason::ALL.into_iter().filter(|reason| !all_but.contains(reason)).collect();
        assert_eq!(counted, expected);

        let stats = link.receiver.filter().interface_stats(link.index).unwrap().unwrap();
        let other_router = stats.other_router.expect("rows had another router");
        assert_eq!(
            (other_router.source, other_router.router_lifetime),
            (OTHER_ROUTER, Duration::ZERO),
            "the last RA is recorded"
        );
        assert!(other_router.seen <= now());

        // The same in the list of all interfaces, which is read in several batches.
        for others in [0, 1_000] {
            for other in 0..others {
                link.receiver.filter_mut().serve(IfIndex::new(1_000_000 + other).unwrap()).unwrap();
            }
            let found = link.receiver.filter().other_routers().unwrap();
            assert_eq!(found, [(link.index, other_router)], "among {others} others");
        }
        link.receiver.filter_mut().unserve(link.index).unwrap();
        assert_eq!(link.receiver.filter().other_routers().unwrap(), [], "it is no longer served");
    });
}

#[test]
fn the_classic_filter_passes_the_valid_rows_alone() {
    on_a_link(FilterMode::Classic, async |link| {
        // The classic program drops two kinds without counting them, and `ICMP6_FILTER` drops RAs.
        let expected = BTreeSet::from([
            Reason::Passed,
            Reason::TooShort,
            Reason::Code,
            Reason::OptionLength,
            Reason::TooManyOptions,
            Reason::UnspecifiedWithSourceLinkLayer,
        ]);
        assert_eq!(reasons(&link.judge_rows().await), expected);
    });
}

fn reasons(counted: &[(&str, Reason)]) -> BTreeSet<Reason> {
    counted.iter().map(|(_, reason)| *reason).collect()
}

#[test]
fn packets_in_pieces_get_the_same_verdicts() {
    for mode in [FilterMode::Ebpf, FilterMode::Classic] {
        on_a_link(mode, async |link| {
            let in_one_piece = link.judge_rows().await;
            link.send_in_pieces();
            assert_eq!(link.judge_rows().await, in_one_piece, "{mode:?}");
        });
    }
}

#[test]
fn fragments_are_dropped_and_delay_no_other_solicitation() {
    on_a_link(FilterMode::Ebpf, async |link| {
        let fragmented = Solicit { fragments: Fragments::Two, ..link.solicit() };
        link.send(&fragmented.frames());
        link.wait_count(Reason::Fragment, 1).await;
        link.send(&[link.solicit().frame()]);
        assert_eq!(
            link.next().await.source,
            link.solicit().source,
            "the receiver cleared the mark, so this one passes"
        );

        // So soon after the first, the receiver clears the mark only after a tenth of a second.
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
        let dropped = u128::from(link.count(Reason::Fragment));
        let limit = elapsed.as_millis() / 100 + 1;
        assert!((5..=limit).contains(&dropped), "{dropped} in {elapsed:?}");
        assert!(link.count(Reason::Coalesced) > 100, "the filter coalesces the others");
    });
}

#[test]
fn fragments_are_dropped_behind_the_classic_filter() {
    on_a_link(FilterMode::Classic, async |link| {
        link.send(&Solicit { fragments: Fragments::Two, ..link.solicit() }.frames());
        link.send(&[link.solicit().frame()]);
        assert_eq!(link.next().await.source, link.solicit().source);
        link.wait_count(Reason::Fragment, 1).await;
        assert_eq!(link.count(Reason::Passed), 1);
    });
}

#[test]
fn one_solicitation_passes_until_the_answer() {
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

        // The mark expires now, as if no answer had cleared it.
        link.receiver.filter_mut().set_pending_until(link.index, now()).unwrap();
        link.send(&[&solicit]);
        link.next().await;

        // The mark expires later.
        link.receiver.filter_mut().set_pending_until(link.index, now() + TIMEOUT).unwrap();
        link.send(&[&solicit]);
        link.wait_count(Reason::Coalesced, 4).await;
        assert_eq!(link.read(), []);
    });
}

#[test]
fn an_unserved_interface_passes_nothing_until_it_is_served_again() {
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

            // The first answer is still pending, but the new entry has no mark.
            link.receiver.filter_mut().serve(link.index).unwrap();
            link.send(&[&solicit]);
            link.next().await;
        });
    }
}

#[test]
fn a_new_socket_receives_no_unfiltered_packet() {
    for (mode, hop_limit) in [(FilterMode::Ebpf, 255), (FilterMode::Classic, 64)] {
        on_a_link(mode, async |link| {
            // A frame that the filter drops: valid on an interface that is not served, or forwarded by a
            // router.
            let frame = Solicit { hop_limit, ..link.solicit() }.frame();
            let sender = Sender::on(link.guest());
            // The flood ends when this value is dropped, also if the test fails.
            let running = Arc::new(());
            let still_running = Arc::downgrade(&running);
            let flood = thread::spawn(move || {
                while still_running.strong_count() > 0 {
                    sender.send(&frame);
                }
            });
            open_repeatedly(mode).await;
            drop(running);
            flood.join().unwrap();
        });
    }
}

/// Opens the socket 40 times during the flood; none of them may receive a packet.
async fn open_repeatedly(mode: FilterMode) {
    for round in 0..40 {
        let (filter, _) = Filter::open(mode, CAPACITY).unwrap();
        let mut receiver = Receiver::open(filter).unwrap();
        let silent = timeout(Duration::from_millis(10), receiver.readable()).await.is_err();
        assert!(silent, "the socket received a packet in round {round}");
    }
}

#[test]
fn a_flood_fills_the_socket_buffer_behind_the_classic_filter_alone() {
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
    // With only one subscriber in the process, tracing caches the interest in a log statement from the thread
    // that passes it first, and the threads of other tests have no interest.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
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
        assert_eq!(link.read(), [], "one alone passes");
        // The receiver logs the filter's records while it waits.
        let waited = timeout(Duration::from_millis(200), link.receiver.readable()).await;
        assert!(waited.is_err());
        let text = log.text();
        for expected in ["hop-limit", "passed"] {
            let line = format!("ifindex={} reason=\"{expected}\"", link.index);
            assert!(text.contains(&line), "{line} in {text}");
        }
    });
}

/// The output of a subscriber.
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
