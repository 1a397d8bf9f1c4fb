//! What is compiled here: the filter, the daemon as it is shipped, and (`dev`) all of it without
//! optimisation.

pub(crate) mod daemon;
pub(crate) mod dev;
pub(crate) mod filter;
