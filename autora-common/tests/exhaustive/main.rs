//! Every path of the validator against a second reading of the RFCs. That the program in the kernel says the same is
//! tested in `tests/tests/filter`.
#![expect(clippy::print_stdout, reason = "a test reports its counts")]

mod paths;
mod plain;

use autora_common::Reason;

use crate::paths::{LONG_SEQUENCES, UP_TO_TWELVE_UNITS};

#[test]
fn the_validator_follows_the_rfcs_on_every_path_up_to_twelve_units() {
    check_reached(
        UP_TO_TWELVE_UNITS.walk(|_, _| {}),
        &[
            Reason::Passed,
            Reason::NextHeader,
            Reason::Type,
            Reason::HopLimit,
            Reason::TooShort,
            Reason::Code,
            Reason::OptionLength,
            Reason::UnspecifiedWithSourceLinkLayer,
            Reason::OtherRouterAdvertisement,
            Reason::InvalidAdvertisement,
        ],
    );
}

#[test]
fn the_validator_follows_the_rfcs_on_every_deviation_of_long_sequences() {
    check_reached(
        LONG_SEQUENCES.walk(|_, _| {}),
        &[
            Reason::Passed,
            Reason::OptionLength,
            Reason::TooManyOptions,
            Reason::UnspecifiedWithSourceLinkLayer,
            Reason::OtherRouterAdvertisement,
            Reason::InvalidAdvertisement,
        ],
    );
}

/// Paths that all lead to the same reason prove nothing.
fn check_reached(paths: [u64; Reason::COUNT], expected: &[Reason]) {
    let reached: Vec<_> = Reason::ALL.into_iter().filter(|reason| paths[*reason as usize] > 0).collect();
    assert_eq!(reached, expected);
}

#[test]
fn the_handbook_has_the_number_of_paths() {
    let page = include_str!("../../../contrib/docs/src/reliability.md");
    for paths in [UP_TO_TWELVE_UNITS, LONG_SEQUENCES] {
        let line = format!("{} paths", paths.count);
        assert!(page.lines().any(|text| text == line), "reliability.md has no line '{line}'");
    }
}
