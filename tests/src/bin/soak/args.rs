//! How long, how many, and which daemon, as asked on the command line.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Parser;

use crate::agenda::Plan;

/// Below this the thirds of the run are too short to compare.
const SHORTEST: Duration = Duration::from_secs(60);

/// Where the package has the daemon.
const INSTALLED: &str = "/usr/bin/autora";

const EXAMPLES: &str = "\
Examples:
  cargo xtask soak --time 30m                         the daemon of the checkout, release profile
  cargo xtask soak --time 8h --interfaces 4000        a night
  cargo xtask soak --time 30m --installed             the daemon of the installed package
  cargo xtask soak --time 5m --seed 7                 the events of a run once more

The events go to standard error, the result to standard output. The exit code is 1 if a rule was broken.";

/// Runs autora among links that come and go, floods, clients that stall, restarts and kills, and watches its RAs.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak", after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long, at least 1m
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
    time: Duration,

    /// The number of interfaces
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    interfaces: u32,

    /// The seed of the events [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// This daemon, in place of the one of the checkout
    #[arg(long, value_name = "PATH", conflicts_with = "installed")]
    autora: Option<PathBuf>,

    /// The daemon of the installed package, /usr/bin/autora
    #[arg(long)]
    installed: bool,

    /// JSON in place of the page
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// Returns what is to happen. Without a seed it is drawn by the time of day.
    pub(crate) fn plan(&self) -> Plan {
        let drawn = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Plan { size: self.interfaces, time: self.time, seed: self.seed.unwrap_or_else(drawn) }
    }

    /// Returns the daemon.
    pub(crate) fn binary(&self) -> Result<PathBuf, String> {
        let installed = self.installed.then(|| PathBuf::from(INSTALLED));
        let Some(chosen) = self.autora.clone().or(installed) else { return Ok(autora_tests::binary()) };
        existing(&chosen)
    }
}

fn existing(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("no daemon at {}: {error}", path.display()))
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < SHORTEST { Err(format!("at least {}", humantime::format_duration(SHORTEST))) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_a_least() {
        assert_eq!(time("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(time("1m"), Ok(SHORTEST));
        for text in ["", "30", "59s", "-1m"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_seed_is_kept_and_a_daemon_is_there_or_refused() {
        let args = |words: &[&str]| Args::parse_from([&["soak"][..], words].concat());
        assert_eq!(args(&["--seed", "7"]).plan().seed, 7);
        assert_eq!(args(&["--autora", "/proc/self/exe"]).binary(), existing(Path::new("/proc/self/exe")));
        assert!(args(&["--autora", "/no/such/daemon"]).binary().is_err());
        assert!(Args::try_parse_from(["soak", "--autora", "/x", "--installed"]).is_err());
    }
}
