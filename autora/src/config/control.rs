//! The settings of the control socket and of metrics.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{args::DaemonArgs, refused::RefusedValue};

/// The socket's default name in the runtime directory.
const SOCKET: &str = "control.sock";

/// The control socket of the daemon of the service `autora`, which has the default runtime directory.
pub const DEFAULT_SOCKET: &str = "/run/autora/control.sock";

/// The value of `--control-socket` that stands for no socket, and of `--claim-directory` for none.
pub const NO_SOCKET: &str = "none";

/// The control socket and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// The control socket's path; `None` for no socket.
    pub socket: Option<PathBuf>,
    /// The socket's group, by name or number; `None` for the daemon's own.
    pub group: Option<String>,
    /// The TCP address that also serves metrics; `None` for none.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether metrics include those of each interface.
    pub metrics_per_interface: bool,
}

impl ControlConfig {
    pub(super) fn new(args: &DaemonArgs, runtime_directory: &Path) -> Result<Self, RefusedValue> {
        let socket = match args.control_socket.as_deref() {
            None => Some(runtime_directory.join(SOCKET)),
            Some(path) if path == Path::new(NO_SOCKET) => None,
            Some(path) if path.is_absolute() => Some(path.to_owned()),
            Some(path) => {
                return Err(RefusedValue::of_path("control-socket", path, "must be an absolute path, or none"));
            }
        };
        Ok(Self {
            socket,
            group: args.control_group.clone(),
            metrics_listen: args.metrics_listen,
            metrics_per_interface: args.metrics_per_interface,
        })
    }

    /// Returns each option's name and value.
    pub(super) fn settings(&self) -> [(&'static str, String); 4] {
        let socket = self.socket.as_ref().map_or_else(|| NO_SOCKET.to_owned(), |path| path.display().to_string());
        let listen = self.metrics_listen.map_or_else(|| "none".to_owned(), |address| address.to_string());
        [
            ("control-socket", socket),
            ("control-group", self.group.clone().unwrap_or_else(|| "the daemon's own".to_owned())),
            ("metrics-listen", listen),
            ("metrics-per-interface", self.metrics_per_interface.to_string()),
        ]
    }
}
