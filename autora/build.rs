//! Embeds the eBPF program that `cargo xtask build-ebpf` has built, if it exists.
//!
//! Without it the daemon still builds, on a machine with no BPF toolchain, and carries no program.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The variable with the path of an object file elsewhere. If it is set, the file must exist.
const OVERRIDE: &str = "AUTORA_EBPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-env-changed={OVERRIDE}");
    let embedded = variable("OUT_DIR").join("autora.bpf.o");
    let object = object();
    let copied = match &object {
        Some(object) => fs::copy(object, &embedded).map(|_| ()),
        // An empty file stands for "none", so that the source can always include a file.
        None => fs::write(&embedded, []),
    };
    if let Err(error) = copied {
        panic!("cannot write {} (from {object:?}): {error}", embedded.display());
    }
    if let Some(object) = object {
        warn_if_stale(&object);
    }
}

/// Returns the object file to embed, and prints which paths cargo has to watch.
fn object() -> Option<PathBuf> {
    if let Some(object) = env::var_os(OVERRIDE).filter(|value| !value.is_empty()) {
        let object = PathBuf::from(object);
        watch(&object);
        return Some(object);
    }
    let folder = workspace().join("target/ebpf");
    let object = folder.join("autora.bpf.o");
    if object.exists() {
        watch(&object);
        return Some(object);
    }
    // Cargo runs a build script again each time if a watched path does not exist, and watches a folder by the
    // times of the files in it. So the folder is made, and cargo notices when the object appears. If it
    // cannot be made, no object will appear.
    if folder.exists() || make_old(&folder).is_ok() {
        watch(&folder);
    }
    None
}

/// Makes a folder whose modification time is older than the start of this script.
fn make_old(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::File::open(folder)?.set_modified(SystemTime::UNIX_EPOCH)
}

fn warn_if_stale(object: &Path) {
    let built = fs::metadata(object).and_then(|metadata| metadata.modified());
    for crate_folder in ["autora-ebpf", "autora-common"] {
        let sources = workspace().join(crate_folder).join("src");
        watch(&sources);
        if let (Ok(built), Ok(changed)) = (&built, newest(&sources))
            && changed > *built
        {
            println!(
                "cargo::warning=the eBPF object is older than {crate_folder}: run `cargo xtask build-ebpf` ({})",
                object.display()
            );
        }
    }
}

/// Returns the time of the last change below `folder`.
fn newest(folder: &Path) -> io::Result<SystemTime> {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let changed =
            if entry.file_type()?.is_dir() { newest(&entry.path())? } else { entry.metadata()?.modified()? };
        latest = latest.max(changed);
    }
    Ok(latest)
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn workspace() -> PathBuf {
    let mut folder = variable("CARGO_MANIFEST_DIR");
    folder.pop();
    folder
}

fn variable(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}")))
}
