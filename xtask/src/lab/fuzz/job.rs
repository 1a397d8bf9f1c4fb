//! What there is to run: one table.

/// Something to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// What it holds against what.
    pub(crate) what: &'static str,
    pub(crate) kind: Kind,
    pub(crate) needs_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A target of tests/fuzz.
    Target {
        /// The file of tests that a crasher becomes a row of.
        table: &'static str,
    },
    Simulation,
    Leaks,
}

/// A new target is a line here, a module and a `[[bin]]` in tests/fuzz.
pub(crate) const JOBS: &[Job] = &[
    target(
        "solicitation",
        "the validator against RFC 4861 6.1, read a second time",
        "tests/tests/filter/rows.rs",
    ),
    target("advert", "advertisements: bytes to values to bytes", "autora/src/wire/advert.rs"),
    target("netlink", "what a netlink socket may bring", "autora/src/sys/netlink/mirror/tests.rs"),
    target("control", "clients of the control socket", "autora/src/control/server/tests.rs"),
    target("state_file", "the state file, and a fleet that takes over", "autora/src/sys/state_file/tests.rs"),
    as_root(target("differential", "the eBPF verdict against the Rust one", "tests/tests/filter/rows.rs")),
    Job {
        name: "simulation",
        what: "the fleet over virtual days, random but for its seed",
        kind: Kind::Simulation,
        needs_root: false,
    },
    as_root(Job {
        name: "leaks",
        what: "ten thousand interfaces come, are served and go",
        kind: Kind::Leaks,
        needs_root: false,
    }),
];

const fn target(name: &'static str, what: &'static str, table: &'static str) -> Job {
    Job { name, what, kind: Kind::Target { table }, needs_root: false }
}

const fn as_root(job: Job) -> Job {
    Job { needs_root: true, ..job }
}

/// Those of these names, or all: in the order of the table, each once.
pub(crate) fn select(names: &[String]) -> Vec<&'static Job> {
    JOBS.iter().filter(|job| names.is_empty() || names.iter().any(|name| name == job.name)).collect()
}

impl Job {
    pub(crate) fn remark(&self) -> &'static str {
        if self.needs_root { " (as root)" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::workspace::Workspace;

    fn selected(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        select(&names).iter().map(|job| job.name).collect()
    }

    #[test]
    fn names_keep_their_order_whatever_is_asked_for() {
        assert_eq!(selected(&[]), JOBS.iter().map(|job| job.name).collect::<Vec<_>>());
        assert_eq!(selected(&["netlink", "advert", "netlink"]), ["advert", "netlink"]);
    }

    #[test]
    fn the_table_has_every_target_and_every_table_is_there() {
        let workspace = Workspace::locate();
        let read = |file: &str| fs::read_to_string(workspace.root().join(file));
        let mut targets = Vec::new();
        for job in JOBS {
            if let Kind::Target { table } = job.kind {
                targets.push(job.name);
                assert!(read(table).is_ok(), "{}: no {table}", job.name);
            }
        }
        let manifest = read("tests/fuzz/Cargo.toml").expect("it is there");
        let mut bins: Vec<_> = manifest
            .split("[[bin]]\n")
            .skip(1)
            .map(|bin| bin.split('"').nth(1).expect("a name comes first"))
            .collect();
        targets.sort_unstable();
        bins.sort_unstable();
        assert_eq!(targets, bins);
    }
}
