//! The socket filter of autora.
#![no_std]
#![no_main]
