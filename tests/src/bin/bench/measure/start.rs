//! From exec to the first RA everywhere, and what the daemon then has in memory.

use std::{thread, time::Duration};

use autora_tests::held;

use crate::{
    bench::Bench,
    results::{Metric, Sample},
    running::{Arrivals, Launch, Running},
};

const SIZES: [u32; 3] = [100, 1_000, 4_000];

const FIRST_RAS: Metric = Metric {
    label: "exec to first RA on all",
    unit: "ms",
    targets: &[(100, 20_000), (1_000, 25_000), (4_000, 100_000), (10_000, 300_000)],
};

const CPU: Metric = Metric { label: "CPU for it", unit: "ms", targets: &[] };

const RSS: Metric =
    Metric { label: "RSS", unit: "MB", targets: &[(100, 5_000), (1_000, 5_000), (4_000, 6_000), (10_000, 12_000)] };

pub(crate) fn start(bench: &mut Bench) {
    for size in bench.sizes(&SIZES) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            let (mut running, arrivals) = bench.up(&Launch::default(), subject, site);
            let sample = elapsed(&arrivals, &mut running);
            bench.record(&FIRST_RAS, size, subject, sample);
            if arrivals.complete()
                && let Some(cpu) = running.cpu()
            {
                bench.record(&CPU, size, subject, Sample::Is(cpu.as_secs_f64() * 1000.0));
            }
        });
    }
}

pub(crate) fn rss(bench: &mut Bench) {
    for size in bench.sizes(&SIZES) {
        bench.rounds(size, bench.runs(1), |bench, site, subject| {
            let (mut running, _) = bench.up(&Launch::default(), subject, site);
            thread::sleep(Duration::from_secs(2));
            let ended = running.has_ended();
            let sample = held::rss(running.pid())
                .filter(|_| !ended)
                .map_or_else(|| Sample::Not("exits".to_owned()), |bytes| Sample::Is(bytes as f64 / 1e6));
            bench.record(&RSS, size, subject, sample);
        });
    }
}

fn elapsed(arrivals: &Arrivals, running: &mut Running) -> Sample {
    if arrivals.complete() {
        Sample::Is(arrivals.last().saturating_sub(running.started) as f64 / 1e6)
    } else if running.has_ended() {
        Sample::Not("exits".to_owned())
    } else {
        Sample::Not(arrivals.shortfall())
    }
}
