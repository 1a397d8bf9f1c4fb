//! One fuzz target: compiled by cargo-fuzz, run as a libFuzzer program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{process, setup::cargo_tool::CARGO_FUZZ, ui, workspace::Workspace};

/// An input that takes longer, or more memory, counts as a crash.
const LONGEST_INPUT: &str = "-timeout=20";
const MOST_MEMORY: &str = "-rss_limit_mb=1024";

/// Replaces the release profile: quick to compile, a crash names its line, an overflow panics.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
];

/// How many bytes of an input that crashed are shown.
const SHOWN: usize = 1024;

/// Compiles these targets with a stable compiler, so without a sanitizer: the code under test has no
/// `unsafe`.
pub(crate) fn build(workspace: &Workspace, targets: &[&str]) -> Result<()> {
    ui::heading("fuzz targets");
    // cargo-fuzz builds one target or all of them.
    let one = if let [one] = targets { Some(one) } else { None };
    let mut command = Command::new(CARGO_FUZZ.path(workspace));
    command
        .current_dir(workspace.root())
        .args(["fuzz", "build", "--fuzz-dir", "tests/fuzz", "--features", "libfuzzer"])
        .args(["--sanitizer", "none", "--target-dir"])
        .arg(folder(workspace).join("build"))
        .envs(PROFILE)
        .args(one)
        .env_remove("AUTORA_EBPF_OBJECT");
    process::run(&mut command).context("the fuzz targets do not compile")
}

/// Runs a target for `time`. An error names `table`, in which an input that crashed becomes a row.
pub(crate) fn run(workspace: &Workspace, name: &str, table: &str, time: Duration) -> Result<()> {
    let part = |part: &str| folder(workspace).join(part).join(name);
    let (corpus, seeds, crashers) = (part("corpus"), part("seeds"), part("artifacts"));
    for folder in [&corpus, &seeds, &crashers] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let program = program(workspace, name)?;
    let mut command = Command::new(&program);
    command
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-artifact_prefix={}/", crashers.display()))
        .args([LONGEST_INPUT, MOST_MEMORY, "-print_final_stats=1"])
        // libFuzzer writes new inputs to the first folder, and reads all of them.
        .args([&corpus, &seeds, &crashers])
        .env("AUTORA_FUZZ_SEEDS", &seeds);
    let log = workspace.log(&format!("fuzz-{name}"));
    let status = process::status_logged(&format!("for {}", ui::seconds(time)), &mut command, &log)?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        return Err(crash(workspace, &Crash { name, table, program: &program, log: &log, said: &said }));
    }
    let Some(inputs) = inputs(&said).filter(|&inputs| inputs > 0) else {
        bail!("{name} tried no input\n{}", process::end_of(&log));
    };
    ui::note(&format!("{inputs} inputs, {} kept", fs::read_dir(&corpus)?.count()));
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz")
}

/// Finds the compiled target, below a folder that cargo names after the machine's triple.
fn program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let build = folder(workspace).join("build");
    let found = fs::read_dir(&build)?.flatten().map(|entry| entry.path().join("release").join(name));
    found.into_iter().find(|file| file.is_file()).with_context(|| format!("no {name} in {}", build.display()))
}

/// A run that failed.
struct Crash<'a> {
    name: &'a str,
    table: &'a str,
    program: &'a Path,
    log: &'a Path,
    /// The text of the log.
    said: &'a str,
}

/// Returns an error that says what happened, on which input, and what to do.
fn crash(workspace: &Workspace, crash: &Crash<'_>) -> anyhow::Error {
    let &Crash { name, table, program, log, said } = crash;
    let Some((file, input)) = crasher(said).and_then(|file| Some((file, fs::read(file).ok()?))) else {
        return anyhow!("{name} failed without naming an input\n{}", process::end_of(log));
    };
    let steps = [
        ["cause", &why(said).replace('\n', "\n              ")],
        ["input", &format!("{} ({} bytes)", workspace.display(Path::new(file)), input.len())],
        ["hex", &hex(&input)],
        ["replay", &format!("{} {}", workspace.display(program), workspace.display(Path::new(file)))],
        ["to do", &format!("add it as a row to {table}, see the row fail, then fix the code")],
        ["full log", &workspace.display(log)],
    ];
    let steps = ui::columns(&steps.map(|row| row.map(str::to_owned)));
    anyhow!("{name} crashed\n\n    {}\n", steps.join("\n    "))
}

/// Returns the file that libFuzzer has written the input to.
fn crasher(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.split_once("Test unit written to ").map(|(_, file)| file.trim()))
}

/// Returns the message of the panic, or else libFuzzer's name of the fault (`timeout`, `out-of-memory`).
fn why(said: &str) -> String {
    let panic: Vec<_> = said
        .lines()
        .skip_while(|line| !line.contains(" panicked at "))
        .take_while(|line| !line.starts_with("note: ") && !line.starts_with("=="))
        .take(8)
        .collect();
    if !panic.is_empty() {
        return panic.join("\n");
    }
    said.lines().find_map(|line| line.strip_prefix("SUMMARY: libFuzzer: ")).unwrap_or("see the log").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let shown: Vec<_> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let rest = if bytes.len() > SHOWN { " and more" } else { "" };
    format!("{}{rest}", shown.concat())
}

/// Returns how many inputs were tried.
fn inputs(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASHED: &str = "\
#2\tINITED cov: 90 ft: 91 corp: 1/1b exec/s: 0 rss: 27Mb

thread '<unnamed>' (7) panicked at src/solicitation.rs:27:5:
assertion `left == right` failed: the validator says the first, the plain reading the second
  left: Passed
 right: Code
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
==7== ERROR: libFuzzer: deadly signal
SUMMARY: libFuzzer: deadly signal
artifact_prefix='/x/'; Test unit written to /x/crash-da39
Base64: AAAA
";

    #[test]
    fn the_input_and_the_cause_of_a_crash_are_read_from_the_log() {
        assert_eq!(crasher(CRASHED), Some("/x/crash-da39"));
        assert_eq!(crasher("no such thing"), None);
        assert!(why(CRASHED).ends_with("left: Passed\n right: Code"), "{}", why(CRASHED));
        assert_eq!(why("x\nSUMMARY: libFuzzer: timeout\n"), "timeout");
    }

    #[test]
    fn the_number_of_inputs_is_read_from_the_log() {
        assert_eq!(inputs("stat::number_of_executed_units: 12527959\nstat::x: 1\n"), Some(12_527_959));
        assert_eq!(inputs("INFO: Loaded 1 modules"), None);
    }

    #[test]
    fn inputs_are_shown_in_hex() {
        assert_eq!(hex(&[0, 0x3a, 255]), "003aff");
        assert!(hex(&[0; SHOWN + 1]).ends_with("00 and more"));
    }
}
