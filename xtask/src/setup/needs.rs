//! What a scope needs, whether this machine has it, and the remedy if not.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use super::apt::{self, Lists};
use super::cargo_tool::{BPF_LINKER, CARGO_FUZZ, CargoTool};
use super::compiler::{self, Compiler, Toolchain};
use super::cross;
use super::linker;
use super::llvm::{self, Llvm};
use super::prometheus;
use super::remedy::Remedy;
use crate::{architecture::Architecture, process, workspace::Workspace};

/// How much is needed; each scope includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Compiling the filter.
    Build,
    /// Running the daemon in network namespaces.
    Namespaces,
    /// Format, lints and all tests.
    Tests,
    /// Compiling and running the fuzz targets.
    Fuzz,
}

/// A program or library that is needed.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    Found { version: String, place: PathBuf },
    Missing(Remedy),
}

/// What this machine has of what a scope needs.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) needs: Vec<Need>,
    /// Usable once no need is missing.
    pub(crate) toolchain: Option<Toolchain>,
}

/// A program that tests run: its name, its package, the argument that makes it print its version, and the
/// first scope that needs it.
struct Program(&'static str, &'static str, &'static str, Scope);

const PROGRAMS: [Program; 10] = [
    Program("ip", "iproute2", "-V", Scope::Namespaces),
    Program("sysctl", "procps", "-V", Scope::Namespaces),
    Program("tcpdump", "tcpdump", "--version", Scope::Tests),
    Program("rdisc6", "ndisc6", "-V", Scope::Tests),
    Program("nft", "nftables", "--version", Scope::Tests),
    Program("setpriv", "util-linux", "--version", Scope::Tests),
    Program("shellcheck", "shellcheck", "--version", Scope::Tests),
    Program("systemd-analyze", "systemd", "--version", Scope::Tests),
    Program("groff", "groff-base", "--version", Scope::Tests),
    Program("c++", "g++", "--version", Scope::Fuzz),
];

/// A component of the Rust toolchain, its subcommand of cargo, and rustup's arguments to add it.
struct Component {
    name: &'static str,
    subcommand: &'static str,
    add: &'static [&'static str],
}

const COMPONENTS: [Component; 2] = [
    Component { name: "rustfmt", subcommand: "fmt", add: &["component", "add", "rustfmt"] },
    Component { name: "clippy", subcommand: "clippy", add: &["component", "add", "clippy"] },
];

impl Inventory {
    /// Looks for all that `scope` needs, and what compiles the daemon for `architecture`.
    pub(crate) fn take(workspace: &Workspace, scope: Scope, architecture: Architecture, lists: Lists) -> Self {
        let compiler = Compiler::find();
        let mut needs = vec![compiler_need(compiler.as_ref(), lists)];
        needs.extend(linker_needs(workspace, compiler.as_ref(), lists));
        if !architecture.is_own() {
            needs.extend(cross_needs(workspace, compiler.as_ref(), architecture, lists));
        }
        needs.extend(PROGRAMS.iter().filter(|program| program.3 <= scope).map(|program| program_need(program, lists)));
        if scope >= Scope::Tests {
            needs.extend(COMPONENTS.iter().map(|component| component_need(workspace, component, lists)));
            needs.push(prometheus_need(workspace, lists));
        }
        if scope >= Scope::Fuzz {
            needs.push(if CARGO_FUZZ.is_here(workspace) {
                Need::of(&CARGO_FUZZ, workspace)
            } else {
                Need { name: CARGO_FUZZ.name, state: State::Missing(Remedy::CargoFuzz) }
            });
        }
        let toolchain = compiler.map(|compiler| Toolchain { compiler, linker: BPF_LINKER.path(workspace) });
        Self { needs, toolchain }
    }

    /// Returns whether every need is met.
    pub(crate) fn is_complete(&self) -> bool {
        self.needs.iter().all(Need::is_found)
    }

    /// Returns the remedies for what is missing.
    pub(crate) fn remedies(&self) -> Vec<Remedy> {
        self.needs.iter().filter_map(Need::remedy).cloned().collect()
    }
}

impl Need {
    /// Returns the need that `tool` meets.
    fn of(tool: &CargoTool, workspace: &Workspace) -> Self {
        let state = State::Found { version: tool.version.to_owned(), place: tool.path(workspace) };
        Self { name: tool.name, state }
    }

    pub(crate) fn is_found(&self) -> bool {
        self.remedy().is_none()
    }

    fn remedy(&self) -> Option<&Remedy> {
        match &self.state {
            State::Found { .. } => None,
            State::Missing(remedy) => Some(remedy),
        }
    }
}

fn compiler_need(compiler: Option<&Compiler>, lists: Lists) -> Need {
    let state = match compiler {
        Some(found) => State::Found { version: found.about.release.clone(), place: found.place().to_owned() },
        None => State::Missing(compiler::remedy(lists)),
    };
    Need { name: "rustc for BPF", state }
}

/// Returns the linker and its LLVM. The LLVM is missing only if the linker has yet to be compiled.
fn linker_needs(workspace: &Workspace, compiler: Option<&Compiler>, lists: Lists) -> Vec<Need> {
    let missing = |name, remedy| Need { name, state: State::Missing(remedy) };
    let Some(major) = compiler.map(|compiler| compiler.about.llvm) else {
        return vec![missing(BPF_LINKER.name, Remedy::Later)];
    };
    let llvm = Llvm::find(major);
    let have_llvm = llvm
        .as_ref()
        .map(|llvm| Need { name: "LLVM", state: State::Found { version: llvm.version(), place: llvm.prefix.clone() } });
    if linker::is_here(workspace, major) {
        return have_llvm.into_iter().chain([Need::of(&BPF_LINKER, workspace)]).collect();
    }
    let remedy = llvm.map_or(Remedy::Later, Remedy::Linker);
    let llvm = have_llvm.unwrap_or_else(|| missing("LLVM", llvm_remedy(major, lists)));
    vec![llvm, missing(BPF_LINKER.name, remedy)]
}

/// Returns what compiling for another architecture needs, beside the compiler.
fn cross_needs(
    workspace: &Workspace,
    compiler: Option<&Compiler>,
    architecture: Architecture,
    lists: Lists,
) -> [Need; 2] {
    let (gcc, package) = (cross::gcc(architecture), cross::gcc_package(architecture));
    let libraries = compiler.map_or(Err(Remedy::Later), |compiler| cross::libraries(workspace, compiler, architecture));
    let libraries = libraries.map_or_else(State::Missing, |(version, place)| State::Found { version, place });
    [
        Need { name: "gcc for the target", state: program_state(&gcc, &package, "-dumpfullversion", lists) },
        Need { name: "libraries of the target", state: libraries },
    ]
}

fn program_need(&Program(name, package, version_flag, _): &Program, lists: Lists) -> Need {
    Need { name, state: program_state(name, package, version_flag, lists) }
}

fn program_state(name: &str, package: &str, version_flag: &str, lists: Lists) -> State {
    match process::which(name) {
        Some(place) => State::Found { version: version(Command::new(&place).arg(version_flag)), place },
        None => State::Missing(Remedy::package(package, lists).unwrap_or_else(|| {
            Remedy::ByHand(format!("install the program {name} (Debian has it in the package {package})"))
        })),
    }
}

/// Returns what to do if there is no LLVM of that version.
fn llvm_remedy(major: u32, lists: Lists) -> Remedy {
    Remedy::package(&llvm::package(major), lists).unwrap_or_else(|| {
        Remedy::ByHand(format!(
            "LLVM {major} (the compiler's own major version) is missing, and apt has no package of it. Install it \
             with llvm-config and libLLVM.so, and set LLVM_PREFIX to the folder above its bin and lib"
        ))
    })
}

fn prometheus_need(workspace: &Workspace, lists: Lists) -> Need {
    let state = match prometheus::find(workspace) {
        Some(place) => State::Found { version: version(Command::new(&place).arg("--version")), place },
        None => State::Missing(prometheus::remedy(lists)),
    };
    Need { name: "promtool", state }
}

/// Returns a component of the Rust toolchain in use, which may be rustup's or Debian's.
fn component_need(workspace: &Workspace, component: &Component, lists: Lists) -> Need {
    let &Component { name, subcommand, add } = component;
    let mut ask = workspace.cargo([subcommand, "--version"]);
    if process::query(&mut ask).is_some() {
        let place = process::which(&format!("cargo-{subcommand}")).unwrap_or_default();
        return Need { name, state: State::Found { version: version(&mut ask), place } };
    }
    let remedy = if process::which("rustup").is_some() { Remedy::Rustup(add) } else { debian_component(name, lists) };
    Need { name, state: State::Missing(remedy) }
}

/// Returns Debian's package of a component, which has another name for each of its two compilers.
fn debian_component(name: &'static str, lists: Lists) -> Remedy {
    let package = match (name, apt::candidate("cargo-web").is_some()) {
        ("clippy", true) => "rust-web-clippy",
        ("rustfmt", true) => "rustfmt-web",
        ("clippy", false) => "rust-clippy",
        (other, _) => other,
    };
    Remedy::package(package, lists)
        .unwrap_or_else(|| Remedy::ByHand(format!("install {name} for the Rust toolchain that cargo belongs to")))
}

/// Returns the version that a program prints; empty if it prints none.
fn version(command: &mut Command) -> String {
    let Ok(output) = command.stdin(Stdio::null()).output() else { return String::new() };
    let said = [output.stdout, output.stderr].concat();
    version_in(&String::from_utf8_lossy(&said)).unwrap_or_default().to_owned()
}

/// Returns the first part of `text` that looks like `1.2` or `1.2.3`.
fn version_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_output_of_programs() {
        assert_eq!(version_in("ip utility, iproute2-6.1.0, libbpf 1.1.2"), Some("6.1.0"));
        assert_eq!(version_in("nftables v1.0.6 (Lester Gooch #5)"), Some("1.0.6"));
        assert_eq!(version_in("ndisc6: IPv6 Neighbor/Router Discovery userland tool 1.0.5 ($Rev$)"), Some("1.0.5"));
        assert_eq!(version_in("no version... at all 7"), None);
    }
}
