//! RFC 4861 6.2.1: what can be set, and within which bounds.

use super::super::{Section, may, must, plain, should};

const BOUNDS: &[&str] = &[
    "config_tests::a_value_out_of_bounds_is_refused_with_option_value_and_bound",
    "scenarios/options::a_bad_setting_is_refused_with_option_value_and_bound",
];

const GOLDEN: &[&str] = &["scenarios/packets::by_default", "scenarios/packets::through_the_raw_socket"];

pub(super) const VARIABLES: Section = Section {
    document: "RFC 4861",
    number: "6.2.1",
    title: "Router Configuration Variables",
    musts: 8,
    shoulds: 1,
    rules: &[
        must(1, "per-interface", "Every variable below can be set for each interface.").deviates(
            "one-set-of-values",
            &["scenarios/options::settings_come_from_flags_then_from_the_environment_then_from_the_defaults"],
        ),
        plain("defaults", "Each has the default that the section names.")
            .deviates("other-defaults", &["config_tests::what_is_not_set_follows_what_is"]),
        plain(
            "is-router",
            "IsRouter: whether the interface forwards, FALSE by default. The kernel has \
             it, and what does not forward is not served.",
        )
        .shown(&[
            "engine/eligibility_tests::each_failed_test_is_a_reason",
            "scenarios/eligibility::an_unfit_interface_is_refused_with_every_reason_until_it_is_repaired",
        ]),
        must(
            2,
            "adv-send-advertisements",
            "AdvSendAdvertisements: nothing is advertised unless somebody asked for it.",
        )
        .shown(&[
            "scenarios/eligibility::without_a_regex_nothing_is_served_and_that_is_no_error",
            "scenarios/eligibility::a_name_that_does_not_match_is_none_of_our_business",
        ]),
        must(
            3,
            "max-rtr-adv-interval",
            "MaxRtrAdvInterval: not below 4 s. (Not above 1,800 s: see RFC 8319.)",
        )
        .shown(BOUNDS),
        must(4, "min-rtr-adv-interval", "MinRtrAdvInterval: 3 s to 3/4 of MaxRtrAdvInterval.").shown(BOUNDS),
        plain("adv-managed-flag", "AdvManagedFlag: M, FALSE by default.").deviates("fixed-variables", GOLDEN),
        plain("adv-other-config-flag", "AdvOtherConfigFlag: O, FALSE by default.")
            .deviates("fixed-variables", GOLDEN),
        plain("adv-link-mtu", "AdvLinkMTU: the MTU option, none by default. (Else the link's own.)")
            .deviates("fixed-variables", GOLDEN),
        must(5, "adv-reachable-time", "AdvReachableTime: at most an hour, 0 (unspecified) by default.")
            .deviates("fixed-variables", GOLDEN),
        plain("adv-retrans-timer", "AdvRetransTimer: 0 (unspecified) by default.")
            .deviates("fixed-variables", GOLDEN),
        plain("adv-cur-hop-limit", "AdvCurHopLimit: the hop limit that IANA assigns by default.")
            .deviates("fixed-variables", GOLDEN),
        must(
            6,
            "adv-default-lifetime",
            "AdvDefaultLifetime: 0, or not below MaxRtrAdvInterval. (Not above 9,000 s: \
             see RFC 8319.)",
        )
        .shown(BOUNDS),
        plain(
            "adv-prefix-list",
            "AdvPrefixList: the prefixes to advertise. Here the one /64 that the \
             interface has.",
        )
        .deviates(
            "one-set-of-values",
            &[
                "engine/eligibility_tests::an_address_that_does_not_make_a_prefix",
                "engine/eligibility_tests::several_addresses_in_one_prefix_are_one_prefix",
                "scenarios/eligibility::unusual_but_fit",
            ],
        ),
        should(1, "no-link-local-prefix", "The link-local prefix is not advertised.").shown(&[
            "engine/eligibility_tests::one_that_passes_every_test_is_served",
            "scenarios/eligibility::unusual_but_fit",
        ]),
        may(
            "adv-valid-lifetime",
            "AdvValidLifetime: a fixed time, all ones for infinity, or one that runs \
             down. (Here a fixed one.)",
        )
        .shown(&[
            "config_tests::what_is_not_set_follows_what_is",
            "scenarios/packets::with_other_lifetimes",
            "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set",
        ]),
        plain("adv-on-link-flag", "AdvOnLinkFlag: L, TRUE by default.").deviates("fixed-variables", GOLDEN),
        may(
            "adv-preferred-lifetime-kind",
            "AdvPreferredLifetime: a fixed time, all ones for infinity, or one that runs \
             down. (Here a fixed one.)",
        )
        .shown(&[
            "config_tests::what_is_not_set_follows_what_is",
            "scenarios/packets::with_other_lifetimes",
            "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set",
        ]),
        must(7, "adv-preferred-lifetime", "AdvPreferredLifetime: not above AdvValidLifetime.").shown(BOUNDS),
        plain("adv-autonomous-flag", "AdvAutonomousFlag: A, TRUE by default.")
            .deviates("fixed-variables", GOLDEN),
        must(
            8,
            "own-behaviour",
            "The router itself behaves as a host would with the values that it advertises.",
        )
        .not_ours(
            "the kernel's own neighbour discovery does that, and all values that would \
             concern it are left unspecified.",
        ),
    ],
};
