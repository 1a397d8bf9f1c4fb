//! Debian's kernels, unpacked: the kernel image, and the few modules that the virtual machines need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::modules;
use crate::{architecture::Architecture, process, setup::packages::Archive, ui, workspace::Workspace};

/// How the packages begin that contain the kernel. The other dependencies are for installing it.
const PARTS: [&str; 3] = ["linux-image-", "linux-binary-", "linux-modules-"];

/// A network card for guests, and links for hosts.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_net", "veth"];

/// Links of every kind, and queues. Open vSwitch needs `libcrc32c`, which asks for the first of these by name.
const LINKS: &[&str] = &[
    "crc32c_generic",
    "8021q",
    "bonding",
    "bridge",
    "dummy",
    "ip_gre",
    "ip6_gre",
    "ip6_tunnel",
    "ipvlan",
    "macvlan",
    "openvswitch",
    "sch_netem",
    "sch_plug",
    "team",
    "team_mode_roundrobin",
    "vrf",
    "vxlan",
    "wireguard",
];

/// Returns a folder with `vmlinuz`, and `modules` whose names sort in the order of loading.
///
/// It is made once. To get a newer kernel, delete the folder.
pub(crate) fn prepare<'a>(
    workspace: &Workspace,
    (name, architecture): (&str, Architecture),
    archive: impl FnOnce() -> Result<Archive<'a>>,
) -> Result<PathBuf> {
    prepare_in(workspace, name, architecture, &[], archive)
}

/// Returns a folder that has the modules for links of every kind as well.
pub(crate) fn prepare_for_links<'a>(
    workspace: &Workspace,
    (name, architecture): (&str, Architecture),
    archive: impl FnOnce() -> Result<Archive<'a>>,
) -> Result<PathBuf> {
    prepare_in(workspace, &format!("{name}-links"), architecture, LINKS, archive)
}

fn prepare_in<'a>(
    workspace: &Workspace,
    name: &str,
    architecture: Architecture,
    modules: &[&str],
    archive: impl FnOnce() -> Result<Archive<'a>>,
) -> Result<PathBuf> {
    let folder = workspace.vm().join("kernels").join(architecture.debian()).join(name);
    if !folder.join("vmlinuz").is_file() {
        unpack(&archive()?, &newest(architecture), &folder, modules)
            .with_context(|| format!("cannot get the kernel of {name}"))?;
    }
    let version = fs::read_to_string(folder.join("version"))?;
    ui::note(&format!("{}: Linux {version}", workspace.display(&folder)));
    Ok(folder)
}

/// Returns Debian's package that depends on the release's present kernel.
fn newest(architecture: Architecture) -> String {
    format!("linux-image-{}", architecture.debian())
}

fn unpack(archive: &Archive<'_>, newest: &str, folder: &Path, modules: &[&str]) -> Result<()> {
    let packages = parts(&[newest.to_owned()], |package| archive.show(package));
    ensure!(packages.len() > 1, "the archive has no {newest}");
    // Both folders hold plain files alone, and nothing is mounted on them.
    let scratch = folder.join("unpacked");
    for stale in [&scratch, folder] {
        if stale.exists() {
            fs::remove_dir_all(stale)?;
        }
    }
    archive.unpack(&packages, &scratch)?;
    let tree = modules_folder(&scratch)?;
    write_modules(&tree, &folder.join("modules"), modules)?;
    let version = tree.file_name().unwrap_or_default().to_string_lossy().into_owned();
    fs::write(folder.join("version"), &version)?;
    // Last, since `prepare` takes it as the sign that the folder is complete.
    let image = [scratch.join(format!("boot/vmlinuz-{version}")), tree.join("vmlinuz")];
    let image = image.iter().find(|file| file.is_file()).context("the packages contain no vmlinuz")?;
    fs::rename(image, folder.join("vmlinuz"))?;
    Ok(fs::remove_dir_all(scratch)?)
}

/// Returns the packages that a kernel consists of, by following their dependencies.
fn parts(names: &[String], show: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found: Vec<String> = names.to_vec();
    let mut next = 0;
    while let Some(package) = found.get(next) {
        for part in kernel_dependencies(&show(package).unwrap_or_default()) {
            if !found.contains(&part) {
                found.push(part);
            }
        }
        next += 1;
    }
    found
}

fn kernel_dependencies(shown: &str) -> Vec<String> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: ")).unwrap_or_default();
    let names = depends.split([',', '|']).filter_map(|one| one.split_whitespace().next());
    names.filter(|name| PARTS.iter().any(|part| name.starts_with(part))).map(str::to_owned).collect()
}

/// Returns the one folder below `lib/modules`, which newer releases have below `usr`.
fn modules_folder(root: &Path) -> Result<PathBuf> {
    let roots = ["lib/modules", "usr/lib/modules"].map(|place| root.join(place));
    let folders: Vec<_> = roots.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten().collect();
    match &folders[..] {
        [one] => Ok(one.path()),
        others => bail!("the packages contain the modules of {} kernels instead of one", others.len()),
    }
}

fn write_modules(tree: &Path, folder: &Path, more: &[&str]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let files = files_below(&tree.join("kernel"))?;
    let read = |name: &str| {
        let file = files.iter().find(|file| modules::name_of(file).as_deref() == Some(name));
        file.map(|file| contents(file)).transpose()
    };
    for (number, module) in modules::in_order(&[&MODULES, more].concat(), read)?.iter().enumerate() {
        fs::write(folder.join(format!("{number:02}-{}.ko", module.name)), &module.bytes)?;
    }
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Returns a module's bytes, decompressed if the release compresses them.
fn contents(file: &Path) -> Result<Vec<u8>> {
    let unpacker = match file.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some(_) | None => return Ok(fs::read(file)?),
    };
    let mut command = Command::new(unpacker);
    command.args(["--decompress", "--stdout"]).arg(file);
    let output = command.output().with_context(|| format!("cannot run {unpacker}"))?;
    ensure!(output.status.success(), "{} failed", process::line(&command));
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn a_kernel_is_found_in_one_package_or_in_several() {
        let one = |package: &str| match package {
            "linux-image-amd64" => Some("Version: 1\nDepends: linux-image-6.1.0-9-amd64 (= 6.1.9-1)\n".to_owned()),
            "linux-image-6.1.0-9-amd64" => Some("Depends: kmod, initramfs-tools | dracut\n".to_owned()),
            _ => None,
        };
        let newest = newest(Architecture::Amd64);
        assert_eq!(parts(slice::from_ref(&newest), one), ["linux-image-amd64", "linux-image-6.1.0-9-amd64"]);
        let several = |package: &str| match package {
            "linux-image-amd64" => Some("Depends: linux-base-amd64 (= 7), linux-image-7-amd64 (= 7)\n".to_owned()),
            "linux-image-7-amd64" => Some(
                "Depends: dracut | x, linux-base-7 (= 7), linux-binary-7 (= 7), linux-modules-7 (= 7)\n".to_owned(),
            ),
            _ => None,
        };
        assert_eq!(
            parts(&[newest], several),
            ["linux-image-amd64", "linux-image-7-amd64", "linux-binary-7", "linux-modules-7"]
        );
    }
}
