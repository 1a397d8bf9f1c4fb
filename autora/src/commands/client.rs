//! What the commands that ask a running daemon have in common.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::screen;
use crate::{
    config::NO_SOCKET,
    control::{
        client::{Client, ClientError, encode},
        model::Reason,
    },
    error::Failure,
};

/// Where the daemon is found.
#[derive(Clone, Debug, clap::Args)]
pub struct ControlSocketArg {
    /// The daemon's control socket
    #[arg(
        long,
        env = "AUTORA_CONTROL_SOCKET",
        value_name = "PATH",
        default_value = "/run/autora/control.sock"
    )]
    pub socket: PathBuf,
}

impl ControlSocketArg {
    /// A connection to the daemon. What the daemon's own option may say, an environment for both may say here.
    pub(super) async fn connect(&self) -> Result<Client, ClientError> {
        if self.socket == Path::new(NO_SOCKET) {
            return Err(ClientError::Off);
        }
        Client::connect(&self.socket).await
    }
}

/// Runs what waits for the daemon.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    runtime.map_err(|error| Failure::because(format!("cannot wait for the daemon: {error}")))?.block_on(work)
}

/// Returns `path` with `parts` behind its question mark.
pub(super) fn path_with(path: &str, parts: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let parts: Vec<_> = parts.into_iter().map(|(key, value)| format!("{key}={}", encode(&value))).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// Returns every reason as a sentence, with its stable name behind it.
pub(super) fn sentences(reasons: &[Reason]) -> String {
    screen::list(reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.name)))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self::new(&error);
        if let ClientError::Off = error {
            return failure.advise("unset AUTORA_CONTROL_SOCKET, or say where it is with --socket");
        }
        let ClientError::Connect { source, .. } = &error else { return failure };
        failure.advise(if source.kind() == io::ErrorKind::PermissionDenied {
            "join the socket's group (--control-group), or be root"
        } else {
            "start the daemon (systemctl start autora), or say where its socket is with --socket"
        })
    }
}
