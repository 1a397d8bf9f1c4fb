//! Floods of solicitations on one interface: their cost, and the service on other interfaces.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use autora_tests::Solicit;

use crate::{
    bench::Bench,
    link::Link,
    load::{Rate, Sender, Sent},
    machine,
    receiver::Ra,
    results::{Metric, Sample},
    running::Launch,
    site::Site,
    subject::Subject,
};

const SIZE: u32 = 10;

/// The length of the flood: every neighbour can solicit twice and wait for an RA.
const TIME: Duration = Duration::from_secs(10);

/// The time after which a host solicits again: RTR_SOLICITATION_INTERVAL [RFC 4861
/// 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
const TIMEOUT: Duration = Duration::from_secs(4);

/// The 3 s between two RAs and the random delay: after it the first solicited RAs can leave.
const SETTLE: Duration = Duration::from_millis(3600);

/// The number of neighbours that solicit, one after the other.
const NEIGHBOURS: u32 = 9;

const CPU: Metric = Metric { label: "CPU of a core", unit: "%", targets: &[(0, 500)] };
/// The target is one third.
const RAS: Metric = Metric { label: "RAs per second there", unit: "", targets: &[(0, 334)] };
const UNANSWERED: Metric = Metric { label: "RS of quiet neighbours unanswered", unit: "%", targets: &[(0, 0)] };
const RATE: Metric = Metric { label: "RS sent per second", unit: "", targets: &[] };

const BAD_CPU: Metric = Metric { label: "CPU of a core, RS with hop limit 64", unit: "%", targets: &[(0, 500)] };
const BAD_RAS: Metric = Metric { label: "RAs per second there", unit: "", targets: &[] };

pub(crate) fn flood(bench: &mut Bench) {
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            let solicit = site.link(1).solicit();
            let Some(storm) = storm(bench, site, subject, &solicit, Rate::Full) else {
                return bench.record(&CPU, size, subject, Sample::Not("exits".to_owned()));
            };
            bench.record(&CPU, size, subject, Sample::Is(storm.cpu));
            bench.record(&RAS, size, subject, Sample::Is(storm.ras_per_second(site.link(1))));
            bench.record(&UNANSWERED, size, subject, Sample::Is(storm.unanswered()));
            bench.record(&RATE, size, subject, Sample::Is(storm.sent.per_second()));
        });
    }
}

pub(crate) fn hoplimit(bench: &mut Bench) {
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            let solicit = Solicit { hop_limit: 64, ..site.link(1).solicit() };
            let Some(storm) = storm(bench, site, subject, &solicit, Rate::PerSecond(100_000)) else {
                return bench.record(&BAD_CPU, size, subject, Sample::Not("exits".to_owned()));
            };
            bench.record(&BAD_CPU, size, subject, Sample::Is(storm.cpu));
            bench.record(&BAD_RAS, size, subject, Sample::Is(storm.ras_per_second(site.link(1))));
            bench.record(&RATE, size, subject, Sample::Is(storm.sent.per_second()));
        });
    }
}

/// The outcome of a flood.
struct Storm {
    sent: Sent,
    /// CPU use in percent of a core.
    cpu: f64,
    ras: Vec<Ra>,
    /// When each neighbour solicited.
    asked: Vec<(Link, u64)>,
}

/// Floods the first interface while its neighbours solicit. Returns `None` if the daemon ends.
fn storm(bench: &Bench, site: &Site, subject: Subject, solicit: &Solicit, rate: Rate) -> Option<Storm> {
    let (mut running, _) = bench.up(&Launch::default(), subject, site);
    thread::sleep(SETTLE);
    site.receiver.clear();
    let sender = Sender::open(&site.guest);
    let (victim, frame, stop) = (site.link(1), solicit.frame(), AtomicBool::new(false));
    thread::scope(|scope| {
        let before = running.cpu()?;
        let begun = Instant::now();
        let flood = scope.spawn(|| sender.flood(victim, &frame, rate, &stop));
        let (ras, asked) = ask(site, &sender);
        let after = running.cpu();
        let took = begun.elapsed();
        stop.store(true, Ordering::Relaxed);
        let sent = flood.join().expect("the flood ends when told to");
        let cpu = 100.0 * after?.saturating_sub(before).as_secs_f64() / took.as_secs_f64();
        (!running.has_ended()).then_some(Storm { sent, cpu, ras, asked })
    })
}

/// Lets each neighbour solicit, and again after [`TIMEOUT`]. Returns all RAs, and when each neighbour solicited.
fn ask(site: &Site, sender: &Sender) -> (Vec<Ra>, Vec<(Link, u64)>) {
    let neighbours = site.links(2..=site.size().min(NEIGHBOURS + 1));
    let begun = Instant::now();
    let step = TIMEOUT / u32::try_from(neighbours.len()).expect("few").max(1);
    let (mut ras, mut asked) = (Vec::new(), Vec::new());
    for turn in 0..2 {
        for (place, link) in (0..).zip(&neighbours) {
            let due = TIMEOUT * turn + step * place / 2;
            ras.extend(site.receiver.during(due.saturating_sub(begun.elapsed())));
            asked.push((*link, machine::now()));
            sender.send(*link, &link.solicit().frame());
        }
    }
    ras.extend(site.receiver.during(TIME.saturating_sub(begun.elapsed())));
    (ras, asked)
}

impl Storm {
    /// Per second between the first and the last one, as the number in a window depends on where it begins.
    fn ras_per_second(&self, link: Link) -> f64 {
        let times: Vec<u64> = self.ras.iter().filter(|ra| ra.link == link).map(|ra| ra.at).collect();
        match times[..] {
            [] => 0.0,
            [_] => 1.0 / TIME.as_secs_f64(),
            [first, .., last] => (times.len() - 1) as f64 / (last.saturating_sub(first) as f64 / 1e9),
        }
    }

    /// In percent of the packets sent.
    fn unanswered(&self) -> f64 {
        let time_limit = u64::try_from(TIMEOUT.as_nanos()).expect("seconds");
        let answered = |(link, at): &&(Link, u64)| {
            self.ras.iter().any(|ra| ra.link == *link && ra.at >= *at && ra.at - at <= time_limit)
        };
        let unanswered = self.asked.len() - self.asked.iter().filter(answered).count();
        100.0 * unanswered as f64 / self.asked.len().max(1) as f64
    }
}
