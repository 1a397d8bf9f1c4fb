//! The daemon's settings, validated: a [`Config`] that exists is valid.

mod args;
mod choices;
mod control;
mod error;
mod seconds;
pub mod settings_file;
mod warning;

use std::{
    fmt,
    net::Ipv6Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use regex::Regex;

pub use self::{
    args::DaemonArgs,
    control::{ControlConfig, NO_SOCKET},
    error::ConfigError,
    seconds::Seconds,
    warning::Warning,
};
pub(crate) use self::{
    args::without_empty_variables,
    seconds::seconds_between,
    warning::{SETTINGS_READ, commented_variables, unknown_variables},
};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        content::LinkOptions,
        eligibility::{AddressPolicy, Policy},
        parameters::Parameters,
    },
    settings::{FilterMode, LogFormat, LogLevel, OnExit, SendPath},
    wire::INFINITE_LIFETIME,
};

/// All settings of the daemon.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which interfaces to serve.
    pub policy: Policy,
    /// How many interfaces to serve at most.
    pub max_interfaces: u32,
    /// The content of RAs, and the intervals between them.
    pub parameters: Parameters,
    /// The options of RAs that describe the link.
    pub link_options: LinkOptions,
    /// Time between two resyncs.
    pub resync_interval: Duration,
    /// Time between two heartbeats in the log; `None` for none.
    pub heartbeat_interval: Option<Duration>,
    /// The directory of the saved state.
    pub runtime_directory: PathBuf,
    /// The directory in which daemons claim interfaces; `None` to serve as if there were no other.
    pub claim_directory: Option<PathBuf>,
    /// The control socket and the metrics.
    pub control: ControlConfig,
    /// The least severe level to log.
    pub log_level: LogLevel,
    /// The log's format.
    pub log_format: LogFormat,
    /// Print RAs instead of sending them.
    pub dry_run: bool,
    /// The filter of the receiving socket.
    pub filter: FilterMode,
    /// The socket that RAs leave through.
    pub send: SendPath,
    /// What to do on SIGTERM and SIGINT.
    pub on_exit: OnExit,
    /// Settings that are valid but probably not meant.
    pub warnings: Vec<Warning>,
}

const LINK_LOCAL_64: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

/// Upper bound of the intervals and of the Router Lifetime, as raised by
/// [RFC 8319 4](https://www.rfc-editor.org/rfc/rfc8319#section-4).
const MAX_SECONDS: Seconds = Seconds(Duration::from_secs(65_535));

impl TryFrom<&DaemonArgs> for Config {
    type Error = ConfigError;

    fn try_from(args: &DaemonArgs) -> Result<Self, Self::Error> {
        let (mut policy, mut warnings) = policy(&args.interface_regex)?;
        policy.addresses = AddressPolicy {
            source: args.source_address.map(source_address).transpose()?,
            several_prefixes: args.several_prefixes,
        };
        let resync_interval = check(
            "--forwarding-resync-interval",
            args.forwarding_resync_interval,
            Seconds(Duration::from_secs(1)),
            Seconds(INFINITE_LIFETIME),
        )?;
        let Seconds(heartbeat) = args.heartbeat_interval;
        let runtime_directory = runtime_directory(args)?;
        let claim_directory = claim_directory(&args.claim_directory)?;
        if !args.dry_run {
            warnings.extend(warning::about_claims(claim_directory.as_deref()));
        }
        Ok(Self {
            policy,
            max_interfaces: args.max_interfaces,
            parameters: parameters(args)?,
            link_options: LinkOptions { source_link_layer_address: args.source_link_layer_address, mtu: args.mtu },
            resync_interval,
            heartbeat_interval: (!heartbeat.is_zero()).then_some(heartbeat),
            control: ControlConfig::new(args, &runtime_directory)?,
            runtime_directory,
            claim_directory,
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

/// Returns the required source: an address of fe80::/64, in which all link-local addresses are [RFC 4291
/// 2.5.6](https://www.rfc-editor.org/rfc/rfc4291#section-2.5.6).
fn source_address(address: Ipv6Addr) -> Result<LinkLocal, ConfigError> {
    let is_in_64 = Prefix64::containing(address) == Prefix64::containing(LINK_LOCAL_64);
    LinkLocal::new(address).filter(|_| is_in_64).ok_or(ConfigError::SourceAddress(address))
}

fn runtime_directory(args: &DaemonArgs) -> Result<PathBuf, ConfigError> {
    let directory = args.runtime_directory.as_deref().unwrap_or(Path::new("/run/autora"));
    if directory.is_absolute() {
        Ok(directory.to_owned())
    } else {
        Err(ConfigError::RuntimeDirectory(directory.to_owned()))
    }
}

fn claim_directory(directory: &Path) -> Result<Option<PathBuf>, ConfigError> {
    match directory {
        none if none == Path::new(NO_SOCKET) => Ok(None),
        directory if directory.is_absolute() => Ok(Some(directory.to_owned())),
        directory => Err(ConfigError::ClaimDirectory(directory.to_owned())),
    }
}

/// Returns the policy that serves the interfaces which `regex` matches, and warnings about `regex`.
///
/// # Errors
///
/// Returns [`ConfigError::Regex`] if it is no regular expression, or empty.
pub fn policy(regex: &str) -> Result<(Policy, Vec<Warning>), ConfigError> {
    let invalid = |reason: String| ConfigError::Regex { regex: regex.to_owned(), reason };
    if regex.is_empty() {
        return Err(invalid(
            "is empty; leave the option out to serve nothing, or write an expression like ^tap-vm-[0-9]+$".to_owned(),
        ));
    }
    let syntax = regex_syntax::parse(regex).map_err(|error| invalid(in_one_line(&error)))?;
    let pattern = Regex::new(regex).map_err(|error| invalid(error.to_string()))?;
    let warnings = warning::about_regex(regex, &syntax);
    Ok((Policy { pattern, addresses: AddressPolicy::default() }, warnings))
}

/// Returns what is wrong and where; the error's own text has four lines, with a drawing.
fn in_one_line(error: &regex_syntax::Error) -> String {
    let (kind, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.column),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.column),
        other => return other.to_string(),
    };
    format!("{kind}, at character {at}; write one like ^tap-vm-[0-9]+$")
}

/// Returns the intervals and lifetimes. A setting that is not given follows those that are. Bounds: [RFC 4861
/// 6.2.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1), with the upper bounds of RFC 8319 4.
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
    let preferred_lifetime = check_named("--pio-preferred-lifetime", preferred, seconds(0), valid, |low, high| {
        format!("{low} to {high} (--pio-valid-lifetime)")
    })?;
    Ok(Parameters {
        min_interval,
        max_interval: max,
        router_lifetime,
        valid_lifetime,
        preferred_lifetime,
        preference: args.router_preference,
    })
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

impl Config {
    /// Returns the name of each option, without its dashes, and its value in words.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        let parameters = &self.parameters;
        let settings = [
            ("interface-regex", self.policy.pattern.to_string()),
            (
                "source-address",
                self.policy.addresses.source.map_or_else(|| "any".to_owned(), |source| source.to_string()),
            ),
            ("several-prefixes", name(&self.policy.addresses.several_prefixes)),
            ("max-interfaces", self.max_interfaces.to_string()),
            ("min-ra-interval", Seconds(parameters.min_interval).to_string()),
            ("max-ra-interval", Seconds(parameters.max_interval).to_string()),
            ("router-lifetime", Seconds(parameters.router_lifetime).to_string()),
            ("pio-valid-lifetime", Seconds(parameters.valid_lifetime).to_string()),
            ("pio-preferred-lifetime", Seconds(parameters.preferred_lifetime).to_string()),
            ("router-preference", name(&parameters.preference)),
            ("source-link-layer-address", self.link_options.source_link_layer_address.to_string()),
            ("mtu", self.link_options.mtu.to_string()),
            ("forwarding-resync-interval", Seconds(self.resync_interval).to_string()),
            ("heartbeat-interval", Seconds(self.heartbeat_interval.unwrap_or_default()).to_string()),
            ("runtime-directory", self.runtime_directory.display().to_string()),
            (
                "claim-directory",
                self.claim_directory.as_ref().map_or_else(|| NO_SOCKET.to_owned(), |path| path.display().to_string()),
            ),
            ("log-level", name(&self.log_level)),
            ("log-format", name(&self.log_format)),
            ("dry-run", self.dry_run.to_string()),
            ("filter", name(&self.filter)),
            ("send", name(&self.send)),
            ("on-exit", name(&self.on_exit)),
        ];
        settings.into_iter().chain(self.control.settings())
    }
}

/// One setting per line: the option's name, then its value.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings().try_for_each(|(option, value)| writeln!(f, "{option:<27} {value}"))
    }
}

fn name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests;
