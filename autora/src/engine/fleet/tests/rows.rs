//! What the fleet shows of its interfaces.

use super::*;
use crate::engine::{content::LinkOptions, counts::RaCounts, fleet::ServiceState, handover::SavedState};

#[test]
fn the_name_of_a_cause_is_the_one_in_json() {
    for cause in [Cause::Unsolicited, Cause::Solicited, Cause::Final] {
        assert_eq!(serde_json::to_string(&cause).unwrap(), format!("{:?}", cause.name()));
    }
}

#[test]
fn a_row_counts_ras_by_cause_and_failures() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(40));
    bench.fleet.on_solicit(index(1), bench.now, &mut bench.rng);
    bench.run_for(secs(1));
    // Of the next RA two sends fail.
    for _ in 0..2 {
        let due = bench.fleet.next_deadline().unwrap();
        assert!(bench.fleet.on_timeout(due));
        while bench.fleet.poll_action().is_some() {}
        bench.fleet.on_send_failed(index(1), due);
        bench.now = due;
    }
    let row = bench.fleet.row(index(1)).unwrap();
    let RaCounts { unsolicited, solicited, finals, failures } = row.sent;
    assert_eq!((unsolicited, solicited, finals, failures), (3, 1, 0, 2));
    assert_eq!((row.failures, row.last_cause), (2, Some(Cause::Solicited)));
    bench.run_for(secs(60));
    let row = bench.fleet.row(index(1)).unwrap();
    assert_eq!((row.failures, row.sent.failures, row.last_cause), (0, 2, Some(Cause::Unsolicited)));
    bench.see(changed(1, forwarding_off));
    bench.run_for(secs(3));
    let row = bench.fleet.row(index(1)).unwrap();
    assert_eq!((row.sent.finals, row.last_cause), (1, Some(Cause::Final)));
}

#[test]
fn a_row_has_the_state_of_its_interface() {
    let mut bench = Bench::new();
    let paused = changed(2, |i| i.flags.carrier = false);
    bench.see_all([tap(1), paused, changed(3, forwarding_off), changed(4, |i| i.name = "eth0".to_owned())]);
    bench.run_for(secs(10));
    let states = |bench: &Bench| {
        [1, 2, 3, 4].map(|n| bench.fleet.row(index(n)).map(|row| (row.state, row.reasons.len(), row.service.is_some())))
    };
    let not_served = Some((ServiceState::NotServed, 1, false));
    assert_eq!(
        states(&bench),
        [Some((ServiceState::Serving, 0, true)), Some((ServiceState::Paused, 0, true)), not_served, None]
    );
    assert_eq!(bench.fleet.indices().count(), 3, "those that match");
    bench.see(changed(1, |i| i.name = "eth1".to_owned()));
    assert_eq!(states(&bench)[0], Some((ServiceState::Ceasing, 0, false)), "it owes a final RA");
    bench.run_for(secs(10));
    assert_eq!((states(&bench)[0], bench.fleet.indices().count()), (None, 2), "it has left");
    assert!(
        bench
            .fleet
            .verdict_of(index(1))
            .is_some_and(|(seen, verdict)| { (seen.name.as_str(), verdict) == ("eth1", &Verdict::Ignore) })
    );
    assert!(bench.fleet.verdict_of(index(9)).is_none());
    assert_eq!(bench.fleet.schedule_of(index(2)), Some(("tap2", None)), "nothing is due");
    assert_eq!(bench.fleet.schedule_of(index(9)), None);
}

#[test]
fn a_row_tells_what_guests_hold_where_no_final_ra_tells_them() {
    let mut bench = Bench::new();
    let held = |bench: &Bench, n| {
        let row = bench.fleet.row(index(n)).unwrap();
        row.left_with_guests(bench.now).map_or_else(String::new, |held| held.to_string())
    };
    bench.see_all([tap(1), tap(2), tap(3)]);
    assert_eq!(held(&bench, 1), "", "it is served");
    bench.see(changed(1, |i| {
        i.flags.up = false;
        i.addresses.clear();
    }));
    assert_eq!(held(&bench, 1), "the default route for up to 180 s, addresses in 2001:db8:1::/64 for up to 86400 s");
    bench.run_for(secs(30));
    bench.see(changed(1, |i| _ = i.addresses.remove(0)));
    assert_eq!(held(&bench, 1), "the default route for up to 150 s, addresses in 2001:db8:1::/64 for up to 86370 s");
    bench.run_for(secs(150));
    assert_eq!(held(&bench, 1), "addresses in 2001:db8:1::/64 for up to 86220 s");
    // The control: a final RA tells the guests of this one.
    bench.see(changed(2, forwarding_off));
    assert_eq!(held(&bench, 2), "", "it is about to leave");
    bench.run_for(secs(5));
    assert_eq!((bench.fleet.row(index(2)).unwrap().last_cause, held(&bench, 2)), (Some(Cause::Final), String::new()));
    // That of this one waits for the carrier.
    bench.see(changed(3, |i| {
        i.flags.carrier = false;
        forwarding_off(i);
    }));
    assert!(held(&bench, 3).starts_with("the default route for up to "), "{}", held(&bench, 3));
}

#[test]
fn a_row_tells_what_guests_hold_from_a_previous_process() {
    let mut first = Bench::new();
    first.see(tap(1));
    let saved = first.fleet.final_state(first.now);
    let mut second = Bench::new();
    second.now = first.now + secs(200);
    second.fleet.restore(saved, second.now);
    second.see(changed(1, forwarding_off));
    let held = second.fleet.row(index(1)).unwrap().left_with_guests(second.now);
    let expected = "addresses in 2001:db8:1::/64 for up to 86200 s";
    assert_eq!(held.map(|held| held.to_string()).as_deref(), Some(expected));
}

#[test]
fn a_row_of_a_fleet_that_stops_is_ceasing() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    let state = |bench: &Bench| bench.fleet.row(index(1)).map(|row| row.state);
    assert_eq!(state(&bench), Some(ServiceState::Serving));
    bench.fleet.stop();
    assert_eq!(state(&bench), Some(ServiceState::Ceasing));
}

#[test]
fn ras_have_the_options_about_the_link() {
    let mut bench = Bench::new();
    let options = LinkOptions { source_link_layer_address: false, mtu: true };
    bench.fleet = bench.fleet.with_link_options(options);
    bench.see(tap(1));
    assert_eq!(bench.last_advert.unwrap().options.len(), 2, "MTU and prefix");
}

#[test]
fn a_full_resync_drops_the_saved_state_of_interfaces_that_are_gone() {
    let mut first = Bench::new();
    first.see_all([tap(1), tap(2)]);
    let saved: SavedState = first.fleet.final_state(first.now);
    let mut second = Bench::new();
    second.fleet.restore(saved, second.now);
    second.see(tap(1));
    assert_eq!(second.fleet.unseen().collect::<Vec<_>>(), [index(2)]);
    second.fleet.all_seen(second.now);
    assert_eq!(second.fleet.unseen().count(), 0);
    assert!(second.fleet.take_unsaved().contains(&index(2)));
}
