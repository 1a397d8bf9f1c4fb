//! The real daemon before the real kernel: guests behind veths and taps, and what is on the wire.
//!
//! One program, so that all scenarios run side by side: they wait far more than they compute.

mod bench;
mod ceasing;
mod changes;
mod conformance;
mod eligibility;
mod guests;
mod leaks;
mod options;
mod packets;
mod privileges;
mod restarts;
mod routers;
mod solicitations;
mod storms;
