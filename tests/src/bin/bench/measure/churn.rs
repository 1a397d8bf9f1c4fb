//! Interfaces deleted and made again: when the last of them is served, and what that cost.
//!
//! Half of them, for each daemon; and all of them for autora: more notifications at once than the buffer of its
//! socket takes.

use std::{ops::Range, thread, time::Duration};

use crate::{
    bench::Bench,
    machine,
    results::{Metric, Sample},
    running::{Arrivals, Launch, Running},
    site::Site,
    subject::Subject,
};

const SIZE: u32 = 1_000;

/// From when the last interface was fit.
const TIMEOUT: Duration = Duration::from_secs(25);

const HALF: [Metric; 2] = [
    Metric { label: "half made anew: last served after it was fit", unit: "ms", targets: &[(1_000, 50_000)] },
    Metric { label: "CPU for it", unit: "ms", targets: &[(1_000, 600_000)] },
];
const ALL: [Metric; 2] = [
    Metric { label: "all made anew: last served after it was fit", unit: "ms", targets: &[(0, 5_000_000)] },
    Metric { label: "CPU for that", unit: "ms", targets: &[] },
];

pub(crate) fn churn(bench: &mut Bench) {
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            make_anew(bench, site, subject, 1..size / 2 + 1, &HALF);
            if subject == Subject::Autora {
                make_anew(bench, site, subject, site.numbers(), &ALL);
            }
        });
    }
}

fn make_anew(
    bench: &mut Bench,
    site: &Site,
    subject: Subject,
    numbers: Range<u32>,
    [last, cost]: &'static [Metric; 2],
) {
    let (mut running, _) = bench.up(&Launch::default(), subject, site);
    thread::sleep(Duration::from_secs(1));
    let before = running.cpu();
    let (fit, arrivals) = replace(site, &mut running, numbers);
    let after = running.cpu();
    bench.record(last, site.size(), subject, served_after(fit, &arrivals, after.is_some()));
    if let (Some(before), Some(after)) = (before, after) {
        let cost_of_it = after.saturating_sub(before).as_secs_f64() * 1000.0;
        bench.record(cost, site.size(), subject, Sample::Is(cost_of_it));
    }
    drop(running);
    site.wait_fit();
}

/// Returns when the last one was fit, as the kernel lists addresses, and the first RAs. The kernel notifies of about a
/// hundred carriers a second, so of thousands the last is fit long after it was made.
fn replace(site: &Site, running: &mut Running, numbers: Range<u32>) -> (u64, Arrivals) {
    site.receiver.clear();
    let links = site.next_generation(numbers.clone());
    site.delete(numbers);
    site.plug(&links);
    site.finish(&links);
    site.wait_fit();
    let fit = machine::now();
    (fit, running.first_ras(site, links, TIMEOUT))
}

/// Some daemons are done before that is seen: 0 ms.
fn served_after(fit: u64, arrivals: &Arrivals, runs: bool) -> Sample {
    if !runs {
        Sample::Not("exits".to_owned())
    } else if arrivals.complete() {
        Sample::Is(arrivals.last().saturating_sub(fit) as f64 / 1e6)
    } else {
        Sample::Not(arrivals.shortfall())
    }
}
