use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use super::*;

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
    fs::write(&file, "autora claims 2\n").unwrap();
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
