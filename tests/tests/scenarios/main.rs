//! The real daemon before the real kernel: guests behind veths and taps, and what is on the wire.
//!
//! One program, so that all scenarios run side by side: they wait far more than they compute.

mod bench;
mod capacity;
mod ceasing;
mod changes;
mod clock;
#[cfg(target_arch = "x86_64")]
mod confinement;
mod conformance;
mod control;
mod control_commands;
mod control_hostile;
mod crashes;
mod eligibility;
mod entries;
mod explain;
mod flapping;
mod guests;
mod handover;
mod hooks;
mod index_reuse;
mod leaks;
mod link_options;
mod links;
mod logs;
mod mid_send;
mod monitoring;
mod options;
mod overrun;
mod packets;
mod prefixes;
mod privileges;
mod programs;
mod receiving;
mod refusals;
mod restarts;
mod routers;
mod solicitations;
mod stopping;
mod storms;
mod watchdog;
