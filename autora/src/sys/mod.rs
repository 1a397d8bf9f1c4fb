//! Everything that touches the kernel. No netlink or aya type crosses this folder's border.

pub mod clock;
pub mod control_socket;
pub mod filter;
pub mod group;
pub mod heap;
mod icmp6_filter;
pub mod netlink;
pub mod privileges;
pub mod process_stats;
pub mod program;
pub mod receiver;
pub mod sandbox;
pub mod sender;
pub mod service_manager;
pub mod state_file;
