//! What was measured: rows of samples by daemon, medians, ratios, targets.

use serde_json::{Value, json};

use crate::{args::Benchmark, subject::Subject};

/// A figure that can be measured of a daemon; less is better in all of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) label: &'static str,
    pub(crate) unit: &'static str,
    /// The most that it may be at so many interfaces, in thousandths of the unit; 0 interfaces stand for any
    /// number.
    pub(crate) targets: &'static [(u32, u32)],
}

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    /// In the metric's unit.
    Is(f64),
    /// It fell short of what was asked; in words.
    Not(String),
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) benchmark: Benchmark,
    pub(crate) metric: &'static Metric,
    pub(crate) interfaces: u32,
    /// What else sets this line apart; empty for most.
    pub(crate) detail: String,
    pub(crate) cells: Vec<(Subject, Vec<Sample>)>,
}

/// Median and range of one daemon's samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
}

impl Results {
    pub(crate) fn add(
        &mut self,
        benchmark: Benchmark,
        metric: &'static Metric,
        interfaces: u32,
        detail: &str,
        subject: Subject,
        sample: Sample,
    ) {
        let same = |row: &&mut Row| {
            row.benchmark == benchmark && row.metric == metric && row.interfaces == interfaces && row.detail == detail
        };
        let row = if let Some(index) = self.rows.iter_mut().position(|row| same(&row)) {
            &mut self.rows[index]
        } else {
            let cells = Vec::new();
            self.rows.push(Row { benchmark, metric, interfaces, detail: detail.to_owned(), cells });
            self.rows.last_mut().expect("it was just pushed")
        };
        match row.cells.iter_mut().find(|(other, _)| *other == subject) {
            Some((_, samples)) => samples.push(sample),
            None => row.cells.push((subject, vec![sample])),
        }
    }

    pub(crate) fn json(&self, head: &str, versions: &[(Subject, String)]) -> Value {
        let versions: serde_json::Map<_, _> =
            versions.iter().map(|(subject, version)| (subject.name().to_owned(), json!(version))).collect();
        json!({ "machine": head, "versions": versions, "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>() })
    }
}

impl Row {
    pub(crate) fn samples(&self, subject: Subject) -> &[Sample] {
        self.cells.iter().find(|(other, _)| *other == subject).map_or(&[], |(_, samples)| samples)
    }

    /// The figure of one daemon; nothing if it was not measured, or fell short even once.
    pub(crate) fn summary(&self, subject: Subject) -> Option<Summary> {
        Summary::of(self.samples(subject))
    }

    /// How one daemon fell short, if it did.
    pub(crate) fn shortfall(&self, subject: Subject) -> Option<&str> {
        self.samples(subject).iter().find_map(|sample| match sample {
            Sample::Is(_) => None,
            Sample::Not(words) => Some(words.as_str()),
        })
    }

    pub(crate) fn target(&self) -> Option<f64> {
        let fits = |(interfaces, _): &&(u32, u32)| *interfaces == 0 || *interfaces == self.interfaces;
        self.metric.targets.iter().find(fits).map(|(_, thousandths)| f64::from(*thousandths) / 1000.0)
    }

    /// Whether autora keeps the target; nothing without a target.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let target = self.target()?;
        if self.samples(Subject::Autora).is_empty() {
            return None;
        }
        Some(self.summary(Subject::Autora).is_some_and(|summary| summary.median <= target))
    }

    /// Whether it is about autora alone.
    pub(crate) fn is_own(&self) -> bool {
        self.cells.iter().all(|(subject, _)| *subject == Subject::Autora)
    }

    /// The best of the others.
    pub(crate) fn best_peer(&self) -> Option<(Subject, f64)> {
        let peers = self.cells.iter().map(|(subject, _)| *subject).filter(|subject| *subject != Subject::Autora);
        let medians = peers.filter_map(|subject| Some((subject, self.summary(subject)?.median)));
        medians.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    fn json(&self) -> Value {
        let cells = self.cells.iter().map(|(subject, samples)| {
            let values = samples.iter().map(|sample| match sample {
                Sample::Is(value) => json!(value),
                Sample::Not(words) => json!(words),
            });
            let summary = Summary::of(samples)
                .map(|Summary { median, min, max }| json!({ "median": median, "min": min, "max": max }));
            let cell = json!({ "summary": summary, "samples": values.collect::<Vec<_>>() });
            (subject.name().to_owned(), cell)
        });
        json!({
            "benchmark": self.benchmark.name(),
            "metric": self.metric.label,
            "detail": self.detail,
            "unit": self.metric.unit,
            "interfaces": self.interfaces,
            "target": self.target(),
            "met": self.is_met(),
            "daemons": cells.collect::<serde_json::Map<_, _>>(),
        })
    }
}

impl Summary {
    fn of(samples: &[Sample]) -> Option<Self> {
        let values: Option<Vec<f64>> = samples
            .iter()
            .map(|sample| match sample {
                Sample::Is(value) => Some(*value),
                Sample::Not(_) => None,
            })
            .collect();
        let values = values?;
        let min = values.iter().copied().min_by(f64::total_cmp)?;
        let max = values.iter().copied().max_by(f64::total_cmp)?;
        Some(Self { median: quantile(&values, 0.5), min, max })
    }
}

/// The value below which this part of all lies; between two of them, the way between.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * (sorted.len().saturating_sub(1)) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
