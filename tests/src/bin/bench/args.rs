//! What to measure, as asked on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::subject::Subject;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                                   everything, every daemon: well over an hour
  cargo xtask bench start --interfaces 1000           one benchmark, one size
  cargo xtask bench flood churn --only autora,bird    some benchmarks, some daemons
  cargo xtask bench start --interfaces 10000 --only autora
                                                      many: the kernel needs minutes to make them
  cargo xtask bench --json --svg tests/bench.svg      for a program, and for the docs

Progress goes to standard error, the result to standard output.";

/// Measures autora beside the other Router Advertisement daemons of this distribution.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to measure [default: everything]
    #[arg(value_name = "NAME")]
    names: Vec<Benchmark>,

    /// The number of interfaces, in place of those of the table
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) interfaces: Option<u32>,

    /// How often [default: 3; once for `idle`, `rss` and `scale`]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: Option<u32>,

    /// These daemons alone
    #[arg(long, value_name = "DAEMON,...", value_delimiter = ',')]
    only: Vec<Subject>,

    /// JSON in place of the table
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw a chart as well
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Say what can be measured, and with which daemons
    #[arg(long)]
    pub(crate) list: bool,

    /// Fetch no other daemon and no tool: measure those that are here, with what is here
    #[arg(long)]
    pub(crate) no_peers: bool,
}

/// Everything that can be measured, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Benchmark {
    /// From exec to the first RA on all interfaces
    Start,
    /// Memory after that
    Rss,
    /// A flood of valid solicitations on one interface, and the neighbours meanwhile
    Flood,
    /// A flood of solicitations with a hop limit of 64
    Hoplimit,
    /// A new interface: to its first RA, from the start of `ip` and from the kernel's event
    Hotplug,
    /// Half of all interfaces deleted and made again, and all of them
    Churn,
    /// CPU for each RA, and wake-ups, when nothing happens
    Idle,
    /// How late answers are while one interface floods and 500 others come and go (autora)
    Latency,
    /// The eBPF filter: time for each verdict, and beside a socket that blocks everything (autora)
    Filter,
    /// A flood of multicast without and with the guard of `contrib/nftables`, and the sender's own part (autora)
    Guard,
    /// A guest that moves to another host: how long it gets no answers (autora)
    Migration,
    /// `autora probe --all` of 100 and 1,000 guests (autora)
    Probe,
    /// CPU for each event, RA, answer and resync at 10 to 4,000 interfaces (autora)
    Scale,
    /// The pure code: time with criterion, instructions with callgrind (autora)
    Micro,
}

impl Args {
    /// What to measure, in order.
    pub(crate) fn benchmarks(&self) -> Vec<Benchmark> {
        let all = Benchmark::value_variants().iter().copied();
        all.filter(|name| self.names.is_empty() || self.names.contains(name)).collect()
    }

    /// Which daemons, autora first.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let all = Subject::value_variants().iter().copied();
        all.filter(|subject| self.only.is_empty() || self.only.contains(subject)).collect()
    }
}

impl Benchmark {
    /// Whether it concerns autora alone.
    pub(crate) fn is_own(self) -> bool {
        matches!(
            self,
            Self::Latency | Self::Filter | Self::Guard | Self::Migration | Self::Probe | Self::Scale | Self::Micro
        )
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What there is, for `--list`.
pub(crate) fn list() -> String {
    let mut lines = vec!["benchmarks".to_owned()];
    for value in Benchmark::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        lines.push(format!(
            "  {:<10}{}",
            value.get_name(),
            value.get_help().map(ToString::to_string).unwrap_or_default()
        ));
    }
    lines.push("daemons".to_owned());
    for subject in Subject::value_variants() {
        let version = subject.version().unwrap_or_else(|| "not here".to_owned());
        lines.push(format!("  {:<10}{version}", subject.name()));
    }
    lines.join("\n")
}
