//! A kernel that lacks something, or refuses it: as a container's or a unit's filter of system calls makes it look.

use std::{collections::BTreeMap, io, os::unix::process::CommandExt, process::Command};

use nix::{errno::Errno, libc::c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// A system call that fails.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Which.
    pub call: c_long,
    /// Only with this first argument.
    pub first_argument: Option<u64>,
    /// How.
    pub errno: Errno,
}

impl Refusal {
    /// Makes a process that is started see it.
    pub(crate) fn impose(self, command: &mut Command) {
        let program = self.compile();
        // SAFETY: between fork and exec it makes two system calls, and allocates nothing but where they fail.
        unsafe { command.pre_exec(move || apply_filter(&program).map_err(io::Error::other)) };
    }

    fn compile(self) -> BpfProgram {
        let rules = self.first_argument.map(|value| {
            let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
            SeccompRule::new(vec![condition.expect("a first argument")]).expect("a condition")
        });
        let filter = SeccompFilter::new(
            BTreeMap::from([(self.call, rules.into_iter().collect())]),
            SeccompAction::Allow,
            SeccompAction::Errno((self.errno as i32).cast_unsigned()),
            TargetArch::try_from(std::env::consts::ARCH).expect("a machine that seccomp knows"),
        );
        filter.and_then(BpfProgram::try_from).expect("a filter")
    }
}
