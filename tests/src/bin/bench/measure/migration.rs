//! A guest that moves from one host to another: how long it gets no answers, by what the hosts have in common.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Likeness, Pings, TwoHosts};

use crate::{
    bench::Bench,
    results::{Metric, Sample},
    subject::Subject,
};

const OUTAGE: Metric = Metric { label: "a guest moves: no answers for", unit: "s", targets: &[] };
const ROUTES: Metric = Metric { label: "its default routes a minute later", unit: "", targets: &[] };

/// Longer than a kernel takes to give up a router: it is reachable for up to 45 s, then for 5 s more without a probe,
/// and has 3 s to answer [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
const TIME: Duration = Duration::from_secs(65);

const SOON: Duration = Duration::from_secs(20);

const ONE_SOURCE: &str = "--source-address=fe80::1";
const TOLD: &str = "--source-link-layer-address";

/// From what the handbook recommends to the defaults.
const CASES: [(&str, Likeness); 5] = [
    ("one source, MAC told", likeness(Some("fe80::1"), false, &[ONE_SOURCE, TOLD])),
    ("one MAC, defaults", likeness(None, true, &[])),
    ("one source", likeness(Some("fe80::1"), false, &[ONE_SOURCE])),
    ("two sources, MAC told", likeness(None, false, &[TOLD])),
    ("two sources, defaults", likeness(None, false, &[])),
];

const fn likeness(source: Option<&'static str>, same_mac: bool, arguments: &'static [&'static str]) -> Likeness {
    Likeness { source, same_mac, arguments }
}

pub(crate) fn migration(bench: &mut Bench) {
    for _ in 0..bench.runs(3) {
        // Side by side: all of them wait.
        let outcomes = thread::scope(|scope| {
            let moves = CASES.map(|(_, likeness)| scope.spawn(move || outcome(&likeness)));
            moves.map(|one| one.join().expect("it ends by itself"))
        });
        for ((detail, _), (outage, routes)) in CASES.iter().zip(outcomes) {
            bench.record_detail(&OUTAGE, 0, detail, Subject::Autora, Sample::Is(outage));
            bench.record_detail(&ROUTES, 0, detail, Subject::Autora, Sample::Is(routes));
        }
    }
}

/// Returns the seconds without an answer after a move, and the number of default routes at the end.
fn outcome(likeness: &Likeness) -> (f64, f64) {
    let hosts = TwoHosts::new(likeness);
    hosts.guest.wait_for_address(hosts.address(), SOON);
    hosts.guest.wait_for_default_route(SOON);
    let (pings, begun) = (Pings::start(hosts.guest.namespace(), hosts.target()), Instant::now());
    hosts.move_to(1);
    thread::sleep(TIME);
    let (taken, lost) = (begun.elapsed(), pings.finish());
    (taken.as_secs_f64() * lost.lost as f64 / lost.sent as f64, hosts.guest.default_routes().len() as f64)
}
