//! Settings of the allocator, so that memory of a peak returns to the kernel.
//!
//! A resync allocates some hundred bytes for each interface and frees them a moment later. glibc's allocator
//! would keep them: it raises its thresholds with each large block that is freed, and returns no free pages
//! between used ones.

/// Blocks from this size on are mapped from the kernel and unmapped when they are freed, in bytes.
const LARGE: i32 = 64 << 10;

/// Sets the allocator's thresholds, so that freed memory returns to the kernel.
///
/// # Safety
///
/// No other thread may exist: `mallopt` writes the allocator's settings without a lock, and is only safe
/// before there is a second thread ([mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html):
/// `MT-Unsafe init`).
pub unsafe fn set_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: each call takes two numbers and ignores unknown ones; the caller guarantees that there is one
    // thread.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
        nix::libc::mallopt(nix::libc::M_TRIM_THRESHOLD, LARGE);
        // One heap for both threads: the control thread allocates little, and rarely.
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}

/// Returns unused pages to the kernel, after work that needed many.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes a number, and locks each heap that it trims (malloc_trim(3): `MT-Safe`).
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
