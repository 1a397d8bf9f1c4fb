//! RFC 4861 6.1: which messages count.

use super::super::{Section, must, plain};

/// What every malformed solicitation goes through: the program in the kernel and the validator of the daemon, then the
/// whole of it behind both filters.
const BAD: &[&str] = &[
    "filter/verdicts::program_and_validator_agree_with_the_table",
    "scenarios/solicitations::bad_ones_are_not_answered_behind_the_ebpf_filter",
    "scenarios/solicitations::bad_ones_are_not_answered_behind_the_classic_filter",
];

const GOOD: &[&str] = &[
    "filter/verdicts::program_and_validator_agree_with_the_table",
    "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
    "scenarios/solicitations::good_ones_are_answered_behind_the_classic_filter",
];

pub(super) const SOLICITATIONS: Section = Section {
    document: "RFC 4861",
    number: "6.1.1",
    title: "Validation of Router Solicitation Messages",
    musts: 4,
    shoulds: 0,
    rules: &[
        must(1, "hosts", "A host (an interface that does not forward) ignores solicitations.").shown(&[
            "filter/verdicts::an_interface_that_is_not_served",
            "filter/link::an_interface_is_served_until_it_is_not",
            "scenarios/ceasing::an_interface_that_ceases_says_goodbye_and_comes_back",
        ]),
        must(2, "hop-limit", "One whose hop limit is not 255 is dropped.").shown(BAD),
        must(2, "checksum", "One with a wrong checksum is dropped (by the kernel).").shown(&[
            "scenarios/solicitations::bad_ones_are_not_answered_behind_the_ebpf_filter",
            "scenarios/solicitations::bad_ones_are_not_answered_behind_the_classic_filter",
        ]),
        must(2, "code", "One whose code is not 0 is dropped.").shown(BAD),
        must(2, "length", "One shorter than 8 bytes is dropped.").shown(BAD),
        must(2, "option-length", "One with an option of length 0 is dropped.").shown(BAD),
        must(2, "unspecified-source", "One from `::` with a source link-layer address option is dropped.")
            .shown(BAD),
        plain("option-end", "An option past the end, or bytes behind the last one, make it malformed, too.")
            .shown(BAD),
        must(3, "reserved", "What stands in the reserved field does not matter.")
            .shown(&["filter/verdicts::program_and_validator_agree_with_the_table"]),
        must(3, "unknown-options", "Options that nobody knows do not matter.").shown(GOOD),
        must(4, "foreign-options", "Options that belong into other messages do not matter.")
            .shown(&["filter/verdicts::program_and_validator_agree_with_the_table"]),
        plain("any-unicast-source", "A valid one counts from `::` as well as from any unicast address.")
            .shown(GOOD),
        plain("extension-headers", "Extension headers before a valid one do not make it invalid.")
            .deviates("extension-headers", BAD),
        plain("many-options", "Any number of options is valid.").deviates("sixteen-options", BAD),
        plain("whatever-comes", "Whatever bytes come, kernel and daemon judge them alike.")
            .shown(&["filter/random::program_and_validator_agree_on_random_packets"]),
    ],
};

const FOREIGN: &[&str] = &[
    "filter/verdicts::program_and_validator_agree_with_the_table",
    "scenarios/routers::an_invalid_advertisement_is_none_of_another_router",
    "scenarios/conformance::an_invalid_advertisement_is_no_other_router",
];

pub(super) const ADVERTISEMENTS: Section = Section {
    document: "RFC 4861",
    number: "6.1.2",
    title: "Validation of Router Advertisement Messages (those of other routers)",
    musts: 3,
    shoulds: 0,
    rules: &[
        must(1, "source", "One whose source is not link-local is ignored.").shown(FOREIGN),
        must(1, "hop-limit", "One whose hop limit is not 255 is ignored.").shown(FOREIGN),
        must(1, "checksum", "One with a wrong checksum is ignored (by the kernel).")
            .shown(&["scenarios/conformance::an_invalid_advertisement_is_no_other_router"]),
        must(1, "code", "One whose code is not 0 is ignored.").shown(FOREIGN),
        must(1, "length", "One shorter than 16 bytes is ignored.").shown(FOREIGN),
        must(1, "option-length", "One with an option of length 0 is ignored.").shown(FOREIGN),
        must(2, "reserved-and-unknown", "Reserved bits and unknown options do not matter.")
            .shown(&["filter/verdicts::program_and_validator_agree_with_the_table"]),
        must(3, "foreign-options", "Options that belong into other messages do not matter.")
            .shown(&["filter/verdicts::program_and_validator_agree_with_the_table"]),
    ],
};
