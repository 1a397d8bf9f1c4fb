//! What every benchmark has at hand: the daemons, the number of runs, a place for results, a voice.

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use crate::{
    args::{Args, Benchmark},
    results::{Metric, Results, Sample},
    running::{Arrivals, Launch, Running},
    site::Site,
    subject::Subject,
};

/// The course of all benchmarks.
pub(crate) struct Bench {
    pub(crate) args: Args,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) results: Results,
    current: Benchmark,
    begun: Instant,
    site: Option<Site>,
}

impl Bench {
    pub(crate) fn new(args: Args, subjects: Vec<Subject>) -> Self {
        let results = Results::default();
        Self { args, subjects, results, current: Benchmark::Start, begun: Instant::now(), site: None }
    }

    pub(crate) fn begin(&mut self, benchmark: Benchmark) {
        self.current = benchmark;
        self.say("");
    }

    /// The sizes asked for, or these.
    pub(crate) fn sizes(&self, sizes: &[u32]) -> Vec<u32> {
        self.args.interfaces.map_or_else(|| sizes.to_vec(), |size| vec![size])
    }

    pub(crate) fn runs(&self, default: u32) -> u32 {
        self.args.runs.unwrap_or(default)
    }

    /// A line of progress.
    pub(crate) fn say(&self, what: &str) {
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("{:>3}:{:02}  {}  {what}", seconds / 60, seconds % 60, self.current.name());
        // There may be no reader.
        drop(writeln!(std::io::stderr(), "{}", line.trim_end()));
    }

    pub(crate) fn record(&mut self, metric: &'static Metric, interfaces: u32, subject: Subject, sample: Sample) {
        self.record_detail(metric, interfaces, "", subject, sample);
    }

    pub(crate) fn record_detail(
        &mut self,
        metric: &'static Metric,
        interfaces: u32,
        detail: &str,
        subject: Subject,
        sample: Sample,
    ) {
        let said = match &sample {
            Sample::Is(value) => format!("{} {}", crate::table::number(*value), metric.unit),
            Sample::Not(words) => words.clone(),
        };
        let detail_said = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        self.say(&format!("{} at {interfaces}: {}{detail_said}: {said}", subject.name(), metric.label));
        self.results.add(self.current, metric, interfaces, detail, subject, sample);
    }

    /// Calls `measure` for each daemon in turn, `runs` times around, each time with a site of `size`.
    pub(crate) fn rounds(&mut self, size: u32, runs: u32, mut measure: impl FnMut(&mut Self, &Site, Subject)) {
        for _ in 0..runs {
            for subject in self.subjects.clone() {
                self.with_site(size, |bench, site| measure(bench, site, subject));
            }
        }
    }

    /// The same for what is measured of autora alone.
    pub(crate) fn own_rounds(&mut self, size: u32, runs: u32, mut measure: impl FnMut(&mut Self, &Site)) {
        for _ in 0..runs {
            self.with_site(size, &mut measure);
        }
    }

    /// Calls `measure` with a site of this size: the last one, if it still is as it was made.
    fn with_site(&mut self, size: u32, measure: impl FnOnce(&mut Self, &Site)) {
        let site = self.site.take_if(|site| site.size() == size && site.is_fit());
        let site = site.unwrap_or_else(|| self.make(size));
        measure(self, &site);
        self.site = Some(site);
        // What the daemon leaves behind in the kernel goes.
        thread::sleep(Duration::from_millis(500));
    }

    fn make(&mut self, size: u32) -> Site {
        let pause = |least: u64| thread::sleep(Duration::from_secs(least + u64::from(size) / 1000));
        if self.site.take().is_some() {
            // The kernel takes the links of a namespace down after it has gone, and that is work.
            pause(2);
        }
        self.say(&format!("making {size} interfaces"));
        let site = Site::build(size);
        pause(1);
        site
    }

    /// Starts a daemon and waits until it has sent its first RA on every interface, or will not.
    pub(crate) fn up(&self, launch: &Launch, subject: Subject, site: &Site) -> (Running, Arrivals) {
        let mut running = launch.start(subject, site).expect("it is here, or it would not be measured");
        let arrivals = running.first_ras(site, site.links(site.numbers()), crate::running::TIMEOUT);
        if running.has_ended() {
            self.say(&format!("{} has ended: {}", subject.name(), running.last_output()));
        } else if !arrivals.complete() {
            self.say(&format!("{}: {}: {}", subject.name(), arrivals.shortfall(), running.last_output()));
        }
        (running, arrivals)
    }
}
