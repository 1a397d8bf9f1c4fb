use super::*;

const NOW: BootInstant = BootInstant::from_boot(secs(1_000));

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn at(seconds: u64) -> BootInstant {
    BootInstant::from_boot(secs(seconds))
}

fn router(number: u8, until: u64) -> AdvertisedRouter {
    let source = format!("fe80::{number}").parse().expect("an address");
    AdvertisedRouter { source: LinkLocal::new(source).expect("link-local"), until: at(until) }
}

fn prefix(number: u8, until: u64) -> AdvertisedPrefix {
    let address = format!("2001:db8:{number}::").parse().expect("an address");
    AdvertisedPrefix { prefix: Prefix64::containing(address), valid_until: at(until) }
}

/// Returns a state in which every lifetime ends at `end`.
fn ending(end: u64) -> Advertised {
    Advertised {
        router: Some(router(1, end)),
        owed: Some(router(2, end)),
        prefix: Some(prefix(1, end)),
        retired: vec![prefix(2, end)],
        last_sent: Some(at(900)),
    }
}

fn restored(ending: Ending, advertised: Advertised) -> Advertised {
    let index = IfIndex::new(7).expect("not 0");
    let interfaces = vec![SavedInterface { index, name: "tap7".to_owned(), advertised }];
    SavedState { ending, interfaces }.at(NOW).interfaces.remove(0).advertised
}

const UNCLEAN: Ending = Ending::Unclean { valid_lifetime: secs(600), router_lifetime: secs(180) };

#[test]
fn what_guests_no_longer_hold_is_not_restored() {
    assert_eq!(restored(Ending::Clean, ending(1_001)), ending(1_001));
    let expired = Advertised { router: None, owed: None, prefix: None, ..ending(1_000) };
    assert_eq!(restored(Ending::Clean, ending(1_000)), expired);
}

#[test]
fn an_instant_in_the_future_is_now_after_a_clean_end() {
    let advertised = Advertised { last_sent: Some(at(2_000)), ..Advertised::default() };
    assert_eq!(restored(Ending::Clean, advertised).last_sent, Some(NOW));
    assert_eq!(restored(Ending::Clean, Advertised::default()).last_sent, None);
}

#[test]
fn after_an_unclean_end_an_ra_may_have_left_just_now() {
    // The source before the one in use and the retired prefix were not advertised again.
    let expected = Advertised {
        router: Some(router(1, 1_180)),
        prefix: Some(prefix(1, 1_600)),
        last_sent: Some(NOW),
        ..ending(1_100)
    };
    assert_eq!(restored(UNCLEAN, ending(1_100)), expected);
    let expected = Advertised { last_sent: Some(NOW), ..ending(5_000) };
    assert_eq!(restored(UNCLEAN, ending(5_000)), expected, "a longer lifetime stays");
    let expected = Advertised { last_sent: Some(NOW), ..Advertised::default() };
    assert_eq!(restored(UNCLEAN, Advertised::default()), expected);
}

/// It has been gone for longer than the 3 s between two RAs.
#[test]
fn after_another_daemon_the_first_ra_need_not_wait() {
    let taken_over = |ending, advertised| TakenOver { ending, advertised }.at(NOW);
    let expected =
        Advertised { router: Some(router(1, 1_180)), prefix: Some(prefix(1, 1_600)), last_sent: None, ..ending(1_100) };
    assert_eq!(taken_over(UNCLEAN, ending(1_100)), expected);
    assert_eq!(taken_over(Ending::Clean, ending(1_100)), Advertised { last_sent: None, ..ending(1_100) });
}

#[test]
fn a_router_lifetime_of_zero_leaves_no_router_after_an_unclean_end() {
    let ending_of = |router_lifetime| Ending::Unclean { valid_lifetime: secs(600), router_lifetime };
    assert_eq!(restored(ending_of(secs(0)), ending(1_000)).router, None);
    assert_eq!(restored(ending_of(secs(1)), ending(1_000)).router, Some(router(1, 1_001)));
}

#[test]
fn a_state_matters_while_guests_hold_something_or_the_floor_lasts() {
    let matters = |change: fn(&mut Advertised)| {
        let mut advertised = Advertised::default();
        change(&mut advertised);
        advertised.matters(NOW)
    };
    assert!(!matters(|_| ()));
    assert!(matters(|held| held.router = Some(router(1, 1_001))));
    assert!(!matters(|held| held.router = Some(router(1, 1_000))));
    assert!(matters(|held| held.owed = Some(router(1, 1_001))));
    assert!(!matters(|held| held.owed = Some(router(1, 1_000))));
    assert!(matters(|held| held.prefix = Some(prefix(1, 1_001))));
    assert!(!matters(|held| held.prefix = Some(prefix(1, 1_000))));
    assert!(matters(|held| held.retired = vec![prefix(1, 1_001)]));
    assert!(!matters(|held| held.retired = vec![prefix(1, 1_000)]));
    assert!(matters(|held| held.last_sent = Some(at(998))));
    assert!(!matters(|held| held.last_sent = Some(at(997))));
}

#[test]
fn what_guests_hold_is_displayed_with_upper_bounds() {
    let prefix_for = Some((prefix(1, 0).prefix, secs(2)));
    let held = HeldByGuests { route_for: Some(Duration::from_millis(1_500)), prefix_for };
    assert_eq!(held.to_string(), "the default route for up to 2 s, addresses in 2001:db8:1::/64 for up to 2 s");
    assert!(!held.is_nothing() && HeldByGuests::default().is_nothing());
}

#[test]
fn what_has_run_out_is_not_in_use() {
    let in_use = |end| ending(end).in_use(None, None, NOW);
    let held = ending(1_001);
    let expected = InUse { source: held.router.map(|r| r.source), prefix: held.prefix.map(|p| p.prefix) };
    assert_eq!(in_use(1_001), expected);
    assert_eq!(in_use(1_000), InUse::default());
    let advertised = ending(1_000).in_use(expected.source, expected.prefix, NOW);
    assert_eq!(advertised, expected, "it is still advertised");
}

#[test]
fn another_prefix_retires_the_current_one_and_a_retired_one_is_current_again() {
    let mut held =
        Advertised { prefix: Some(prefix(1, 2_000)), retired: vec![prefix(2, 1_000)], ..Advertised::default() };
    held.retire_all_but(prefix(1, 0).prefix, NOW);
    assert_eq!((held.prefix, held.retired.as_slice()), (Some(prefix(1, 2_000)), &[] as &[_]), "expired");
    held.retire_all_but(prefix(3, 0).prefix, NOW);
    assert_eq!((held.prefix, held.retired.as_slice()), (None, &[prefix(1, 2_000)] as &[_]));
    held.prefix = Some(prefix(3, 3_000));
    held.retire_all_but(prefix(1, 0).prefix, NOW);
    assert_eq!((held.prefix, held.retired.as_slice()), (Some(prefix(1, 2_000)), &[prefix(3, 3_000)] as &[_]));
}
