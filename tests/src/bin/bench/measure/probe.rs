//! `autora probe --all` of as many guests as there are interfaces, all with address and route.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora_tests::eventually;
use serde_json::Value;

use crate::{
    bench::Bench,
    machine,
    results::{Metric, Sample},
    running::{Launch, Running},
    site::Site,
    subject::Subject,
};

const SIZES: [u32; 2] = [100, 1_000];

/// Guests wait for their address to be unique, and ask for an RA; the kernel does that for each in its turn.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The time limit of the probe: the longest that it takes.
const LIMIT: &str = "--timeout=10s";

const TIME: Metric = Metric { label: "probe of all guests", unit: "ms", targets: &[(1_000, 5_000_000)] };
const CPU: Metric = Metric { label: "CPU for it", unit: "ms", targets: &[] };
const WORKING: Metric = Metric { label: "guests found to work", unit: "", targets: &[] };

pub(crate) fn probe(bench: &mut Bench) {
    for size in bench.sizes(&SIZES) {
        bench.own_rounds(size, bench.runs(3), round);
    }
}

fn round(bench: &mut Bench, site: &Site) {
    let (running, _) = bench.up(&Launch::default(), Subject::Autora, site);
    let guests = Guests::wake(site);
    let (begun, before) = (Instant::now(), machine::children_cpu());
    let document = ask(site, &running);
    let (time, cpu) = (begun.elapsed(), machine::children_cpu().saturating_sub(before));
    guests.stop();
    let rows = document["interfaces"].as_array().map_or(&[][..], Vec::as_slice);
    let working = rows.iter().filter(|row| row["verdict"] == "works").count();
    let mut say = |metric, value| bench.record(metric, site.size(), Subject::Autora, Sample::Is(value));
    say(&TIME, time.as_secs_f64() * 1e3);
    say(&CPU, cpu.as_secs_f64() * 1e3);
    say(&WORKING, working as f64);
}

/// Returns what the probe found. Its daemon's socket is in a /run of its own.
fn ask(site: &Site, running: &Running) -> Value {
    let mut command = Command::new(autora_tests::binary());
    command.args(["probe", "--all", "--json", LIMIT]).arg("--socket").arg(running.socket());
    let output = site.host.enter(|| command.output()).expect("the program runs");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The other ends of the links as guests: one kernel, which answers on each of them.
struct Guests<'a>(&'a Site);

impl<'a> Guests<'a> {
    /// Makes a guest of each other end, and waits until each has its address.
    fn wake(site: &'a Site) -> Self {
        site.guest.sysctl("ipv6/conf/all/disable_ipv6", 0);
        eventually(TIMEOUT, "an address of each guest", || {
            let listing = site.guest.ip("-6 -o addr show scope global -tentative");
            let has_all = listing.lines().count() >= site.size() as usize;
            if !has_all {
                thread::sleep(Duration::from_millis(500));
            }
            has_all.then_some(())
        });
        Self(site)
    }

    /// The next benchmark expects no guests.
    fn stop(self) {
        self.0.guest.sysctl("ipv6/conf/all/disable_ipv6", 1);
    }
}
