//! The pages of the program itself, which count as its memory once they were read.

use std::ffi::c_int;

use nix::libc::{self, PF_W, PT_LOAD, dl_phdr_info, size_t};

/// Lets go of all code and constants, so that what comes back is what is still in use: most of what was read
/// is what the start alone needs. The kernel has the pages of the file in its cache, and puts each back when
/// it is touched.
///
/// Once, after the start: it costs some hundred page faults, of less than a microsecond each.
pub fn forget_start() {
    // SAFETY: the callback obeys the contract of `dl_iterate_phdr(3)`, and is given nothing to work on.
    unsafe { libc::dl_iterate_phdr(Some(forget), std::ptr::null_mut()) };
}

/// The first object is the program; the libraries behind it, where there are any, are shared with others.
unsafe extern "C" fn forget(program: *mut dl_phdr_info, _size: size_t, _data: *mut libc::c_void) -> c_int {
    // SAFETY: the information is valid during the callback, and counts the headers that it points to.
    let (base, headers) = unsafe {
        let program = &*program;
        (program.dlpi_addr, std::slice::from_raw_parts(program.dlpi_phdr, program.dlpi_phnum.into()))
    };
    for segment in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_W == 0) {
        let page = page_size();
        let from = (base + segment.p_vaddr) / page * page;
        let to = (base + segment.p_vaddr + segment.p_memsz).div_ceil(page) * page;
        let length = usize::try_from(to - from).expect("a segment fits into the memory that it is in");
        // SAFETY: the segment is mapped from the file and nobody can write to it, so what is read of it next
        // is the same. A failure changes nothing.
        unsafe { libc::madvise(from as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
    1
}

fn page_size() -> u64 {
    // SAFETY: it takes a number, and knows this one.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a page has a size")
}
