//! What is reported of an interface: its guests, or what else is known where none answers.

use std::collections::HashMap;

use super::{round::Outcome, target::Target};
use crate::{
    addr::IfIndex,
    commands::explain::Served,
    diagnosis::guest::{Guest, GuestVerdict},
    error::chain,
    sys::netlink::Neighbour,
};

/// What is reported of an interface.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) target: &'a Target,
    /// The worst verdict of its guests.
    pub(super) verdict: GuestVerdict,
    /// Whether a request has left.
    pub(super) is_asked: bool,
    pub(super) served: Served,
    /// The guests that answered, the worst verdict first.
    pub(super) guests: Vec<Guest>,
    /// Whether so many replies came that the others were not read.
    pub(super) is_cut_off: bool,
    /// Why nothing can be said of guests.
    pub(super) why: Option<String>,
    /// The entries of the neighbour table, if nothing can be said.
    pub(super) neighbours: Vec<Neighbour>,
    /// What `explain` says first, if nothing can be said.
    pub(super) explained: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(target: &'a Target, outcome: &Outcome, served: Served) -> Self {
        let why = why_unknown(target, outcome);
        let guests = if why.is_some() { Vec::new() } else { outcome.replies.guests(&target.prefixes) };
        let verdict = guests.first().map_or(GuestVerdict::Unknown, |guest| guest.verdict);
        Self {
            target,
            verdict,
            is_asked: outcome.is_asked,
            served,
            guests,
            is_cut_off: outcome.replies.is_full(),
            why,
            neighbours: Vec::new(),
            explained: None,
        }
    }

    /// Adds what else is known of the interface.
    pub(super) fn complete(&mut self, neighbours: &[Neighbour], explained: &mut HashMap<IfIndex, String>) {
        let index = self.target.index;
        self.neighbours = neighbours.iter().filter(|neighbour| neighbour.index == index).copied().collect();
        self.explained = explained.remove(&index);
    }
}

/// Returns why nothing can be said: after one request alone, silence would mean nothing.
fn why_unknown(target: &Target, Outcome { replies, error, is_asked }: &Outcome) -> Option<String> {
    match (&target.sources, error) {
        (Err(why), _) => Some((*why).to_owned()),
        (Ok(_), Some(error)) if *is_asked => Some(format!("one of two requests did not leave: {}", chain(error))),
        (Ok(_), Some(error)) => Some(chain(error)),
        (Ok(_), None) => replies.is_empty().then(|| "no answer".to_owned()),
    }
}
