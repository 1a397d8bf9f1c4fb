//! A kernel that lacks or refuses a system call, as the seccomp filter of a container or a unit does.

use std::{collections::BTreeMap, io, os::unix::process::CommandExt, process::Command};

use nix::{errno::Errno, libc::c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// A system call that fails.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// The call's number.
    pub call: c_long,
    /// Limits the refusal to calls in which the argument of this number, from 0, has this value.
    pub argument: Option<(u8, u64)>,
    /// The error that the call returns.
    pub errno: Errno,
}

impl Refusal {
    /// Applies the refusal to the process that `command` starts.
    pub(crate) fn impose(self, command: &mut Command) {
        let program = self.compile();
        // SAFETY: between fork and exec it makes two system calls, and allocates only if one of them fails.
        unsafe { command.pre_exec(move || apply_filter(&program).map_err(io::Error::other)) };
    }

    fn compile(self) -> BpfProgram {
        let rules = self.argument.map(|(number, value)| {
            let condition = SeccompCondition::new(number, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
            SeccompRule::new(vec![condition.expect("a call has six arguments")]).expect("it has a condition")
        });
        let filter = SeccompFilter::new(
            BTreeMap::from([(self.call, rules.into_iter().collect())]),
            SeccompAction::Allow,
            SeccompAction::Errno((self.errno as i32).cast_unsigned()),
            TargetArch::try_from(std::env::consts::ARCH).expect("seccompiler supports this architecture"),
        );
        filter.and_then(BpfProgram::try_from).expect("one rule makes a short filter")
    }
}
