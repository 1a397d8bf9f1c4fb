//! The benchmarks, one file each.

mod churn;
mod flood;
mod hotplug;
mod idle;
mod start;

pub(crate) use churn::churn;
pub(crate) use flood::{flood, hoplimit};
pub(crate) use hotplug::hotplug;
pub(crate) use idle::idle;
pub(crate) use start::{rss, start};
