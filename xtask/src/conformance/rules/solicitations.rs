//! RFC 4861 6.2.6: answers.

use super::super::{Section, may, must, plain, should};

const IN_TIME: &str =
    "engine/advertiser_tests::an_answer_leaves_within_half_a_second_and_resets_the_periodic_timer";

const AFTER_THE_FLOOR: &str =
    "engine/advertiser_tests::an_answer_within_the_three_seconds_waits_for_their_end_and_its_own_delay";

const STORM_CLASSIC: &str =
    "scenarios/storms::a_storm_is_answered_once_in_three_seconds_behind_the_classic_filter";

const NEIGHBOURS: &[&str] =
    &["scenarios/conformance::the_neighbour_cache_learns_what_a_solicitation_may_teach"];

pub(super) const PROCESSING: Section = Section {
    document: "RFC 4861",
    number: "6.2.6",
    title: "Processing Router Solicitations",
    musts: 7,
    shoulds: 1,
    rules: &[
        must(1, "hosts", "A host (an interface that does not forward) ignores solicitations.").shown(&[
            "filter/verdicts::an_interface_that_is_not_served",
            "scenarios/ceasing::an_interface_that_ceases_says_goodbye_and_comes_back",
        ]),
        plain("answer", "A valid solicitation on an advertising interface is answered.").shown(&[
            "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
            "scenarios/solicitations::good_ones_are_answered_behind_the_classic_filter",
            "scenarios/solicitations::good_ones_are_answered_through_the_raw_socket",
            "scenarios/solicitations::one_sent_to_the_router_itself_is_answered_to_all",
            "engine/fleet_tests::a_solicitation_concerns_its_own_interface_alone",
        ]),
        plain("answer-after-fragments", "That holds whatever else came before it.").deviates(
            "right-after-a-fragment",
            &[
                "filter/link::fragments_are_refused_and_hold_nobody_up",
                "filter/link::a_flood_of_fragments_wakes_the_daemon_ten_times_a_second",
                "scenarios/receiving::fragments_hold_nobody_up_behind_the_ebpf_filter",
                "scenarios/receiving::fragments_hold_nobody_up_behind_the_classic_filter",
            ],
        ),
        may(
            "unicast",
            "The answer may be unicast. (It never is: no neighbour entry is made from an \
             address that a guest chose.)",
        )
        .shown(&[
            "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
            "scenarios/solicitations::one_sent_to_the_router_itself_is_answered_to_all",
        ]),
        plain("resets-timer", "A multicast answer resets the interval timer.").shown(&[IN_TIME]),
        must(2, "random-delay", "It leaves a random time of at most 0.5 s after the (first) solicitation.")
            .shown(&[
                IN_TIME,
                "scenarios/solicitations::the_delay_is_random",
                "scenarios/solicitations::good_ones_are_answered_behind_the_ebpf_filter",
                "scenarios/storms::a_flood_next_door_delays_nobody_behind_the_ebpf_filter",
                "scenarios/storms::a_flood_next_door_delays_nobody_behind_the_classic_filter",
                "simulation/main::the_rules_hold_whatever_happens",
            ]),
        plain("due-sooner", "Nothing is scheduled where one is due sooner anyway.")
            .shown(&["engine/advertiser_tests::nothing_is_scheduled_when_an_advertisement_is_due_sooner"]),
        must(
            3,
            "rate-limit",
            "Multicast advertisements on one interface are at least 3 s apart, whatever \
             their cause.",
        )
        .shown(&[
            "engine/advertiser_tests::the_rules_hold_whatever_happens",
            "engine/fleet_tests::the_rules_hold_for_many_interfaces",
            "scenarios/storms::a_storm_is_answered_once_in_three_seconds_behind_the_ebpf_filter",
            STORM_CLASSIC,
            "scenarios/storms::a_storm_is_answered_once_in_three_seconds_through_the_raw_socket",
            "simulation/main::the_rules_hold_whatever_happens",
        ]),
        plain(
            "after-the-limit",
            "An answer that falls into these 3 s leaves at their end plus its own random \
             delay.",
        )
        .shown(&[AFTER_THE_FLOOR, "scenarios/solicitations::one_within_the_floor_is_answered_after_it"]),
        must(
            4,
            "not-more-often",
            "Unsolicited ones never leave more often than MinRtrAdvInterval says (first \
             three and changes aside: 6.2.4).",
        )
        .shown(&[
            "engine/advertiser_tests::intervals_are_drawn_afresh_over_the_whole_range",
            "scenarios/options::unsolicited_advertisements_keep_to_their_interval",
            "scenarios/conformance::unsolicited_ones_keep_to_the_intervals_and_values_that_are_set",
        ]),
        must(
            5,
            "unspecified-source",
            "A solicitation from `::` changes nothing in the neighbour cache (the kernel's).",
        )
        .shown(NEIGHBOURS),
        should(
            1,
            "new-link-layer-address",
            "Another source link-layer address than the known one replaces it (by the \
             kernel).",
        )
        .shown(NEIGHBOURS),
        must(6, "stale", "Such an entry becomes STALE, as a new one does.").shown(NEIGHBOURS),
        must(7, "is-router", "The entry of one that solicits is not that of a router.").shown(NEIGHBOURS),
    ],
};
