//! Loads the filter in little more than 1 ms, without aya's loader.
//!
//! aya's loader first parses the BTF of the whole kernel (33 ms, and 20 MB for a moment), then loads some
//! twenty probes to detect the kernel's features. This filter needs neither: it has no CO-RE and nothing
//! newer than Linux 5.8. So aya-obj parses and relocates the object, aya creates and owns the maps, and this
//! file makes the `bpf(2)` call that loads the program.

use std::{
    collections::{HashMap, HashSet},
    ffi::{CStr, c_char, c_long},
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use autora_common::maps::PROGRAM;
use aya::maps::{MapData, MapError};
use aya_obj::{
    Object,
    generated::{bpf_attr, bpf_cmd, bpf_insn, bpf_prog_type},
};
use nix::{errno::Errno, libc};

use super::error::LoadError;

/// Sizes of the buffer for the verifier's log, in bytes, tried in this order. The cause is at the end of the
/// log, and before Linux 6.4 the kernel keeps the beginning of a log that does not fit (`ENOSPC`).
const VERIFIER_LOGS: [usize; 3] = [64 << 10, 1 << 20, 16 << 20];

/// The `log_level` that logs each step and the statistics (include/linux/bpf_verifier.h).
const LOG_STEPS: u32 = 1 | 4;

/// The program in the kernel, and its maps by name.
pub(super) struct Loaded {
    pub(super) program: OwnedFd,
    pub(super) maps: HashMap<String, MapData>,
}

/// Loads the program from `object` with the maps that `wanted` names and no others; a number beside a name
/// replaces the map's size in the object.
pub(super) fn load(object: &[u8], wanted: &[(&str, Option<u32>)]) -> Result<Loaded, LoadError> {
    let mut object = Object::parse(object).map_err(unusable)?;
    let mut maps = HashMap::new();
    let mut definitions = HashMap::new();
    for (name, entries) in wanted {
        let no_map = || unusable(MapError::InvalidName { name: (*name).to_owned() });
        let mut definition = object.maps.remove(*name).ok_or_else(no_map)?;
        if let Some(entries) = entries {
            definition.set_max_entries(*entries);
        }
        let map = MapData::create(definition.clone(), name, None).map_err(aya::EbpfError::from)?;
        maps.insert((*name).to_owned(), map);
        definitions.insert((*name).to_owned(), definition);
    }
    drop_other_programs(&mut object);
    relocate(&mut object, &maps, &definitions)?;
    Ok(Loaded { program: load_program(&object)?, maps })
}

/// Drops the object's other program, which has one map more. Functions that both call stay.
fn drop_other_programs(object: &mut Object) {
    let Object { programs, functions, .. } = object;
    for (_, other) in programs.extract_if(|name, _| name != PROGRAM) {
        functions.remove(&other.function_key());
    }
}

fn relocate(
    object: &mut Object,
    maps: &HashMap<String, MapData>,
    definitions: &HashMap<String, aya_obj::Map>,
) -> Result<(), LoadError> {
    let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let created =
        definitions.iter().map(|(name, definition)| (name.as_str(), maps[name].fd().as_fd().as_raw_fd(), definition));
    object.relocate_maps(created, &sections).map_err(unusable)?;
    object.relocate_calls(&sections).map_err(unusable)
}

/// Loads the program without a log first: the log costs time, and is needed only after a failure.
fn load_program(object: &Object) -> Result<OwnedFd, LoadError> {
    let program = object.programs.get(PROGRAM);
    let function = program.and_then(|program| object.functions.get(&program.function_key()));
    let instructions = &function.ok_or(LoadError::NoProgram)?.instructions;
    let load = |log: &mut [u8]| prog_load(PROGRAM, instructions, &object.license, log);
    load(&mut []).or_else(|source| {
        if source.raw_os_error() == Some(libc::EPERM) {
            return Err(LoadError::not_permitted());
        }
        let mut log = Vec::new();
        for size in VERIFIER_LOGS {
            log = vec![0; size];
            match load(&mut log) {
                // The first failure was transient, not the program's.
                Ok(program) => return Ok(program),
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {}
                Err(_as_before) => break,
            }
        }
        let log = CStr::from_bytes_until_nul(&log).unwrap_or_default();
        Err(LoadError::refused(&log.to_string_lossy(), source))
    })
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> LoadError {
    LoadError::Unsupported(error.into())
}

/// Loads a socket filter (`BPF_PROG_LOAD`); the verifier's log goes to `log` unless that is empty.
fn prog_load(name: &str, instructions: &[bpf_insn], license: &CStr, log: &mut [u8]) -> io::Result<OwnedFd> {
    let mut attributes = no_attributes();
    {
        // SAFETY: every field of the union is plain data, and all of it is zero.
        let load = unsafe { &mut attributes.__bindgen_anon_3 };
        load.prog_type = bpf_prog_type::BPF_PROG_TYPE_SOCKET_FILTER as u32;
        load.insns = instructions.as_ptr() as u64;
        load.insn_cnt = u32::try_from(instructions.len()).map_err(io::Error::other)?;
        load.license = license.as_ptr() as u64;
        // The last byte stays 0.
        for (to, from) in load.prog_name[..15].iter_mut().zip(name.bytes()) {
            *to = c_char::from_ne_bytes([from]);
        }
        if !log.is_empty() {
            load.log_level = LOG_STEPS;
            load.log_buf = log.as_mut_ptr() as u64;
            load.log_size = u32::try_from(log.len()).map_err(io::Error::other)?;
        }
    }
    // SAFETY: the pointers lead to instructions and a buffer of those lengths and to a string, and the kernel
    // does not keep them.
    let fd = unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &mut attributes) }?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the call has just created this descriptor, so it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn no_attributes() -> bpf_attr {
    // SAFETY: a union of plain data, for which zeros are valid; the kernel requires zeros in unused fields.
    unsafe { std::mem::zeroed() }
}

/// Calls `bpf(2)`.
///
/// # Safety
///
/// Every pointer in `attributes` that `command` reads must be valid until it returns.
pub(super) unsafe fn bpf(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<c_long> {
    // SAFETY: the length is that of the attributes; the caller guarantees the pointers in them.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command as c_long, std::ptr::from_mut(attributes), size_of::<bpf_attr>())
    };
    Errno::result(result).map_err(io::Error::from)
}
