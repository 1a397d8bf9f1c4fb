//! What compiles the daemon for another architecture: a C compiler of Debian's to link with, and a folder with the C
//! library and Rust's standard library of that architecture.
//!
//! Debian's rustc takes the standard library of its own build alone, so both are packages of the same version. The
//! folder's packages are unpacked and not installed: the machine stays one of a single architecture.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::compiler::{Compiler, Kind};
use super::packages::Archive;
use super::remedy::Remedy;
use crate::{architecture::Architecture, process, workspace::Workspace};

/// The file that says which compiler the libraries are for. It is written last.
const RECORD: &str = "made-for";

/// The file with the source of the C library, as Debian's field Built-Using has it.
const BUILT_USING: &str = "built-using";

/// The folder of the libraries, which is complete once `setup` has ended.
#[derive(Debug)]
pub(crate) struct Sysroot {
    folder: PathBuf,
    architecture: Architecture,
}

impl Sysroot {
    pub(crate) fn of(workspace: &Workspace, architecture: Architecture) -> Self {
        Self { folder: workspace.sysroot(architecture), architecture }
    }

    /// Lets cargo compile for the architecture. The scripts have what depends on the path of the checkout: as flags of
    /// rustc it would show in the bytes of the program.
    pub(crate) fn adjust(&self, cargo: &mut Command) {
        let target = self.architecture.target();
        let linker = format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase());
        cargo.args(["--target", target]).env("RUSTC", self.rustc()).env(linker, self.linker());
    }

    /// Returns the source of the C library, as Debian's field Built-Using has it.
    pub(crate) fn built_using(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(BUILT_USING)).ok()
    }

    /// The script that runs the compiler with these libraries.
    fn rustc(&self) -> PathBuf {
        self.folder.join("rustc")
    }

    /// The script that links with these libraries.
    fn linker(&self) -> PathBuf {
        self.folder.join("cc")
    }

    fn is_for(&self, compiler: &str) -> bool {
        fs::read_to_string(self.folder.join(RECORD)).is_ok_and(|record| record == compiler)
    }
}

/// The packages of Debian's compiler.
#[derive(Debug)]
struct Packages {
    /// The path of the compiler.
    compiler: PathBuf,
    rustc: String,
    version: String,
}

impl Packages {
    /// Returns those of the installed compiler.
    fn installed(compiler: &Path) -> Option<Self> {
        let owner = process::query(Command::new("dpkg-query").arg("--search").arg(compiler))?;
        let rustc = owner_in(&owner)?.to_owned();
        let version = process::query(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", &rustc]))?;
        Some(Self { compiler: compiler.to_owned(), rustc, version })
    }

    /// Returns the package of the standard library, in the compiler's version.
    fn standard_library(&self) -> String {
        format!("libstd-{}-dev={}", self.rustc.replacen("rustc", "rust", 1), self.version)
    }

    /// Returns what the folder is made of: libraries of another version, or other scripts, make another one.
    fn record(&self, architecture: Architecture) -> String {
        format!("{} {}\n{}{}", self.rustc, self.version, compiler_script(&self.compiler), linker_script(architecture))
    }
}

/// Returns the package in the output of `dpkg-query --search`.
fn owner_in(output: &str) -> Option<&str> {
    output.lines().find_map(|line| line.split_once(": /")).map(|(package, _)| package)
}

/// Returns the name of the C compiler for an architecture.
pub(super) fn gcc(architecture: Architecture) -> String {
    format!("{}-gcc", architecture.gnu())
}

/// Returns Debian's package of it.
pub(super) fn gcc_package(architecture: Architecture) -> String {
    format!("gcc-{}", architecture.gnu().replace('_', "-"))
}

/// Returns version and place of the libraries that go with `compiler`, or what to do if they are missing.
pub(super) fn libraries(
    workspace: &Workspace,
    compiler: &Compiler,
    architecture: Architecture,
) -> Result<(String, PathBuf), Remedy> {
    let sysroot = Sysroot::of(workspace, architecture);
    match packages_of(compiler) {
        Some(packages) if sysroot.is_for(&packages.record(architecture)) => Ok((packages.version, sysroot.folder)),
        Some(_) => Err(Remedy::Sysroot(architecture)),
        None => Err(Remedy::ByHand(format!(
            "compiling for {} needs Debian's compiler, of whose version Debian has libraries for other architectures",
            architecture.debian()
        ))),
    }
}

fn packages_of(compiler: &Compiler) -> Option<Packages> {
    match &compiler.kind {
        Kind::System(rustc) => Packages::installed(rustc),
        Kind::Nightly(_) => None,
    }
}

/// Unpacks the libraries of `architecture` that go with the installed compiler.
pub(super) fn unpack(workspace: &Workspace, architecture: Architecture) -> Result<()> {
    let packages = Compiler::find().and_then(|compiler| packages_of(&compiler));
    let packages = packages.context("Debian's compiler is not installed")?;
    let sysroot = Sysroot::of(workspace, architecture);
    // Plain files alone, and links to which removal does not follow.
    if sysroot.folder.exists() {
        fs::remove_dir_all(&sysroot.folder)?;
    }
    let archive = Archive::of_architecture(workspace, architecture)?;
    archive.unpack(&[packages.standard_library(), "libc6-dev".to_owned()], &sysroot.folder).with_context(|| {
        format!("Debian has libraries for its newest compiler alone; to have that: apt-get install {}", packages.rustc)
    })?;
    let shown = archive.show("libc6-dev").context("apt has unpacked the C library and does not know it")?;
    fs::write(sysroot.folder.join(BUILT_USING), source_in(&shown).context("a package without a version")?)?;
    put_compiler(&sysroot, &packages.compiler)?;
    put_linker(&sysroot)?;
    Ok(fs::write(sysroot.folder.join(RECORD), packages.record(architecture))?)
}

/// Puts a script that runs the compiler with the folder as its sysroot, and this machine's standard library, for build
/// scripts and macros, into the folder. It finds the folder by its own path, so that a copied target folder works, too.
fn put_compiler(sysroot: &Sysroot, compiler: &Path) -> Result<()> {
    let own = format!("lib/rustlib/{}", Architecture::OWN.target());
    symlink(Path::new("/usr").join(&own), sysroot.folder.join("usr").join(&own))
        .context("the standard library has another place")?;
    put_script(&sysroot.rustc(), &compiler_script(compiler))
}

fn compiler_script(compiler: &Path) -> String {
    format!("exec {} --sysroot \"${{0%/*}}/usr\" \"$@\"\n", compiler.display())
}

/// A loop over the arguments of a linker.
///
/// rustc knows static programs at random addresses (`-static-pie`) for few targets, and links those of the others at a
/// fixed one (`static_position_independent_executables`, compiler/rustc_target/src/spec); all code is compiled for any
/// address.
const STATIC_PIE: &str = "\
for word do
    shift
    case $word in
    -static) continue ;;
    -no-pie) word=-static-pie ;;
    esac
    set -- \"$@\" \"$word\"
done
";

/// Puts a script that links with the C library of the folder, before one that is installed.
fn put_linker(sysroot: &Sysroot) -> Result<()> {
    put_script(&sysroot.linker(), &linker_script(sysroot.architecture))
}

fn linker_script(architecture: Architecture) -> String {
    let (gcc, gnu) = (gcc(architecture), architecture.gnu());
    format!("{STATIC_PIE}exec {gcc} -B\"${{0%/*}}/usr/lib/{gnu}/\" \"$@\"\n")
}

fn put_script(file: &Path, run: &str) -> Result<()> {
    fs::write(file, format!("#!/bin/sh\n{run}"))?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}

/// Returns the source of a package that `apt-cache` shows, with its version.
fn source_in(shown: &str) -> Option<String> {
    let field = |name| shown.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let version = field("Version:")?;
    let source = field("Source:").or_else(|| field("Package:"))?;
    // A source of another version than the package's has it in parentheses.
    match source.split_once(" (") {
        Some((name, version)) => Some(format!("{name} (= {version}")),
        None => Some(format!("{source} (= {version})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_has_the_name_and_version_of_the_compiler() {
        let library = |rustc: &str| {
            Packages { compiler: PathBuf::new(), rustc: rustc.to_owned(), version: "1.96-1".to_owned() }
                .standard_library()
        };
        assert_eq!(library("rustc-web"), "libstd-rust-web-dev=1.96-1");
        assert_eq!(library("rustc"), "libstd-rust-dev=1.96-1");
    }

    #[test]
    fn the_owner_of_a_file_is_read() {
        assert_eq!(owner_in("rustc-web: /usr/bin/rustc\n"), Some("rustc-web"));
        assert_eq!(owner_in(""), None);
    }

    #[test]
    fn the_source_of_a_package_is_read() {
        let shown = "Package: libc6-dev\nSource: glibc\nVersion: 2.36-9\n";
        assert_eq!(source_in(shown).as_deref(), Some("glibc (= 2.36-9)"));
        assert_eq!(source_in("Package: a\nVersion: 1\n").as_deref(), Some("a (= 1)"));
        assert_eq!(source_in("Package: a\nSource: b (2)\nVersion: 1\n").as_deref(), Some("b (= 2)"));
        assert_eq!(source_in("Package: a\n"), None);
    }
}
