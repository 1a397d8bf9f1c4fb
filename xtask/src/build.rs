//! Compiling: the filter, the daemon in the release profile, and (`dev`) daemon and tests in the dev profile.

pub(crate) mod daemon;
pub(crate) mod dev;
pub(crate) mod filter;
