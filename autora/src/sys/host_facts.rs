//! What files of the kernel and of the distribution say about this host and one of its processes, for a report.

use std::{fs, path::Path};

use nix::sys::utsname::uname;

/// The sysctls that decide which interfaces are served, as folders with all that is in them.
const SYSCTL_FOLDERS: &[&str] = &["net/ipv6/conf/all", "net/ipv6/conf/default"];

/// The bounds of the neighbour table, which `--send raw` fills (`net/core/neighbour.c`). A network namespace other than
/// the first has no such files.
const SYSCTL_FILES: &[&str] =
    &["net/ipv6/neigh/default/gc_thresh1", "net/ipv6/neigh/default/gc_thresh2", "net/ipv6/neigh/default/gc_thresh3"];

/// The lines of `/proc/PID/status` that say what a process may do, and how large it is.
const STATUS_FIELDS: &[&str] = &[
    "Uid",
    "Gid",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Threads",
    "VmRSS",
];

/// Names and values, in the order of their source.
pub type Facts = Vec<(String, String)>;

/// Returns the kernel's release and architecture.
#[must_use]
pub fn kernel() -> String {
    let Ok(names) = uname() else { return "unknown".to_owned() };
    [names.sysname(), names.release(), names.machine()].map(|name| name.to_string_lossy().into_owned()).join(" ")
}

/// Returns the distribution's name (`os-release(5)`).
#[must_use]
pub fn distribution() -> Option<String> {
    let files = ["/etc/os-release", "/usr/lib/os-release"];
    let text = files.iter().find_map(|file| fs::read_to_string(file).ok())?;
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches(['"', '\'']).to_owned())
}

/// Returns the sysctls that matter, without those that cannot be read, and without secrets: `stable_secret` is the key
/// of the host's addresses [RFC 7217](https://www.rfc-editor.org/rfc/rfc7217).
#[must_use]
pub fn sysctls() -> Facts {
    sysctls_below(Path::new("/proc/sys"))
}

fn sysctls_below(root: &Path) -> Facts {
    let in_folder = |folder: &&str| {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names.into_iter().map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    let files = SYSCTL_FOLDERS.iter().flat_map(in_folder).chain(SYSCTL_FILES.iter().map(ToString::to_string));
    let read =
        |file: String| Some((file.replace('/', "."), fs::read_to_string(root.join(&file)).ok()?.trim().to_owned()));
    files.filter(|file| !file.contains("secret")).filter_map(read).collect()
}

/// Returns what process `pid` may do, and how large it is.
///
/// # Errors
///
/// The error of reading `/proc/PID/status`.
pub fn process(pid: u32) -> std::io::Result<Facts> {
    Ok(status_fields(&fs::read_to_string(format!("/proc/{pid}/status"))?))
}

fn status_fields(status: &str) -> Facts {
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    let wanted = fields.filter(|(name, _)| STATUS_FIELDS.contains(name));
    wanted.map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// Returns the arguments of process `pid`, the program's name first.
///
/// # Errors
///
/// The error of reading `/proc/PID/cmdline`.
pub fn arguments(pid: u32) -> std::io::Result<Vec<String>> {
    strings(&format!("/proc/{pid}/cmdline"))
}

/// Returns the variables of process `pid` whose names begin with `prefix`, as `NAME=VALUE`.
///
/// # Errors
///
/// The error of reading `/proc/PID/environ`, which only root and the process's own user may.
pub fn variables(pid: u32, prefix: &str) -> std::io::Result<Vec<String>> {
    let mut variables = strings(&format!("/proc/{pid}/environ"))?;
    variables.retain(|variable| variable.starts_with(prefix));
    Ok(variables)
}

/// Reads a file of strings that each end with a 0.
fn strings(file: &str) -> std::io::Result<Vec<String>> {
    let bytes = fs::read(file)?;
    let strings = bytes.split(|&byte| byte == 0).filter(|string| !string.is_empty());
    Ok(strings.map(|string| String::from_utf8_lossy(string).into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_have_no_secret() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("net/ipv6/conf/all");
        fs::create_dir_all(&folder).unwrap();
        for (name, value) in [("forwarding", "1\n"), ("stable_secret", "2001:db8::5ec2e7\n"), ("accept_ra", "2\n")] {
            fs::write(folder.join(name), value).unwrap();
        }
        let found = sysctls_below(root.path());
        let expected = [("net.ipv6.conf.all.accept_ra", "2"), ("net.ipv6.conf.all.forwarding", "1")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_process_has_capabilities_and_no_name() {
        let found = status_fields("Name:\tautora\nUid:\t0\t0\t0\t0\nCapEff:\t0000000000000000\nVmRSS:\t    3000 kB\n");
        let expected = [("Uid", "0 0 0 0"), ("CapEff", "0000000000000000"), ("VmRSS", "3000 kB")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(process(std::process::id()).unwrap().iter().any(|(name, _)| name == "CapEff"), "the control");
    }
}
