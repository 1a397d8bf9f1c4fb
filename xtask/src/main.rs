//! Development tasks of autora.
fn main() {}
