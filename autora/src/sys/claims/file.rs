//! The file of the table: where it is, and whether it can be trusted.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, fchown},
            net::UnixDatagram,
        },
    },
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    getsockopt_impl, libc, sockopt_impl,
    sys::{socket::getsockopt, stat::Mode},
    unistd::geteuid,
};

use super::layout::MAGIC;

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsOpenError {
    /// The kernel refuses the directory, the file or a lock.
    #[error("it cannot be opened")]
    Io(#[from] io::Error),
    /// Another user could replace the file.
    #[error("the directory belongs to user {0}, or others may write to it")]
    Directory(u32),
    /// It is a symbolic link, which might point anywhere.
    #[error("the file in it is a symbolic link")]
    Link,
    /// It is no file of this daemon's user.
    #[error("the file in it is not a plain file of this user's, but of user {0}")]
    File(u32),
    /// It is not a table of this version.
    #[error("the file in it is of another version")]
    Version,
    /// As many daemons run as there is room for.
    #[error("too many daemons run")]
    Full,
}

/// Opens the file of this network namespace, readable and writable by one user alone.
pub(super) fn open(directory: &Path) -> Result<File, ClaimsOpenError> {
    DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let directory = OpenOptions::new().read(true).custom_flags(flags).open(directory)?;
    let owner = trusted_owner(&directory)?;
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let name = network_namespace()?;
    let file = openat(directory.as_fd(), name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
    let file = File::from(file.map_err(refused)?);
    check(&file, owner)?;
    Ok(file)
}

fn refused(errno: Errno) -> ClaimsOpenError {
    if errno == Errno::ELOOP { ClaimsOpenError::Link } else { ClaimsOpenError::Io(errno.into()) }
}

/// Returns the directory's owner, if no other user can change what is in it. Root takes any owner: only root makes a
/// directory in /run, and gives it away.
fn trusted_owner(directory: &File) -> Result<u32, ClaimsOpenError> {
    let found = directory.metadata()?;
    let (owner, own) = (found.uid(), geteuid());
    let is_trusted = own.is_root() || owner == 0 || owner == own.as_raw();
    if is_trusted && found.mode() & 0o022 == 0 { Ok(owner) } else { Err(ClaimsOpenError::Directory(owner)) }
}

/// Checks that the file is the owner's alone. One that root has just made becomes the directory's owner's, so that the
/// service can open it later.
fn check(file: &File, owner: u32) -> Result<(), ClaimsOpenError> {
    let (found, own) = (file.metadata()?, geteuid().as_raw());
    if !found.is_file() || found.nlink() != 1 || ![own, owner].contains(&found.uid()) {
        return Err(ClaimsOpenError::File(found.uid()));
    }
    if found.uid() != owner && own == 0 {
        fchown(file, Some(owner), None)?;
    }
    Ok(())
}

/// Writes the version into a new file, or checks that of an old one.
pub(super) fn check_version(file: &File) -> Result<(), ClaimsOpenError> {
    let mut found = [0; MAGIC.len()];
    match file.read_at(&mut found, 0)? {
        0 => Ok(file.write_all_at(MAGIC, 0)?),
        _ if found == *MAGIC => Ok(()),
        _ => Err(ClaimsOpenError::Version),
    }
}

/// Returns a name for this network namespace. The kernel gives the number of its file, but not its cookie (Linux 5.14),
/// to another one later.
fn network_namespace() -> io::Result<String> {
    let socket = UnixDatagram::unbound()?;
    match getsockopt(&socket, NetnsCookie) {
        Ok(cookie) => Ok(format!("netns-{cookie}")),
        Err(Errno::ENOPROTOOPT) => Ok(format!("netns-inode-{}", fs::metadata("/proc/self/ns/net")?.ino())),
        Err(error) => Err(error.into()),
    }
}

sockopt_impl!(
    /// Reads the number of the socket's network namespace.
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);
