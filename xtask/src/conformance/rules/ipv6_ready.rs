//! The router's cases 2.2.4 to 2.2.9 of the IPv6 Ready Phase-2 Core conformance tests, by number and part.

use super::super::{Section, plain};

const BAD: &[&str] = &[
    "scenarios/solicitations::bad_ones_are_not_answered_behind_the_ebpf_filter",
    "scenarios/solicitations::bad_ones_are_not_answered_behind_the_classic_filter",
];

const SET: &str = "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set";

pub(super) const INVALID_SOLICITATIONS: Section = Section {
    document: "v6LC",
    number: "2.2.4",
    title: "Router Ignores Invalid Router Solicitations",
    musts: 0,
    shoulds: 0,
    rules: &[
        plain("a", "Hop limit 254.").shown(BAD),
        plain("b", "Wrong checksum.").shown(BAD),
        plain("c", "Code 1.").shown(BAD),
        plain("d", "Shorter than 8 bytes.").shown(BAD),
        plain("e", "An option of length 0.").shown(BAD),
        plain("f", "From `::`, with a source link-layer address option.").shown(BAD),
    ],
};

pub(super) const VALID_ADVERTISEMENT: Section = Section {
    document: "v6LC",
    number: "2.2.5",
    title: "Router Sends Valid Router Advertisement",
    musts: 0,
    shoulds: 0,
    rules: &[plain(
        "all",
        "The answer to a valid solicitation passes every check of RFC 4861 6.1.2. (So \
         does every advertisement that any test sees: the capture refuses others.)",
    )
    .shown(&[
        "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
        "scenarios/solicitations::good_ones_are_answered_behind_the_classic_filter",
        "scenarios/solicitations::good_ones_are_answered_through_the_raw_socket",
        "scenarios/packets::by_default",
    ])],
};

pub(super) const NON_ADVERTISING: Section = Section {
    document: "v6LC",
    number: "2.2.6",
    title: "Router Does Not Send Router Advertisements on Non-advertising Interface",
    musts: 0,
    shoulds: 0,
    rules: &[
        plain("a", "No interface is an advertising one: a solicitation gets no answer.")
            .shown(&["scenarios/eligibility::without_a_regex_nothing_is_served_and_that_is_no_error"]),
        plain("b", "One is, and one is not: only on the first one solicitations are answered.").shown(&[
            "scenarios/eligibility::a_name_that_does_not_match_is_none_of_our_business",
            "engine/fleet_tests::a_solicitation_concerns_its_own_interface_alone",
        ]),
    ],
};

pub(super) const UNSOLICITED: Section = Section {
    document: "v6LC",
    number: "2.2.7",
    title: "Sending Unsolicited Router Advertisements",
    musts: 0,
    shoulds: 0,
    rules: &[
        plain("a", "Intervals of 5 to 10 s, at random.")
            .shown(&[SET, "scenarios/options::unsolicited_advertisements_keep_to_their_interval"]),
        plain("b", "Intervals of 198 to 600 s: the first three 16 s apart.").shown(&[SET]),
        plain(
            "c",
            "The least values: intervals of 3 to 4 s, all lifetimes 0. (With A=1, where \
             the case has A=0.)",
        )
        .deviates("fixed-variables", &[SET]),
        plain(
            "d",
            "The largest values: intervals of 1,350 to 1,800 s, Router Lifetime 9,000 s, \
             infinite lifetimes of the prefix. (Without the others.)",
        )
        .deviates("fixed-variables", &[SET]),
        plain("e", "The prefix 8000::/64.").shown(&[SET]),
        plain("f", "The prefix fec0::/64.").deviates(
            "no-site-local-prefix",
            &["scenarios/eligibility::an_unfit_interface_is_refused_with_every_reason_until_it_is_repaired"],
        ),
    ],
};

pub(super) const CEASING: Section = Section {
    document: "v6LC",
    number: "2.2.8",
    title: "Ceasing to Be An Advertising Interface",
    musts: 0,
    shoulds: 0,
    rules: &[plain("all", "At most three final multicast advertisements, with Router Lifetime 0.").shown(&[
        "scenarios/ceasing::an_interface_that_ceases_says_goodbye_and_comes_back",
        "scenarios/stopping::sigterm_withdraws_everywhere",
    ])],
};

pub(super) const SOLICITATIONS: Section = Section {
    document: "v6LC",
    number: "2.2.9",
    title: "Processing Router Solicitations",
    musts: 0,
    shoulds: 0,
    rules: &[
        plain("a", "Two solicitations 3 s apart, each answered within 0.5 s.").deviates(
            "delay-behind-the-floor",
            &["scenarios/conformance::two_solicitations_three_seconds_apart_are_both_answered"],
        ),
        plain("b", "Solicitations from `::` 2 s apart: at most one advertisement in 3 s.").shown(&[
            "scenarios/conformance::solicitations_two_seconds_apart_get_one_answer_in_three_seconds",
        ]),
    ],
};
