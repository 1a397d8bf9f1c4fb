//! The listening sockets of the control API: the Unix socket with its permissions, and the address for metrics.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, PermissionsExt, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tracing::warn;

use super::group;
use crate::error;

/// Whoever owns the socket and its group may connect: that takes write permission (`unix(7)`).
const MODE: u32 = 0o660;

/// The directory lets everybody through: the socket's own mode says who may connect, and the state file's who may read.
const DIRECTORY_MODE: u32 = 0o755;

/// What the control thread listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) local: Option<(UnixListener, SocketFile)>,
    pub(crate) remote: Option<TcpListener>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody answers there.
    #[error("another daemon listens there")]
    InUse,
    /// There is no such group.
    #[error("there is no group {0} in /etc/group; one from elsewhere can be given by its number")]
    NoGroup(String),
    /// It could not be given to the group.
    #[error("it cannot be given to the group {0}: run as a member of it (SupplementaryGroups= in a unit)")]
    Group(String, #[source] io::Error),
    /// The kernel refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Listeners {
    /// Opens the Unix socket `socket`, given to `group` if one is named, and a TCP socket for metrics at `metrics`. What
    /// cannot be had is worth one warning: advertisements matter more.
    ///
    /// Before capabilities are given up: root's include those to give the socket to a group, and to take a low port.
    #[must_use]
    pub fn open(socket: Option<&Path>, group: Option<&str>, metrics: Option<SocketAddr>) -> Self {
        let local = socket.and_then(|path| {
            bind(path, group)
                .inspect_err(|error| {
                    warn!(
                        socket = %path.display(),
                        reason = error::chain(error),
                        "no control socket: status, wait, monitor and metrics on it will not work"
                    );
                })
                .ok()
        });
        let remote = metrics.and_then(|address| {
            listen(address)
                .inspect_err(|error| warn!(%address, %error, "no metrics there: see --metrics-listen"))
                .ok()
        });
        Self { local, remote }
    }

    /// Puts the socket under its name. Only whoever has the runtime directory to himself may do that.
    pub(crate) fn publish(&mut self) {
        if let Some((_, file)) = &mut self.local
            && let Err(error) = file.publish()
        {
            warn!(socket = %file.path.display(), reason = error::chain(&error), "no control socket");
            self.local = None;
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Binds under another name first: when the socket appears under its own, its permissions are right, and what a daemon
/// that crashed left is replaced in the same moment.
fn bind(path: &Path, group: Option<&str>) -> Result<(UnixListener, SocketFile), BindError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    make_directory(directory)?;
    let file = SocketFile {
        path: path.to_owned(),
        present: directory.join(format!(".control.{}", std::process::id())),
    };
    remove_stale(&file.present)?;
    let listener = UnixListener::bind(&file.present)?;
    fs::set_permissions(&file.present, Permissions::from_mode(MODE))?;
    if let Some(name) = group {
        let gid = group::id_of(name)?.ok_or_else(|| BindError::NoGroup(name.to_owned()))?;
        chown(&file.present, None, Some(gid)).map_err(|error| BindError::Group(name.to_owned(), error))?;
    }
    listener.set_nonblocking(true)?;
    Ok((listener, file))
}

/// What is made here is open to all to pass through, whatever the umask; what is there already stays as it is.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether somebody listens there, be it that he is busy.
fn is_answered(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    })
}

/// The socket's place in the file system; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Where it is now: under its name, or not yet.
    present: PathBuf,
}

impl SocketFile {
    /// Takes the place of whatever socket is there, unless somebody answers on it.
    fn publish(&mut self) -> Result<(), BindError> {
        if is_answered(&self.path)? {
            return Err(BindError::InUse);
        }
        // Somebody's file, under a name that was not meant for a socket, stays.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        fs::rename(&self.present, &self.path)?;
        self.present.clone_from(&self.path);
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It is our own, and nobody else has a reason to take it away.
        _ = fs::remove_file(&self.present);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt, net::UnixStream};

    use super::*;

    fn open(socket: &Path) -> Listeners {
        Listeners::open(Some(socket), None, None)
    }

    #[test]
    fn a_socket_takes_the_place_of_a_stale_one_and_not_of_one_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/control.sock");
        let mut first = open(&path);
        assert!(!path.exists(), "not before the directory is known to be ours");
        first.publish();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, DIRECTORY_MODE);

        let mut second = open(&path);
        second.publish();
        assert!(second.local.is_none() && UnixStream::connect(&path).is_ok(), "it is in use");

        // As after a crash: the file stays, nobody listens.
        let (listener, file) = first.local.take().unwrap();
        drop(listener);
        std::mem::forget(file);
        assert!(UnixStream::connect(&path).is_err());
        let mut third = open(&path);
        third.publish();
        assert!(third.local.is_some() && UnixStream::connect(&path).is_ok());
        drop(third);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn what_cannot_be_had_is_done_without() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let socket = file.with_file_name("s");
        assert!(open(&file.join("control.sock")).local.is_none());
        assert!(Listeners::open(Some(&socket), Some("no such group"), None).local.is_none());
        for unfit in [directory.path().join("x".repeat(200)), file.clone()] {
            let mut listeners = open(&unfit);
            listeners.publish();
            assert!(listeners.local.is_none(), "{unfit:?}");
        }
        assert!(fs::symlink_metadata(&file).unwrap().is_file(), "it is as it was");
        let listing = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(listing, 1, "nothing but the file is left");
    }
}
