//! Errors of the filter, with the remedy in their text.

use std::{error::Error, io};

use aya::{EbpfError, maps::MapError, programs::ProgramError};
use caps::Capability;

use crate::{
    engine::eligibility::MapFailure,
    sys::privileges::{self, HOW_TO_GRANT},
};

/// Why the eBPF filter cannot be loaded. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The binary was built without the program.
    #[error("this binary carries no eBPF program; `cargo xtask build-ebpf` and a new build give one that does")]
    NoProgram,
    /// CAP_BPF is missing.
    #[error("the kernel does not allow to load the eBPF filter: CAP_BPF is missing; {}", HOW_TO_GRANT)]
    Permission,
    /// The kernel refuses although CAP_BPF is present.
    #[error(
        "the kernel does not allow to load the eBPF filter although CAP_BPF is there: CAP_PERFMON is missing (some \
         kernels want it, too, among them 6.1 and 6.12), or, before Linux 5.11, the limit of locked memory is too low \
         for its maps (`ulimit -l`, LimitMEMLOCK= in the unit)"
    )]
    Limited,
    /// Something beside the capabilities forbids it.
    #[error(
        "bpf(2) is forbidden to autora: a security module (SELinux, AppArmor), kernel lockdown, or a seccomp filter of a \
         container or unit refuses it"
    )]
    Forbidden(#[source] io::Error),
    /// The kernel's verifier rejects the program.
    #[error(
        "the kernel's verifier refuses the eBPF filter, please report (unless this is an older kernel, and CAP_PERFMON is \
         missing): {verdict}"
    )]
    Verifier {
        /// The end of its log.
        verdict: String,
        /// The system call's error.
        #[source]
        source: io::Error,
    },
    /// Anything else, for example a kernel without eBPF.
    #[error("the eBPF filter cannot be loaded on this kernel")]
    Unsupported(#[source] Box<dyn Error + Send + Sync>),
}

impl LoadError {
    /// The meaning of `EPERM`.
    pub(super) fn not_permitted() -> Self {
        if privileges::has(Capability::CAP_BPF) { Self::Limited } else { Self::Permission }
    }
}

impl LoadError {
    /// Returns why `bpf(2)` failed with `source` to load the program; `log` is the verifier's. The verifier
    /// returns `EACCES`, too, and gives its reason in the log; with an empty log something else refused.
    pub(super) fn refused(log: &str, source: io::Error) -> Self {
        match (end_of_log(log), source.raw_os_error()) {
            (verdict, _) if !verdict.is_empty() => Self::Verifier { verdict, source },
            (_, Some(nix::libc::EACCES)) => Self::Forbidden(source),
            (_, _) => Self::Unsupported(source.into()),
        }
    }
}

impl From<EbpfError> for LoadError {
    fn from(error: EbpfError) -> Self {
        let errno = errno_of(&error);
        if errno == Some(nix::libc::EPERM) {
            return Self::not_permitted();
        }
        if let EbpfError::ProgramError(ProgramError::LoadError { io_error, verifier_log }) = error {
            return Self::refused(&verifier_log.to_string(), io_error);
        }
        match errno {
            Some(nix::libc::EACCES) => Self::Forbidden(io::Error::from_raw_os_error(nix::libc::EACCES)),
            Some(_) | None => Self::Unsupported(error.into()),
        }
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(nix::libc::EPERM) => Self::not_permitted(),
            Some(nix::libc::EACCES) => Self::Forbidden(error),
            Some(_) | None => Self::Unsupported(error.into()),
        }
    }
}

/// Returns the errno at the end of a chain of errors.
pub(super) fn errno_of(error: &(dyn Error + 'static)) -> Option<i32> {
    let io = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    io.or_else(|| errno_of(error.source()?))
}

/// Joins the last three lines of the verifier's log, without the statistics after them: the cause is in those
/// lines.
pub(super) fn end_of_log(log: &str) -> String {
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty() && !is_statistics(line)).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time ", "stack depth "].iter().any(|start| line.starts_with(start))
}

/// Converts the error of an insertion. `E2BIG` alone says that a hash map is full (`alloc_htab_elem` in
/// kernel/bpf/hashtab.c); an error without an errno did not come from the kernel and counts as `EIO`.
pub(super) fn map_failure(error: &MapError) -> MapFailure {
    match errno_of(error).unwrap_or(nix::libc::EIO) {
        nix::libc::E2BIG => MapFailure::Full,
        errno => MapFailure::Error { errno },
    }
}

/// Extracts the system call's error from one of aya's; wraps an error that has none.
pub(super) fn io_error(error: MapError) -> io::Error {
    match errno_of(&error) {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use aya::sys::SyscallError;

    use super::*;

    #[test]
    fn the_end_of_the_verifiers_log_is_the_cause() {
        let log = "0: (b7) r0 = 0\n1: (95) exit\n\nR1 pointer arithmetic prohibited\n\
                   verification time 7 usec\nstack depth 0\nprocessed 2 insns (limit 1000000)\n";
        assert_eq!(end_of_log(log), "0: (b7) r0 = 0; 1: (95) exit; R1 pointer arithmetic prohibited");
        assert_eq!(end_of_log(""), "");
    }

    #[test]
    fn the_verifier_is_blamed_only_where_it_says_why() {
        use nix::libc::{EACCES, ENOMEM};
        let refused = |log, errno| LoadError::refused(log, io::Error::from_raw_os_error(errno));
        assert!(matches!(refused("", EACCES), LoadError::Forbidden(_)));
        assert!(matches!(refused("R1 invalid mem access\n", EACCES), LoadError::Verifier { .. }));
        assert!(matches!(refused("", ENOMEM), LoadError::Unsupported(_)));
        let created =
            MapError::CreateError { name: "SERVED".to_owned(), io_error: io::Error::from_raw_os_error(EACCES) };
        assert!(matches!(LoadError::from(EbpfError::MapError(created)), LoadError::Forbidden(_)));
    }

    #[test]
    fn only_e2big_is_a_full_map() {
        use nix::libc::{E2BIG, ENOMEM, EPERM};
        let failed = |errno| {
            let io_error = io::Error::from_raw_os_error(errno);
            map_failure(&SyscallError { call: "bpf_map_update_elem", io_error }.into())
        };
        assert_eq!(failed(E2BIG), MapFailure::Full);
        for errno in [EPERM, ENOMEM] {
            assert_eq!(failed(errno), MapFailure::Error { errno });
        }
    }

    #[test]
    fn an_errno_is_found_in_a_chain_of_errors() {
        let refused = EbpfError::MapError(MapError::CreateError {
            name: "SERVED".to_owned(),
            io_error: io::Error::from_raw_os_error(nix::libc::EPERM),
        });
        let error = LoadError::from(refused);
        assert!(matches!(error, LoadError::Permission | LoadError::Limited), "{error:?}");
        assert_eq!(matches!(error, LoadError::Limited), privileges::has(Capability::CAP_BPF));
        assert!(matches!(LoadError::from(EbpfError::NoBTF), LoadError::Unsupported(_)));
    }
}
