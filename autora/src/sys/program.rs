//! The pages of the program itself, which count as resident memory once they are touched.

use std::ffi::c_int;

use nix::libc::{self, PF_W, PT_LOAD, dl_phdr_info, size_t};

/// Drops all pages of code and constants, so that only those still in use become resident again: most were
/// needed by the start alone. The kernel keeps the file in its page cache and maps a page again when it is
/// touched.
///
/// Called once, after the start: it costs some hundred page faults of less than a microsecond each.
pub fn drop_start_pages() {
    // SAFETY: the callback obeys the contract of `dl_iterate_phdr(3)` and ignores its data pointer.
    unsafe { libc::dl_iterate_phdr(Some(drop_pages), std::ptr::null_mut()) };
}

/// Drops the pages of the first object, which is the program, and stops: libraries after it are shared with
/// other processes.
unsafe extern "C" fn drop_pages(program: *mut dl_phdr_info, _size: size_t, _data: *mut libc::c_void) -> c_int {
    // SAFETY: the information is valid during the callback, and `dlpi_phnum` counts the headers.
    let (base, headers) = unsafe {
        let program = &*program;
        (program.dlpi_addr, std::slice::from_raw_parts(program.dlpi_phdr, program.dlpi_phnum.into()))
    };
    for segment in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_W == 0) {
        let page = page_size();
        let from = (base + segment.p_vaddr) / page * page;
        let to = (base + segment.p_vaddr + segment.p_memsz).div_ceil(page) * page;
        let length = usize::try_from(to - from).expect("a segment fits into the memory that it is in");
        // SAFETY: the segment is mapped from the file without write access, so its pages come back unchanged.
        // A failure changes nothing.
        unsafe { libc::madvise(from as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
    1
}

fn page_size() -> u64 {
    // SAFETY: the call takes a number, and `_SC_PAGESIZE` is a valid one.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a page has a size")
}
