//! Compares documents with the program: the handbook (`contrib/docs`), the manual pages, the completions, the
//! file of settings, the unit, the guard, hooks and alerts, SECURITY.md and the index of the scenarios.

mod alerts;
mod book;
mod command;
mod completions;
mod forwarding;
mod guard;
mod links;
mod names;
mod pages;
mod scenarios;
mod scripts;
mod security;
mod settings;
mod supply_chain;
