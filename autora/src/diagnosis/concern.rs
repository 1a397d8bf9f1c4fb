//! A problem together with its remedies.

use super::{
    evidence::Evidence,
    problem::Problem,
    remedy::{self, Remedy},
};
use crate::engine::interface::Interface;

/// A problem, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// What is wrong.
    pub problem: Problem,
    /// What to do, in the order in which to do it.
    pub remedies: Vec<Remedy>,
}

impl Concern {
    pub(super) fn new(problem: Problem, interface: &Interface, evidence: Evidence<'_>) -> Self {
        Self { remedies: remedy::against(&problem, interface, evidence), problem }
    }
}
