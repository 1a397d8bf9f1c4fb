//! The connection to a running daemon, and what the commands that use it share.

use std::{
    borrow::Cow,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Serialize;

use super::{hint, instance::InstanceName, screen};
use crate::{
    addr::meant_name,
    config::{DEFAULT_SOCKET, NO_SOCKET},
    control::{
        Glob,
        client::{Client, ClientError, encode},
        model::{Counts, Named, Reason},
    },
    diagnosis::Shell,
    engine::eligibility::WaitsFor,
    error::{self, Failure},
    sys::netlink,
};

/// The options that name the control socket.
#[derive(Clone, Debug, clap::Args)]
pub struct ControlSocketArg {
    /// The daemon's control socket
    #[arg(long, env = "AUTORA_CONTROL_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,

    /// The daemon of the service autora@NAME, in place of --socket
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    pub instance: Option<InstanceName>,
}

impl ControlSocketArg {
    /// Connects to the daemon. `none` is no path here either: the environment may set the variable for the
    /// daemon, too.
    pub(super) async fn connect(&self) -> Result<Client, ClientError> {
        let socket = self.path();
        if *socket == *Path::new(NO_SOCKET) {
            return Err(ClientError::Off);
        }
        Client::connect(&socket).await
    }

    /// Warns that the daemon that was named does not run, and of the consequence. Without a name, that is no surprise.
    pub(super) fn warn_of_absence(&self, consequence: &str) {
        if self.instance.is_some() {
            error::warn(&format!("no daemon has {}: {consequence}", self.path().display()));
        }
    }

    /// Returns `autora NAME` with `arguments`, for the same daemon.
    pub(super) fn command(&self, name: &str, arguments: &[&str]) -> Shell {
        let arguments = arguments.iter().map(|&argument| argument.into());
        Shell::of(["autora".into(), name.into()].into_iter().chain(self.option()).chain(arguments))
    }

    /// Returns the words that name the daemon, none for the one that is asked without an option and a variable.
    fn option(&self) -> Vec<Vec<u8>> {
        match &self.instance {
            Some(name) => vec!["--instance".into(), name.to_string().into()],
            None if self.socket == Path::new(DEFAULT_SOCKET) && !is_socket_set() => Vec::new(),
            None => vec!["--socket".into(), self.socket.as_os_str().as_bytes().into()],
        }
    }

    fn path(&self) -> Cow<'_, Path> {
        match &self.instance {
            Some(name) => Cow::Owned(name.control_socket()),
            None => Cow::Borrowed(&self.socket),
        }
    }
}

/// Returns whether the environment names a socket.
fn is_socket_set() -> bool {
    std::env::var_os("AUTORA_CONTROL_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// Returns the parser of an argument that names an interface: any bytes, or what is shown for them, or an alternative
/// name of an interface in this network namespace.
pub(super) fn interface_name() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|argument| {
        let meant = meant_name(&argument);
        netlink::name_of(&meant).unwrap_or(meant)
    })
}

/// Returns whether an argument that names interfaces is a pattern.
pub(super) fn is_pattern(argument: &str) -> bool {
    argument.contains(['*', '?'])
}

/// Returns whether an argument, a name or a pattern, names an interface.
pub(super) fn names(argument: &str) -> impl Fn(&str) -> bool {
    let glob = Glob::from(argument.to_owned());
    move |interface| glob.matches(interface)
}

/// Runs `work` on a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    runtime
        .map_err(|error| Failure::because(format!("cannot set up the connection to the daemon: {error}")))?
        .block_on(work)
}

/// Returns `path` with `parts` as its query.
pub(super) fn path_with(path: &str, parts: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let parts: Vec<_> = parts.into_iter().map(|(key, value)| format!("{key}={}", encode(&value))).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// Returns each reason as a sentence, followed by its stable name.
pub(super) fn sentences(reasons: &[Reason]) -> String {
    screen::list(reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.name)))
}

/// Returns why no RA leaves on an interface that is paused, as a sentence.
pub(super) fn why_paused(waits_for: &Named<WaitsFor>) -> String {
    match waits_for {
        Named::Known(what) => what.why().to_owned(),
        Named::Unknown(what) => format!("it waits for {what}"),
    }
}

/// Returns each count followed by its name.
pub(super) fn counts(counts: &Counts<impl Serialize>) -> String {
    screen::list(counts.iter().map(|(reason, count)| format!("{count} {reason}")))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self::new(&error);
        if let ClientError::Off = error {
            return failure.advise("unset AUTORA_CONTROL_SOCKET, or name a daemon with --socket or --instance");
        }
        let ClientError::Connect { source, path } = &error else { return failure };
        failure.advise(if source.kind() == io::ErrorKind::PermissionDenied {
            "become a member of the socket's group (the daemon's --control-group), or run this as root".to_owned()
        } else {
            format!("{}, or name another one with --socket or --instance", hint::start(path))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_same_daemon() {
        let socket = |path: &str, instance: Option<&str>| ControlSocketArg {
            socket: path.into(),
            instance: instance.map(|name| name.parse().unwrap()),
        };
        for (path, instance, expected) in [
            (DEFAULT_SOCKET, None, "autora status --state paused"),
            (DEFAULT_SOCKET, Some("blue"), "autora status --instance blue --state paused"),
            (DEFAULT_SOCKET, Some(r"a\x2d1"), r"autora status --instance 'a\x2d1' --state paused"),
            ("/srv/a b.sock", None, "autora status --socket '/srv/a b.sock' --state paused"),
            ("/srv/it's", None, r"autora status --socket '/srv/it'\''s' --state paused"),
        ] {
            let command = socket(path, instance).command("status", &["--state", "paused"]);
            assert_eq!(command.to_string(), expected);
        }
        for (instance, interface, expected) in [
            (None, "vm1", "autora explain vm1"),
            (Some("blue"), "vm1", "autora explain --instance blue vm1"),
            (Some("blue"), "-a b", "autora explain --instance blue -- '-a b'"),
        ] {
            let command = socket(DEFAULT_SOCKET, instance).command("explain", &[]).about(interface);
            assert_eq!(command.to_string(), expected);
        }
    }
}
