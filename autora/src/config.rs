//! The settings as understood: a `Config` that exists is valid.

mod args;
mod control;
mod seconds;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use regex::Regex;
use regex_syntax::hir::Look;

pub(crate) use self::args::without_empty_variables;
pub use self::{
    args::DaemonArgs,
    control::{ControlConfig, NO_SOCKET},
    seconds::Seconds,
};
use crate::{
    engine::{content::LinkOptions, eligibility::Policy, parameters::Parameters},
    settings::{FilterMode, LogFormat, LogLevel, OnExit, SendPath},
    wire::INFINITE_LIFETIME,
};

/// Everything the daemon was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which interfaces are meant.
    pub policy: Policy,
    /// How many of them at most.
    pub max_interfaces: u32,
    /// What their advertisements say and how often they leave.
    pub parameters: Parameters,
    /// What they say of their link.
    pub link_options: LinkOptions,
    /// Time between two full looks at the kernel.
    pub resync_interval: Duration,
    /// Time between two lines of totals in the log, if they are wanted.
    pub heartbeat_interval: Option<Duration>,
    /// Where to keep what a restart must know.
    pub runtime_directory: PathBuf,
    /// How people may look in.
    pub control: ControlConfig,
    /// How much to log.
    pub log_level: LogLevel,
    /// In which form.
    pub log_format: LogFormat,
    /// Show, and send nothing.
    pub dry_run: bool,
    /// Which filter guards the receiving socket.
    pub filter: FilterMode,
    /// Which socket advertisements leave through.
    pub send: SendPath,
    /// What a stop does.
    pub on_exit: OnExit,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Warning>,
}

/// A setting that is allowed but probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The regular expression can match in the middle of a name.
    NotAnchored {
        /// The regular expression.
        regex: String,
    },
    /// The regular expression is the default, which no interface matches.
    MatchesNothing,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnchored { regex } => write!(
                f,
                "--interface-regex {regex} is not anchored at both ends and may match more names than meant: \
                 write ^...$ to match whole names"
            ),
            Self::MatchesNothing => f.write_str(
                "--interface-regex is ^$, which matches no interface, so nothing will be served: set it to the names \
                 of your guests' interfaces, like ^tap-vm-[0-9]+$",
            ),
        }
    }
}

/// A setting that is refused: the option, its value, and the bound that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The regular expression is no regular expression.
    #[error("--interface-regex {regex:?}: {reason}")]
    Regex {
        /// What was given.
        regex: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory has no absolute path.
    #[error("--runtime-directory {0:?}: must be an absolute path")]
    RuntimeDirectory(PathBuf),
    /// The socket has no absolute path.
    #[error("--control-socket {0:?}: must be an absolute path, or none")]
    ControlSocket(PathBuf),
    /// A duration lies outside its bounds.
    #[error("{option} {value}: must be {bound}")]
    OutOfBounds {
        /// The option.
        option: &'static str,
        /// Its value.
        value: Seconds,
        /// The bound, in words.
        bound: String,
    },
}

/// Upper bound of the intervals and of the Router Lifetime [RFC 8319 4].
const MAX_SECONDS: Seconds = Seconds(Duration::from_secs(65_535));

impl TryFrom<&DaemonArgs> for Config {
    type Error = ConfigError;

    fn try_from(args: &DaemonArgs) -> Result<Self, Self::Error> {
        let (policy, warnings) = policy(&args.interface_regex)?;
        let resync_interval = check(
            "--forwarding-resync-interval",
            args.forwarding_resync_interval,
            Seconds(Duration::from_secs(1)),
            Seconds(INFINITE_LIFETIME),
        )?;
        let Seconds(heartbeat) = args.heartbeat_interval;
        let runtime_directory = runtime_directory(args)?;
        Ok(Self {
            policy,
            max_interfaces: args.max_interfaces,
            parameters: parameters(args)?,
            link_options: LinkOptions {
                source_link_layer_address: args.source_link_layer_address,
                mtu: args.mtu,
            },
            resync_interval,
            heartbeat_interval: (!heartbeat.is_zero()).then_some(heartbeat),
            control: ControlConfig::new(args, &runtime_directory)?,
            runtime_directory,
            log_level: args.log_level,
            log_format: args.log_format,
            dry_run: args.dry_run,
            filter: args.filter,
            send: args.send,
            on_exit: args.on_exit,
            warnings,
        })
    }
}

fn runtime_directory(args: &DaemonArgs) -> Result<PathBuf, ConfigError> {
    let directory = args.runtime_directory.as_deref().unwrap_or(Path::new("/run/autora"));
    if directory.is_absolute() {
        Ok(directory.to_owned())
    } else {
        Err(ConfigError::RuntimeDirectory(directory.to_owned()))
    }
}

/// Which interfaces `regex` means, and what is odd about it.
///
/// # Errors
///
/// [`ConfigError::Regex`] if it is none.
pub fn policy(regex: &str) -> Result<(Policy, Vec<Warning>), ConfigError> {
    let refused = |reason: String| ConfigError::Regex { regex: regex.to_owned(), reason };
    if regex.is_empty() {
        return Err(refused(
            "is empty; leave the option out to serve nothing, or say what to serve".to_owned(),
        ));
    }
    let syntax = regex_syntax::parse(regex).map_err(|error| refused(in_one_line(&error)))?;
    let pattern = Regex::new(regex).map_err(|error| refused(error.to_string()))?;
    let properties = syntax.properties();
    let anchored = properties.look_set_prefix().contains(Look::Start)
        && properties.look_set_suffix().contains(Look::End);
    let warning = if regex == "^$" {
        Some(Warning::MatchesNothing)
    } else {
        (!anchored).then(|| Warning::NotAnchored { regex: regex.to_owned() })
    };
    Ok((Policy { pattern }, warning.into_iter().collect()))
}

/// What is wrong and where; its own text has four lines, with a drawing.
fn in_one_line(error: &regex_syntax::Error) -> String {
    let (kind, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.column),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.column),
        other => return other.to_string(),
    };
    format!("{kind}, at character {at}; write one like ^tap-vm-[0-9]+$")
}

/// The bounds of RFC 4861 6.2.1, as RFC 8319 widened them. What is not set follows what is.
fn parameters(args: &DaemonArgs) -> Result<Parameters, ConfigError> {
    let seconds = |seconds| Seconds(Duration::from_secs(seconds));
    let max = check("--max-ra-interval", args.max_ra_interval, seconds(4), MAX_SECONDS)?;
    let three_quarters = Seconds(Duration::from_secs(max.as_secs() * 3 / 4));
    let min = args.min_ra_interval.unwrap_or(seconds(20).min(three_quarters));
    let min_interval = check_named("--min-ra-interval", min, seconds(3), three_quarters, |low, high| {
        format!("{low} to {high}, which is 3/4 of --max-ra-interval {}", Seconds(max))
    })?;
    let lifetime = args.router_lifetime.unwrap_or(seconds(180).max(Seconds((max * 3).min(MAX_SECONDS.0))));
    let router_lifetime = match lifetime {
        Seconds(Duration::ZERO) => Duration::ZERO,
        lifetime => check_named("--router-lifetime", lifetime, Seconds(max), MAX_SECONDS, |low, high| {
            format!("0s, or {low} (--max-ra-interval) to {high}")
        })?,
    };
    let preferred = args.pio_preferred_lifetime;
    let valid = args.pio_valid_lifetime.unwrap_or(seconds(86_400).max(preferred.unwrap_or(seconds(0))));
    let valid_lifetime = check("--pio-valid-lifetime", valid, seconds(0), Seconds(INFINITE_LIFETIME))?;
    let preferred = preferred.unwrap_or(seconds(14_400).min(valid));
    let preferred_lifetime =
        check_named("--pio-preferred-lifetime", preferred, seconds(0), valid, |low, high| {
            format!("{low} to {high} (--pio-valid-lifetime)")
        })?;
    Ok(Parameters { min_interval, max_interval: max, router_lifetime, valid_lifetime, preferred_lifetime })
}

fn check(option: &'static str, value: Seconds, low: Seconds, high: Seconds) -> Result<Duration, ConfigError> {
    check_named(option, value, low, high, |low, high| format!("{low} to {high}"))
}

fn check_named(
    option: &'static str,
    value: Seconds,
    low: Seconds,
    high: Seconds,
    bound: impl FnOnce(Seconds, Seconds) -> String,
) -> Result<Duration, ConfigError> {
    if (low..=high).contains(&value) {
        Ok(value.0)
    } else {
        Err(ConfigError::OutOfBounds { option, value, bound: bound(low, high) })
    }
}

/// The settings as understood, one a line: the option's name, then its value.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = &self.parameters;
        let settings = [
            ("interface-regex", self.policy.pattern.to_string()),
            ("max-interfaces", self.max_interfaces.to_string()),
            ("min-ra-interval", Seconds(parameters.min_interval).to_string()),
            ("max-ra-interval", Seconds(parameters.max_interval).to_string()),
            ("router-lifetime", Seconds(parameters.router_lifetime).to_string()),
            ("pio-valid-lifetime", Seconds(parameters.valid_lifetime).to_string()),
            ("pio-preferred-lifetime", Seconds(parameters.preferred_lifetime).to_string()),
            ("source-link-layer-address", self.link_options.source_link_layer_address.to_string()),
            ("mtu", self.link_options.mtu.to_string()),
            ("forwarding-resync-interval", Seconds(self.resync_interval).to_string()),
            ("heartbeat-interval", Seconds(self.heartbeat_interval.unwrap_or_default()).to_string()),
            ("runtime-directory", self.runtime_directory.display().to_string()),
            ("log-level", name(&self.log_level)),
            ("log-format", name(&self.log_format)),
            ("dry-run", self.dry_run.to_string()),
            ("filter", name(&self.filter)),
            ("send", name(&self.send)),
            ("on-exit", name(&self.on_exit)),
        ];
        for (option, value) in settings.into_iter().chain(self.control.settings()) {
            writeln!(f, "{option:<27} {value}")?;
        }
        Ok(())
    }
}

fn name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests;
