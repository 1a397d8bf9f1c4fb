//! Capabilities: which ones are there, and giving them up.

use caps::{CapSet, Capability, errors::CapsError};

/// How a program gets what it needs to start, for the errors of whoever lacks it.
pub const HOW_TO_GRANT: &str = "grant it with `setcap cap_net_raw,cap_bpf,cap_perfmon=ep` on the binary or \
                                `AmbientCapabilities=CAP_NET_RAW CAP_BPF CAP_PERFMON` in the unit";

/// Whether this thread may use `capability` now.
#[must_use]
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// Gives up every capability for good, and the way to gain new ones by executing a program.
///
/// `map_updates_work` is asked while the capabilities are set aside but not yet lost: kernels before 5.19
/// want CAP_BPF for every `bpf(2)` call where `kernel.unprivileged_bpf_disabled` is set, so there that one is
/// kept.
///
/// Returns the capabilities that were kept.
///
/// # Errors
///
/// A [`CapsError`] when the kernel refuses to let go, which it has no reason to.
pub fn give_up(map_updates_work: impl FnOnce() -> bool) -> Result<Vec<Capability>, CapsError> {
    // Failure leaves the bit unset, as on kernels before 3.5; there is nothing left to execute anyway.
    _ = nix::sys::prctl::set_no_new_privs();
    let had_bpf = caps::has_cap(None, CapSet::Permitted, Capability::CAP_BPF).unwrap_or(false);
    // Wants CAP_SETPCAP, so it works for root; for others no_new_privs is enough.
    _ = caps::clear(None, CapSet::Bounding);
    _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Effective)?;
    let kept = if had_bpf && !map_updates_work() { vec![Capability::CAP_BPF] } else { Vec::new() };
    let kept_set = kept.iter().copied().collect();
    caps::set(None, CapSet::Permitted, &kept_set)?;
    caps::set(None, CapSet::Effective, &kept_set)?;
    caps::clear(None, CapSet::Inheritable)?;
    Ok(kept)
}
