//! The real daemon before the real kernel: guests behind veths and taps, and what is on the wire.
//!
//! One program, so that all scenarios run side by side: they wait far more than they compute.

mod bench;
mod ceasing;
mod changes;
mod eligibility;
mod guests;
mod options;
mod packets;
mod privileges;
mod refusals;
mod routers;
mod solicitations;
mod storms;
