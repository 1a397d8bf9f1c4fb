//! The daemon's settings, validated: a [`Config`] that exists is valid.

mod args;
mod choices;
mod control;
mod origin;
mod parameters;
mod refused;
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

use self::seconds::INFINITY;
pub use self::{
    args::DaemonArgs,
    control::{ControlConfig, DEFAULT_SOCKET, NO_SOCKET},
    origin::{Origin, Origins},
    refused::{RefusedValue, RefusedValues},
    seconds::Seconds,
    warning::Warning,
};
pub(crate) use self::{
    args::without_empty_variables,
    origin::{SETTINGS_READ, SettingsLines},
    refused::{matches, names},
    seconds::seconds_between,
    warning::{commented_variables, unknown_variables},
};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        content::LinkOptions,
        eligibility::{AddressPolicy, Policy},
        parameters::Parameters,
    },
    settings::{FilterMode, LogFormat, LogLevel, OnExit, SendPath},
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
    /// Where the values come from.
    pub origins: Origins,
}

const LINK_LOCAL_64: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

const SECOND: Seconds = Seconds(Duration::from_secs(1));

impl TryFrom<&DaemonArgs> for Config {
    type Error = RefusedValues;

    fn try_from(args: &DaemonArgs) -> Result<Self, Self::Error> {
        let mut refused = args.refused.clone();
        let config = checked(args, &mut refused);
        config.filter(|_| refused.is_empty()).ok_or(refused)
    }
}

/// Returns the settings, or `None` if one is refused. Makes every check before that.
fn checked(args: &DaemonArgs, refused: &mut RefusedValues) -> Option<Config> {
    let origins = &args.origins;
    let policy = refused.note(policy(&args.interface_regex), origins);
    let source = refused.note(args.source_address.map(source_address).transpose(), origins);
    let parameters = parameters::checked(args, refused);
    let resync_interval = args.forwarding_resync_interval.within("forwarding-resync-interval", SECOND..=INFINITY);
    let resync_interval = refused.note(resync_interval, origins);
    let Seconds(heartbeat) = args.heartbeat_interval;
    let runtime_directory = runtime_directory(args);
    let control = refused.note(ControlConfig::new(args, runtime_directory), origins);
    let runtime_directory = refused.note(absolute("runtime-directory", runtime_directory), origins);
    let claim_directory = refused.note(claim_directory(&args.claim_directory), origins)?;
    let (mut policy, mut warnings) = policy?;
    policy.addresses = AddressPolicy { source: source?, several_prefixes: args.several_prefixes };
    if !args.dry_run {
        warnings.extend(warning::about_claims(claim_directory.as_deref()));
    }
    Some(Config {
        policy,
        max_interfaces: args.max_interfaces,
        parameters: parameters?,
        link_options: LinkOptions { source_link_layer_address: args.source_link_layer_address, mtu: args.mtu },
        resync_interval: resync_interval?,
        heartbeat_interval: (!heartbeat.is_zero()).then_some(heartbeat),
        control: control?,
        runtime_directory: runtime_directory?,
        claim_directory,
        log_level: args.log_level,
        log_format: args.log_format,
        dry_run: args.dry_run,
        filter: args.filter,
        send: args.send,
        on_exit: args.on_exit,
        warnings,
        origins: origins.clone(),
    })
}

/// Returns the required source: an address of fe80::/64, in which all link-local addresses are [RFC 4291
/// 2.5.6](https://www.rfc-editor.org/rfc/rfc4291#section-2.5.6).
fn source_address(address: Ipv6Addr) -> Result<LinkLocal, RefusedValue> {
    let is_in_64 = Prefix64::containing(address) == Prefix64::containing(LINK_LOCAL_64);
    let refused = || RefusedValue::new("source-address", address, "must be in fe80::/64");
    LinkLocal::new(address).filter(|_| is_in_64).ok_or_else(refused)
}

fn runtime_directory(args: &DaemonArgs) -> &Path {
    args.runtime_directory.as_deref().unwrap_or(Path::new("/run/autora"))
}

fn absolute(option: &str, directory: &Path) -> Result<PathBuf, RefusedValue> {
    let refused = || RefusedValue::of_path(option, directory, "must be an absolute path");
    directory.is_absolute().then(|| directory.to_owned()).ok_or_else(refused)
}

fn claim_directory(directory: &Path) -> Result<Option<PathBuf>, RefusedValue> {
    match directory {
        none if none == Path::new(NO_SOCKET) => Ok(None),
        directory if directory.is_absolute() => Ok(Some(directory.to_owned())),
        directory => Err(RefusedValue::of_path("claim-directory", directory, "must be an absolute path, or none")),
    }
}

/// Returns the policy that serves the interfaces which `regex` matches, and warnings about `regex`.
///
/// # Errors
///
/// Returns the [`RefusedValue`] if it is no regular expression, or empty.
pub fn policy(regex: &str) -> Result<(Policy, Vec<Warning>), RefusedValue> {
    let invalid = |reason: String| RefusedValue::new("interface-regex", format!("{regex:?}"), reason);
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

    /// Returns the settings that were given, and where, in one line; empty if all are the defaults.
    #[must_use]
    pub fn given(&self) -> String {
        let given = self.settings().filter_map(|(option, value)| {
            let origin = self.origins.of(option)?;
            Some(format!("{option} {value} ({origin})"))
        });
        given.collect::<Vec<_>>().join(", ")
    }
}

/// One setting per line: the option's name, its value, and in parentheses where it was given.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings().try_for_each(|(option, value)| match self.origins.of(option) {
            Some(origin) => writeln!(f, "{option:<27} {value} ({origin})"),
            None => writeln!(f, "{option:<27} {value}"),
        })
    }
}

fn name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests;
