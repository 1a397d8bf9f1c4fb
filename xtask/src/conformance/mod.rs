//! `cargo xtask conformance`: CONFORMANCE.md, from the table in `rules`: every rule of the RFCs that a sender of Router
//! Advertisements has to keep, with the test that shows it or the deviation and its reason.
//!
//! The page cannot go stale: `--check`, which is a step of `cargo xtask test`, fails when it is not what the table gives,
//! and when the table has a rule without test or reason, leaves out a MUST or SHOULD, or names a test that is not run.

mod check;
mod page;
mod rules;
mod sources;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{ui, workspace::Workspace};

const PAGE: &str = "CONFORMANCE.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if the page is not what the table gives
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.check { check(workspace) } else { write(workspace) }
}

/// Holds the table against the sources, and the page against the table.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let page = page(workspace)?;
    let path = workspace.root().join(PAGE);
    let present = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    if present != page {
        bail!("{PAGE} is not what the table gives: `cargo xtask conformance` writes it anew");
    }
    ui::note(&format!("{PAGE}: {}", page::summary(rules::SECTIONS)));
    Ok(())
}

fn write(workspace: &Workspace) -> Result<()> {
    let page = page(workspace)?;
    fs::write(workspace.root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    ui::note(&format!("{PAGE}: {}", page::summary(rules::SECTIONS)));
    Ok(())
}

/// The page; an error that names every problem if the table is not sound.
fn page(workspace: &Workspace) -> Result<String> {
    let sources = sources::Sources::new(workspace.root());
    let problems = check::problems(rules::SECTIONS, rules::DEVIATIONS, &sources);
    if !problems.is_empty() {
        bail!("the table of rules is not sound:\n  {}", problems.join("\n  "));
    }
    Ok(page::render(rules::SECTIONS, rules::DEVIATIONS, &sources))
}

/// A section of a document, and the rules in it.
#[derive(Debug, Clone, Copy)]
struct Section {
    document: &'static str,
    number: &'static str,
    title: &'static str,
    /// How often its text says MUST (or MUST NOT): each of them needs a rule.
    musts: u8,
    /// The same for SHOULD.
    shoulds: u8,
    rules: &'static [Rule],
}

/// One thing that a document asks for, in words of our own.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// Unique in its section.
    id: &'static str,
    level: Level,
    text: &'static str,
    proof: Proof,
}

/// How strongly it is asked for. Each MUST and SHOULD of a section has its number, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Must(u8),
    Should(u8),
    May,
    /// Said without such a word.
    Plain,
}

/// How it is met.
#[derive(Debug, Clone, Copy)]
enum Proof {
    /// Nobody has said so yet.
    Open,
    /// By these tests.
    Shown(&'static [&'static str]),
    /// Not to the letter: the name of the deviation, and the tests that show what happens instead.
    Deviates(&'static str, &'static [&'static str]),
    /// It asks nothing of this daemon: why not.
    NotOurs(&'static str),
}

/// A place where this daemon does something else than the text asks for, and why.
#[derive(Debug, Clone, Copy)]
struct Deviation {
    name: &'static str,
    reason: &'static str,
}

const fn must(number: u8, id: &'static str, text: &'static str) -> Rule {
    Rule { id, level: Level::Must(number), text, proof: Proof::Open }
}

const fn should(number: u8, id: &'static str, text: &'static str) -> Rule {
    Rule { id, level: Level::Should(number), text, proof: Proof::Open }
}

const fn may(id: &'static str, text: &'static str) -> Rule {
    Rule { id, level: Level::May, text, proof: Proof::Open }
}

const fn plain(id: &'static str, text: &'static str) -> Rule {
    Rule { id, level: Level::Plain, text, proof: Proof::Open }
}

impl Rule {
    const fn shown(self, tests: &'static [&'static str]) -> Self {
        Self { proof: Proof::Shown(tests), ..self }
    }

    const fn deviates(self, name: &'static str, tests: &'static [&'static str]) -> Self {
        Self { proof: Proof::Deviates(name, tests), ..self }
    }

    const fn not_ours(self, reason: &'static str) -> Self {
        Self { proof: Proof::NotOurs(reason), ..self }
    }

    const fn tests(&self) -> &'static [&'static str] {
        match self.proof {
            Proof::Shown(tests) | Proof::Deviates(_, tests) => tests,
            Proof::Open | Proof::NotOurs(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_table_gives_and_the_table_is_sound() {
        if let Err(error) = check(&Workspace::locate()) {
            panic!("{error:#}");
        }
    }
}
