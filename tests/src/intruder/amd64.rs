//! System calls on amd64: the instruction `syscall`.

use nix::libc::{c_long, user_regs_struct};

/// The length of the instruction.
const LENGTH: u64 = 2;

/// Returns where the instruction is of the system call in which a thread waits.
pub(super) fn instruction(registers: &user_regs_struct) -> u64 {
    registers.rip - LENGTH
}

/// Returns whether the two lowest bytes of a word are the instruction.
pub(super) fn is_call(word: c_long) -> bool {
    word & 0xffff == 0x050f
}

pub(super) fn stack(registers: &user_regs_struct) -> u64 {
    registers.rsp
}

/// Sets the registers back to the instruction, for another call.
pub(super) fn prepare(registers: &mut user_regs_struct, number: c_long, arguments: &[u64]) {
    registers.rip -= LENGTH;
    registers.rax = number.cast_unsigned();
    // Keeps the kernel from restarting the call before.
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
}

pub(super) fn result(registers: &user_regs_struct) -> i64 {
    registers.rax.cast_signed()
}
