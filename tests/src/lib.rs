//! Harness for scenarios against the real kernel.
