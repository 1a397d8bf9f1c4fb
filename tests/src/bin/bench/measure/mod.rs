//! The benchmarks, one file each.

mod start;

pub(crate) use start::{rss, start};
