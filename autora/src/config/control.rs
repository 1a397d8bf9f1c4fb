//! How people may look in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{ConfigError, DaemonArgs};

/// The socket's name in the runtime directory.
const SOCKET: &str = "control.sock";

/// In the place of a path: no socket.
pub const NO_SOCKET: &str = "none";

/// How people may look in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// The control socket, if there is to be one.
    pub socket: Option<PathBuf>,
    /// The group that it is given to, if not the daemon's own.
    pub group: Option<String>,
    /// Where metrics can be had over TCP, too.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether they tell of each interface.
    pub metrics_per_interface: bool,
}

impl ControlConfig {
    pub(super) fn new(args: &DaemonArgs, runtime_directory: &Path) -> Result<Self, ConfigError> {
        let socket = match args.control_socket.as_deref() {
            None => Some(runtime_directory.join(SOCKET)),
            Some(path) if path == Path::new(NO_SOCKET) => None,
            Some(path) if path.is_absolute() => Some(path.to_owned()),
            Some(path) => return Err(ConfigError::ControlSocket(path.to_owned())),
        };
        Ok(Self {
            socket,
            group: args.control_group.clone(),
            metrics_listen: args.metrics_listen,
            metrics_per_interface: args.metrics_per_interface,
        })
    }

    /// Its settings as understood.
    pub(super) fn settings(&self) -> [(&'static str, String); 4] {
        let socket =
            self.socket.as_ref().map_or_else(|| NO_SOCKET.to_owned(), |path| path.display().to_string());
        let listen = self.metrics_listen.map_or_else(|| "none".to_owned(), |address| address.to_string());
        [
            ("control-socket", socket),
            ("control-group", self.group.clone().unwrap_or_else(|| "the daemon's own".to_owned())),
            ("metrics-listen", listen),
            ("metrics-per-interface", self.metrics_per_interface.to_string()),
        ]
    }
}
