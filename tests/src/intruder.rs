//! Code of an attacker inside the running daemon.

#[cfg(target_arch = "x86_64")]
mod amd64;
#[cfg(target_arch = "aarch64")]
mod arm64;

use std::ffi::c_void;

use nix::{
    errno::Errno,
    libc::{c_long, user_regs_struct},
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

#[cfg(target_arch = "x86_64")]
use self::amd64 as registers;
#[cfg(target_arch = "aarch64")]
use self::arm64 as registers;
use crate::{
    daemon::Daemon,
    wait::{SHORTLY, eventually},
};

/// Makes the daemon's main thread execute system calls with `ptrace(2)`, confined as the daemon is, as an
/// attacker's code would. Dropping it restores the thread, which then continues.
#[derive(Debug)]
pub struct Intruder {
    thread: Pid,
    before: user_regs_struct,
}

/// Distance below the stack pointer: beyond the 128 bytes (red zone) that a function may use without moving
/// it.
const SPARE: u64 = 4_096;

impl Intruder {
    /// Stops the main thread inside the system call in which it waits.
    pub fn take_over(daemon: &Daemon) -> Self {
        let thread = Pid::from_raw(daemon.pid().cast_signed());
        eventually(SHORTLY, "a daemon that waits in a system call", || {
            ptrace::attach(thread).expect("root may trace");
            wait(thread);
            let before = ptrace::getregs(thread).expect("it is stopped");
            let is_waiting = registers::is_call(peek(thread, registers::instruction(&before)));
            if !is_waiting {
                ptrace::detach(thread, None).expect("it is traced");
            }
            is_waiting.then_some(Self { thread, before })
        })
    }

    /// Executes a system call with up to six arguments; returns its result.
    ///
    /// # Errors
    ///
    /// Returns the kernel's error.
    pub fn call(&self, number: c_long, arguments: &[u64]) -> Result<u64, Errno> {
        let mut prepared = self.before;
        registers::prepare(&mut prepared, number, arguments);
        ptrace::setregs(self.thread, prepared).expect("it is stopped");
        ptrace::step(self.thread, None).expect("it is traced");
        wait(self.thread);
        let result = registers::result(&ptrace::getregs(self.thread).expect("it is stopped"));
        match i32::try_from(result) {
            Ok(error @ -4_095..0) => Err(Errno::from_raw(-error)),
            Ok(_) | Err(_) => Ok(result.cast_unsigned()),
        }
    }

    /// Writes text, with a terminating zero, into the process; returns its address, which the next text
    /// reuses.
    pub fn text(&self, text: &str) -> u64 {
        let address = registers::stack(&self.before) - SPARE;
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len() / 8 * 8 + 8, 0);
        for (at, word) in (address..).step_by(8).zip(bytes.chunks_exact(8)) {
            let word = c_long::from_ne_bytes(word.try_into().expect("eight bytes"));
            ptrace::write(self.thread, at as *mut c_void, word).expect("the stack is mapped");
        }
        address
    }
}

impl Drop for Intruder {
    fn drop(&mut self) {
        // Fails if the daemon has ended.
        _ = ptrace::setregs(self.thread, self.before);
        _ = ptrace::detach(self.thread, None);
    }
}

fn wait(thread: Pid) {
    waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it is traced");
}

fn peek(thread: Pid, address: u64) -> c_long {
    ptrace::read(thread, address as *mut c_void).expect("the code is mapped")
}
