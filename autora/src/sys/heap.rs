//! The allocator's habits: a daemon for months keeps what it needs, not what it needed once.
//!
//! A resync takes some hundred bytes for each interface and gives them back a moment later. The
//! allocator of glibc would keep them: it raises its limits with each large block that is freed, and gives
//! back no holes.

/// A block of this size comes from the kernel, and goes back to it when it is freed.
const LARGE: i32 = 64 << 10;

/// Tells the allocator to give back what is freed, from its first use on.
///
/// # Safety
///
/// No other thread may exist: `mallopt` writes the allocator's settings without a lock, and is only safe
/// before there is a second thread ([mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html):
/// `MT-Unsafe init`).
pub unsafe fn set_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: each call takes two numbers, and one that it does not know changes nothing; the caller answers
    // for the threads.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
        nix::libc::mallopt(nix::libc::M_TRIM_THRESHOLD, LARGE);
        // One heap for both threads: the other one asks for little, and rarely.
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}

/// Gives back the pages that nothing is in any more, after work that needed many.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and locks each heap that it trims (malloc_trim(3): `MT-Safe`).
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
