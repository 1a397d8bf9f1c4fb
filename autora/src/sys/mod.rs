//! Everything that touches the kernel. No netlink or aya type crosses this folder's border.

pub mod filter;
pub mod receiver;
