//! Somebody who has taken the daemon over.

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

use crate::{
    daemon::Daemon,
    wait::{SHORTLY, eventually},
};

/// Lets the daemon's main thread make system calls, under all that confines it, as code would that an attacker runs there.
/// The thread goes on as if nothing had been when this is dropped.
#[derive(Debug)]
pub struct Intruder {
    thread: Pid,
    before: user_regs_struct,
}

/// The instruction of a system call, as the first two bytes of a word.
const SYSCALL: c_long = 0x050f;

/// Below the stack, and what its innermost function may use of it without saying so.
const SPARE: u64 = 4_096;

impl Intruder {
    /// Stops the thread where it waits for something to happen.
    pub fn take_over(daemon: &Daemon) -> Self {
        let thread = Pid::from_raw(daemon.pid().cast_signed());
        eventually(SHORTLY, "a daemon that waits", || {
            ptrace::attach(thread).expect("root may");
            wait(thread);
            let before = ptrace::getregs(thread).expect("it stands still");
            // Behind the system call that it waits in.
            let is_waiting = peek(thread, before.rip - 2) & 0xffff == SYSCALL;
            if !is_waiting {
                ptrace::detach(thread, None).expect("it is traced");
            }
            is_waiting.then_some(Self { thread, before })
        })
    }

    /// Makes a call, with as many arguments as it takes.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn call(&self, number: c_long, arguments: &[u64]) -> Result<u64, Errno> {
        let mut registers = self.before;
        // As it was: the address of the call's instruction. Nothing is to be started again.
        registers.rip -= 2;
        registers.rax = number.cast_unsigned();
        registers.orig_rax = u64::MAX;
        let places = [
            &mut registers.rdi,
            &mut registers.rsi,
            &mut registers.rdx,
            &mut registers.r10,
            &mut registers.r8,
            &mut registers.r9,
        ];
        for (place, &argument) in places.into_iter().zip(arguments) {
            *place = argument;
        }
        ptrace::setregs(self.thread, registers).expect("it stands still");
        ptrace::step(self.thread, None).expect("it is traced");
        wait(self.thread);
        let result = ptrace::getregs(self.thread).expect("it stands still").rax.cast_signed();
        match i32::try_from(result) {
            Ok(error @ -4_095..0) => Err(Errno::from_raw(-error)),
            Ok(_) | Err(_) => Ok(result.cast_unsigned()),
        }
    }

    /// Puts text into the process: its address, until the next one.
    pub fn text(&self, text: &str) -> u64 {
        let address = self.before.rsp - SPARE;
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len() / 8 * 8 + 8, 0);
        for (at, word) in (address..).step_by(8).zip(bytes.chunks_exact(8)) {
            let word = c_long::from_ne_bytes(word.try_into().expect("eight bytes"));
            ptrace::write(self.thread, at as *mut c_void, word).expect("its own stack");
        }
        address
    }
}

impl Drop for Intruder {
    fn drop(&mut self) {
        // It may have ended by now.
        _ = ptrace::setregs(self.thread, self.before);
        _ = ptrace::detach(self.thread, None);
    }
}

fn wait(thread: Pid) {
    waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it is traced");
}

fn peek(thread: Pid, address: u64) -> c_long {
    ptrace::read(thread, address as *mut c_void).expect("its own code")
}
