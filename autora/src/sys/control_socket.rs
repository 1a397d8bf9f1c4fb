//! The listening sockets of the control API: the Unix socket with its permissions, and the TCP socket for
//! metrics.

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
use tracing::{info, warn};

use super::{directory::stays_writable, group};
use crate::error;

/// Mode of the socket: its user and its group may connect, which takes write permission (`unix(7)`).
const MODE: u32 = 0o660;

/// Mode of the directory: open to all, as the modes of the socket and the state file limit access.
const DIRECTORY_MODE: u32 = 0o755;

/// The sockets that the control thread listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) local: Option<(UnixListener, SocketFile)>,
    pub(crate) remote: Option<TcpListener>,
}

/// Where the Unix socket is to be.
#[derive(Clone, Debug)]
pub struct UnixSocket {
    /// The path.
    pub path: PathBuf,
    /// Which option or variable says so; `None` for the default.
    pub set_by: Option<String>,
}

/// Why the Unix socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process accepts connections at the path.
    #[error("another daemon listens there; each needs a --control-socket of its own")]
    InUse,
    /// `/etc/group` has no such group.
    #[error("no group {0} in /etc/group; give a group of another directory by its number (getent group)")]
    NoGroup(String),
    /// The socket cannot be given to the group.
    #[error("cannot be given to group {0}: the daemon must be a member of it (SupplementaryGroups= in its unit)")]
    Group(String, #[source] io::Error),
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Listeners {
    /// Opens the Unix socket `socket`, gives it to `group` if there is one, and opens a TCP socket for
    /// metrics at `metrics`. If one cannot be opened, logs a warning and goes on without it: RAs matter more.
    ///
    /// Call it before capabilities are dropped: root needs `CAP_CHOWN` to give the socket to a group, and
    /// `CAP_NET_BIND_SERVICE` for a port below 1024 (`capabilities(7)`).
    #[must_use]
    pub fn open(socket: Option<UnixSocket>, group: Option<&str>, metrics: Option<SocketAddr>) -> Self {
        let local = socket
            .and_then(|socket| bind(socket.clone(), group).inspect_err(|error| warn_of_none(&socket, error)).ok());
        let remote = metrics.and_then(|address| {
            listen(address)
                .inspect_err(|error| warn!(%address, %error, "no metrics on this address; see --metrics-listen"))
                .ok()
        });
        Self { local, remote }
    }

    /// Moves the socket to its path. If another process listens there or the rename fails, logs a warning and
    /// closes it.
    pub(crate) fn publish(&mut self) {
        if let Some((_, file)) = &mut self.local
            && let Err(error) = file.publish()
        {
            warn_of_none(&file.wanted, &error);
            self.local = None;
        }
    }
}

fn warn_of_none(UnixSocket { path, set_by }: &UnixSocket, error: &BindError) {
    warn!(
        socket = %path.display(),
        set_by,
        reason = error::chain(error),
        "no control socket: status, wait, monitor and metrics cannot reach the daemon"
    );
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Binds under a temporary name. The later rename replaces the socket of a crashed daemon atomically, and
/// clients see the socket only with its permissions set.
fn bind(wanted: UnixSocket, group: Option<&str>) -> Result<(UnixListener, SocketFile), BindError> {
    let directory = wanted.path.parent().unwrap_or(Path::new("/"));
    if make_directory(directory)? {
        let (directory, set_by) = (directory.display(), &wanted.set_by);
        info!(%directory, set_by, "made the directory of the control socket, which did not exist");
    }
    stays_writable(directory)?;
    let present = directory.join(format!(".control.{}", std::process::id()));
    let file = SocketFile { wanted, present };
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

/// Creates the directory with [`DIRECTORY_MODE`], whatever the umask. One that exists keeps its mode. Returns whether
/// it did not exist.
fn make_directory(directory: &Path) -> io::Result<bool> {
    if directory.is_dir() {
        return Ok(false);
    }
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE))?;
    Ok(true)
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Returns whether a process listens at `path`; a full backlog (`EAGAIN`, `connect(2)`) counts as listening.
fn is_answered(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    })
}

/// The file of the socket, removed on drop.
#[derive(Debug)]
pub(crate) struct SocketFile {
    wanted: UnixSocket,
    /// Where the file is now: where it is to be, or still under its temporary name.
    present: PathBuf,
}

impl SocketFile {
    /// Renames the file to its path. Replaces a socket there, unless a process listens on it.
    fn publish(&mut self) -> Result<(), BindError> {
        let path = &self.wanted.path;
        if is_answered(path)? {
            return Err(BindError::InUse);
        }
        // A file that is not a socket is not replaced: the operator may have mistyped the path.
        if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        fs::rename(&self.present, path)?;
        self.present.clone_from(path);
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // An error means that the file is already gone.
        _ = fs::remove_file(&self.present);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt, net::UnixStream};

    use super::*;

    fn open(socket: &Path) -> Listeners {
        Listeners::open(Some(wanted(socket)), None, None)
    }

    fn wanted(path: &Path) -> UnixSocket {
        UnixSocket { path: path.to_owned(), set_by: None }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/control.sock");
        let mut first = open(&path);
        assert!(!path.exists(), "the socket appears only when it is published");
        first.publish();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, DIRECTORY_MODE);

        let mut second = open(&path);
        second.publish();
        assert!(second.local.is_none() && UnixStream::connect(&path).is_ok(), "a socket in use stays");

        // As after a crash: the file is left, and no process listens.
        let (listener, file) = first.local.take().unwrap();
        drop(listener);
        std::mem::forget(file);
        assert!(UnixStream::connect(&path).is_err());
        let mut third = open(&path);
        third.publish();
        assert!(third.local.is_some() && UnixStream::connect(&path).is_ok());
        drop(third);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "no file is left");
    }

    #[test]
    fn a_directory_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let made = directory.path().join("made/below");
        let first = [&made, &made].map(|path| make_directory(path).unwrap());
        assert_eq!(first, [true, false]);
        assert!(!make_directory(directory.path()).unwrap());
    }

    #[test]
    fn a_socket_that_cannot_be_opened_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let socket = file.with_file_name("s");
        assert!(open(&file.join("control.sock")).local.is_none());
        assert!(Listeners::open(Some(wanted(&socket)), Some("no such group"), None).local.is_none());
        for unusable in [directory.path().join("x".repeat(200)), file.clone()] {
            let mut listeners = open(&unusable);
            listeners.publish();
            assert!(listeners.local.is_none(), "{unusable:?}");
        }
        assert!(fs::symlink_metadata(&file).unwrap().is_file(), "the file stays");
        let listing = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(listing, 1, "only the file is left");
    }
}
