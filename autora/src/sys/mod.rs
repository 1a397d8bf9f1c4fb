//! Access to the kernel: sockets, netlink, BPF, files, clocks. Netlink's and aya's types do not leave this
//! folder.

mod boot_id;
pub mod claims;
mod classic_bpf;
pub mod clock;
pub mod control_socket;
mod directory;
pub mod filter;
pub mod group;
pub mod heap;
pub mod host_facts;
mod icmp6_filter;
mod locked_filter;
pub mod netlink;
pub mod open_files;
pub mod output_reader;
mod packet_socket;
pub mod privileges;
pub mod probe;
pub mod process_stats;
pub mod program;
pub mod random;
mod raw_socket;
pub mod receiver;
pub mod sandbox;
pub mod sender;
pub mod service_manager;
pub mod signal;
mod socket_memory;
pub mod state_file;
