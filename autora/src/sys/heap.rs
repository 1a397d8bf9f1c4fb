//! The allocator's habits: a daemon for months keeps what it needs, not what it needed once.
//!
//! A look at everything takes some hundred bytes for each interface and gives them back a moment later. The allocator of
//! glibc would keep them: it raises its limits with each large block that is freed, and gives back no holes.

/// A block of this size comes from the kernel, and goes back to it when it is freed.
const LARGE: i32 = 64 << 10;

/// Tells the allocator to give back what is freed, from its first use on.
pub fn set_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers and may be called at any time; one that it does not like changes nothing.
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
    // SAFETY: it takes a number and may be called at any time.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
