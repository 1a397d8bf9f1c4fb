//! A host on which AppArmor confines libvirtd: the hook of the recipe, and one that executes `autora-link` itself.
//!
//! Kernel, profile and programs are Debian's. `apparmor.sh` runs inside; libvirtd does not: the shell that calls the
//! hooks has its profile.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use autora_tests::Namespace;

use crate::{
    checks::Checks,
    machine::{Machine, Plan, Tools},
    userland::Userland,
};

/// An emulated machine needs half a minute for all of it; the rest is for a busy host.
const LONGEST: Duration = Duration::from_secs(240);

/// MiB: the root is in memory, beside the archive that it is unpacked from.
const MEMORY: u32 = 768;

/// Files of the checkout that are in the machine, each with its path there.
const FILES: [(&str, &str); 4] = [
    ("contrib/hooks/autora-link", "/root/contrib/hooks/autora-link"),
    ("contrib/hooks/libvirt", "/root/contrib/hooks/libvirt"),
    ("contrib/docs/src/recipes/libvirt.md", "/root/libvirt.md"),
    ("tests/src/bin/vm/apparmor.sh", "/root/apparmor.sh"),
];

/// The marks in their order, each with what it shows. 126 is the exit code of a shell that may not execute a file.
const STEPS: [(&str, &str); 7] = [
    ("boot", "its kernel is up: Linux "),
    ("profile libvirtd (enforce)", "AppArmor enforces the profile of libvirtd"),
    ("control 0 2001:db8:0:10::1/64", "without it, a hook executes autora-link: the tap has its address"),
    ("executed 126 none", "with it, this hook is not permitted to: the tap has no address"),
    ("denied apparmor=\"DENIED\"", "the kernel's log has apparmor=\"DENIED\" "),
    ("handed 0 2001:db8:0:10::1/64", "the recipe's hook hands autora-link to sh: the tap has its address"),
    ("allowed 0 2001:db8:0:10::1/64", "once the recipe's line is loaded, the first hook may execute it"),
];

/// Boots a host whose files are below `roots`.
pub(crate) fn run(tools: &Tools, kernel: &Path, roots: &[PathBuf]) -> ExitCode {
    let mut checks = Checks::new();
    checks.section("a hook of libvirt, confined by AppArmor");
    let outcome = steps(&mut checks, tools, kernel, roots);
    checks.end(outcome)
}

fn steps(checks: &mut Checks, tools: &Tools, kernel: &Path, roots: &[PathBuf]) -> Result<()> {
    let namespace = Namespace::new("apparmor");
    let userland = Userland::Debian { roots, files: &FILES };
    let machine = Plan::without_card(kernel, "apparmor", userland, &namespace, MEMORY);
    let plan = Plan { name: "the host", ..machine };
    let mut machine = Machine::start(tools, &plan)?;
    for (mark, claim) in STEPS {
        checks.check(claim, machine.console.expect(mark, LONGEST), Clone::clone)?;
    }
    Ok(())
}
