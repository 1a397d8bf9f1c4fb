//! Reads all entries of a hash map, many with each system call.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use aya::{
    Pod,
    maps::{HashMap, IterableMap, MapData},
};
use aya_obj::generated::bpf_cmd;
use nix::libc;

use super::loader::{bpf, no_attributes};

/// Entries that one call reads.
const BATCH: usize = 128;

/// Calls `each` with every entry of `map`; one that is inserted or removed meanwhile may be among them.
///
/// # Errors
///
/// The kernel's error (before Linux 5.6 always: `BPF_MAP_LOOKUP_BATCH` is missing); `each` may have had some
/// entries by then.
pub(super) fn each_entry<V: Pod + Default>(
    map: &HashMap<MapData, u32, V>,
    mut each: impl FnMut(u32, &V),
) -> io::Result<()> {
    let mut keys = [0_u32; BATCH];
    let mut values = vec![V::default(); BATCH];
    // Where the kernel continues: the number of a bucket.
    let mut bucket = 0_u32;
    let mut begun = false;
    loop {
        let mut attributes = no_attributes();
        attributes.batch.map_fd = u32::try_from(map.map().fd().as_fd().as_raw_fd()).map_err(io::Error::other)?;
        // SAFETY: every field of the union is plain data, and all of it is initialized.
        let batch = unsafe { &mut attributes.batch };
        batch.in_batch = if begun { &raw const bucket as u64 } else { 0 };
        batch.out_batch = &raw mut bucket as u64;
        batch.keys = keys.as_mut_ptr() as u64;
        batch.values = values.as_mut_ptr() as u64;
        batch.count = u32::try_from(BATCH).map_err(io::Error::other)?;
        // SAFETY: the pointers lead to a number and to `count` keys and values. Both have the sizes of the
        // map's: aya makes no `HashMap` with others (`check_kv_size` in its src/maps/mod.rs).
        let done = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attributes) };
        let is_over = match done {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            Err(error) => return Err(error),
        };
        // SAFETY: plain data; the kernel has written the number of entries, with ENOENT as well.
        let count = usize::try_from(unsafe { attributes.batch.count }).map_err(io::Error::other)?;
        keys.iter().zip(&values).take(count).for_each(|(key, value)| each(*key, value));
        if is_over {
            return Ok(());
        }
        begun = true;
    }
}
