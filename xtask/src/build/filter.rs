//! `cargo xtask build-ebpf`: compiles the socket filter to the object that the daemon embeds.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    process,
    setup::{self, Scope, Toolchain},
    ui,
    workspace::Workspace,
};

/// The profile in the workspace's manifest: release, but not stripped, since stripping removes the maps.
const PROFILE: &str = "ebpf";

/// Sets the machine up and builds the filter.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let toolchain = setup::ensure(workspace, Scope::Build)?;
    with(workspace, &toolchain)
}

/// Builds the filter with `toolchain`.
pub(crate) fn with(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    compile(workspace, toolchain)?;
    let compiled = workspace.bpf_target().join("bpfel-unknown-none").join(PROFILE).join("autora-ebpf");
    let object = workspace.object();
    let changed = put(&compiled, &object)
        .with_context(|| format!("cannot copy {} to {}", compiled.display(), object.display()))?;
    let bytes = fs::metadata(&object)?.len();
    let remark = if changed { "" } else { " (unchanged)" };
    ui::note(&format!("{}: {bytes} bytes{remark}", workspace.display(&object)));
    Ok(())
}

/// Compiles into a target directory of its own: in a shared one, the other compiler would make cargo compile
/// the daemon's crates again.
fn compile(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let flags = ["-C".to_owned(), format!("linker={}", toolchain.linker.display())];
    let mut command = toolchain.compiler.cargo_build(workspace.cargo([] as [&str; 0]));
    command
        .args(["--locked", "--profile", PROFILE, "--package", "autora-ebpf"])
        .arg("--target-dir")
        .arg(workspace.bpf_target())
        // Flags for the host's code (`-C target-cpu=native`) do not apply to BPF.
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    process::run(&mut command).context("the eBPF filter does not compile")
}

/// Copies the object in one step, and only if it changed: cargo compiles the daemon again when the copy's
/// modification time changes, and the daemon's build script compares that time with those of the sources.
/// Returns whether it copied.
fn put(compiled: &Path, object: &Path) -> Result<bool> {
    let modified = |file: &Path| fs::metadata(file).and_then(|meta| meta.modified());
    let content = fs::read(compiled)?;
    let is_same = fs::read(object).is_ok_and(|old| old == content);
    if is_same && modified(object)? >= modified(compiled)? {
        return Ok(false);
    }
    fs::create_dir_all(object.parent().context("no folder")?)?;
    let draft = object.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, content)?;
    fs::rename(&draft, object)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    use super::*;

    #[test]
    fn an_object_is_copied_only_if_it_changed() {
        let folder = std::env::temp_dir().join(format!("xtask-put-{}", std::process::id()));
        let (compiled, object) = (folder.join("compiled"), folder.join("deep/object.o"));
        fs::create_dir_all(&folder).expect("made");
        fs::write(&compiled, b"one").expect("written");
        assert!(put(&compiled, &object).expect("copied"), "there was no object");
        assert!(!put(&compiled, &object).expect("compared"), "nothing changed");
        fs::write(&compiled, b"two").expect("written");
        assert!(put(&compiled, &object).expect("copied"), "it differs");
        assert_eq!(fs::read(&object).expect("there"), b"two");
        let later = SystemTime::now() + Duration::from_secs(10);
        File::options().append(true).open(&compiled).and_then(|file| file.set_modified(later)).expect("touched");
        assert!(put(&compiled, &object).expect("copied"), "it was compiled again, from newer sources");
        assert_eq!(fs::read_dir(folder.join("deep")).expect("there").count(), 1, "a draft stays behind");
        fs::remove_dir_all(folder).expect("removed");
    }
}
