//! All mutants in one program. A variable of the environment chooses one of them, so that a mutant costs a run of the
//! tests, and no compiling.

mod blame;
mod run;
mod switch;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use self::run::Tests;
use super::{
    mutant::Mutant,
    processor_time,
    results::Outcome,
    stage::{self, Stage},
    tree::{Optimization, Tree},
};
use crate::{process, ui, workspace::Workspace};

/// No mutant has this number. The first panic ends the program all the same, as it does with a mutant.
const NONE: usize = 0xffff_ffff;

/// The compiled tests, with the mutants that could be written into them.
#[derive(Debug)]
pub(super) struct Program {
    /// The mutants by their names, each with its number.
    numbers: BTreeMap<String, usize>,
    tests: Vec<Tests>,
}

impl Program {
    /// Writes `mutants` into a copy of the sources and compiles it, without those that the compiler refuses.
    pub(super) fn build(workspace: &Workspace, mutants: &[&Mutant]) -> Result<Self> {
        let started = Instant::now();
        let tree = Tree::write(workspace, "program", Optimization::OfTests)?;
        let mut chosen: BTreeSet<usize> = (1..=mutants.len()).collect();
        loop {
            let (switched, sources) = write(&tree, mutants, &chosen)?;
            chosen = switched;
            let log = workspace.log("mutants-program");
            if let Some(output) = compile(workspace, &tree, &log)? {
                let tests = Tests::find(&tree, &output)?;
                note(chosen.len(), mutants.len(), started.elapsed());
                let numbers = chosen.iter().map(|number| (mutants[number - 1].name.clone(), *number)).collect();
                return Ok(Self { numbers, tests });
            }
            let refused = blame::refused(&fs::read_to_string(&log)?, &sources);
            ensure!(!refused.is_empty(), "no mutant explains the compiler's errors\n{}", process::end_of(&log));
            chosen.retain(|number| !refused.contains(number));
        }
    }

    /// Returns whether the program has this mutant.
    pub(super) fn has(&self, mutant: &Mutant) -> bool {
        self.numbers.contains_key(&mutant.name)
    }

    /// Runs the tests of a stage on the code as it is. Returns after what processor time those of a mutant do not end
    /// any more.
    pub(super) fn check_baseline(&self, stage: Stage) -> Result<Duration> {
        let taken = processor_time::of(|| {
            for tests in self.tests.iter().filter(|tests| tests.stage() == stage) {
                ensure!(!tests.notice(NONE, Duration::from_secs(3_600))?, "tests fail without any mutant: {tests:?}");
            }
            Ok(())
        })?;
        Ok(stage::limit(taken))
    }

    /// Tries mutants that the program has, on all processors.
    pub(super) fn try_out(&self, stage: Stage, mutants: &[&Mutant], limit: Duration) -> Result<Vec<(String, Outcome)>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mine = iter::from_fn(|| mutants.get(next.fetch_add(1, Ordering::Relaxed)));
            mine.map(|mutant| self.try_one(stage, mutant, limit)).collect::<Result<Vec<_>>>()
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            let outcomes = workers.into_iter().map(|worker| worker.join().expect("a worker returns its errors"));
            Ok(outcomes.collect::<Result<Vec<_>>>()?.concat())
        })
    }

    fn try_one(&self, stage: Stage, mutant: &Mutant, limit: Duration) -> Result<(String, Outcome)> {
        let tests = self.tests.iter().find(|tests| tests.stage() == stage && tests.are_for(mutant));
        let tests = tests.with_context(|| format!("no tests were compiled for {}", mutant.name))?;
        let noticed = tests.notice(self.numbers[&mutant.name], limit)?;
        let outcome = if noticed { Outcome::Caught } else { Outcome::Survived };
        Ok((mutant.name.clone(), stage.concluded(&mutant.name, outcome)))
    }
}

fn note(switched: usize, count: usize, time: Duration) {
    ui::note(&format!("{switched} of {count} mutants in one program, compiled in {}", ui::seconds(time)));
}

/// Writes the chosen ones of `mutants` into the sources. Returns which could be written, and the sources by their
/// paths in the tree.
fn write(
    tree: &Tree,
    mutants: &[&Mutant],
    chosen: &BTreeSet<usize>,
) -> Result<(BTreeSet<usize>, BTreeMap<String, String>)> {
    let files: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file()).collect();
    let (mut written, mut sources) = (BTreeSet::new(), BTreeMap::new());
    for file in files {
        let here =
            chosen.iter().map(|number| (*number, mutants[number - 1])).filter(|(_, mutant)| mutant.file() == file);
        let original = fs::read_to_string(tree.origin(file)).with_context(|| format!("cannot read {file}"))?;
        let (numbers, source) = switch::write(&original, &here.collect::<Vec<_>>())?;
        tree.update(file, &source)?;
        written.extend(numbers);
        sources.insert(file.to_owned(), source);
    }
    for (file, source) in switch::modules(tree)? {
        tree.update(file, &source)?;
    }
    Ok((written, sources))
}

/// Compiles the tests. Returns what cargo said, or `None` if the compiler refused something.
fn compile(workspace: &Workspace, tree: &Tree, log: &Path) -> Result<Option<String>> {
    let mut cargo = tree.command(workspace.cargo(["test", "--workspace", "--lib", "--test", "simulation"]));
    cargo.args(["--no-run", "--color", "never"]);
    let status = process::status_logged("compiling all mutants", &mut cargo, log)?;
    status.success().then(|| fs::read_to_string(log).context("the log is gone")).transpose()
}
