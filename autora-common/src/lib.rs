//! What the eBPF filter and the daemon agree on: the maps they share, the reasons they count, and the one
//! validator that both run.
//!
//! No allocation, no I/O, no unsafe code. The kernel's verifier reads all of it as well: it says so where
//! that shapes the code.
#![no_std]

pub mod maps;
mod reason;
mod validate;

pub use reason::Reason;
pub use validate::{Advertisement, Message, Packet, Start, validate};
