//! `cargo xtask mutants`: does a test fail when the code is wrong?

mod mutant;
mod processor_time;
mod program;
mod results;
mod selection;
mod stage;
mod survivors;
mod tree;

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use self::{
    mutant::{Layer, Mutant},
    program::Program,
    results::{Outcome, Results},
    selection::Shard,
    stage::Stage,
    survivors::{Entry, Judgement},
    tree::{Optimization, Tree},
};
use crate::{setup::cargo_tool::CARGO_MUTANTS, ui, workspace::Workspace};

/// The mutants that survive with a reason.
const SURVIVORS: &str = "tests/mutants.txt";

/// The mutants that are tried before their results are written: an interruption loses those of one batch.
const BATCH: usize = 20;

/// What the rest of `--help` does not say.
const HELP: &str = "\
The errors are made in autora-common and in the pure layers (wire, engine, diagnosis), in a copy:
target/mutants/program is a workspace of these layers and their tests alone, with all mutants in it
at once. A variable of the environment chooses one, so that a mutant costs a run of the tests, which
its first failure ends. The unit tests try all mutants, properties included, and the simulation those
of the layers that survive them. A mutant whose tests take five times the processor time that they
take without one is caught: they do not end.

cargo-mutants lists the mutants. It also tries those that do not compile beside the code, one at a
time and in a copy of their own, target/mutants/tree.

Results are kept in target/mutants/results, and the next run goes on from there. It repeats what is
in a file that has changed since, and what has survived without a reason; --fresh repeats all.

A survivor needs a test, or an entry in tests/mutants.txt that says why it has none. An entry fails
whose mutant is gone, or does not survive.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Args {
    /// Only mutants of these layers
    #[arg(value_name = "LAYER")]
    layers: Vec<Layer>,
    /// Only this part of the mutants: 0/3, 1/3 and 2/3 together are all of them
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Forget the results of earlier runs
    #[arg(long)]
    fresh: bool,
    /// Try none, and report what is known
    #[arg(long)]
    report: bool,
}

/// Tries the mutants that `args` select and that have no result yet, then judges all that they select.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if !CARGO_MUTANTS.is_here(workspace) {
        CARGO_MUTANTS.install(workspace)?;
    }
    let tree = Tree::write(workspace, "tree", Optimization::OfCompiling)?;
    let all = mutant::read(&tree.list(workspace)?);
    let entries = entries(workspace)?;
    let mut results = Results::load(workspace, &all, args.fresh)?;
    let selected = select(args, &all);
    if !args.report {
        results.forget(|mutant| needs_another_try(mutant, &entries), &selected);
        try_all(workspace, &tree, &all, &selected, &mut results)?;
    }
    let judgement = survivors::judge(&all, &selected, &results, &entries);
    print(&judgement);
    Ok(if judgement.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn entries(workspace: &Workspace) -> Result<Vec<Entry>> {
    let path = workspace.root().join(SURVIVORS);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {SURVIVORS}"))?;
    survivors::read(&text).with_context(|| format!("{SURVIVORS} is not as its head says"))
}

fn select<'a>(args: &Args, all: &'a [Mutant]) -> Vec<&'a Mutant> {
    let in_rooms = |mutant: &&Mutant| {
        Layer::of(mutant).is_some_and(|layer| args.layers.is_empty() || args.layers.contains(&layer))
    };
    let wanted = all.iter().filter(in_rooms).collect();
    match args.shard {
        Some(shard) => shard.part_of(wanted),
        None => wanted,
    }
}

/// Returns whether a survivor is tried again: without an entry, a test may have come.
fn needs_another_try(survivor: &Mutant, entries: &[Entry]) -> bool {
    entries.iter().all(|entry| entry.id != survivor.id)
}

fn try_all(
    workspace: &Workspace,
    tree: &Tree,
    all: &[Mutant],
    selected: &[&Mutant],
    results: &mut Results,
) -> Result<()> {
    let stages = [Stage::Unit, Stage::Simulation];
    let is_open = |mutant: &&Mutant| stages.iter().any(|stage| stage.is_for(mutant, results));
    let open: Vec<_> = selected.iter().copied().filter(is_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    ui::heading("program");
    let program = Program::build(workspace, &open)?;
    for stage in stages {
        let here = open.iter().copied().filter(|mutant| stage.is_for(mutant, results));
        let (together, apart): (Vec<_>, Vec<_>) = here.partition(|mutant| program.has(mutant));
        if !together.is_empty() {
            let limit = program.check_baseline(stage)?;
            in_batches(&format!("{stage}"), &together, results, |batch| program.try_out(stage, batch, limit))?;
        }
        if !apart.is_empty() {
            let limit = stage.check_baseline(workspace, tree)?;
            let title = format!("{stage}, one at a time");
            in_batches(&title, &apart, results, |batch| stage.try_out(workspace, tree, all, batch, limit))?;
        }
    }
    Ok(())
}

/// Tries mutants, and writes the results of each batch.
fn in_batches(
    title: &str,
    mutants: &[&Mutant],
    results: &mut Results,
    try_out: impl Fn(&[&Mutant]) -> Result<Vec<(String, Outcome)>>,
) -> Result<()> {
    ui::heading(&format!("{title}: {} mutants", mutants.len()));
    let started = Instant::now();
    for (done, batch) in mutants.chunks(BATCH).enumerate() {
        ui::note(&progress(done * BATCH, mutants.len(), started.elapsed()));
        results.add(try_out(batch)?)?;
    }
    ui::note(&progress(mutants.len(), mutants.len(), started.elapsed()));
    Ok(())
}

/// Returns how many are done, and how long one takes.
fn progress(done: usize, count: usize, elapsed: Duration) -> String {
    let each = u32::try_from(done).ok().and_then(|done| elapsed.checked_div(done));
    let each = each.map_or(String::new(), |each| format!(", {} each", ui::seconds(each)));
    format!("{done} of {count}{each}")
}

fn print(judgement: &Judgement) {
    ui::heading("summary");
    let rows = judgement.layers.iter().map(|(layer, counts)| {
        let count = |outcome: Outcome| counts.get(&Some(outcome)).copied().unwrap_or_default();
        let not_tried: usize = [None, Some(Outcome::SurvivedUnit)].iter().filter_map(|state| counts.get(state)).sum();
        [
            layer.name(),
            format!("{} caught", count(Outcome::Caught)),
            format!("{} by the simulation alone", count(Outcome::CaughtBySimulation)),
            format!("{} survived", count(Outcome::Survived)),
            format!("{} do not compile", count(Outcome::Unviable)),
            format!("{not_tried} not tried"),
        ]
    });
    for line in ui::columns(&rows.collect::<Vec<_>>()) {
        ui::note(&line);
    }
    for fault in &judgement.faults {
        ui::note(&ui::paint(ui::Paint::Bad, fault));
    }
    if judgement.is_sound() {
        ui::note(&ui::paint(ui::Paint::Good, "every survivor has its reason"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_survivors_is_as_its_head_says() {
        assert!(!entries(&Workspace::locate()).expect("it can be read").is_empty());
    }
}
