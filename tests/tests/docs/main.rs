//! The handbook of `contrib/docs`, the manual pages and the completions against the program that they tell of: nothing
//! that it has is missing there, and nothing is told of that it has not. And the index of
//! the scenarios against the scenarios.

mod alerts;
mod book;
mod command;
mod completions;
mod links;
mod names;
mod pages;
mod scenarios;
mod scripts;
mod security;
mod settings;
mod supply_chain;
