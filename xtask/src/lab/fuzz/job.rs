//! The jobs of `cargo xtask fuzz`: one table.

/// A fuzz target, the simulation or the leak test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// What it tests.
    pub(crate) what: &'static str,
    pub(crate) kind: Kind,
    pub(crate) needs_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A target of tests/fuzz.
    Target {
        /// The file with the table of tests in which an input that crashed becomes a row.
        table: &'static str,
    },
    Simulation,
    Leaks,
}

/// A new target is a line here, a module and a `[[bin]]` in tests/fuzz.
pub(crate) const JOBS: &[Job] = &[
    target(
        "solicitation",
        "the validator of solicitations against a second reading of RFC 4861 6.1",
        "tests/tests/filter/rows.rs",
    ),
    target("advert", "advertisements: from bytes to values and back", "autora/src/wire/advert.rs"),
    target("netlink", "any bytes from a netlink socket", "autora/src/sys/netlink/mirror/tests.rs"),
    target("control", "any bytes from clients of the control socket", "autora/src/control/server/tests.rs"),
    target("state_file", "any state file, and a fleet that takes it over", "autora/src/sys/state_file/tests.rs"),
    as_root(target("differential", "the eBPF verdict against the Rust one", "tests/tests/filter/rows.rs")),
    Job {
        name: "simulation",
        what: "the fleet over days of virtual time; a seed replays a run",
        kind: Kind::Simulation,
        needs_root: false,
    },
    as_root(Job {
        name: "leaks",
        what: "the daemon while ten thousand interfaces come and go",
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

/// Returns the jobs with these names, or all if there are none: in the order of the table, each once.
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
    fn jobs_are_selected_in_the_order_of_the_table_each_once() {
        assert_eq!(selected(&[]), JOBS.iter().map(|job| job.name).collect::<Vec<_>>());
        assert_eq!(selected(&["netlink", "advert", "netlink"]), ["advert", "netlink"]);
    }

    #[test]
    fn every_fuzz_target_has_a_job_and_every_table_of_tests_exists() {
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
        let mut bins: Vec<_> =
            manifest.split("[[bin]]\n").skip(1).map(|bin| bin.split('"').nth(1).expect("a name comes first")).collect();
        targets.sort_unstable();
        bins.sort_unstable();
        assert_eq!(targets, bins);
    }
}
