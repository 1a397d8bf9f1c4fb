use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::{
    format::tests::{advertised_prefix, advertised_router, clean, saved_interface, unclean_end},
    *,
};
use crate::{
    addr::IfIndex,
    engine::handover::{Advertised, Ending, SavedInterface},
};

/// A directory that does not exist yet.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("run/autora");
    (parent, path)
}

fn kind(found: &Found) -> &'static str {
    match found {
        Found::Nothing => "nothing",
        Found::OtherBoot => "other boot",
        Found::Unusable(_) => "unusable",
        Found::Saved(_) => "saved",
    }
}

#[test]
fn a_daemon_finds_what_the_one_before_left() {
    let (_parent, path) = directory();
    let mut file = StateFile::open(&path).unwrap();
    assert_eq!(kind(&file.read()), "nothing");
    file.write(clean().saved).unwrap();
    file.write(clean().saved).unwrap();
    assert!(matches!(file.read(), Found::Saved(saved) if saved == clean().saved));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "one file alone");

    file.remove().unwrap();
    assert_eq!(kind(&file.read()), "nothing");
}

#[test]
fn unusable_files_are_told_apart() {
    let (_parent, path) = directory();
    let mut file = StateFile::open(&path).unwrap();
    // The boot id in this file is not that of any machine.
    fs::write(file.path(), encode(&clean())).unwrap();
    assert_eq!(kind(&file.read()), "other boot");
    fs::write(file.path(), "no JSON").unwrap();
    assert_eq!(kind(&file.read()), "unusable");
    fs::write(file.path(), vec![b' '; usize::try_from(MAX_SIZE + 1).unwrap()]).unwrap();
    assert!(matches!(file.read(), Found::Unusable(ReadError::TooLarge)));
    file.remove().unwrap();
    fs::create_dir(file.path()).unwrap();
    assert!(matches!(file.read(), Found::Unusable(ReadError::Io(_))));
    assert!(file.write(clean().saved).is_err());
}

#[test]
fn a_directory_is_locked_by_one_daemon() {
    let (_parent, path) = directory();
    let first = StateFile::open(&path).unwrap();
    assert!(matches!(StateFile::open(&path), Err(StateFileOpenError::InUse(_))));
    drop(first);
    assert!(StateFile::open(&path).is_ok());

    let file = path.join("a file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateFile::open(&file.join("under it")), Err(StateFileOpenError::Directory { .. })));
}

#[test]
fn the_size_limit_admits_the_largest_file() {
    let far = advertised_prefix("2001:db8:ffff:ffff::", u64::MAX);
    let advertised = Advertised {
        router: Some(advertised_router("fe80:0:0:0:ffff:ffff:ffff:ffff", u64::MAX)),
        owed: Some(advertised_router("fe80:0:0:0:ffff:ffff:ffff:ffff", u64::MAX)),
        prefix: Some(far),
        retired: vec![far; 8],
        last_sent: Some(far.valid_until),
    };
    // The longest name in JSON: each byte becomes six.
    let largest = SavedInterface { index: IfIndex::new(u32::MAX).unwrap(), name: "\u{1}".repeat(15), advertised };
    let saved = SavedState { ending: Ending::Clean, interfaces: vec![largest; 64] };
    let bytes = encode(&State { boot_id: String::new(), saved });
    // Updates may double it.
    let at_once = u64::try_from(bytes.len()).unwrap() * (65_536 / 64);
    assert!(2 * at_once + journal::FLOOR < MAX_SIZE, "{at_once}");
}

/// Returns the state of a running daemon that serves `interfaces`.
fn serving(interfaces: impl IntoIterator<Item = u32>) -> SavedState {
    let interfaces = interfaces.into_iter().map(tap).collect();
    SavedState { ending: unclean_end(), interfaces }
}

fn tap(index: u32) -> SavedInterface {
    let advertised = Advertised { router: Some(advertised_router("fe80::7", 1)), ..Advertised::default() };
    saved_interface(index, advertised)
}

fn unexpected() -> SavedState {
    panic!("the updates fit: the whole state is not needed")
}

fn read(file: &StateFile) -> SavedState {
    match file.read() {
        Found::Saved(saved) => saved,
        other @ (Found::Nothing | Found::OtherBoot | Found::Unusable(_)) => panic!("{other:?}"),
    }
}

#[test]
fn updates_are_appended_to_the_file() {
    let (_parent, path) = directory();
    let mut file = StateFile::open(&path).unwrap();
    file.write(serving(1..=3)).unwrap();
    let state = || fs::metadata(path.join(NAME)).unwrap();
    let before = state();
    file.update(&[SavedUpdate::Known(tap(4)), SavedUpdate::Gone(IfIndex::new(2).unwrap())], unexpected).unwrap();
    file.update(&[SavedUpdate::Known(tap(5))], unexpected).unwrap();
    assert_eq!(read(&file), serving([1, 3, 4, 5]));
    assert_eq!(state().ino(), before.ino(), "the same file");
    assert!(state().len() - before.len() < before.len(), "it grew by the updates");
    assert_eq!(state().permissions().mode() & 0o7777, 0o640);
    // A clean end is written whole.
    file.write(clean().saved).unwrap();
    assert_ne!(state().ino(), before.ino());
    assert_eq!(read(&file), clean().saved);
}

#[test]
fn a_file_that_another_process_changed_is_written_anew() {
    let torn = |path: &Path| {
        let mut text = fs::read(path).unwrap();
        text.extend(b"{\"known\":{\"ifi");
        fs::write(path, text).unwrap();
    };
    let removed = |path: &Path| fs::remove_file(path).unwrap();
    let replaced = |path: &Path| {
        fs::copy(path, path.with_file_name("copy")).unwrap();
        fs::rename(path.with_file_name("copy"), path).unwrap();
    };
    for (what, spoil) in [("torn", &torn as &dyn Fn(&Path)), ("removed", &removed), ("replaced", &replaced)] {
        let (_parent, path) = directory();
        let mut file = StateFile::open(&path).unwrap();
        file.write(serving([1])).unwrap();
        spoil(&file.path());
        file.update(&[SavedUpdate::Known(tap(2))], || serving([1, 2])).unwrap();
        assert_eq!(read(&file), serving([1, 2]), "{what}");
        file.update(&[SavedUpdate::Known(tap(3))], unexpected).unwrap();
        assert_eq!(read(&file), serving([1, 2, 3]), "{what}: updates are appended again");
    }
}

#[test]
fn after_a_failed_write_the_file_is_written_anew() {
    let (_parent, path) = directory();
    let mut file = StateFile::open(&path).unwrap();
    // The first update writes the whole file.
    file.update(&[SavedUpdate::Known(tap(1))], || serving([1])).unwrap();
    file.journal.as_mut().unwrap().break_down();
    assert!(file.update(&[SavedUpdate::Known(tap(2))], unexpected).is_err());
    assert_eq!(read(&file), serving([1]));
    file.update(&[SavedUpdate::Known(tap(3))], || serving([1, 2, 3])).unwrap();
    assert_eq!(read(&file), serving([1, 2, 3]));
    // The same after a whole file could not be put in place.
    fs::create_dir(path.join("state.json.new")).unwrap();
    assert!(file.write(serving([4])).is_err());
    fs::remove_dir(path.join("state.json.new")).unwrap();
    assert_eq!(read(&file), serving([1, 2, 3]), "unchanged");
    file.update(&[SavedUpdate::Known(tap(4))], || serving([4])).unwrap();
    assert_eq!(read(&file), serving([4]));
}

#[test]
fn a_file_under_churn_stays_short_and_is_rarely_written_whole() {
    for live in [1, 1_000_u32] {
        let (_parent, path) = directory();
        let mut file = StateFile::open(&path).unwrap();
        file.write(serving(1..=live)).unwrap();
        let len = |file: &StateFile| fs::metadata(file.path()).unwrap().len();
        let at_once = len(&file);
        let (mut whole, mut longest, mut lines) = (0, 0, 0);
        for round in 0..20_000 {
            let index = round % live + 1;
            let updates = [SavedUpdate::Gone(IfIndex::new(index).unwrap()), SavedUpdate::Known(tap(index))];
            lines += encode_updates(&updates).len();
            file.update(&updates, || {
                whole += 1;
                serving(1..=live)
            })
            .unwrap();
            longest = longest.max(len(&file));
        }
        assert_eq!(read(&file), serving(1..=live));
        assert!(longest <= 2 * at_once + journal::FLOOR, "{live}: {longest}");
        assert!(longest > at_once + journal::FLOOR / 2, "{live}: the control: {longest}");
        assert!(whole > 0, "the control");
        let written = whole * at_once;
        assert!(written <= u64::try_from(lines).unwrap(), "{live}: {whole} times for {lines} bytes of changes");
    }
}
