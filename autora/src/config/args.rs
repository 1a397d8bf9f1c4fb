//! The daemon's arguments.

use std::{
    ffi::{OsStr, OsString},
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use autora_common::maps::CAPACITY;
use clap::builder::{BoolishValueParser, Resettable};

use super::{origin::Origins, refused::RefusedValues, seconds::Seconds};
use crate::{
    engine::{eligibility::SeveralPrefixes, takeover::DEFAULT_RESYNC_INTERVAL},
    settings::{FilterMode, LogFormat, LogLevel, OnExit, SendPath},
    wire::RouterPreference,
};

/// The directory of claims that daemons share unless they are told another one.
pub(super) const CLAIM_DIRECTORY: &str = "/run/autora.lock";

/// The service manager's variable (`systemd.exec(5)`, `RuntimeDirectory=`).
const RUNTIME_DIRECTORY: &str = "RUNTIME_DIRECTORY";

/// The daemon's arguments.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct DaemonArgs {
    /// Serve interfaces whose name this regular expression matches; anchor it with ^ and $
    #[arg(long, env = "AUTORA_INTERFACE_REGEX", value_name = "REGEX", default_value = "^$")]
    #[arg(help_heading = "What to serve")]
    pub interface_regex: String,

    /// Serve at most this many interfaces, 1 to 65536; further ones wait until there is room
    #[arg(long, env = "AUTORA_MAX_INTERFACES", value_name = "NUMBER", default_value_t = CAPACITY)]
    #[arg(value_parser = number_of_interfaces, allow_hyphen_values = true)]
    #[arg(help_heading = "What to serve")]
    pub max_interfaces: u32,

    /// Send RAs only from this link-local address, like fe80::1; an interface without it is not served
    /// [default: any link-local address of the interface]
    #[arg(long, env = "AUTORA_SOURCE_ADDRESS", value_name = "ADDRESS", value_parser = address)]
    #[arg(help_heading = "What to serve")]
    pub source_address: Option<Ipv6Addr>,

    /// What to do with an interface that has several /64s
    #[arg(long, env = "AUTORA_SEVERAL_PREFIXES", value_name = "WHAT", default_value = "refuse")]
    #[arg(help_heading = "What to serve")]
    pub several_prefixes: SeveralPrefixes,

    /// Longest time between two unsolicited RAs on an interface, 4s to 65535s
    #[arg(long, env = "AUTORA_MAX_RA_INTERVAL", value_name = "DURATION", default_value = "60s")]
    #[arg(allow_hyphen_values = true, help_heading = "When to advertise")]
    pub max_ra_interval: Seconds,

    /// Shortest time between two unsolicited RAs, 3s to 3/4 of --max-ra-interval [default: 20s, or that bound
    /// if less]
    #[arg(long, env = "AUTORA_MIN_RA_INTERVAL", value_name = "DURATION")]
    #[arg(allow_hyphen_values = true, help_heading = "When to advertise")]
    pub min_ra_interval: Option<Seconds>,

    /// How long a guest keeps its default route after an RA: 0s for no route, or --max-ra-interval to 65535s
    /// [default: 180s, or 3 times --max-ra-interval if more]
    #[arg(long, env = "AUTORA_ROUTER_LIFETIME", value_name = "DURATION")]
    #[arg(allow_hyphen_values = true, help_heading = "What to advertise")]
    pub router_lifetime: Option<Seconds>,

    /// How long a guest's address stays valid after an RA, up to "infinity"
    /// [default: 86400s, or --pio-preferred-lifetime if more]
    #[arg(long, env = "AUTORA_PIO_VALID_LIFETIME", value_name = "DURATION")]
    #[arg(allow_hyphen_values = true, help_heading = "What to advertise")]
    pub pio_valid_lifetime: Option<Seconds>,

    /// How long after an RA a guest uses its address for new connections, up to --pio-valid-lifetime
    /// [default: 14400s, or that bound if less]
    #[arg(long, env = "AUTORA_PIO_PREFERRED_LIFETIME", value_name = "DURATION")]
    #[arg(allow_hyphen_values = true, help_heading = "What to advertise")]
    pub pio_preferred_lifetime: Option<Seconds>,

    /// Which router a guest with several prefers
    #[arg(long, env = "AUTORA_ROUTER_PREFERENCE", value_name = "PREFERENCE", default_value = "medium")]
    #[arg(help_heading = "What to advertise")]
    pub router_preference: RouterPreference,

    /// Add the interface's link-layer address to each RA, if it has 6 bytes
    #[arg(long, env = "AUTORA_SOURCE_LINK_LAYER_ADDRESS", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "What to advertise")]
    pub source_link_layer_address: bool,

    /// Add the interface's MTU to each RA
    #[arg(long, env = "AUTORA_MTU", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "What to advertise")]
    pub mtu: bool,

    /// What to do on SIGTERM and SIGINT
    #[arg(long, env = "AUTORA_ON_EXIT", value_name = "WHAT", default_value = "withdraw")]
    #[arg(help_heading = "What to advertise")]
    pub on_exit: OnExit,

    /// Which socket filter stands between the guests and the daemon
    #[arg(long, env = "AUTORA_FILTER", value_name = "KIND", default_value = "auto")]
    #[arg(help_heading = "How to run")]
    pub filter: FilterMode,

    /// Which socket RAs leave through
    #[arg(long, env = "AUTORA_SEND", value_name = "SOCKET", default_value = "packet")]
    #[arg(help_heading = "How to run")]
    pub send: SendPath,

    /// Read all interfaces again this often, in addition to the kernel's notifications; at least 1s
    #[arg(long, env = "AUTORA_FORWARDING_RESYNC_INTERVAL", value_name = "DURATION")]
    #[arg(default_value_t = Seconds(DEFAULT_RESYNC_INTERVAL))]
    #[arg(allow_hyphen_values = true, help_heading = "How to run")]
    pub forwarding_resync_interval: Seconds,

    /// Log one line of totals this often; 0s: never
    #[arg(long, env = "AUTORA_HEARTBEAT_INTERVAL", value_name = "DURATION", default_value = "60s")]
    #[arg(allow_hyphen_values = true, help_heading = "How to run")]
    pub heartbeat_interval: Seconds,

    /// Directory of the saved state, an absolute path [default: $RUNTIME_DIRECTORY, or /run/autora]
    #[arg(long, env = "AUTORA_RUNTIME_DIRECTORY", value_name = "DIRECTORY", help_heading = "How to run")]
    pub runtime_directory: Option<PathBuf>,

    /// Directory in which the daemons of this host say who serves which interface, the same for all of them, or "none"
    #[arg(long, env = "AUTORA_CLAIM_DIRECTORY", value_name = "DIRECTORY", default_value = CLAIM_DIRECTORY)]
    #[arg(help_heading = "How to run")]
    pub claim_directory: PathBuf,

    /// Socket for status, wait, monitor and metrics, or "none" [default: control.sock in the runtime
    /// directory]
    #[arg(long, env = "AUTORA_CONTROL_SOCKET", value_name = "PATH", help_heading = "Control and metrics")]
    pub control_socket: Option<PathBuf>,

    /// Group whose members may use the control socket, by name or number [default: the daemon's own]
    #[arg(long, env = "AUTORA_CONTROL_GROUP", value_name = "GROUP", help_heading = "Control and metrics")]
    pub control_group: Option<String>,

    /// Also serve /metrics and /healthz on this TCP address, like [::1]:9841, without authentication
    #[arg(long, env = "AUTORA_METRICS_LISTEN", value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    #[arg(help_heading = "Control and metrics")]
    pub metrics_listen: Option<SocketAddr>,

    /// Add metrics of each interface to /metrics
    #[arg(long, env = "AUTORA_METRICS_PER_INTERFACE", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Control and metrics")]
    pub metrics_per_interface: bool,

    /// Least severe level to log
    #[arg(long, env = "AUTORA_LOG", value_name = "LEVEL", default_value = "info")]
    #[arg(help_heading = "How to run")]
    pub log_level: LogLevel,

    /// Format of the log
    #[arg(long, env = "AUTORA_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    #[arg(help_heading = "How to run")]
    pub log_format: LogFormat,

    /// Send nothing and need no privilege: print what would be served, why the rest would not, and each RA, until
    /// Ctrl-C
    #[arg(long, env = "AUTORA_DRY_RUN", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "How to run")]
    pub dry_run: bool,

    /// Check the settings, print all of them with where each was given, and exit with 0, or with 2 if one is refused
    #[arg(long, help_heading = "How to run")]
    pub check: bool,

    /// Take the variables from this file, as the service does, and none from the environment; of two lines with one
    /// variable, the later one counts
    #[arg(long, value_name = "FILE", help_heading = "How to run")]
    pub settings: Option<PathBuf>,

    /// Where the values come from.
    #[arg(skip)]
    pub origins: Origins,

    /// Values that are refused already; in their places are the defaults.
    #[arg(skip)]
    pub refused: RefusedValues,
}

fn number_of_interfaces(text: &str) -> Result<u32, String> {
    let bounds = 1..=65_536;
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| format!("must be {} to {}", bounds.start(), bounds.end()))
}

fn address(text: &str) -> Result<Ipv6Addr, &'static str> {
    text.parse().map_err(|_| "must be an address in fe80::/64, like fe80::1")
}

fn address_and_port(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be ADDRESS:PORT, like [::1]:9841")
}

impl DaemonArgs {
    /// Sets what depends on variables of the environment that are not named after an option.
    pub(crate) fn complete(&mut self, variable: impl Fn(&str) -> Option<OsString>) {
        if self.runtime_directory.is_none()
            && let Some(directory) = variable(RUNTIME_DIRECTORY).as_deref().and_then(first_path)
        {
            self.runtime_directory = Some(directory);
            self.origins.add("runtime-directory", RUNTIME_DIRECTORY);
        }
    }
}

/// Returns the first of the service manager's directories, which colons separate.
fn first_path(directories: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(directories).find(|path| !path.as_os_str().is_empty())
}

/// Makes `command` and its subcommands ignore variables that are empty, as `VARIABLE=` in a file of settings
/// is meant.
pub(crate) fn without_empty_variables(
    command: clap::Command,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> clap::Command {
    let is_empty = |name: &OsStr| name.to_str().and_then(variable).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(Resettable::Reset),
            Some(_) | None => argument,
        })
        .mut_subcommands(|subcommand| without_empty_variables(subcommand, variable))
}
