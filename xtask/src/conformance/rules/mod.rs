//! The table: sections of documents in the order of the page. A rule is told in words of our own, never in the text's.
//!
//! The path of a test is its file without `.rs`, from `tests/tests` or a crate's `src` on, and its name.

mod ceasing;
mod configuration;
mod deviations;
mod ipv6_ready;
mod others;
mod sending;
mod solicitations;
mod validation;

use super::Section;

pub(super) use deviations::DEVIATIONS;

pub(super) const SECTIONS: &[Section] = &[
    validation::SOLICITATIONS,
    validation::ADVERTISEMENTS,
    configuration::VARIABLES,
    sending::BECOMING,
    sending::CONTENT,
    sending::UNSOLICITED,
    ceasing::CEASING,
    solicitations::PROCESSING,
    ceasing::CONSISTENCY,
    ceasing::LINK_LOCAL,
    others::FRAGMENTATION,
    others::LIFETIMES,
    others::RENUMBERING,
    ipv6_ready::INVALID_SOLICITATIONS,
    ipv6_ready::VALID_ADVERTISEMENT,
    ipv6_ready::NON_ADVERTISING,
    ipv6_ready::UNSOLICITED,
    ipv6_ready::CEASING,
    ipv6_ready::SOLICITATIONS,
];

/// What must be among them.
pub(super) const REQUIRED: &[(&str, &[&str])] = &[
    ("RFC 4861", &["6.1.1", "6.1.2", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7", "6.2.8"]),
    ("RFC 6980", &["5"]),
    ("RFC 8319", &["4"]),
    ("RFC 9096", &["3.5"]),
    ("v6LC", &["2.2.4", "2.2.5", "2.2.6", "2.2.7", "2.2.8", "2.2.9"]),
];
