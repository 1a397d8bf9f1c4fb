//! The pure code: criterion's benchmarks of the crate `autora`, and what they have found; and the same steps
//! in instructions, as callgrind counts them, whatever else the machine does.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use autora_tests::workspace;

use crate::{
    bench::Bench,
    results::{Metric, Sample},
    subject::Subject,
};

/// Steps that callgrind counts, with a name for people, and the sizes at which they are.
const COUNTED: [(&str, &str, &[u32]); 4] = [
    ("encode", "RA encode", &[0]),
    ("validate", "validate options, one", &[0]),
    ("event", "fleet one comes and goes", &[10, 100, 1_000, 4_000]),
    ("answer", "fleet one asks and is answered", &[10, 100, 1_000, 4_000]),
];

/// How often a step is done in the two runs whose difference counts.
const FEW: u64 = 100;
const MANY: u64 = 600;

const COUNT: Metric = Metric { label: "instructions by callgrind", unit: "", targets: &[] };
const TIME: Metric = Metric { label: "median of criterion", unit: "ns", targets: &[] };

pub(crate) fn micro(bench: &mut Bench) {
    times(bench);
    counts(bench);
}

fn times(bench: &mut Bench) {
    let mut cargo = cargo_bench("pure", None);
    cargo.args(["--noplot", "--quiet", "--warm-up-time", "1", "--measurement-time", "2"]);
    // Standard output is for the result.
    cargo.stdout(std::io::stderr());
    let done = cargo.status().is_ok_and(|status| status.success());
    if !done {
        return bench.record(&TIME, 0, Subject::Autora, Sample::Not("cargo bench failed".to_owned()));
    }
    let mut found = Vec::new();
    collect(&target().join("criterion"), &mut found);
    found.sort();
    for (id, interfaces, nanoseconds) in found {
        // As JSON has it, in parts that sort: back to the number that it is.
        let sample = Sample::Is(nanoseconds as f64 / 10.0);
        bench.record_detail(&TIME, interfaces, &id, Subject::Autora, sample);
    }
}

fn counts(bench: &mut Bench) {
    for (step, name, sizes) in COUNTED {
        for size in sizes {
            let count = |times| instructions(step, *size, times);
            let sample = match (count(FEW), count(MANY)) {
                (Ok(few), Ok(many)) if few < many => Sample::Is((many - few) as f64 / (MANY - FEW) as f64),
                (Ok(_), Ok(_)) => Sample::Not("more for few steps than for many".to_owned()),
                (Err(words), _) | (_, Err(words)) => Sample::Not(words),
            };
            bench.record_detail(&COUNT, *size, name, Subject::Autora, sample);
        }
    }
}

/// All instructions of a process that does a step so many times, or why there is no telling.
fn instructions(step: &str, size: u32, times: u64) -> Result<u64, String> {
    let mut cargo = cargo_bench("counted", Some("valgrind --tool=callgrind --callgrind-out-file=/dev/null"));
    cargo.args([step, &size.to_string(), &times.to_string()]);
    if let Some(root) = env::var_os("AUTORA_VALGRIND").map(PathBuf::from).filter(|root| root.join("usr").is_dir()) {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [root.join("usr/bin")].into_iter().chain(env::split_paths(&path));
        cargo.env("PATH", env::join_paths(folders).expect("no folder has a colon in its name"));
        cargo.env("VALGRIND_LIB", root.join("usr/libexec/valgrind"));
    }
    let output = cargo.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // As in `==12345== Collected : 1234567`.
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected
        .filter(|_| output.status.success())
        .ok_or_else(|| said.lines().last().unwrap_or("callgrind says nothing").to_owned())
}

/// `cargo bench` of one of the crate's programs, with what comes after `--` to be added.
fn cargo_bench(program: &str, runner: Option<&str>) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).env("CARGO_TARGET_DIR", target());
    cargo.args(["bench", "--locked", "--package", "autora", "--bench", program]);
    if let Some(runner) = runner {
        cargo.args(["--config", &format!("target.'cfg(all())'.runner = {runner:?}")]);
    }
    cargo.arg("--");
    cargo
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Every benchmark below a folder: its name, its size if its name tells one, and tenths of a nanosecond.
fn collect(folder: &Path, found: &mut Vec<(String, u32, u64)>) {
    let new = folder.join("new");
    if let Some(median) = json(&new.join("estimates.json")).and_then(|json| json["median"]["point_estimate"].as_f64())
        && let Some(about) = json(&new.join("benchmark.json"))
    {
        let group = about["group_id"].as_str().unwrap_or_default();
        let function = about["function_id"].as_str().unwrap_or_default();
        let value = about["value_str"].as_str().and_then(|value| value.parse().ok());
        let id = [group, function].map(str::trim).join(" ");
        found.push((id.trim().to_owned(), value.unwrap_or(0), (median * 10.0) as u64));
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        collect(&entry.path(), found);
    }
}

fn json(file: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}
