//! `cargo xtask build`: the release daemon, with the filter embedded, and test programs in the same profile.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::filter;
use crate::{
    architecture::Architecture,
    process,
    setup::{self, Scope, Toolchain, cross::Sysroot},
    ui,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build for this target of rustc, to target/TARGET/release/autora; for the machine's own, to
    /// target/release/autora
    #[arg(long, value_name = "TARGET", value_parser = Architecture::of_target)]
    target: Option<Architecture>,
}

/// Sets the machine up and builds the release daemon.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let architecture = args.target.unwrap_or(Architecture::OWN);
    let toolchain = setup::ensure_for(workspace, Scope::Build, architecture)?;
    for_architecture(workspace, &toolchain, architecture).map(drop)
}

/// Builds the filter and the release daemon with `toolchain`. Returns the daemon's path.
pub(crate) fn with(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    for_architecture(workspace, toolchain, Architecture::OWN)
}

/// Does the same for an architecture that `setup` has prepared. The filter is the same for all of them.
pub(crate) fn for_architecture(
    workspace: &Workspace,
    toolchain: &Toolchain,
    architecture: Architecture,
) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading(&format!("daemon for {}, release profile", architecture.debian()));
    let daemon = workspace.daemon_for(architecture);
    let map = daemon.with_extension("map");
    let mut cargo = cargo(workspace, architecture, "autora", "autora");
    cargo.args(["-C", &format!("link-arg=-Wl,-Map={}", map.display())]);
    process::run(&mut cargo).context("the daemon does not compile")?;
    no_name_service(&map)?;
    has_filter(workspace, &daemon)?;
    ui::note(&format!("{}: {}", workspace.display(&daemon), about(&daemon, architecture)?));
    Ok(daemon)
}

/// Checks that the daemon has the bytes of the filter that was built.
fn has_filter(workspace: &Workspace, daemon: &Path) -> Result<()> {
    let object = workspace.object();
    ensure!(
        contains(&fs::read(daemon)?, &fs::read(&object)?),
        "{} does not carry the eBPF program {}",
        daemon.display(),
        object.display()
    );
    Ok(())
}

fn contains(program: &[u8], object: &[u8]) -> bool {
    !object.is_empty() && program.windows(object.len()).any(|window| window == object)
}

/// Returns what a daemon says of itself; one for another architecture says nothing here.
fn about(daemon: &Path, architecture: Architecture) -> Result<String> {
    if !architecture.is_own() {
        return Ok(format!("for {}, with the same eBPF filter", architecture.debian()));
    }
    let version = process::query(Command::new(daemon).arg("--version"));
    let version = version.with_context(|| format!("{} --version failed", daemon.display()))?;
    Ok(version.trim().replace('\n', ", "))
}

/// Parts of the C library that load its name service modules, of which a static program has none: it would load those
/// of the host, of whatever version, and crash (<https://sourceware.org/glibc/wiki/FAQ>, "static linking").
const NAME_SERVICE: [&str; 6] =
    ["getaddrinfo.o", "getgrnam.o", "getgrnam_r.o", "getpwnam.o", "getpwnam_r.o", "nss_module.o"];

/// Checks, in the linker's map, that nothing of the name service is linked into the daemon.
fn no_name_service(map: &Path) -> Result<()> {
    let text = fs::read_to_string(map).with_context(|| format!("cannot read the linker's map {}", map.display()))?;
    let linked = name_service_in(&text);
    ensure!(linked.is_empty(), "{linked:?} of the C library are in the daemon, which would load code of the host");
    Ok(())
}

fn name_service_in(map: &str) -> Vec<&'static str> {
    let is_linked = |member: &&str| map.contains(&format!("libc.a({member})"));
    NAME_SERVICE.into_iter().filter(is_linked).collect()
}

/// Compiles a program of the tests in the daemon's profile, so that most crates are compiled once. Returns
/// its path.
pub(crate) fn test_program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let mut cargo = workspace.cargo(["build"]);
    process::run(adjust(&mut cargo, "autora-tests", name))
        .with_context(|| format!("the program {name} does not compile"))?;
    Ok(workspace.daemon().with_file_name(name))
}

/// Does the same for another architecture, and links it statically: it runs where there are no libraries.
pub(crate) fn test_program_for(workspace: &Workspace, architecture: Architecture, name: &str) -> Result<PathBuf> {
    process::run(&mut cargo(workspace, architecture, "autora-tests", name))
        .with_context(|| format!("the program {name} does not compile for {}", architecture.debian()))?;
    Ok(workspace.daemon_for(architecture).with_file_name(name))
}

/// Returns the cargo that compiles and links a program, to which the caller may add flags of rustc.
fn cargo(workspace: &Workspace, architecture: Architecture, package: &str, program: &str) -> Command {
    let mut cargo = workspace.cargo(["rustc"]);
    adjust(&mut cargo, package, program);
    if !architecture.is_own() {
        Sysroot::of(workspace, architecture).adjust(&mut cargo);
    }
    cargo.arg("--").args(STATIC).args(packed(architecture));
    cargo
}

/// How programs are linked: with the C library inside, of which they then have less in memory than of a shared one.
const STATIC: [&str; 2] = ["-C", "target-feature=+crt-static"];

/// Returns what packs relocations, which are read once and would otherwise stay in memory. Debian 12's linker cannot do
/// so for arm64.
const fn packed(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Amd64 => &["-C", "link-arg=-Wl,-z,pack-relative-relocs"],
        Architecture::Arm64 => &[],
    }
}

fn adjust<'a>(cargo: &'a mut Command, package: &str, program: &str) -> &'a mut Command {
    cargo.args(["--release", "--locked", "--package", package, "--bin", program]);
    let vendor = cargo.get_current_dir().map(|checkout| checkout.join("vendor")).filter(|vendor| vendor.is_dir());
    let flags = flags(|name| env::var_os(name), vendor);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags).env_remove("RUSTFLAGS");
    // Embeds the object that was just built, even if the variable names another.
    cargo.env_remove("AUTORA_EBPF_OBJECT")
}

/// Returns the compiler's flags for all crates: those that are set, and those that keep cargo's home and the folder of
/// vendored crates out of the daemon. (The path of the checkout is not in it either: cargo compiles workspace members
/// by relative paths, and `cargo xtask dist` checks that.)
fn flags(variable: impl Fn(&str) -> Option<OsString>, vendor: Option<PathBuf>) -> OsString {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let words = |flags: OsString| flags.to_string_lossy().split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let theirs = match set("CARGO_ENCODED_RUSTFLAGS") {
        Some(flags) => vec![flags],
        None => set("RUSTFLAGS").map(words).unwrap_or_default(),
    };
    let home = set("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&set("HOME")?).join(".cargo")));
    let ours = [(vendor, "/vendor"), (home, "/cargo")].into_iter().filter_map(|(from, to)| Some(remap(&from?, to)));
    theirs.into_iter().chain(ours).collect::<Vec<_>>().join(OsStr::new("\x1f"))
}

fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(from);
    flag.push("=");
    flag.push(to);
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_found_whole() {
        assert!(contains(b"\x7fELF..object..", b"object"));
        assert!(!contains(b"\x7fELF..objec", b"object"));
        assert!(!contains(b"\x7fELF", b""), "a daemon without a filter has an empty one");
    }

    #[test]
    fn a_map_shows_what_is_linked_of_the_name_service() {
        let member = |name| format!("/usr/lib/x86_64-linux-gnu/libc.a({name})\n    (symbol) by main.o\n");
        assert_eq!(name_service_in(&[member("getpid.o"), member("getgrnam.o")].concat()), ["getgrnam.o"]);
        assert!(name_service_in(&member("getpid.o")).is_empty());
    }

    #[test]
    fn the_flags_remap_cargos_home_and_keep_flags_that_are_set() {
        let flags = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            flags(value, None).into_string().expect("text")
        };
        let ours = "--remap-path-prefix=/home/x/.cargo=/cargo";
        assert_eq!(flags(&[("HOME", "/home/x")]), ours);
        assert_eq!(flags(&[("HOME", "/home/y"), ("CARGO_HOME", "/home/x/.cargo")]), ours);
        let plain = [("HOME", "/home/x"), ("RUSTFLAGS", " -C target-cpu=native ")];
        assert_eq!(flags(&plain), format!("-C\x1ftarget-cpu=native\x1f{ours}"));
        let encoded = [("HOME", "/home/x"), ("RUSTFLAGS", "-x"), ("CARGO_ENCODED_RUSTFLAGS", "-C\x1fa b")];
        assert_eq!(flags(&encoded), format!("-C\x1fa b\x1f{ours}"));
        assert_eq!(flags(&[]), "");
        let vendored = super::flags(|_| None, Some(PathBuf::from("/src/vendor"))).into_string().expect("text");
        assert_eq!(vendored, "--remap-path-prefix=/src/vendor=/vendor");
    }
}
