//! What the eBPF filter and the daemon agree on.
#![no_std]
