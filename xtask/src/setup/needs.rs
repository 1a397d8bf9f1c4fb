//! What is needed, whether it is here, and what helps if it is not.

use std::{
    fmt,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::Toolchain;
use super::apt::{self, Lists};
use super::cargo_fuzz;
use super::compiler::{self, Compiler};
use super::linker::{self, Llvm};
use super::prometheus;
use crate::{process, workspace::Workspace};

/// How much is asked for; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// To compile the filter.
    Build,
    /// And to run the daemon in network namespaces.
    Namespaces,
    /// And to format, lint and cross-check.
    Tests,
    /// And to compile and run the fuzz targets.
    Fuzz,
}

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

/// What to do about something missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Fetch the package lists: what they offer is not known.
    PackageLists,
    /// Install these packages.
    Packages(Vec<String>),
    /// Add this component to the toolchain in use.
    Component(&'static str),
    /// Install rustup's nightly with the sources of `core`.
    Nightly,
    /// Compile bpf-linker against this LLVM.
    Linker(Llvm),
    /// Compile cargo-fuzz.
    CargoFuzz,
    /// Unpack Prometheus.
    Prometheus,
    /// A person has to; the sentence says what.
    ByHand(String),
    /// What it takes shows when something else is there.
    Later,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PackageLists => write!(f, "sudo apt-get update, then look again"),
            Self::Packages(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                f.write_str(&apt::by_hand(&names))
            }
            Self::Component(name) => write!(f, "rustup component add {name}"),
            Self::Nightly => write!(f, "rustup {}", compiler::NIGHTLY_INSTALL.join(" ")),
            Self::Linker(_) => write!(f, "cargo xtask setup"),
            Self::Prometheus => write!(f, "cargo xtask setup --tests"),
            Self::CargoFuzz => write!(f, "cargo xtask setup --fuzz"),
            Self::ByHand(what) => f.write_str(what),
            Self::Later => write!(f, "after the others"),
        }
    }
}

/// A look at the machine.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) needs: Vec<Need>,
    /// There when its needs are found.
    pub(crate) toolchain: Option<Toolchain>,
}

/// A program of the namespace tests: its name, its package, and how it is asked for its version.
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

impl Survey {
    pub(crate) fn take(workspace: &Workspace, scope: Scope, lists: Lists) -> Self {
        let compiler = Compiler::find();
        let mut needs = vec![compiler_need(compiler.as_ref(), lists)];
        needs.extend(linker_needs(workspace, compiler.as_ref(), lists));
        needs.extend(
            PROGRAMS.iter().filter(|program| program.3 <= scope).map(|program| program_need(program, lists)),
        );
        if scope >= Scope::Tests {
            needs.extend(
                [("rustfmt", "fmt"), ("clippy", "clippy")]
                    .map(|names| component_need(workspace, names, lists)),
            );
            needs.push(prometheus_need(workspace, lists));
        }
        if scope >= Scope::Fuzz {
            needs.push(cargo_fuzz_need(workspace));
        }
        let toolchain = compiler.map(|compiler| Toolchain { compiler, linker: linker::path(workspace) });
        Self { needs, toolchain }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.needs.iter().all(Need::is_found)
    }

    pub(crate) fn remedies(&self) -> Vec<Remedy> {
        self.needs.iter().filter_map(Need::remedy).cloned().collect()
    }
}

impl Need {
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

/// The linker and, as long as it has to be compiled, its LLVM.
fn linker_needs(workspace: &Workspace, compiler: Option<&Compiler>, lists: Lists) -> Vec<Need> {
    let missing = |name, remedy| Need { name, state: State::Missing(remedy) };
    let Some(major) = compiler.map(|compiler| compiler.about.llvm) else {
        return vec![missing("bpf-linker", Remedy::Later)];
    };
    let llvm = Llvm::find(major);
    let have_llvm = llvm.as_ref().map(|llvm| Need {
        name: "LLVM",
        state: State::Found { version: llvm.version(), place: llvm.prefix.clone() },
    });
    if linker::is_here(workspace, major) {
        let version = linker::VERSION.to_owned();
        let linker =
            Need { name: "bpf-linker", state: State::Found { version, place: linker::path(workspace) } };
        return have_llvm.into_iter().chain([linker]).collect();
    }
    let remedy = llvm.map_or(Remedy::Later, Remedy::Linker);
    let llvm = have_llvm.unwrap_or_else(|| missing("LLVM", linker::llvm_remedy(major, lists)));
    vec![llvm, missing("bpf-linker", remedy)]
}

fn program_need(&Program(name, package, version_flag, _): &Program, lists: Lists) -> Need {
    let state = match process::which(name) {
        Some(place) => State::Found { version: version(Command::new(&place).arg(version_flag)), place },
        None => State::Missing(apt::offer(package, lists).unwrap_or_else(|| {
            Remedy::ByHand(format!("install the program {name} (Debian has it in the package {package})"))
        })),
    };
    Need { name, state }
}

fn cargo_fuzz_need(workspace: &Workspace) -> Need {
    let state = if cargo_fuzz::is_here(workspace) {
        State::Found { version: cargo_fuzz::VERSION.to_owned(), place: cargo_fuzz::path(workspace) }
    } else {
        State::Missing(Remedy::CargoFuzz)
    };
    Need { name: "cargo-fuzz", state }
}

fn prometheus_need(workspace: &Workspace, lists: Lists) -> Need {
    let state = match prometheus::find(workspace) {
        Some(place) => State::Found { version: version(Command::new(&place).arg("--version")), place },
        None => State::Missing(prometheus::remedy(lists)),
    };
    Need { name: "promtool", state }
}

/// A component of the Rust toolchain in use, which may be rustup's or Debian's.
fn component_need(workspace: &Workspace, (name, subcommand): (&'static str, &str), lists: Lists) -> Need {
    let mut ask = workspace.cargo([subcommand, "--version"]);
    if process::query(&mut ask).is_some() {
        let place = process::which(&format!("cargo-{subcommand}")).unwrap_or_default();
        return Need { name, state: State::Found { version: version(&mut ask), place } };
    }
    let remedy = if process::which("rustup").is_some() {
        Remedy::Component(name)
    } else {
        debian_component(name, lists)
    };
    Need { name, state: State::Missing(remedy) }
}

/// Debian names the components of its two compilers differently.
fn debian_component(name: &'static str, lists: Lists) -> Remedy {
    let package = match (name, apt::candidate("cargo-web").is_some()) {
        ("clippy", true) => "rust-web-clippy",
        ("rustfmt", true) => "rustfmt-web",
        ("clippy", false) => "rust-clippy",
        (other, _) => other,
    };
    apt::offer(package, lists).unwrap_or_else(|| {
        Remedy::ByHand(format!("install {name} for the Rust toolchain that cargo belongs to"))
    })
}

/// What the program says of its version; empty when it says nothing of the kind.
fn version(command: &mut Command) -> String {
    let Ok(output) = command.stdin(Stdio::null()).output() else { return String::new() };
    let said = [output.stdout, output.stderr].concat();
    version_in(&String::from_utf8_lossy(&said)).unwrap_or_default().to_owned()
}

/// The first word part that looks like `1.2` or `1.2.3`.
fn version_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(version_in("ip utility, iproute2-6.1.0, libbpf 1.1.2"), Some("6.1.0"));
        assert_eq!(version_in("nftables v1.0.6 (Lester Gooch #5)"), Some("1.0.6"));
        assert_eq!(
            version_in("ndisc6: IPv6 Neighbor/Router Discovery userland tool 1.0.5 ($Rev$)"),
            Some("1.0.5")
        );
        assert_eq!(version_in("no version... at all 7"), None);
    }

    #[test]
    fn a_remedy_says_what_to_type() {
        let packages = Remedy::Packages(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(packages.to_string(), "sudo apt-get install -y --no-install-recommends a b");
        assert_eq!(Remedy::Component("clippy").to_string(), "rustup component add clippy");
    }
}
