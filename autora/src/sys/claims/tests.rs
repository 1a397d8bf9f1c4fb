use std::{
    fs::{self, Permissions},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::PathBuf,
    time::Duration,
};

use super::*;
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        BootInstant,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, SavedInterface},
    },
};

fn index(number: u32) -> IfIndex {
    IfIndex::new(number).unwrap()
}

fn open(directory: &Path, identity: &str) -> Claims {
    Claims::open(directory, Path::new(identity)).unwrap()
}

/// Finds in a turn of its own.
fn find(claims: &mut Claims, number: u32) -> Claim {
    let found = claims.find(index(number)).unwrap();
    claims.close().unwrap();
    found
}

fn take(claims: &mut Claims, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        claims.take(index(number)).unwrap();
    }
    claims.close().unwrap();
}

fn other(directory: &str, pid: Option<u32>) -> OtherDaemon {
    OtherDaemon { directory: directory.to_owned(), pid }
}

fn left(claim: Claim) -> (Record, OtherDaemon) {
    match claim {
        Claim::Left(record, other) => (record, other),
        claim @ (Claim::None | Claim::Held(_)) => panic!("{claim:?}"),
    }
}

const HERE: Option<u32> = Some(0);

/// Replaces this process's id, which both daemons of a test have.
fn without_pid(claim: Claim) -> Claim {
    match claim {
        Claim::Held(OtherDaemon { directory, pid }) => {
            assert_eq!(pid, Some(process::id()));
            Claim::Held(OtherDaemon { directory, pid: HERE })
        }
        claim @ (Claim::None | Claim::Left(..)) => claim,
    }
}

/// The first and the last index of a page of records, the next one, and the highest that the kernel gives.
const INDICES: [u32; 5] = [1, 1_023, 1_024, 70_000, i32::MAX as u32];

#[test]
fn a_claim_holds_until_it_is_released_or_its_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (open(folder.path(), "/run/a"), open(folder.path(), "/run/b"));
    assert_eq!(INDICES.map(|number| find(&mut a, number)), [const { Claim::None }; 5], "a new table");
    take(&mut a, INDICES);
    for number in INDICES {
        assert_eq!(find(&mut a, number), Claim::None, "its own");
        assert_eq!(without_pid(find(&mut b, number)), Claim::Held(other("/run/a", HERE)), "{number}");
    }
    assert_eq!([2, 1_022, 1_025, 69_999].map(|number| find(&mut b, number)), [const { Claim::None }; 4], "neighbours");
    // A release of what another one has changes nothing.
    b.release(index(1)).unwrap();
    b.close().unwrap();
    assert_eq!(without_pid(find(&mut b, 1)), Claim::Held(other("/run/a", HERE)));
    a.release(index(1)).unwrap();
    a.close().unwrap();
    let (released, by) = left(find(&mut b, 1));
    assert_eq!((released.released, by), (true, other("/run/a", None)));
    assert_eq!(find(&mut a, 1), Claim::None, "it may have it back");
    drop(a);
    let (orphan, by) = left(find(&mut b, 1_024));
    assert_eq!((orphan.released, by), (false, other("/run/a", None)));
    take(&mut b, [1_024]);
    assert_eq!(find(&mut b, 1_024), Claim::None);
}

/// The next process finds the claims of the previous one, and those that it does not renew are left to others.
#[test]
fn the_next_process_takes_the_slot_of_the_previous_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = open(folder.path(), "/run/b");
    let mut a = open(folder.path(), "/run/a");
    take(&mut a, [1, 2]);
    let slot = a.slot;
    drop(a);
    let before = find(&mut b, 1);
    let mut a = open(folder.path(), "/run/a");
    assert_eq!(a.slot, slot);
    assert_eq!([1, 2].map(|number| find(&mut a, number)), [Claim::None, Claim::None]);
    assert_eq!(find(&mut b, 1), before, "not yet claimed again");
    take(&mut a, [1]);
    assert_eq!(without_pid(find(&mut b, 1)), Claim::Held(other("/run/a", HERE)));
    assert_eq!(left(find(&mut b, 2)).1, other("/run/a", None));
    drop(a);
    assert_ne!(find(&mut b, 1), before, "another process has left it");
}

#[test]
fn a_slot_is_given_to_another_daemon_only_when_all_were_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = open(folder.path(), "/run/b");
    for number in 1..SLOTS {
        let mut passing = open(folder.path(), &format!("/run/{number}"));
        take(&mut passing, [u32::from(number)]);
    }
    assert_eq!(left(find(&mut b, 1)).1, other("/run/1", None), "the control");
    let late = open(folder.path(), "/run/late");
    assert_ne!(late.slot, b.slot);
    let forgotten = (1..SLOTS).filter(|&number| find(&mut b, number.into()) == Claim::None).count();
    assert_eq!(forgotten, 1, "the claims of the daemon whose slot it was");
    let all: Vec<_> = (2..SLOTS).map(|number| open(folder.path(), &format!("/run/{number}"))).collect();
    let refused = Claims::open(folder.path(), Path::new("/run/one-more"));
    assert!(matches!(refused, Err(ClaimsOpenError::Full)), "{refused:?} beside {}", all.len());
}

#[test]
fn a_table_that_is_in_use_for_too_long_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (open(folder.path(), "/run/a"), open(folder.path(), "/run/b"));
    a.take(index(1)).unwrap();
    assert_eq!(b.find(index(1)).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    a.close().unwrap();
    assert_eq!(without_pid(find(&mut b, 1)), Claim::Held(other("/run/a", HERE)));
}

#[test]
fn the_holder_is_read_while_another_daemon_has_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, b) = (open(folder.path(), "/run/a"), open(folder.path(), "/run/b"));
    take(&mut a, [1]);
    a.take(index(2)).unwrap();
    let holder = |number| b.holder(index(number)).unwrap();
    assert_eq!(holder(1), Some(other("/run/a", Some(process::id()))));
    assert_eq!(holder(2), None, "not yet written");
    a.close().unwrap();
    assert_eq!([2, 3].map(holder), [Some(other("/run/a", Some(process::id()))), None]);
    drop(a);
    assert_eq!(holder(1), Some(other("/run/a", None)));
}

/// Returns the one file in the folder.
fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_file_that_another_user_may_have_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), "/run/a"));
    let file = only_file(folder.path());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let refused = || Claims::open(folder.path(), Path::new("/run/a")).unwrap_err().to_string();

    fs::remove_file(&file).unwrap();
    symlink(elsewhere.path(), &file).unwrap();
    assert_eq!(refused(), "the file in it is a symbolic link");
    assert_eq!(elsewhere.as_file().metadata().unwrap().len(), 0, "nothing was written through it");

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(refused(), "it cannot be opened");

    fs::remove_dir(&file).unwrap();
    fs::write(&file, "autora claims 1\n").unwrap();
    assert_eq!(refused(), "the file in it is of another version");

    fs::remove_file(&file).unwrap();
    drop(open(folder.path(), "/run/a"));
    fs::hard_link(&file, elsewhere.path().with_extension("link")).unwrap();
    assert!(refused().starts_with("the file in it is not a plain file"), "{}", refused());
    fs::remove_file(elsewhere.path().with_extension("link")).unwrap();

    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(refused().ends_with("or others may write to it"), "{}", refused());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    drop(open(folder.path(), "/run/a"));
}

/// Ten thousand claims with a gap beside each, as at a start on a host of which every second interface matches.
#[test]
fn ten_thousand_interfaces_have_one_daemon_each() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (open(folder.path(), "/run/a"), open(folder.path(), "/run/b"));
    for (claims, expected) in [(&mut a, 10_000), (&mut b, 0)] {
        let free: Vec<_> =
            (1..=20_000).step_by(2).filter(|&number| claims.find(index(number)).unwrap() == Claim::None).collect();
        take(claims, free.iter().copied());
        assert_eq!(free.len(), expected);
    }
}

const ENDING: Ending =
    Ending::Unclean { valid_lifetime: Duration::from_secs(86_400), router_lifetime: Duration::from_secs(180) };

/// What guests of an interface hold, with a retired prefix of that number.
fn advertised(number: u32) -> Advertised {
    let until = BootInstant::from_boot(Duration::from_secs(number.into()));
    let source = LinkLocal::new("fe80::1".parse().unwrap()).unwrap();
    let prefix = Prefix64::containing(format!("2001:db8:0:{number:x}::").parse().unwrap());
    Advertised {
        router: Some(AdvertisedRouter { source, until }),
        retired: vec![AdvertisedPrefix { prefix, valid_until: until }],
        ..Advertised::default()
    }
}

fn known(number: u32, retired: u32) -> SavedUpdate {
    let (index, name) = (index(number), format!("vm{number}"));
    SavedUpdate::Known(SavedInterface { index, name, advertised: advertised(retired) })
}

/// Returns what guests of an interface hold that its daemon has left, if anything.
fn left_of(claims: &mut Claims, number: u32) -> Option<Advertised> {
    let (record, _) = left(find(claims, number));
    let left = claims.left(index(number), &format!("vm{number}"), record).unwrap();
    claims.close().unwrap();
    left.map(|left| {
        assert_eq!(left.ending, ENDING);
        left.advertised
    })
}

#[test]
fn a_daemon_that_is_gone_leaves_what_guests_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = open(folder.path(), "/run/b");
    let mut a = open(folder.path(), "/run/a").with_notes(ENDING);
    take(&mut a, INDICES);
    a.note(&INDICES.map(|number| known(number, 7))).unwrap();
    a.note(&[known(1_023, 8), SavedUpdate::Gone(index(1_024))]).unwrap();
    a.release(index(1_023)).unwrap();
    a.close().unwrap();
    drop(a);
    assert_eq!(left_of(&mut b, 1), Some(advertised(7)));
    assert_eq!(left_of(&mut b, 1_023), Some(advertised(8)), "the last one counts");
    assert_eq!(left_of(&mut b, 1_024), None, "guests hold nothing any more");
    assert_eq!(left_of(&mut b, INDICES[4]), Some(advertised(7)));
    let (record, _) = left(find(&mut b, 1));
    assert_eq!(b.left(index(1), "vm2", record).unwrap(), None, "an index that has another name by now");
    // What the next process does not change is as the previous one left it.
    let mut a = open(folder.path(), "/run/a").with_notes(ENDING);
    take(&mut a, [1]);
    drop(a);
    assert_eq!(left_of(&mut b, 1), Some(advertised(7)));
}

/// The note of a daemon from which another one took over, and that of a daemon which lost its place in the table.
#[test]
fn a_note_counts_only_with_the_claim() {
    let folder = tempfile::tempdir().unwrap();
    let mut c = open(folder.path(), "/run/c");
    let mut a = open(folder.path(), "/run/a").with_notes(ENDING);
    take(&mut a, [1, 2]);
    a.note(&[known(1, 7), known(2, 7)]).unwrap();
    let mut b = open(folder.path(), "/run/b").with_notes(ENDING);
    take(&mut b, [1]);
    drop(b);
    assert_eq!(left_of(&mut c, 1), None, "of the daemon before");
    // It does not know yet that another daemon has claimed the interface.
    a.note(&[known(1, 8)]).unwrap();
    assert_eq!(left_of(&mut c, 1), None);
    drop(a);
    assert_eq!(left_of(&mut c, 2), Some(advertised(7)), "the control");
    let mut passing: Vec<_> = (0..SLOTS - 1).map(|number| open(folder.path(), &format!("/run/{number}"))).collect();
    let slot_of_2 = Records::new(&c.file).get(index(2)).unwrap().unwrap().slot;
    let heir = passing.iter_mut().find(|one| one.slot == slot_of_2).expect("all have a daemon");
    take(heir, [2]);
    drop(passing);
    assert_eq!(left_of(&mut c, 2), None, "of an earlier daemon in the same place");
}

#[test]
fn a_note_of_another_boot_or_in_parts_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = open(folder.path(), "/run/b");
    let mut a = open(folder.path(), "/run/a").with_notes(ENDING);
    take(&mut a, [1]);
    a.note(&[known(1, 7)]).unwrap();
    drop(a);
    assert_eq!(left_of(&mut b, 1), Some(advertised(7)), "the control");
    let boot_id = b.boot_id.replace("another".to_owned());
    assert_eq!(left_of(&mut b, 1), None);
    b.boot_id = None;
    assert_eq!(left_of(&mut b, 1), None, "it is not known which boot this is");
    b.boot_id = boot_id;
    let at = layout::note_at(index(1));
    let mut note = [0; layout::NOTE_SIZE];
    layout::read_at(&b.file, &mut note, at).unwrap();
    for place in 0..note.len() {
        let mut torn = note;
        torn[place] ^= 1;
        b.file.write_all_at(&torn, at).unwrap();
        assert_eq!(left_of(&mut b, 1), None, "{place}");
    }
    b.file.write_all_at(&note, at).unwrap();
    assert_eq!(left_of(&mut b, 1), Some(advertised(7)));
}

/// Runs of successive indices with gaps, over the ends of chunks and of what is written at once; and backwards.
#[test]
fn each_of_many_notes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (open(folder.path(), "/run/a").with_notes(ENDING), open(folder.path(), "/run/b"));
    let numbers: Vec<_> = (1..2_500).filter(|number| number % 700 != 0).collect();
    take(&mut a, numbers.iter().copied());
    let retired = |number: u32| 1 + number % 1_000;
    a.note(&numbers.iter().map(|&number| known(number, retired(number))).collect::<Vec<_>>()).unwrap();
    a.note(&[known(9, 1), known(8, 2)]).unwrap();
    drop(a);
    for number in numbers {
        let expected = match number {
            8 => 2,
            9 => 1,
            _ => retired(number),
        };
        assert_eq!(left_of(&mut b, number), Some(advertised(expected)), "{number}");
    }
}

/// Indices only grow, so the file has to give back what was noted of interfaces that are gone.
#[test]
fn interfaces_that_come_and_go_leave_no_notes() {
    let folder = tempfile::tempdir().unwrap();
    let mut a = open(folder.path(), "/run/a").with_notes(ENDING);
    let blocks = || only_file(folder.path()).metadata().unwrap().blocks();
    take(&mut a, 1..10_000);
    let before = blocks();
    let gone = |number| SavedUpdate::Gone(index(number));
    a.note(&(1..10_000).map(gone).collect::<Vec<_>>()).unwrap();
    assert_eq!(blocks(), before, "nothing was noted");
    a.note(&(1..10_000).map(|number| known(number, 7)).collect::<Vec<_>>()).unwrap();
    assert!(blocks() * 512 > before * 512 + 2_000_000, "the control");
    a.note(&(1..10_000).map(gone).collect::<Vec<_>>()).unwrap();
    assert!(blocks() <= before + 64, "{} after {before}", blocks());
}
