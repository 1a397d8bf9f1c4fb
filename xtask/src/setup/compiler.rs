//! A Rust compiler for `bpfel-unknown-none`.
//!
//! Two are usable. Debian's has a package with a compiled `core` for that target, and needs no rustup.
//! Rustup's nightly compiles `core` from the component `rust-src`. The target is not stable (aya-ebpf uses
//! one unstable feature), so rustup's stable compilers cannot be used.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::apt::{self, Lists};
use super::llvm;
use super::remedy::Remedy;
use crate::process;

/// Rustup's name of the compiler. The day is fixed, since a later compiler may have an LLVM that bpf-linker
/// and the distributions do not support yet; this one has LLVM 22, as Debian's has.
const NIGHTLY: &str = "nightly-2026-05-20";

/// How rustup installs it.
const NIGHTLY_INSTALL: &[&str] = &["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src"];

const TARGET: &str = "bpfel-unknown-none";

/// The packages of a compiler and of its `core` for BPF. Debian 12 has a second, newer compiler for web
/// browsers.
const DEBIAN: [[&str; 2]; 2] = [["rustc-web", "libstd-rust-web-dev-bpf"], ["rustc", "libstd-rust-dev-bpf"]];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) kind: Kind,
    pub(crate) about: About,
}

/// The compiler and the linker of the filter.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    pub(crate) linker: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The distribution's, at this path.
    System(PathBuf),
    /// Rustup's [`NIGHTLY`], with the path of its sources of `core`.
    Nightly(PathBuf),
}

/// The output of `rustc -vV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The version, as in `1.96.0` or `1.97.0-nightly`.
    pub(crate) release: String,
    /// Major version of the LLVM it generates code with; the linker must read that code.
    pub(crate) llvm: u32,
}

impl Compiler {
    /// Finds a compiler that can compile the filter.
    pub(crate) fn find() -> Option<Self> {
        system().or_else(nightly)
    }

    /// Returns where it is, for messages.
    pub(crate) fn place(&self) -> &Path {
        match &self.kind {
            Kind::System(path) | Kind::Nightly(path) => path,
        }
    }

    /// Returns a `cargo build` with this compiler for [`TARGET`]. `cargo` is the workspace's.
    pub(crate) fn cargo_build(&self, cargo: Command) -> Command {
        let mut command = match &self.kind {
            Kind::System(rustc) => {
                let mut command = cargo;
                // RUSTC_BOOTSTRAP lets a stable compiler accept the unstable feature.
                command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").arg("build");
                command
            }
            Kind::Nightly(_) => {
                let mut command = Command::new("rustup");
                command.current_dir(cargo.get_current_dir().unwrap_or(Path::new("."))).env_remove("RUSTC");
                command.args(["run", NIGHTLY, "cargo", "build", "-Z", "build-std=core"]);
                command
            }
        };
        command.args(["--target", TARGET]);
        command
    }
}

fn system() -> Option<Compiler> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let about = ask(Command::new(&rustc).arg("-vV"))?;
    let libdir = process::query(Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    let has_core = fs::read_dir(libdir.trim()).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = Path::new(&name);
            name.to_string_lossy().starts_with("libcore-") && name.extension().is_some_and(|ext| ext == "rlib")
        })
    });
    (has_core && is_new_enough(&about.release) && llvm::reads(about.llvm))
        .then_some(Compiler { kind: Kind::System(rustc), about })
}

fn nightly() -> Option<Compiler> {
    let run = |args: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", NIGHTLY, "rustc"]).args(args);
        command
    };
    process::which("rustup")?;
    let about = ask(&mut run(&["-vV"]))?;
    let sysroot = process::query(&mut run(&["--print", "sysroot"]))?;
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    (sources.join("core").is_dir() && is_new_enough(&about.release) && llvm::reads(about.llvm))
        .then_some(Compiler { kind: Kind::Nightly(sources), about })
}

fn ask(command: &mut Command) -> Option<About> {
    parse_about(&process::query(command)?)
}

fn parse_about(text: &str) -> Option<About> {
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let llvm = field("LLVM version:")?.split('.').next()?.parse().ok()?;
    Some(About { release: field("release:")?.to_owned(), llvm })
}

/// Returns whether a compiler is at least the workspace's `rust-version`.
fn is_new_enough(release: &str) -> bool {
    minor(release) >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

/// Returns the first two numbers of a version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Returns what to do if there is no compiler.
pub(crate) fn remedy(lists: Lists) -> Remedy {
    if apt::is_here() {
        if let Some(packages) = DEBIAN.into_iter().find_map(debian_packages) {
            return Remedy::Packages(packages);
        }
        if lists == Lists::AsTheyAre {
            return Remedy::PackageLists;
        }
    }
    if process::which("rustup").is_some() {
        return Remedy::Rustup(NIGHTLY_INSTALL);
    }
    Remedy::ByHand(format!(
        "there is no Rust compiler for {TARGET}: this distribution has no package of version {} or newer with a core \
         library for it, and rustup is not installed. Install rustup (https://rustup.rs) and run this command again",
        env!("CARGO_PKG_RUST_VERSION")
    ))
}

/// Returns the packages of one of Debian's compilers and its LLVM, if this release has all of them, new
/// enough.
fn debian_packages([rustc, core]: [&str; 2]) -> Option<Vec<String>> {
    let version = apt::candidate(core)?;
    if apt::candidate(rustc)? != version || !is_new_enough(&version) {
        return None;
    }
    let major = apt::llvm_behind(&[rustc, core]).filter(|&major| llvm::reads(major))?;
    let headers = llvm::package(major);
    apt::candidate(&headers)?;
    Some(vec![rustc.to_owned(), core.to_owned(), headers])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_and_llvm_are_read_from_rustc() {
        let debian = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\nbinary: rustc\n\
                      host: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(parse_about(debian), Some(About { release: "1.96.0".to_owned(), llvm: 22 }));
        assert_eq!(parse_about("rustc 1.96.0\nrelease: 1.96.0\n"), None, "no LLVM (another code generator)");
        assert_eq!(parse_about(""), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(is_new_enough("1.96.0+dfsg1-1~deb12u2"));
        assert!(is_new_enough("1.97.0-nightly"));
        assert!(is_new_enough("1.100.0"));
        assert!(is_new_enough(env!("CARGO_PKG_RUST_VERSION")));
        assert!(!is_new_enough("1.85.0+dfsg3-1~deb12u3"));
        assert!(!is_new_enough("unknown"));
    }
}
