//! RFC 6980, RFC 8319 and RFC 9096.

use super::super::{Section, may, must, plain, should};

const NO_SEND: &str = "it is about Secure Neighbor Discovery.";
const NO_DHCPV6: &str = "there is no DHCPv6 here, neither to either side.";

pub(super) const FRAGMENTATION: Section = Section {
    document: "RFC 6980",
    number: "5",
    title: "Specification",
    musts: 2,
    shoulds: 3,
    rules: &[
        must(1, "never-fragmented", "No advertisement leaves fragmented: the largest fits into every link.")
            .shown(&[
                "engine/advertiser_tests::the_largest_advertisement_fits_into_every_link",
                "scenarios/packets::by_default",
                "scenarios/packets::through_the_raw_socket",
            ]),
        should(1, "certification-sent", "Certification Path Advertisements are not fragmented.")
            .not_ours(NO_SEND),
        must(2, "solicitations", "A fragmented solicitation is ignored, also one in a single fragment.")
            .shown(&[
                "scenarios/solicitations::bad_ones_are_not_answered_behind_the_ebpf_filter",
                "scenarios/solicitations::bad_ones_are_not_answered_behind_the_classic_filter",
                "filter/link::fragments_are_refused_and_hold_nobody_up",
                "filter/link::fragments_are_refused_behind_the_classic_filter",
            ]),
        must(2, "advertisements", "A fragmented advertisement of another router is ignored.").deviates(
            "reassembled-advertisement",
            &["scenarios/conformance::an_invalid_advertisement_is_no_other_router"],
        ),
        must(2, "other-messages", "So is any other message of Neighbor Discovery.")
            .not_ours("the kernel receives those (and `suppress_frag_ndisc` is on by default)."),
        should(2, "certification-received", "Fragmented Certification Path Advertisements are processed.")
            .not_ours(NO_SEND),
        should(3, "certification-keys", "Keys are short enough for such messages not to be fragmented.")
            .not_ours(NO_SEND),
    ],
};

pub(super) const LIFETIMES: Section = Section {
    document: "RFC 8319",
    number: "4",
    title: "Updates to RFC 4861",
    musts: 2,
    shoulds: 0,
    rules: &[
        must(1, "max-rtr-adv-interval", "MaxRtrAdvInterval: 4 to 65,535 s.").shown(&[
            "config_tests::a_value_out_of_bounds_is_refused_with_option_value_and_bound",
            "config_tests::what_is_not_set_follows_what_is",
            "scenarios/options::a_bad_setting_is_refused_with_option_value_and_bound",
        ]),
        must(2, "adv-default-lifetime", "AdvDefaultLifetime: 0, or MaxRtrAdvInterval to 65,535 s.").shown(&[
            "config_tests::a_value_out_of_bounds_is_refused_with_option_value_and_bound",
            "config_tests::what_is_not_set_follows_what_is",
            "scenarios/options::a_bad_setting_is_refused_with_option_value_and_bound",
        ]),
        plain("router-lifetime", "The Router Lifetime on the wire may be as large as 65,535 s.")
            .shown(&["wire/advert::values_saturate_on_the_wire"]),
    ],
};

pub(super) const RENUMBERING: Section = Section {
    document: "RFC 9096",
    number: "3.5",
    title: "Signaling Stale Configuration Information",
    musts: 5,
    shoulds: 2,
    rules: &[
        should(
            1,
            "stable-storage",
            "The prefixes that are advertised on each link are recorded, with their flags \
             (which are fixed here), so that they are known after a restart.",
        )
        .shown(&[
            "engine/fleet_restart_tests::a_prefix_that_changed_meanwhile_is_deprecated",
            "sys/state_file/tests::a_daemon_finds_what_the_one_before_left",
            "scenarios/restarts::a_prefix_that_changed_while_no_daemon_ran_is_deprecated_by_the_next",
            "scenarios/restarts::the_file_is_written_for_changes_and_not_for_advertisements",
        ]),
        must(
            1,
            "stale-prefixes",
            "A prefix that went is advertised with Valid and Preferred Lifetime 0, L and \
             A as they were.",
        )
        .shown(&[
            "engine/advertiser_tests::a_prefix_that_went_is_withdrawn_and_accompanies_its_successor",
            "engine/advertiser_tests::a_changed_prefix_takes_the_old_one_along_until_its_promise_is_over",
            "scenarios/prefixes::another_prefix_after_a_moment_with_none",
            "scenarios/prefixes::another_prefix_after_a_moment_with_both",
            "scenarios/prefixes::a_guest_holds_the_old_address_deprecated",
            "scenarios/prefixes::the_prefix_went_and_another_came_later",
        ]),
        must(1, "all-of-them", "That holds for any number of them.").deviates(
            "eight-withdrawn-prefixes",
            &[
                "engine/advertiser_tests::at_most_eight_withdrawn_prefixes_ride_along",
                "scenarios/prefixes::of_many_that_went_eight_ride_along",
                "simulation/main::the_rules_hold_whatever_happens",
            ],
        ),
        must(2, "long-enough", "It goes on for at least the Valid Lifetime that was last advertised.").shown(
            &[
                "engine/advertiser_tests::a_changed_prefix_takes_the_old_one_along_until_its_promise_is_over",
                "engine/fleet_restart_tests::a_promise_runs_on_through_a_restart",
                "engine/fleet_restart_tests::what_was_withdrawn_before_stays_withdrawn",
                "scenarios/prefixes::the_old_one_rides_along_as_long_as_it_was_promised",
                "simulation/main::the_rules_hold_whatever_happens",
            ],
        ),
        plain("back-again", "One that comes back meanwhile is no longer stale.").shown(&[
            "engine/advertiser_tests::a_prefix_that_comes_back_in_time_is_simply_current_again",
            "scenarios/prefixes::a_prefix_that_comes_back_is_simply_current",
        ]),
        must(
            3,
            "unsolicited",
            "It is told by unsolicited advertisements: the first three begin anew with \
             the change.",
        )
        .shown(&[
            "engine/advertiser_tests::a_changed_prefix_takes_the_old_one_along_until_its_promise_is_over",
            "scenarios/prefixes::another_prefix_after_a_moment_with_none",
        ]),
        may("unicast", "It may be told by unicast ones as well. (No advertisement is unicast.)")
            .shown(&["scenarios/solicitations::one_sent_to_the_router_itself_is_answered_to_all"]),
        must(
            4,
            "delegation-withdrawn",
            "Prefixes from a delegation whose Valid Lifetime has become 0 are advertised \
             likewise.",
        )
        .not_ours(NO_DHCPV6),
        should(2, "bindings", "The bindings of a DHCPv6 server are recorded.").not_ours(NO_DHCPV6),
        must(5, "replies", "A DHCPv6 server tells its clients of stale prefixes.").not_ours(NO_DHCPV6),
    ],
};
