//! The benchmarks, one file each.

mod churn;
mod filter;
mod flood;
mod guard;
mod hotplug;
mod idle;
mod latency;
mod micro;
mod migration;
mod probe;
mod scale;
mod start;

pub(crate) use churn::churn;
pub(crate) use filter::filter;
pub(crate) use flood::{flood, hoplimit};
pub(crate) use guard::guard;
pub(crate) use hotplug::hotplug;
pub(crate) use idle::idle;
pub(crate) use latency::latency;
pub(crate) use micro::micro;
pub(crate) use migration::migration;
pub(crate) use probe::probe;
pub(crate) use scale::scale;
pub(crate) use start::{rss, start};
