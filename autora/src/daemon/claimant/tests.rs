use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::{
    engine::{
        handover::{Advertised, SavedInterface},
        takeover::{ABSENCE, GATHER},
    },
    sys::clock,
};

const SECOND: Duration = Duration::from_secs(1);

fn claimant(folder: &TempDir, identity: &str) -> Claimant {
    Claimant { claims: Some(Claims::open(folder.path(), Path::new(identity)).unwrap()), ..Claimant::default() }
}

/// Claims interface 1 in a turn of its own. Returns whether this succeeded.
fn claims(claimant: &mut Claimant, now: BootInstant) -> bool {
    let claimed = claimant.claim(IfIndex::new(1).unwrap(), "vm1", now);
    claimant.end_turn();
    claimed.is_ok()
}

fn start() -> BootInstant {
    BootInstant::from_boot(Duration::from_secs(1_000))
}

#[test]
fn what_another_daemon_left_is_taken_over_after_5_s() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let now = start();
    assert!(claims(&mut a, now), "nothing to wait for");
    assert!(!claims(&mut b, now));
    assert_eq!(b.deadline(), None, "as long as it is held, the next resync is soon enough");
    drop(a);
    // It is gone for long, but was not missed before.
    let now = now + 60 * SECOND;
    assert!(!claims(&mut b, now));
    let due = b.deadline().unwrap();
    assert_eq!(due.saturating_since(now), ABSENCE + GATHER);
    assert!(!claims(&mut b, now + 4 * SECOND));
    assert_eq!(b.deadline(), Some(due), "a resync in between changes nothing");
    assert!(claims(&mut b, due));
    b.tried(due);
    assert_eq!(b.deadline(), None);
    // It comes back too late.
    assert!(!claims(&mut claimant(&folder, "/run/a"), due));
}

#[test]
fn a_daemon_that_is_back_in_time_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let now = start();
    assert!(claims(&mut a, now));
    drop(a);
    assert!(!claims(&mut b, now));
    let mut a = claimant(&folder, "/run/a");
    assert!(claims(&mut a, now + 4 * SECOND), "at once");
    assert!(!claims(&mut b, now + 6 * SECOND));
    assert_eq!(b.deadline(), None);
    // It ends again: the 5 s begin anew.
    drop(a);
    assert!(!claims(&mut b, now + 7 * SECOND));
    assert!(!claims(&mut b, now + 11 * SECOND));
    assert!(claims(&mut b, now + 12 * SECOND));
}

/// A daemon that restarts again and again is never away for 5 s.
#[test]
fn each_process_that_ends_begins_the_wait_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = claimant(&folder, "/run/b");
    for round in 0..4 {
        let now = start() + 4 * round * SECOND;
        assert!(claims(&mut claimant(&folder, "/run/a"), now), "{round}");
        assert!(!claims(&mut b, now + SECOND), "{round}");
    }
}

#[test]
fn what_a_running_daemon_released_is_taken_over_after_5_s() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let (now, index) = (start(), IfIndex::new(1).unwrap());
    assert!(claims(&mut a, now));
    a.release(index, now);
    a.end_turn();
    assert!(!claims(&mut b, now));
    assert!(claims(&mut b, now + ABSENCE));
    assert!(!claims(&mut a, now + ABSENCE));
}

/// An interface that is deleted, or fails a test meanwhile, is not claimed again, and must not wake the loop for ever.
#[test]
fn a_deadline_that_was_not_used_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let now = start();
    assert!(claims(&mut a, now));
    drop(a);
    assert!(!claims(&mut b, now));
    let due = b.deadline().unwrap();
    b.tried(due);
    assert_eq!(b.deadline(), None);
}

#[test]
fn while_the_table_is_busy_nothing_is_claimed_and_nothing_released() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let (now, index) = (start(), IfIndex::new(1).unwrap());
    assert!(claims(&mut b, now));
    let two = IfIndex::new(2).unwrap();
    a.claim(two, "vm2", now).unwrap();
    assert_eq!(b.claim(IfIndex::new(3).unwrap(), "vm3", now), Err(None), "in the middle of a turn of the other one");
    b.release(index, now);
    assert_eq!(b.deadline(), Some(now + RETRY));
    let began = clock::now();
    for other in 10..1_000 {
        assert_eq!(b.claim(IfIndex::new(other).unwrap(), "vm4", now), Err(None));
    }
    assert!(clock::now().saturating_since(began) < Duration::from_millis(150), "it is waited for once");
    a.end_turn();
    b.tried(now + RETRY);
    assert_eq!(b.deadline(), None);
    assert!(!claims(&mut a, now), "released: it waits");
    assert_eq!(a.deadline(), Some(now + ABSENCE + GATHER), "and not for a daemon that has it");
}

/// A daemon that hangs in a turn holds the table for longer than one attempt.
#[test]
fn while_the_table_stays_busy_it_is_tried_every_second() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (claimant(&folder, "/run/a"), claimant(&folder, "/run/b"));
    let mut now = start();
    a.claim(IfIndex::new(1).unwrap(), "vm1", now).unwrap();
    assert!(!claims(&mut b, now));
    for _ in 0..3 {
        now = b.deadline().expect("another attempt follows");
        assert!(!claims(&mut b, now));
        b.tried(now);
        assert_eq!(b.deadline(), Some(now + RETRY));
    }
}

#[test]
fn without_a_table_every_claim_succeeds() {
    assert!(claims(&mut Claimant::default(), start()));
}

#[test]
fn what_guests_hold_is_taken_over_with_the_interface_and_never_before() {
    let folder = tempfile::tempdir().unwrap();
    let (index, now) = (IfIndex::new(1).unwrap(), start());
    let ending = Ending::Unclean { valid_lifetime: 600 * SECOND, router_lifetime: 180 * SECOND };
    let opened = Claims::open(folder.path(), Path::new("/run/a")).unwrap().with_notes(ending);
    let mut a = Claimant { claims: Some(opened), ..Claimant::default() };
    let advertised = Advertised::default();
    let saved = SavedInterface { index, name: "vm1".to_owned(), advertised: advertised.clone() };
    assert_eq!(a.claim(index, "vm1", now), Ok(None), "its own is in its saved state");
    a.end_turn();
    a.note(&[SavedUpdate::Known(saved)]);
    let mut b = claimant(&folder, "/run/b");
    assert!(!claims(&mut b, now));
    drop(a);
    assert!(!claims(&mut b, now));
    assert_eq!(b.claim(index, "vm1", now + ABSENCE), Ok(Some(TakenOver { ending, advertised })));
}
