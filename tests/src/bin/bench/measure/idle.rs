//! No events: the cost of an RA, and the number of wake-ups.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    bench::Bench,
    machine,
    results::{Metric, Sample},
    running::Launch,
};

const SIZE: u32 = 1_000;

/// Until the initial RAs are over, 16 s apart at most, with those that wait for the floor: what leaves in bunches then
/// costs less than at rest.
const SETTLE: Duration = Duration::from_secs(60);

/// Long enough for two or three RAs on each interface, two resyncs and a heartbeat.
const TIME: Duration = Duration::from_secs(60);

const CPU: Metric = Metric { label: "CPU for each RA", unit: "ms", targets: &[(0, 50)] };
const RAS: Metric = Metric { label: "RAs sent in 60 s", unit: "", targets: &[] };
const WAKES: Metric = Metric { label: "wake-ups per second", unit: "", targets: &[(0, 5_000)] };

pub(crate) fn idle(bench: &mut Bench) {
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(1), |bench, site, subject| {
            let (mut running, _) = bench.up(&Launch::default(), subject, site);
            thread::sleep(SETTLE);
            site.receiver.clear();
            let begun = Instant::now();
            let before = (running.cpu(), machine::sleeps(running.pid()));
            let ras = site.receiver.during(TIME).len() as f64;
            let after = (running.cpu(), machine::sleeps(running.pid()));
            let seconds = begun.elapsed().as_secs_f64();
            let ((Some(cpu), Some(sleeps)), (Some(cpu_after), Some(sleeps_after))) = (before, after) else {
                return bench.record(&CPU, size, subject, Sample::Not("exits".to_owned()));
            };
            let cpu = cpu_after.saturating_sub(cpu).as_secs_f64() * 1000.0;
            let sample = if ras > 0.0 { Sample::Is(cpu / ras) } else { Sample::Not("no RA".to_owned()) };
            bench.record(&CPU, size, subject, sample);
            bench.record(&RAS, size, subject, Sample::Is(ras));
            bench.record(&WAKES, size, subject, Sample::Is((sleeps_after - sleeps) as f64 / seconds));
        });
    }
}
