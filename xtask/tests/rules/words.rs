//! The words of the project: a reader who knows RFC 4861 and systemd has to learn none.
//!
//! ARCHITECTURE.md has the glossary. Here stand the words that it replaces, so that they do not come back: in the names
//! of types, functions, fields and modules, and in whatever is read as text.

use std::{fs, path::Path};

use syn::visit::{self, Visit};

use crate::{
    length::{files, is_source},
    source::{parse, root},
};

/// Words that no name consists of, each with the one to take.
const NAMES: &[(&str, &str)] = &[
    ("goodbye", "final RA, withdrawal"),
    ("goodbyes", "final RA, withdrawal"),
    ("farewell", "final RA, withdrawal"),
    ("hush", "log limiter"),
    ("desk", "control handle"),
    ("keeper", "state saver"),
    ("vigil", "service notifier"),
    ("outlet", "backend"),
    ("patience", "write timeout"),
    ("patient", "write timeout"),
    ("asker", "query client"),
    ("happening", "event kind"),
    ("survey", "resync, dump"),
    ("surveys", "resync, dump"),
    ("doubt", "unknown"),
    ("doubts", "unknown"),
    ("news", "pending change, unsaved change"),
    ("foreign", "other router"),
    ("stranger", "other router"),
    ("strangers", "other router"),
    ("promise", "advertised prefix, valid_until"),
    ("promised", "advertised, valid_until"),
    ("promises", "advertised prefixes"),
    ("successor", "next process"),
    ("unfit", "not served, not fit"),
    ("nobody", "name the process"),
    ("somebody", "name the process"),
    ("whoever", "name the process"),
];

/// Phrases that no text has, each with what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("goodbye", "final RA, withdrawal"),
    ("goodbyes", "final RA, withdrawal"),
    ("farewell", "final RA, withdrawal"),
    ("former life", "previous process"),
    ("successor", "next process"),
    ("look at everything", "resync"),
    ("looks at everything", "resync"),
    ("nobody", "the kernel, the operator, a client, a guest: name it"),
    ("somebody", "the kernel, the operator, a client, a guest: name it"),
    ("whoever", "the kernel, the operator, a client, a guest: name it"),
    ("whomever", "the kernel, the operator, a client, a guest: name it"),
    ("everybody", "the kernel, the operator, a client, a guest: name it"),
    ("foreign router", "other router"),
    ("foreign routers", "other routers"),
    ("stranger", "other router, other process"),
    ("strangers", "other routers, other processes"),
    ("worth a warning", "logs a warning"),
    ("good word", "say what it is"),
    ("by heart", "say what it is"),
    ("in earnest", "say what it is"),
];

/// Files whose words are not the project's own, or that list the words.
const NOT_OURS: &[&str] =
    &["LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "Cargo.lock", "tests/fuzz/Cargo.lock", "debian/copyright"];

struct Names<'a> {
    file: &'a str,
    found: Vec<String>,
}

impl Names<'_> {
    fn look_at(&mut self, name: &syn::Ident) {
        let name = name.to_string();
        for word in words(&name) {
            if let Some((_, instead)) = NAMES.iter().find(|(old, _)| *old == word) {
                self.found.push(format!("{}: `{name}`: {instead}", self.file));
            }
        }
    }
}

/// Looks at the name of whatever has one, and then inside.
macro_rules! look_at_the_names_of {
    ($($visit:ident: $node:ident),+ $(,)?) => {
        $(fn $visit(&mut self, node: &'ast syn::$node) {
            self.look_at(&node.ident);
            visit::$visit(self, node);
        })+
    };
}

impl<'ast> Visit<'ast> for Names<'_> {
    look_at_the_names_of! {
        visit_item_struct: ItemStruct,
        visit_item_enum: ItemEnum,
        visit_item_trait: ItemTrait,
        visit_item_type: ItemType,
        visit_item_const: ItemConst,
        visit_item_static: ItemStatic,
        visit_item_mod: ItemMod,
        visit_signature: Signature,
        visit_variant: Variant,
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        field.ident.iter().for_each(|name| self.look_at(name));
        visit::visit_field(self, field);
    }
}

/// The words of a name, in lower case: `ForeignRouter`, `foreign_router` and `FOREIGN_ROUTER` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        let begins = letter == '_' || letter.is_uppercase() && before.is_lowercase();
        if begins {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().expect("there is one from the beginning").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A line as words between single spaces, in lower case.
fn plain(line: &str) -> String {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |plain, word| plain + &word.to_lowercase() + " ")
}

fn phrases_of(file: &str, text: &str) -> Vec<String> {
    let found = text.lines().enumerate().flat_map(|(at, line)| {
        let line = plain(line);
        let old = PHRASES.iter().filter(move |(old, _)| line.contains(&format!(" {old} ")));
        old.map(move |(old, instead)| format!("{file}:{}: \"{old}\": {instead}", at + 1))
    });
    found.collect()
}

fn is_ours(name: &str) -> bool {
    !NOT_OURS.contains(&name) && !Path::new(name).starts_with("xtask/tests/rules")
}

#[test]
fn names_consist_of_the_projects_words() {
    let sources: Vec<_> = files().into_iter().filter(|name| is_source(name) && is_ours(name)).collect();
    let found: Vec<_> = sources
        .iter()
        .flat_map(|file| {
            let mut names = Names { file, found: Vec::new() };
            names.visit_file(&parse(&root().join(file)));
            names.found
        })
        .collect();
    assert!(found.is_empty(), "{} names:\n{}", found.len(), found.join("\n"));
}

#[test]
fn texts_consist_of_the_projects_words() {
    let found: Vec<_> = files()
        .iter()
        .filter(|name| is_ours(name))
        .filter_map(|name| Some((name, fs::read_to_string(root().join(name)).ok()?)))
        .flat_map(|(name, text)| phrases_of(name, &text))
        .collect();
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_replaced_word_is_seen_in_every_form() {
    assert_eq!(words("ForeignRouter"), ["foreign", "router"]);
    assert_eq!(words("FOREIGN_ROUTER"), ["foreign", "router"]);
    assert_eq!(words("say_goodbye2"), ["say", "goodbye2"]);
    assert_eq!(phrases_of("a", "fine\nWhoever, then").len(), 1);
    assert_eq!(phrases_of("a", "the successors"), [""; 0]);
}
