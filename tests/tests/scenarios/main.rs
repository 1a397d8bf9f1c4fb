//! The real daemon before the real kernel: guests behind veths and taps, and what is on the wire.
//!
//! One program, so that all scenarios run side by side: they wait far more than they compute.

mod bench;
mod capacity;
mod ceasing;
mod changes;
mod crashes;
mod conformance;
mod eligibility;
mod guests;
mod options;
mod overrun;
mod packets;
mod privileges;
mod programs;
mod receiving;
mod refusals;
mod restarts;
mod routers;
mod solicitations;
mod storms;
