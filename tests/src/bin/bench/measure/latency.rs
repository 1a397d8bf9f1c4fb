//! The latency of solicited RAs on quiet interfaces while another guest floods and 500 interfaces come and go.
//!
//! Latency is the time beyond the drawn delay, which the daemon logs at the level `debug`. Part of it passes before
//! the daemon: the soliciting guest shares a core with the flood, the `ip` runs and the kernel's receive path. So
//! it is also measured how much later than due RAs leave, which is the daemon's part. In one round the kernel's
//! work for new interfaces is kept off the daemon's core, in another it is not. The log costs time, so a further
//! round runs without it; then only the distribution of the delays is known: uniform from 0 to 500 ms.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead as _, BufReader},
    ops::Range,
    process::ChildStderr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    bench::Bench,
    histogram::Histogram,
    link::Link,
    load::{Rate, Sender},
    machine,
    receiver::Ra,
    results::{Metric, Sample, quantile},
    running::Launch,
    site::Site,
    subject::Subject,
    workers::{self, Workers},
};

const SIZES: [u32; 2] = [1_000, 4_000];

/// From this time after the first RAs no solicited RA waits for the 3 s floor, and until 16 s after them no other RA is
/// due.
const SETTLE: Duration = Duration::from_secs(4);
const TIME: Duration = Duration::from_secs(9);

/// MAX_RA_DELAY_TIME and a margin: a solicitation without an RA by then counts as unanswered.
const LAST_ANSWER: Duration = Duration::from_millis(1500);

/// The time limit for serving new interfaces: on its core the flood leaves the kernel little time for them.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The number of interfaces that are deleted and made again: half of them at most.
const ANEW: u32 = 500;

/// The number of guests that solicit, each once: of the other half.
const QUIET: u32 = 400;

/// The number of links that one run of `ip` deletes or makes.
const AT_ONCE: usize = 25;

const MEDIAN: Metric = Metric { label: "answer later than drawn, median", unit: "ms", targets: &[(0, 1_000)] };
const WORST: Metric = Metric { label: "answer later than drawn, 99th percentile", unit: "ms", targets: &[(0, 5_000)] };
const DUE: Metric = Metric { label: "answer leaves later than due, median", unit: "ms", targets: &[(0, 1_000)] };
const DUE_WORST: Metric =
    Metric { label: "answer leaves later than due, 99th percentile", unit: "ms", targets: &[(0, 5_000)] };
const CLASSES: Metric =
    Metric { label: "classes between that and the histogram of /metrics", unit: "", targets: &[(0, 1_000)] };
const CLASSES_WORST: Metric =
    Metric { label: "classes between it and the histogram of /metrics", unit: "", targets: &[(0, 1_000)] };
const MEAN: Metric = Metric { label: "delay of an answer, mean (drawn from 0-500)", unit: "ms", targets: &[] };
const LONGEST: Metric = Metric { label: "delay of an answer, longest", unit: "ms", targets: &[(0, 505_000)] };
const UNANSWERED: Metric = Metric { label: "RS of quiet interfaces unanswered", unit: "", targets: &[(0, 0)] };
const MEANWHILE: Metric = Metric { label: "of 500 made anew, served while these asked", unit: "", targets: &[] };
const CREATED: Metric = Metric { label: "of 500 made anew, not served in 20 s", unit: "", targets: &[(0, 0)] };

pub(crate) fn latency(bench: &mut Bench) {
    for size in bench.sizes(&SIZES) {
        bench.own_rounds(size, bench.runs(3), |bench, site| {
            run(bench, site, true, workers::ANYWHERE);
            if let Some(_beside_the_load) = Workers::beside_the_load() {
                run(bench, site, true, "");
                run(bench, site, false, "log level info");
            }
        });
    }
}

/// Drawn delays by the index of the interface.
type Drawn = Arc<Mutex<HashMap<u32, Draw>>>;

/// In nanoseconds.
#[derive(Clone, Copy)]
struct Draw {
    delay: u64,
    /// When that is over, on the daemon's clock.
    due: u64,
}

/// In nanoseconds.
struct Answered {
    index: u32,
    delay: u64,
    /// When it left.
    at: u64,
}

fn run(bench: &mut Bench, site: &Site, told: bool, detail: &str) {
    let arguments = if told { vec!["--log-level".to_owned(), "debug".to_owned()] } else { Vec::new() };
    let launch = Launch { more: Vec::new(), arguments, listen: true };
    let mut running = launch.start(Subject::Autora, site).expect("autora is here");
    let drawn = Drawn::default();
    read(running.output().expect("asked for"), drawn.clone());
    let arrivals = running.first_ras(site, site.links(site.numbers()), Duration::from_secs(10));
    if !arrivals.complete() {
        let shortfall = Sample::Not(arrivals.shortfall());
        return bench.record_detail(&MEDIAN, site.size(), detail, Subject::Autora, shortfall);
    }
    thread::sleep(SETTLE);
    drawn.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let others = site.next_generation(made_anew(site));
    let (ras, asked) = trouble(site, &others);
    let histogram = Histogram::read(&running.metrics(), "autora_rs_answer_lateness_seconds").expect("autora has it");
    let told = told.then_some(Told { drawn: &drawn, histogram });
    report(bench, site, detail, told.as_ref(), &Heard { ras, asked, others: &others });
    drop(running);
    site.wait_fit();
}

/// The numbers of the last links, behind those that are quiet.
fn made_anew(site: &Site) -> Range<u32> {
    let numbers = site.numbers();
    numbers.end - ANEW.min(site.size() / 2)..numbers.end
}

/// The received RAs, when each guest solicited, and the links that were made anew.
struct Heard<'a> {
    ras: Vec<Ra>,
    asked: Vec<(Link, u64)>,
    others: &'a [Link],
}

/// Floods on one interface, makes others anew, and solicits on quiet ones.
fn trouble(site: &Site, others: &[Link]) -> (Vec<Ra>, Vec<(Link, u64)>) {
    let sender = Sender::open(&site.guest);
    let (victim, stop) = (site.link(1), AtomicBool::new(false));
    thread::scope(|scope| {
        let frame = victim.solicit().frame();
        let (sender, stop) = (&sender, &stop);
        scope.spawn(move || sender.flood(victim, &frame, Rate::Full, stop));
        let changing = scope.spawn(|| {
            for links in others.chunks(AT_ONCE) {
                site.delete(links.iter().map(|link| link.number));
                site.plug(links);
                site.finish(links);
            }
        });
        let begun = Instant::now();
        let quiet = site.links(2..made_anew(site).start.min(QUIET + 2));
        let step = TIME / u32::try_from(quiet.len()).expect("hundreds").max(1);
        let (mut ras, mut asked) = (Vec::new(), Vec::new());
        for (place, link) in (0..).zip(quiet) {
            ras.extend(site.receiver.during((step * place).saturating_sub(begun.elapsed())));
            let frame = link.solicit().frame();
            asked.push((link, machine::now()));
            sender.send(link, &frame);
        }
        while !changing.is_finished() {
            ras.extend(site.receiver.during(Duration::from_millis(100)));
        }
        ras.extend(site.receiver.during(LAST_ANSWER));
        let heard: HashSet<Link> = ras.iter().map(|ra| ra.link).collect();
        let mut missing: HashSet<Link> = others.iter().copied().filter(|link| !heard.contains(link)).collect();
        if !missing.is_empty() {
            site.receiver.until(TIMEOUT, |ra| {
                ras.push(ra);
                missing.remove(&ra.link);
                missing.is_empty()
            });
        }
        stop.store(true, Ordering::Relaxed);
        (ras, asked)
    })
}

fn report(bench: &mut Bench, site: &Site, detail: &str, told: Option<&Told<'_>>, heard: &Heard<'_>) {
    let answers: Vec<Answered> = heard.asked.iter().filter_map(|asked| heard.answer(asked)).collect();
    let mut say = |metric, value: f64| {
        bench.record_detail(metric, site.size(), detail, Subject::Autora, Sample::Is(value));
    };
    if let Some(told) = told {
        told.report(&answers, &mut say);
    }
    let delays: Vec<f64> = answers.iter().map(|answer| milliseconds(answer.delay)).collect();
    if !delays.is_empty() {
        say(&MEAN, delays.iter().sum::<f64>() / delays.len() as f64);
        say(&LONGEST, quantile(&delays, 1.0));
    }
    say(&UNANSWERED, (heard.asked.len() - answers.len()) as f64);
    let last_asked = heard.asked.last().map_or(0, |(_, at)| *at);
    let meanwhile = |link: &&Link| heard.ras.iter().any(|ra| ra.link == **link && ra.at < last_asked);
    say(&MEANWHILE, heard.others.iter().filter(meanwhile).count() as f64);
    let served = |link: &&Link| heard.ras.iter().any(|ra| ra.link == **link);
    say(&CREATED, (heard.others.len() - heard.others.iter().filter(served).count()) as f64);
}

/// What the daemon tells: its draws, and how late it says that answers left.
struct Told<'a> {
    drawn: &'a Drawn,
    histogram: Histogram,
}

impl Told<'_> {
    fn report(&self, answers: &[Answered], say: &mut impl FnMut(&'static Metric, f64)) {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let boot = machine::now() - machine::since_boot();
        let told: Vec<_> = answers.iter().filter_map(|answer| Some((answer, drawn.get(&answer.index)?))).collect();
        if told.is_empty() {
            return;
        }
        let late = |late: &dyn Fn(&Answered, &Draw) -> f64| -> [f64; 2] {
            let late: Vec<f64> = told.iter().map(|(answer, draw)| late(answer, draw)).collect();
            [0.5, 0.99].map(|part| quantile(&late, part))
        };
        let [median, worst] = late(&|answer, draw| milliseconds(answer.delay) - milliseconds(draw.delay));
        say(&MEDIAN, median);
        say(&WORST, worst);
        let [median, worst] = late(&|answer, draw| milliseconds(answer.at) - milliseconds(boot + draw.due));
        say(&DUE, median);
        say(&CLASSES, self.histogram.classes_from(0.5, median));
        say(&DUE_WORST, worst);
        say(&CLASSES_WORST, self.histogram.classes_from(0.99, worst));
    }
}

impl Heard<'_> {
    /// When the RA arrived, and how long after the solicitation.
    fn answer(&self, (link, asked): &(Link, u64)) -> Option<Answered> {
        let in_time = *asked..*asked + LAST_ANSWER.as_nanos() as u64;
        let at = self.ras.iter().find(|ra| ra.link == *link && in_time.contains(&ra.at))?.at;
        Some(Answered { index: link.index(), delay: at - asked, at })
    }
}

/// Reads the drawn delays from the daemon's log until it ends.
fn read(output: ChildStderr, drawn: Drawn) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok).filter(|line| line.contains("solicited")) {
            let number = |name: &str| -> Option<u64> {
                let rest = line.split_once(name)?.1;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            };
            if let (Some(index), Some(delay), Some(due)) = (number(" ifindex="), number(" delay="), number(" due="))
                && let Ok(index) = u32::try_from(index)
            {
                let draw = Draw { delay: delay * 1000, due: due * 1000 };
                drawn.lock().unwrap_or_else(PoisonError::into_inner).insert(index, draw);
            }
        }
    });
}

fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
