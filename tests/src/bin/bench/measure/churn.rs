//! Half of all interfaces deleted and made again: when the last of them is served, and what that cost.

use std::{thread, time::Duration};

use crate::{
    bench::Bench,
    machine,
    results::{Metric, Sample},
    running::Launch,
};

const SIZE: u32 = 1_000;

/// From when the last interface was made.
const TIMEOUT: Duration = Duration::from_secs(25);

const LAST: Metric = Metric { label: "half made anew: last served after", unit: "ms", targets: &[(0, 50_000)] };
const CPU: Metric = Metric { label: "CPU for it", unit: "ms", targets: &[(0, 600_000)] };

pub(crate) fn churn(bench: &mut Bench) {
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            let (mut running, _) = bench.up(&Launch::default(), subject, site);
            thread::sleep(Duration::from_secs(1));
            let half = 1..size / 2 + 1;
            let Some(before) = running.cpu() else {
                return bench.record(&LAST, size, subject, Sample::Not("exits".to_owned()));
            };
            site.receiver.clear();
            let links = site.next_generation(half.clone());
            site.delete(half);
            site.plug(&links);
            site.finish(&links);
            let made = machine::now();
            let arrivals = running.first_ras(site, links, TIMEOUT);
            let sample = match running.cpu() {
                None => Sample::Not("exits".to_owned()),
                Some(_) if !arrivals.complete() => Sample::Not(arrivals.shortfall()),
                // Some daemons are done before `ip` is.
                Some(_) => Sample::Is(arrivals.last().saturating_sub(made) as f64 / 1e6),
            };
            bench.record(&LAST, size, subject, sample);
            if let Some(after) = running.cpu() {
                bench.record(&CPU, size, subject, Sample::Is(after.saturating_sub(before).as_secs_f64() * 1000.0));
            }
            drop(running);
            site.wait_fit();
        });
    }
}
