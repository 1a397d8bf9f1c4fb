//! The locks of the table: one for its records, and one for each daemon, held as long as its process lives.

use std::{fs::File, io, os::fd::AsFd};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
    poll::{PollTimeout, poll},
};

/// The byte that stands for the table; the one of slot 0 follows. Locks need no content.
const TABLE: i64 = 0;

/// How often the table is tried, a millisecond apart: for longer than another daemon needs at its start with thousands
/// of interfaces, and for less than a guest notices.
const TRIES: u32 = 200;

/// Locks the records. Waits for another daemon, but not for one that hangs.
pub(super) fn table(file: &File) -> io::Result<()> {
    for _ in 0..TRIES {
        if try_lock(file, TABLE)? {
            return Ok(());
        }
        poll(&mut [], PollTimeout::from(1_u8))?;
    }
    Err(io::ErrorKind::WouldBlock.into())
}

pub(super) fn release_table(file: &File) -> io::Result<()> {
    fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&flock(libc::F_UNLCK, TABLE)))?;
    Ok(())
}

/// Locks a slot for this process's life. Returns whether it was free.
pub(super) fn slot(file: &File, slot: u8) -> io::Result<bool> {
    try_lock(file, of_slot(slot))
}

/// Returns whether another process has locked the slot.
pub(super) fn is_held(file: &File, slot: u8) -> io::Result<bool> {
    let mut lock = flock(libc::F_WRLCK, of_slot(slot));
    fcntl(file.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

fn of_slot(slot: u8) -> i64 {
    TABLE + 1 + i64::from(slot)
}

fn try_lock(file: &File, byte: i64) -> io::Result<bool> {
    match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&flock(libc::F_WRLCK, byte))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn flock(kind: libc::c_int, byte: i64) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).expect("a small constant"),
        l_whence: i16::try_from(libc::SEEK_SET).expect("a small constant"),
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}
