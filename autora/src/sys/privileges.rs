//! Tests for capabilities and drops them.

use caps::{CapSet, Capability, errors::CapsError};

/// How the operator grants the daemon its capabilities; part of the errors of a start without them.
pub const HOW_TO_GRANT: &str = "grant it with `setcap cap_net_raw,cap_bpf,cap_perfmon=ep` on the binary (`chmod 750` \
                                and a group of its own, or every local user can run a router) or \
                                `AmbientCapabilities=CAP_NET_RAW CAP_BPF CAP_PERFMON` in the unit";

/// Returns whether `capability` is in this thread's effective set.
#[must_use]
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// Drops every capability irrevocably, and with `no_new_privs` the way to gain new ones by executing a
/// program. Returns the capabilities that were kept.
///
/// `map_updates_work` is called while no capability is effective but all are still permitted: kernels before
/// 5.19 require CAP_BPF for every `bpf(2)` call if `kernel.unprivileged_bpf_disabled` is set, and then it is
/// kept.
///
/// # Errors
///
/// A [`CapsError`] if the kernel refuses, which is not expected.
pub fn give_up(map_updates_work: impl FnOnce() -> bool) -> Result<Vec<Capability>, CapsError> {
    // On failure the bit stays unset, as on kernels before 3.5; the daemon executes no program anyway.
    _ = nix::sys::prctl::set_no_new_privs();
    let had_bpf = caps::has_cap(None, CapSet::Permitted, Capability::CAP_BPF).unwrap_or(false);
    // Needs CAP_SETPCAP, so it works for root; for other users no_new_privs is enough.
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
