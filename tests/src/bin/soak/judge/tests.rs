use std::net::Ipv6Addr;

use autora::{
    addr::Prefix64,
    wire::{NdOption, PrefixInformation, RouterAdvert},
};

use super::*;

const LINK: Link = Link { number: 1, generation: 0 };

/// An RA with the /64 of interface `number`.
pub(crate) fn ra(number: u16, router_lifetime: u64) -> Ra {
    let information = PrefixInformation {
        prefix: Prefix64::containing(Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)),
        on_link: false,
        autonomous: true,
        valid: Duration::from_secs(86_400),
        preferred: Duration::from_secs(14_400),
    };
    let advert = RouterAdvert {
        cur_hop_limit: 0,
        flags: 0,
        router_lifetime: Duration::from_secs(router_lifetime),
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        options: vec![NdOption::PrefixInformation(information)],
    };
    Ra { source: "fe80::1".parse().unwrap(), advert }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// An interface that is served since second 100, with a last RA then.
struct Scene(Judge);

impl Scene {
    fn new() -> Self {
        let mut scene = Self(Judge::default());
        scene.0.await_ra(&[LINK], seconds(99.0));
        scene.ra(100.0);
        scene
    }

    fn ra(&mut self, at: f64) {
        self.0.on_ra(LINK, seconds(at), Ok(ra(1, 180)));
    }

    fn final_ra(&mut self, at: f64) {
        self.0.on_ra(LINK, seconds(at), Ok(ra(1, 0)));
    }

    fn time(&mut self, now: f64) {
        self.0.on_time(seconds(now));
    }

    fn found(&self) -> Vec<Rule> {
        self.0.violations().iter().map(|violation| violation.rule).collect()
    }
}

/// Checks which rules a course of events breaks.
#[track_caller]
fn check(expected: &[Rule], course: impl FnOnce(&mut Scene)) {
    let mut scene = Scene::new();
    course(&mut scene);
    assert_eq!(scene.found(), expected, "{:#?}", scene.0.violations());
}

#[test]
fn two_ras_within_the_floor_break_a_rule() {
    check(&[], |scene| scene.ra(103.0));
    check(&[], |scene| scene.ra(102.999));
    check(&[Rule::Floor], |scene| scene.ra(102.99));
    // A final RA and what happens to the interface change nothing.
    check(&[Rule::Floor], |scene| {
        scene.0.withdraw(&[LINK]);
        scene.final_ra(102.0);
    });
    check(&[Rule::Floor], |scene| {
        scene.0.daemon_ends(seconds(101.0));
        scene.0.daemon_starts(seconds(101.5));
        scene.ra(102.0);
    });
}

#[test]
fn a_long_gap_breaks_a_rule_once() {
    check(&[], |scene| scene.ra(104.4));
    check(&[Rule::Gap], |scene| scene.ra(104.6));
    check(&[], |scene| scene.time(104.4));
    check(&[Rule::Gap], |scene| {
        scene.time(104.6);
        scene.time(107.0);
        scene.ra(108.0);
        scene.ra(112.0);
    });
    check(&[Rule::Gap, Rule::Gap], |scene| {
        scene.ra(105.0);
        scene.time(110.0);
    });
}

#[test]
fn a_restart_adds_its_own_time_and_no_more() {
    let restart = |scene: &mut Scene| {
        scene.0.daemon_ends(seconds(103.0));
        scene.time(150.0);
        scene.0.daemon_starts(seconds(105.0));
    };
    // 4 s, 2 s without a daemon, 4 s to advertise again, and the slack.
    check(&[], |scene| {
        restart(scene);
        scene.time(110.4);
        scene.ra(110.4);
        scene.ra(114.4);
    });
    check(&[Rule::Gap], |scene| {
        restart(scene);
        scene.time(110.6);
    });
    check(&[Rule::Gap], |scene| {
        restart(scene);
        scene.ra(110.0);
        scene.ra(115.0);
    });
}

#[test]
fn a_machine_that_stands_still_adds_its_own_time() {
    check(&[], |scene| {
        scene.0.stall(seconds(104.0), seconds(1.0));
        scene.ra(105.4);
    });
    check(&[Rule::Gap], |scene| {
        scene.0.stall(seconds(104.0), seconds(1.0));
        scene.ra(105.6);
    });
    check(&[Rule::Gap], |scene| {
        scene.0.stall(seconds(99.0), seconds(1.0));
        scene.ra(105.4);
    });
}

#[test]
fn an_interface_that_is_not_served_again_breaks_a_rule() {
    let made_again = |scene: &mut Scene| {
        scene.0.disturb(&[LINK]);
        scene.time(150.0);
        scene.0.await_ra(&[LINK], seconds(150.0));
    };
    check(&[], |scene| {
        made_again(scene);
        scene.time(160.4);
        scene.ra(160.4);
    });
    check(&[Rule::Served], |scene| {
        made_again(scene);
        scene.time(160.6);
    });
    // Then the longest interval counts again.
    check(&[Rule::Gap], |scene| {
        made_again(scene);
        scene.ra(151.0);
        scene.time(156.0);
    });
    check(&[], |scene| {
        scene.0.forget(&[LINK]);
        scene.time(200.0);
        scene.ra(200.0);
    });
}

#[test]
fn a_final_ra_without_a_cause_breaks_a_rule() {
    check(&[Rule::Final], |scene| scene.final_ra(103.0));
    check(&[Rule::Final], |scene| {
        scene.0.disturb(&[LINK]);
        scene.final_ra(103.0);
    });
    check(&[Rule::Final], |scene| {
        scene.0.disturb(&[LINK]);
        scene.0.await_ra(&[LINK], seconds(103.0));
        scene.final_ra(104.0);
    });
    check(&[], |scene| {
        scene.0.withdraw(&[LINK]);
        scene.final_ra(103.0);
        scene.0.await_ra(&[LINK], seconds(107.0));
        scene.ra(107.5);
    });
}

#[test]
fn what_is_not_fit_at_a_restart_may_be_withdrawn() {
    let restart = |scene: &mut Scene| {
        scene.0.daemon_ends(seconds(101.0));
        scene.0.daemon_starts(seconds(101.5));
    };
    check(&[], |scene| {
        scene.0.disturb(&[LINK]);
        scene.0.await_ra(&[LINK], seconds(100.9));
        restart(scene);
        scene.final_ra(103.0);
    });
    check(&[], |scene| {
        scene.0.disturb(&[LINK]);
        restart(scene);
        scene.0.await_ra(&[LINK], seconds(102.0));
        scene.final_ra(103.0);
    });
    check(&[Rule::Final], |scene| {
        restart(scene);
        scene.final_ra(103.0);
    });
    check(&[Rule::Final], |scene| {
        restart(scene);
        scene.0.disturb(&[LINK]);
        scene.final_ra(103.0);
    });
}

#[test]
fn late_interfaces_are_told_before_they_break_a_rule() {
    let mut scene = Scene::new();
    assert_eq!(scene.0.late(seconds(200.0)), [], "a gap is another rule");
    scene.0.disturb(&[LINK]);
    scene.0.await_ra(&[LINK], seconds(150.0));
    assert_eq!(scene.0.late(seconds(154.9)), []);
    assert_eq!(scene.0.late(seconds(155.1)), [LINK]);
    // The kernel was not done with it.
    scene.0.await_ra(&[LINK], seconds(155.1));
    assert_eq!(scene.0.late(seconds(155.3)), []);
    scene.time(165.5);
    assert_eq!(scene.found(), []);
    scene.time(165.7);
    assert_eq!(scene.found(), [Rule::Served]);
}

#[test]
fn a_withdrawal_that_is_missing_breaks_a_rule() {
    check(&[Rule::Withdrawn], |scene| {
        scene.0.withdraw(&[LINK]);
        scene.ra(103.0);
        scene.0.await_ra(&[LINK], seconds(107.0));
    });
    // The next process may find the /64 again before its grace is over; a final RA may still leave.
    check(&[], |scene| {
        scene.0.withdraw(&[LINK]);
        scene.0.daemon_ends(seconds(101.0));
        scene.0.daemon_starts(seconds(101.5));
        scene.0.await_ra(&[LINK], seconds(107.0));
        scene.final_ra(107.5);
        scene.ra(110.5);
    });
}

#[test]
fn another_prefix_and_a_malformed_ra_break_a_rule() {
    check(&[Rule::Content], |scene| scene.0.on_ra(LINK, seconds(103.0), Ok(ra(2, 180))));
    check(&[Rule::Content], |scene| scene.0.on_ra(LINK, seconds(103.0), Err("wrong checksum".to_owned())));
}

#[test]
fn a_violation_names_interface_time_and_ra() {
    let mut scene = Scene::new();
    scene.final_ra(103.0);
    let line = scene.0.violations()[0].to_string();
    let start = "1970-01-01T00:01:43.000Z  final      vm1 (ifindex 40001): Router Lifetime 0 without a cause: RA from ";
    assert!(line.starts_with(start), "{line}");
    assert!(line.contains("fe80::1: router lifetime 0") && line.contains("2001:db8:0:1::/64"), "{line}");
    assert!(!line.contains('\n'), "{line}");
    let json = scene.0.violations()[0].json();
    assert_eq!((&json["rule"], &json["interface"], &json["ifindex"]), (&"final".into(), &"vm1".into(), &40_001.into()));
}

#[test]
fn figures_tell_extremes() {
    let mut scene = Scene::new();
    scene.ra(103.5);
    scene.0.daemon_ends(seconds(104.0));
    scene.0.daemon_starts(seconds(104.5));
    scene.ra(109.0);
    scene.0.withdraw(&[LINK]);
    scene.final_ra(112.25);
    scene.0.stall(seconds(112.0), seconds(0.25));
    let figures = scene.0.figures();
    assert_eq!((figures.ras, figures.finals, figures.stalls), (4, 1, 1));
    assert_eq!((figures.longest, figures.longest_over_restart), (seconds(3.5), seconds(5.5)));
    assert_eq!((figures.shortest, figures.served_after), (Some(seconds(3.25)), seconds(1.0)));
    assert_eq!(figures.longest_stall, seconds(0.25));
}
