//! Code that the eBPF filter and the daemon share: the maps, the reasons that they count, and the one
//! validator that both run.
//!
//! No allocation, no I/O, no unsafe code. The kernel's verifier checks it as well; comments name the places
//! where that shapes the code.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod maps;
mod reason;
mod validate;

pub use reason::Reason;
pub use validate::{Advertisement, HEADER_LEN, Ipv6Header, Message, Packet, Start, validate};
