//! What an event, an RA, an answer and a resync cost at 10 to 4,000 interfaces: what is done for one of them
//! must not grow with their number, and what is done for all must grow with it and no faster.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    bench::Bench,
    load::Sender,
    machine,
    results::{Metric, Sample},
    running::{Launch, Running},
    site::Site,
    subject::Subject,
    workers::{self, Workers},
};

const SIZES: [u32; 4] = [10, 100, 1_000, 4_000];

const EVENT: Metric = Metric { label: "CPU for a new interface", unit: "us", targets: &[] };
const EVENT_WAKES: Metric = Metric { label: "wake-ups for a new interface", unit: "", targets: &[] };
const ANSWER: Metric = Metric { label: "CPU for an RS answered", unit: "us", targets: &[] };
const RA: Metric = Metric { label: "CPU for an RA", unit: "us", targets: &[] };
/// The target is one for 4,000 interfaces.
const RESYNC: Metric = Metric { label: "CPU for a resync", unit: "ms", targets: &[(4_000, 20_000)] };

/// Links that appear, one after the other.
const LINKS: u32 = 50;
/// After each of them, at any size: a daemon that has slept for longer finds less of its own in the caches.
const PAUSE: Duration = Duration::from_millis(60);
/// How many ask at most.
const ASKING: u32 = 200;
/// All second RAs are due 16 s after the first, as the shortest interval is longer than that: a little
/// before.
const SECOND_RA: Duration = Duration::from_millis(15_500);
/// The 3 s between two RAs, and the random delay.
const FLOOR: Duration = Duration::from_millis(3600);
/// Before the second RAs are due, and without the first.
const RESYNCS: u32 = 8;

pub(crate) fn scale(bench: &mut Bench) {
    let workers = Workers::beside_the_load();
    let detail = if workers.is_some() { "" } else { workers::ANYWHERE };
    for size in bench.sizes(&SIZES) {
        bench.own_rounds(size, bench.runs(1), |bench, site| {
            each(bench, site, detail);
            resync(bench, site, detail);
        });
    }
}

/// One daemon, with a resync so rare that none falls into this.
fn each(bench: &mut Bench, site: &Site, detail: &str) {
    let say = |bench: &mut Bench, metric, value| {
        bench.record_detail(metric, site.size(), detail, Subject::Autora, Sample::Is(value));
    };
    // Made before it starts: among thousands of others that takes seconds, and its second RAs are not to fall
    // into this.
    let links = site.next_generation(site.more(LINKS));
    site.plug(&links);
    let mut running = start(bench, site, "3600s");
    let (begun, pid) = (Instant::now(), running.pid());
    thread::sleep(Duration::from_secs(1));
    let woken = || machine::sleeps(pid).expect("autora runs");
    let before = woken();
    let event = cpu_during(&mut running, || {
        for link in &links {
            site.finish(&[*link]);
            thread::sleep(PAUSE);
        }
        thread::sleep(Duration::from_millis(200));
    });
    say(bench, &EVENT, microseconds(event) / f64::from(LINKS));
    say(bench, &EVENT_WAKES, (woken() - before) as f64 / f64::from(LINKS));

    thread::sleep(FLOOR.saturating_sub(begun.elapsed()));
    site.receiver.clear();
    let (sender, asking) = (Sender::open(&site.guest), site.links(1..=site.size().min(ASKING)));
    let mut answers = 0;
    let answer = cpu_during(&mut running, || {
        for link in &asking {
            sender.send(*link, &link.solicit().frame());
            thread::sleep(Duration::from_millis(2));
        }
        answers = site.receiver.during(Duration::from_secs(1)).len();
    });
    say(bench, &ANSWER, microseconds(answer) / answers.max(1) as f64);

    // Those that were asked have their next RA later; the others have it now.
    thread::sleep(SECOND_RA.saturating_sub(begun.elapsed()));
    site.receiver.clear();
    let mut ras = 0;
    let time = cpu_during(&mut running, || ras = site.receiver.during(Duration::from_secs(7)).len());
    if ras > 0 {
        say(bench, &RA, microseconds(time) / ras as f64);
    }
    drop(running);
    site.delete(site.more(LINKS));
}

/// A daemon that does nothing but a resync once a second.
fn resync(bench: &mut Bench, site: &Site, detail: &str) {
    let mut running = start(bench, site, "1s");
    thread::sleep(Duration::from_millis(1500));
    let time = cpu_during(&mut running, || thread::sleep(Duration::from_secs(u64::from(RESYNCS))));
    let value = Sample::Is(microseconds(time) / 1000.0 / f64::from(RESYNCS));
    bench.record_detail(&RESYNC, site.size(), detail, Subject::Autora, value);
}

fn start(bench: &Bench, site: &Site, resync: &str) -> Running {
    let arguments = ["--forwarding-resync-interval", resync, "--heartbeat-interval", "0s"];
    let launch = Launch { arguments: arguments.map(str::to_owned).to_vec(), ..Launch::default() };
    bench.up(&launch, Subject::Autora, site).0
}

fn cpu_during(running: &mut Running, work: impl FnOnce()) -> Duration {
    let before = running.cpu().expect("autora runs");
    work();
    running.cpu().expect("autora runs").saturating_sub(before)
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
