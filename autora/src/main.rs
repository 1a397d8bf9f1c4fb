//! The autora daemon.
fn main() {}
