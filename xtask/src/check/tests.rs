use std::{collections::BTreeSet, fs};

use clap::Parser;

use super::*;

fn steps(only: &[Step], skip: &[Step]) -> Vec<Step> {
    select(&Args { ship: false, ci: false, all: false, only: only.to_vec(), skip: skip.to_vec() })
}

#[test]
fn steps_run_in_their_fixed_order_each_once() {
    let select = |ship, all| select(&Args { ship, ci: false, all, only: Vec::new(), skip: Vec::new() });
    assert_eq!(select(false, true), Step::value_variants());
    assert_eq!(select(true, false), [Step::Package, Step::Smoke, Step::Exposure, Step::Boot, Step::Arm64]);
    assert_eq!(select(false, false).last(), Some(&Step::Kernel));
    assert_eq!(steps(&[Step::Unit, Step::Format, Step::Unit], &[]), [Step::Format, Step::Unit]);
    assert_eq!(
        steps(&[], &[Step::Setup, Step::Kernel]),
        [Step::Format, Step::Lint, Step::Build, Step::Unit, Step::Conformance]
    );
}

#[test]
fn a_step_that_did_not_run_is_not_a_success() {
    let workspace = Workspace::locate();
    let mut run =
        Run { workspace: &workspace, hosts: Hosts::Drawn, toolchain: None, setup_failed: None, outcomes: Vec::new() };
    run.outcomes.push((Step::Format, Outcome::Passed(Duration::ZERO)));
    assert!(run.all_passed());
    run.outcomes.push((Step::Kernel, Outcome::NotRun("no root".to_owned())));
    assert!(!run.all_passed());
}

#[test]
fn nothing_runs_after_a_failure() {
    let workspace = Workspace::locate();
    let outcomes = vec![(Step::Lint, Outcome::Failed(Duration::ZERO))];
    let run = Run { workspace: &workspace, hosts: Hosts::Drawn, toolchain: None, setup_failed: None, outcomes };
    assert_eq!(run.obstacle(Step::Build).as_deref(), Some("lint failed"));
}

/// The arguments of `cargo xtask test` in a line of a script.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Returns the steps that the lines with `cargo xtask test` in a file run.
fn steps_asked_for(path: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Workspace::locate().root().join(path)).expect(path);
    let lines = text.lines().filter_map(|line| line.split_once("cargo xtask test").map(|(_, words)| words));
    let args = lines.map(|words| Line::parse_from(["test"].into_iter().chain(words.split_whitespace())).args);
    args.flat_map(|args| select(&args)).map(Step::name).collect()
}

#[test]
fn the_workflow_and_the_script_leave_no_step_out() {
    let parts = |wanted: &[Part]| {
        let steps = Step::value_variants().iter().filter(|step| wanted.contains(&step.about().part));
        steps.map(|step| step.name()).collect::<BTreeSet<_>>()
    };
    let required = parts(&[Part::Usual, Part::Ship]);
    assert_eq!(steps_asked_for(".ci/run"), required);
    let workflow = steps_asked_for(".github/workflows/ci.yml");
    assert!(workflow.is_superset(&required), "{:?} are left out", required.difference(&workflow));
}
