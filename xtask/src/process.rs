//! Running other programs, with errors that name them.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::ui;

/// Runs a command that speaks to the terminal itself, and wants it to succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Standard output of a command that succeeded; `None` when it is not there or failed.
pub(crate) fn query(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a long command out of sight: the terminal shows what runs and for how long, `log` keeps what it says,
/// and only a failure brings the end of that to light.
pub(crate) fn run_logged(label: &str, command: &mut Command, log: &Path) -> Result<()> {
    let status = status_logged(label, command, log)?;
    if !status.success() {
        bail!("{} failed ({status})\n{}", line(command), end_of(log));
    }
    Ok(())
}

/// The same for a command whose failure the caller has to explain.
pub(crate) fn status_logged(label: &str, command: &mut Command, log: &Path) -> Result<ExitStatus> {
    let started = Instant::now();
    ui::running(label, Duration::ZERO);
    let status = spawn_logged(command, log)
        .and_then(|mut child| {
            loop {
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
                thread::sleep(Duration::from_millis(100));
                ui::running(label, started.elapsed());
            }
        })
        .with_context(|| format!("cannot run {}", line(command)))?;
    ui::finished(label, started.elapsed(), status.success());
    Ok(status)
}

/// The last lines of a log, and where the rest is.
pub(crate) fn end_of(log: &Path) -> String {
    let said = fs::read(log).unwrap_or_default();
    format!("{}\nall of it: {}", tail(&String::from_utf8_lossy(&said), 25), log.display())
}

fn spawn_logged(command: &mut Command, log: &Path) -> Result<std::process::Child> {
    fs::create_dir_all(log.parent().expect("logs lie in a folder"))?;
    let out = File::create(log)?;
    let err = out.try_clone()?;
    Ok(command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()?)
}

/// The command as one would type it, as far as arguments go.
pub(crate) fn line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(name(command)).chain(words).collect::<Vec<_>>().join(" ")
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Whether this machine is there for these tests alone: its clock may be set, and packages that stand in the
/// way may go.
pub(crate) fn has_machine_of_its_own() -> bool {
    env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// The program of that name on the search path, which here includes the folders of system administration:
/// many users do not have those in theirs.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether we run as root: the owner of our own entry in /proc is our effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_program_and_arguments() {
        assert_eq!(line(Command::new("/usr/bin/apt-get").args(["install", "x"])), "apt-get install x");
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }

    #[test]
    fn programs_are_found_or_not() {
        assert!(which("sh").is_some());
        assert!(which("no-such-program-here").is_none());
    }
}
