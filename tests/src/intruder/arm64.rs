//! System calls on arm64: the instruction `svc #0`.

use nix::libc::{c_long, user_regs_struct};

/// The length of the instruction.
const LENGTH: u64 = 4;

/// The register that holds the number of a call.
const NUMBER: usize = 8;

/// Returns where the instruction is of the system call in which a thread waits.
pub(super) fn instruction(registers: &user_regs_struct) -> u64 {
    registers.pc - LENGTH
}

/// Returns whether the four lowest bytes of a word are the instruction.
pub(super) fn is_call(word: c_long) -> bool {
    word & 0xffff_ffff == 0xd400_0001
}

pub(super) fn stack(registers: &user_regs_struct) -> u64 {
    registers.sp
}

/// Sets the registers back to the instruction, for another call.
pub(super) fn prepare(registers: &mut user_regs_struct, number: c_long, arguments: &[u64]) {
    registers.pc -= LENGTH;
    registers.regs[NUMBER] = number.cast_unsigned();
    for (place, &argument) in registers.regs.iter_mut().zip(arguments) {
        *place = argument;
    }
}

pub(super) fn result(registers: &user_regs_struct) -> i64 {
    registers.regs[0].cast_signed()
}
