//! The seed of the random delays.

use std::process;

use nix::libc;

use super::clock;

/// Bytes of a seed.
const LEN: usize = 32;

/// `GRND_INSECURE`, since Linux 5.6 (include/uapi/linux/random.h).
const INSECURE: libc::c_uint = 4;

/// Returns a seed, and never waits for the kernel to have gathered enough randomness: a virtual machine without a
/// source of it may take minutes after its boot, in which guests had no router. The delays that are drawn are no
/// secret; they only have to differ between hosts.
#[must_use]
pub fn seed() -> [u8; LEN] {
    let mut seed = [0; LEN];
    // Older kernels know no GRND_INSECURE (EINVAL), and with GRND_NONBLOCK may have nothing yet (EAGAIN).
    if !(fill(&mut seed, INSECURE) || fill(&mut seed, libc::GRND_NONBLOCK)) {
        seed = of_this_process();
    }
    seed
}

/// Fills `seed` by getrandom(2); returns whether the kernel did.
fn fill(seed: &mut [u8; LEN], flags: libc::c_uint) -> bool {
    // SAFETY: the buffer is as long as the call is told.
    let filled = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), LEN, flags) };
    usize::try_from(filled).is_ok_and(|filled| filled == LEN)
}

/// Returns a seed of what differs between processes and hosts: the 16 bytes that the kernel gives each process, the
/// time, and the number of the process.
fn of_this_process() -> [u8; LEN] {
    // SAFETY: the call takes a number. The vector holds the address of 16 bytes, or 0 (getauxval(3), AT_RANDOM), and
    // they stay for as long as the process lives.
    let given = unsafe {
        let address = libc::getauxval(libc::AT_RANDOM) as *const [u8; 16];
        address.as_ref().copied().unwrap_or_default()
    };
    let now = clock::wall().as_nanos();
    let mut seed = [0; LEN];
    seed[..16].copy_from_slice(&given);
    seed[16..].copy_from_slice(&(now ^ u128::from(process::id()) << 96).to_le_bytes());
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_gives_another_seed_each_time() {
        for of in [seed, of_this_process] {
            assert_ne!(of(), of());
        }
        assert_ne!(of_this_process()[..16], [0; 16], "the kernel's bytes");
    }
}
