//! The pure code: criterion's benchmarks of the crate `autora`, and what they have found.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    bench::Bench,
    results::{Metric, Sample},
    subject::Subject,
};

const TIME: Metric = Metric { label: "median of criterion", unit: "ns", targets: &[] };

pub(crate) fn micro(bench: &mut Bench) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).env("CARGO_TARGET_DIR", &target);
    cargo.args(["bench", "--locked", "--package", "autora", "--bench", "pure", "--"]);
    cargo.args(["--noplot", "--quiet", "--warm-up-time", "1", "--measurement-time", "2"]);
    // Standard output is for the result.
    cargo.stdout(std::io::stderr());
    let done = cargo.status().is_ok_and(|status| status.success());
    if !done {
        return bench.record(&TIME, 0, Subject::Autora, Sample::Not("cargo bench failed".to_owned()));
    }
    let mut found = Vec::new();
    collect(&target.join("criterion"), &mut found);
    found.sort();
    for (id, interfaces, nanoseconds) in found {
        // As JSON has it, in parts that sort: back to the number that it is.
        let sample = Sample::Is(nanoseconds as f64 / 10.0);
        bench.record_detail(&TIME, interfaces, &id, Subject::Autora, sample);
    }
}

/// Every benchmark below a folder: its name, its size if its name tells one, and tenths of a nanosecond.
fn collect(folder: &Path, found: &mut Vec<(String, u32, u64)>) {
    let new = folder.join("new");
    if let Some(median) =
        json(&new.join("estimates.json")).and_then(|json| json["median"]["point_estimate"].as_f64())
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
