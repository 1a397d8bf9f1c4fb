//! RFC 4861 6.2.5, 6.2.7 and 6.2.8: goodbyes, other routers, another link-local address.

use super::super::{Section, must, plain, should};

const GOODBYES: &str = "scenarios/ceasing::an_interface_that_ceases_says_goodbye_and_comes_back";

const HOST: &str = "scenarios/conformance::a_router_that_becomes_a_host_leaves_the_routers_and_says_so";

pub(super) const CEASING: Section = Section {
    document: "RFC 4861",
    number: "6.2.5",
    title: "Ceasing To Be an Advertising Interface",
    musts: 2,
    shoulds: 2,
    rules: &[
        should(
            1,
            "final-advertisement",
            "One to three final multicast advertisements with Router Lifetime 0 leave: \
             here one, tried up to three times, and not before the 3 s of 6.2.6 are over.",
        )
        .shown(&[
            GOODBYES,
            "engine/advertiser_tests::ceasing_sends_one_final_advertisement",
            "engine/advertiser_tests::a_goodbye_that_cannot_leave_is_given_up",
            "engine/fleet_tests::one_that_is_no_longer_fit_loses_its_entry_first_and_then_says_goodbye",
            "scenarios/entries::it_goes_before_the_final_one_and_comes_when_the_floor_is_over",
            "simulation/main::the_rules_hold_whatever_happens",
        ]),
        plain("shutdown", "Likewise on every interface when the router is shut down.").shown(&[
            "scenarios/stopping::sigterm_withdraws_everywhere",
            "scenarios/stopping::sigint_withdraws_everywhere",
            "engine/fleet_tests::a_stop_says_goodbye_everywhere_within_three_seconds_and_nothing_after",
            "scenarios/guests::with_the_defaults",
        ]),
        should(
            2,
            "leaves-all-routers",
            "A router that becomes a host leaves the all-routers group (the kernel does).",
        )
        .shown(&[HOST]),
        must(1, "router-flag", "Its Neighbor Advertisements no longer have the Router flag (the kernel's).")
            .shown(&[HOST]),
        must(2, "not-forwarding", "Whatever it advertises where it does not forward has Router Lifetime 0.")
            .shown(&[
                GOODBYES,
                HOST,
                "engine/fleet_tests::the_rules_hold_for_many_interfaces",
                "scenarios/links::forwarding_flipped_everywhere",
            ]),
    ],
};

const OTHER_ROUTER: &[&str] = &[
    "scenarios/routers::another_router_is_told_of_once_and_stops_nothing",
    "scenarios/routers::another_router_is_found_with_the_look_at_everything",
    "scenarios/routers::the_classic_filter_does_not_see_other_routers",
    "filter/link::the_good_rows_come_out",
];

pub(super) const CONSISTENCY: Section = Section {
    document: "RFC 4861",
    number: "6.2.7",
    title: "Router Advertisement Consistency",
    musts: 0,
    shoulds: 5,
    rules: &[
        should(1, "inspect", "Valid advertisements of others are looked at, whether they are consistent.")
            .deviates("no-comparison", OTHER_ROUTER),
        should(2, "log", "What is inconsistent is logged.").deviates("no-comparison", OTHER_ROUTER),
        should(
            3,
            "cur-hop-limit",
            "A different Cur Hop Limit is logged unless it is 0; likewise M, O, Reachable \
             Time, Retrans Timer, MTU.",
        )
        .deviates("no-comparison", OTHER_ROUTER),
        should(
            4,
            "lifetimes",
            "Different lifetimes of the same prefix are logged, with some tolerance where \
             they run down.",
        )
        .deviates("no-comparison", OTHER_ROUTER),
        should(
            5,
            "conflicts-only",
            "Only what makes hosts change their mind with each advertisement is logged as \
             an error. (One warning, and at most one an hour after it.)",
        )
        .deviates("no-comparison", OTHER_ROUTER),
        plain(
            "no-further-action",
            "Nothing further is asked for. (Nothing is done: a guest must not be able to \
             silence its host.)",
        )
        .shown(&["scenarios/routers::another_router_is_told_of_once_and_stops_nothing"]),
    ],
};

const NOT_SOMEBODY_ELSES: &str =
    "engine/eligibility_tests::a_final_advertisement_needs_a_link_and_an_address_that_is_not_somebody_elses";

pub(super) const LINK_LOCAL: Section = Section {
    document: "RFC 4861",
    number: "6.2.8",
    title: "Link-local Address Change",
    musts: 0,
    shoulds: 2,
    rules: &[
        plain(
            "rarely",
            "The source of advertisements should hardly ever change: a further or lower \
             address is no reason.",
        )
        .shown(&[
            "engine/eligibility_tests::the_source_never_flaps",
            "scenarios/handover::another_link_local_address",
        ]),
        should(1, "inform", "Hosts are told of a change.").shown(&[
            "engine/advertiser_tests::a_changed_source_is_handed_over_and_starts_the_burst_again",
            "scenarios/handover::another_link_local_address",
            "scenarios/handover::the_guests_default_route_moves",
        ]),
        should(2, "from-the-old-address", "A few final advertisements leave from the old address.").deviates(
            "one-final-advertisement",
            &[
                "engine/advertiser_tests::a_changed_source_is_handed_over_and_starts_the_burst_again",
                "scenarios/handover::another_link_local_address",
            ],
        ),
        should(2, "from-the-new-address", "A few advertisements leave from the new address.").shown(&[
            "engine/advertiser_tests::a_changed_source_is_handed_over_and_starts_the_burst_again",
            "scenarios/handover::another_link_local_address",
        ]),
        plain(
            "as-if-another",
            "All in all, as if one interface had ceased and another begun; never from an \
             address that is somebody else's.",
        )
        .shown(&[
            "engine/fleet_tests::no_goodbye_leaves_from_an_address_that_is_somebody_elses",
            NOT_SOMEBODY_ELSES,
            "scenarios/handover::the_last_one_goes_while_a_global_address_stays",
            "scenarios/handover::one_that_turns_out_to_be_somebody_elses_says_no_goodbye",
            "simulation/main::the_rules_hold_whatever_happens",
        ]),
    ],
};
