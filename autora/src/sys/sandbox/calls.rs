//! Seccomp: the system calls of a daemon that has everything open (`seccomp(2)`).
//!
//! A call that is not listed fails with `EPERM` and does not end the process: if one is missing here, the
//! operation that needs it fails, and guests keep their router.

use std::{collections::BTreeMap, env::consts::ARCH, ptr};

use nix::libc::{self, c_int, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::outcome::{SandboxError, Support};

/// Calls that are allowed with any arguments. Since Linux 5.11 the kernel caches that and does not run the
/// filter for them, so all calls that are made for each packet are here, except `bpf`.
const ANY: &[c_long] = &[
    // Packets, netlink, the control socket.
    libc::SYS_accept4,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // The event loop.
    libc::SYS_clock_gettime,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_timerfd_settime,
    // Files: Landlock limits which ones.
    libc::SYS_close,
    libc::SYS_fallocate,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_renameat,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory; mmap and mprotect are limited below.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // The end of the process, an abort included.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
];

/// Older forms of these calls, which glibc makes where there are some. Architectures that share the kernel's generic
/// list have none (include/uapi/asm-generic/unistd.h).
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
const OLD: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_rename, libc::SYS_unlink];
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const OLD: &[c_long] = &[];

/// The commands of `bpf(2)` that work on a map that is already open (`enum bpf_cmd` in
/// include/uapi/linux/bpf.h): none loads a program, creates a map or opens one.
const MAP_COMMANDS: [u64; 5] = [1, 2, 3, 4, 24];

/// The commands of `fcntl(2)` that the C library and the table of claims need: none names a process that gets signals.
const FILE_COMMANDS: [c_int; 4] = [libc::F_GETFD, libc::F_GETFL, libc::F_OFD_GETLK, libc::F_OFD_SETLK];

/// Limits every thread to the calls above, and some of them by argument: no memory becomes executable, a new
/// socket is a `NETLINK_ROUTE` one (a netlink query whose answer was lost is repeated on a new socket), only an address
/// of its length can be bound (`packet(7)`'s is longer, so no packet socket begins to receive), and a signal reaches no
/// other process.
///
/// # Errors
///
/// A [`SandboxError`] if the kernel supports seccomp and fails to apply the filter.
pub fn confine_calls() -> Result<Support, SandboxError> {
    let Ok(arch) = TargetArch::try_from(ARCH) else { return Ok(Support::Missing) };
    if !is_supported() {
        return Ok(Support::Missing);
    }
    let program = compile(arch).map_err(seccompiler::Error::from)?;
    apply_filter_all_threads(&program)?;
    Ok(Support::Enforced)
}

/// Returns whether the kernel has seccomp filters: it reports which actions it supports (Linux 4.14).
fn is_supported() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads the four bytes that the last argument points to.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, ptr::from_ref(&action)) };
    result == 0
}

fn compile(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ANY.iter().chain(OLD).map(|&call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_bpf, MAP_COMMANDS.into_iter().map(|command| equal(0, command)).collect::<Result<_, _>>()?);
    let commands = FILE_COMMANDS.into_iter().map(|command| equal(1, number(command)));
    rules.insert(libc::SYS_fcntl, commands.collect::<Result<_, _>>()?);
    let route_netlink = vec![is(0, number(libc::AF_NETLINK))?, is(2, number(libc::NETLINK_ROUTE))?];
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(route_netlink)?]);
    rules.insert(libc::SYS_bind, vec![equal(2, u64::try_from(size_of::<libc::sockaddr_nl>()).expect("12"))?]);
    rules.insert(libc::SYS_tgkill, vec![equal(0, std::process::id().into())?]);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![without(2, libc::PROT_EXEC)?]);
    }
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}

fn equal(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![is(argument, value)?])
}

fn without(argument: u8, bits: c_int) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(number(bits)), 0)?])
}

fn is(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Eq, value)
}

/// Compares the lower half alone: all arguments that are compared are ints, and the kernel ignores their
/// upper half.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn number(constant: c_int) -> u64 {
    constant.unsigned_abs().into()
}
