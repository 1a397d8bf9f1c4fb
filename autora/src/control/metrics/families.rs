//! The [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/) text format: families and
//! their series.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelValue, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use crate::engine::delays::DelayCounts;

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) const END: &str = "# EOF\n";

/// Returns the metrics of `collector` as text, without [`END`].
pub(super) fn encode(collector: impl Collector) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    text::encode_registry(&mut text, &registry).expect("writing to a string does not fail");
    text
}

/// Writes families of metrics. Names of counters get the suffix `_total`, those of infos `_info`.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Result<Family<'_>, fmt::Error> {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        Ok(Family { encoder, is_counter: true })
    }

    /// Writes counters of one series each.
    pub(super) fn counters(
        &mut self,
        counters: impl IntoIterator<Item = (&'static str, &'static str, u64)>,
    ) -> fmt::Result {
        counters.into_iter().try_for_each(|(name, help, value)| self.counter(name, help)?.value(value))
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Result<Family<'_>, fmt::Error> {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        Ok(Family { encoder, is_counter: false })
    }

    pub(super) fn histogram(&mut self, name: &'static str, help: &str, delays: &DelayCounts) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let by_bound: Vec<_> = delays.by_bound().collect();
        encoder.encode_histogram::<NoLabelSet>(delays.sum().as_secs_f64(), delays.total(), &by_bound, None)
    }

    pub(super) fn info(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &[(&str, impl EncodeLabelValue)],
    ) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }
}

/// Writes the series of one family.
pub(super) struct Family<'a> {
    encoder: MetricEncoder<'a>,
    is_counter: bool,
}

impl Family<'_> {
    /// Writes the only series.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> fmt::Result {
        value.into().encode(&mut self.encoder, self.is_counter)
    }

    /// Writes one of several series.
    pub(super) fn labelled(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) -> fmt::Result {
        value.into().encode(&mut self.encoder.encode_family(&labels)?, self.is_counter)
    }
}

/// The value of a series.
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl Value {
    fn encode(self, encoder: &mut MetricEncoder<'_>, is_counter: bool) -> fmt::Result {
        match (self, is_counter) {
            (Self::Whole(value), true) => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
            (Self::Real(value), true) => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
            (Self::Whole(value), false) => encoder.encode_gauge(&value),
            (Self::Real(value), false) => encoder.encode_gauge(&value),
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}
