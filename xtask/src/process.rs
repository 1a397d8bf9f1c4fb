//! Running other programs, with errors that name them.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::ui;

/// Runs a command with the terminal as its input and output. Fails if the command does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a command with the terminal as its output, as [`run`] does, and returns its standard output, too.
pub(crate) fn run_shown(command: &mut Command) -> Result<(ExitStatus, String)> {
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.with_context(|| format!("cannot start {}", name(command)))?;
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let (mut shown, mut line) = (String::new(), Vec::new());
    // By the line, as each says that a test is over.
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        shown += &text;
        line.clear();
    }
    Ok((child.wait()?, shown))
}

/// Returns the standard output of a command; `None` if it cannot be started or fails.
pub(crate) fn query(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a long command whose output goes to `log`. The terminal shows how long it runs, and the end of the
/// log if it fails.
pub(crate) fn run_logged(label: &str, command: &mut Command, log: &Path) -> Result<()> {
    let status = status_logged(label, command, log)?;
    if !status.success() {
        bail!("{} failed ({status})\n{}", line(command), end_of(log));
    }
    Ok(())
}

/// Does the same, and returns the status of a command that failed, for the caller to explain.
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

/// Returns the last lines of a log, and the path of the log.
pub(crate) fn end_of(log: &Path) -> String {
    let said = fs::read(log).unwrap_or_default();
    format!("{}\nfull log: {}", tail(&String::from_utf8_lossy(&said), 25), log.display())
}

fn spawn_logged(command: &mut Command, log: &Path) -> Result<std::process::Child> {
    fs::create_dir_all(log.parent().expect("logs lie in a folder"))?;
    let out = File::create(log)?;
    let err = out.try_clone()?;
    Ok(command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()?)
}

/// Returns the command's name and arguments, for messages.
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

/// Returns whether this machine runs nothing but these tests (CI): its clock may be set, and packages may be
/// removed.
pub(crate) fn has_machine_of_its_own() -> bool {
    env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Returns the path of a program on the search path or in the folders of system administration, which many
/// users do not have on theirs.
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

/// Returns whether this process runs as root: its entry in /proc belongs to its effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_program_and_arguments() {
        assert_eq!(line(Command::new("/usr/bin/apt-get").args(["install", "x"])), "apt-get install x");
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }

    #[test]
    fn programs_on_the_search_path_are_found() {
        assert!(which("sh").is_some());
        assert!(which("no-such-program-here").is_none());
    }
}
