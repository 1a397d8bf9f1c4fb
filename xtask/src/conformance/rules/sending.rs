//! RFC 4861 6.2.2 to 6.2.4: on which interfaces advertisements leave, what they say and when.

use super::super::{Section, may, must, plain, should};

const GOLDEN: &[&str] = &[
    "wire/advert::the_advertisement_that_guests_get_by_default",
    "scenarios/packets::by_default",
    "scenarios/packets::through_the_raw_socket",
    "scenarios/packets::tcpdump_reads_it_as_meant",
    "scenarios/packets::rdisc6_in_the_guest_reads_it_as_meant",
];

const SET: &[&str] = &[
    "scenarios/packets::with_other_lifetimes",
    "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set",
];

pub(super) const BECOMING: Section = Section {
    document: "RFC 4861",
    number: "6.2.2",
    title: "Becoming an Advertising Interface",
    musts: 2,
    shoulds: 0,
    rules: &[
        must(1, "only-advertising", "Nothing is advertised on an interface that is not an advertising one.")
            .shown(&[
                "scenarios/eligibility::an_unfit_interface_is_refused_with_every_reason_until_it_is_repaired",
                "scenarios/eligibility::a_name_that_does_not_match_is_none_of_our_business",
                "scenarios/eligibility::loopback_is_refused",
                "engine/advertiser_tests::the_rules_hold_whatever_happens",
                "engine/fleet_tests::the_rules_hold_for_many_interfaces",
                "simulation/main::the_rules_hold_whatever_happens",
            ]),
        plain("at-any-time", "An interface may become one at any time: made, enabled, set to forward.")
            .shown(&[
                "scenarios/changes::from_its_making_to_its_end",
                "scenarios/changes::many_at_once",
                "scenarios/eligibility::an_unfit_interface_is_refused_with_every_reason_until_it_is_repaired",
                "scenarios/links::forwarding_flipped_everywhere",
            ]),
        must(
            2,
            "all-routers",
            "It is a member of the all-routers group. (The kernel sees to that where it \
             forwards, and nothing else is served.)",
        )
        .shown(&[
            "scenarios/conformance::a_router_that_becomes_a_host_leaves_the_routers_and_says_so",
            "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
        ]),
    ],
};

pub(super) const CONTENT: Section = Section {
    document: "RFC 4861",
    number: "6.2.3",
    title: "Router Advertisement Message Content",
    musts: 0,
    shoulds: 1,
    rules: &[
        plain("router-lifetime", "Router Lifetime: AdvDefaultLifetime.").shown(SET),
        plain("flags", "M and O: as configured. (Never set, and no other flag is.)").shown(GOLDEN),
        plain("cur-hop-limit", "Cur Hop Limit: as configured. (Always 0.)").shown(GOLDEN),
        plain("reachable-time", "Reachable Time: as configured. (Always 0.)").shown(GOLDEN),
        plain("retrans-timer", "Retrans Timer: as configured. (Always 0.)").shown(GOLDEN),
        may(
            "source-link-layer-address",
            "The source link-layer address option may be left out. (It is by default.)",
        )
        .shown(GOLDEN),
        plain("mtu", "No MTU option where none is configured.").shown(GOLDEN),
        plain(
            "prefix-information",
            "One Prefix Information option for each prefix, with its flags and lifetimes.",
        )
        .shown(SET),
        plain(
            "not-a-default-router",
            "A Router Lifetime of 0 is allowed for one that only advertises a prefix.",
        )
        .shown(&["scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set"]),
        may("fewer-options", "Unsolicited ones may leave options out. (None does.)")
            .shown(&["engine/advertiser_tests::the_rules_hold_whatever_happens"]),
        should(1, "all-options", "Solicited ones and the first few carry all options. (All do.)").shown(&[
            "engine/advertiser_tests::the_rules_hold_whatever_happens",
            "scenarios/solicitations::one_within_the_floor_is_answered_after_it",
        ]),
        plain(
            "mtu-exceeded",
            "What does not fit into the MTU may be spread over several. (The largest \
             always fits.)",
        )
        .shown(&["engine/advertiser_tests::the_largest_advertisement_fits_into_every_link"]),
    ],
};

pub(super) const UNSOLICITED: Section = Section {
    document: "RFC 4861",
    number: "6.2.4",
    title: "Sending Unsolicited Router Advertisements",
    musts: 1,
    shoulds: 1,
    rules: &[
        must(
            1,
            "hosts",
            "A host (an interface that does not forward) never sends one, but for the \
             goodbye of the router that it was.",
        )
        .shown(&[
            "scenarios/eligibility::an_unfit_interface_is_refused_with_every_reason_until_it_is_repaired",
            "scenarios/ceasing::an_interface_that_ceases_says_goodbye_and_comes_back",
        ]),
        plain(
            "random-interval",
            "Each interface has its own timer, set after every multicast advertisement to \
             a uniformly random time between MinRtrAdvInterval and MaxRtrAdvInterval.",
        )
        .shown(&[
            "engine/advertiser_tests::intervals_are_drawn_afresh_over_the_whole_range",
            "engine/advertiser_tests::the_rules_hold_whatever_happens",
            "scenarios/options::unsolicited_advertisements_keep_to_their_interval",
            "simulation/main::the_rules_hold_whatever_happens",
        ]),
        should(1, "first-three", "The first three of a new advertising interface are at most 16 s apart.")
            .shown(&[
                "engine/advertiser_tests::the_first_leaves_at_once_and_the_burst_has_three",
                "engine/advertiser_tests::failures_keep_the_schedule_back_off_and_do_not_consume_the_burst",
                "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set",
                "scenarios/refusals::the_packet_socket_is_refused_for_a_minute",
                "scenarios/refusals::the_raw_socket_is_refused_for_a_minute",
                "simulation/main::the_rules_hold_whatever_happens",
            ]),
        may(
            "changed-information",
            "What has changed may be told by up to three such advertisements again. (It is.)",
        )
        .shown(&[
            "engine/advertiser_tests::a_changed_prefix_takes_the_old_one_along_until_its_promise_is_over",
            "engine/advertiser_tests::a_changed_source_is_handed_over_and_starts_the_burst_again",
            "engine/advertiser_tests::without_a_carrier_it_is_silent_and_with_it_the_burst_starts_again",
            "scenarios/links::without_carrier_it_pauses",
            "scenarios/links::what_changes_begins_with_a_burst",
        ]),
    ],
};
