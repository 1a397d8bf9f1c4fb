//! All entries of a hash map, many to a system call.

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

/// Entries that are read at a time.
const BATCH: usize = 128;

/// Hands every entry of `map` to `each`; one that comes or goes meanwhile may be among them. The kernel
/// writes values of the map's own size: that this is the size of `V` is what the type of `map` says.
///
/// # Errors
///
/// What the kernel says. One below 5.6 knows no such thing; `each` may have had some entries by then.
pub(super) fn each_entry<V: Pod + Default>(
    map: &HashMap<MapData, u32, V>,
    mut each: impl FnMut(u32, &V),
) -> io::Result<()> {
    let mut keys = [0_u32; BATCH];
    let mut values = vec![V::default(); BATCH];
    // Where the kernel goes on: the number of a bucket, 0 at first.
    let mut place = 0_u32;
    let mut begun = false;
    loop {
        let mut attributes = no_attributes();
        attributes.batch.map_fd =
            u32::try_from(map.map().fd().as_fd().as_raw_fd()).map_err(io::Error::other)?;
        // SAFETY: every field of the union is plain data, and all of it is initialized.
        let batch = unsafe { &mut attributes.batch };
        batch.in_batch = if begun { &raw const place as u64 } else { 0 };
        batch.out_batch = &raw mut place as u64;
        batch.keys = keys.as_mut_ptr() as u64;
        batch.values = values.as_mut_ptr() as u64;
        batch.count = u32::try_from(BATCH).map_err(io::Error::other)?;
        // SAFETY: the pointers lead to a number and to as many keys and values as is said. Both have the
        // sizes that the map's have: aya makes no `HashMap` with others (`check_kv_size` in its
        // src/maps/mod.rs).
        let done = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attributes) };
        let is_over = match done {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            Err(error) => return Err(error),
        };
        // SAFETY: the kernel has put the number of entries there, in both cases.
        let count = usize::try_from(unsafe { attributes.batch.count }).map_err(io::Error::other)?;
        keys.iter().zip(&values).take(count).for_each(|(key, value)| each(*key, value));
        if is_over {
            return Ok(());
        }
        begun = true;
    }
}
