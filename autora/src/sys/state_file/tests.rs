use std::{os::unix::fs::PermissionsExt, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        Instant,
        memory::{Completeness, Past, Promise, Remembered},
    },
};

const CLEAN: &str = r#"{
  "version": 1, "boot_id": "00ff", "end": "clean",
  "interfaces": [
    { "ifindex": 7, "name": "tap7", "source": "fe80::7",
      "prefix": { "network": "2001:db8:7::", "valid_until_us": 86400000001 },
      "withdrawn": [ { "network": "2001:db8:6::", "valid_until_us": 3600000000 } ],
      "last_sent_us": 1500001 },
    { "ifindex": 8, "name": "tap8" }
  ]
}"#;

fn promise(network: &str, micros: u64) -> Promise {
    Promise {
        prefix: Prefix64::containing(network.parse().unwrap()),
        until: Instant::from_boot(Duration::from_micros(micros)),
    }
}

fn remembered(index: u32, past: Past) -> Remembered {
    Remembered { index: IfIndex::new(index).unwrap(), name: format!("tap{index}"), past }
}

fn clean() -> State {
    let past = Past {
        announced: LinkLocal::new("fe80::7".parse().unwrap()),
        promised: Some(promise("2001:db8:7::", 86_400_000_001)),
        withdrawn: vec![promise("2001:db8:6::", 3_600_000_000)],
        last_sent: Some(Instant::from_boot(Duration::from_micros(1_500_001))),
    };
    let interfaces = vec![remembered(7, past), remembered(8, Past::default())];
    State { boot_id: "00ff".to_owned(), memory: Memory { completeness: Completeness::Clean, interfaces } }
}

#[test]
fn a_file_says_what_it_says() {
    assert_eq!(decode(CLEAN.as_bytes()).unwrap(), clean());
    let unclean = CLEAN.replace(r#""end": "clean""#, r#""end": "unclean", "valid_lifetime_s": 600"#);
    let completeness = Completeness::Unclean { valid_lifetime: Duration::from_secs(600) };
    assert_eq!(decode(unclean.as_bytes()).unwrap().memory.completeness, completeness);
}

#[test]
fn what_no_daemon_writes_is_refused() {
    for (from, to, expected) in [
        (r#""version": 1"#, r#""version": 2"#, "it has version 2, and this daemon knows 1"),
        // Whatever else a newer one holds.
        (CLEAN, r#"{"version": 3, "boot_id": 1, "interfaces": "many"}"#, "it has version 3, and"),
        (r#""version": 1"#, r#""version": 0"#, "it is damaged: version 0"),
        (CLEAN, "", "it is damaged"),
        (CLEAN, "\0\0\0\0", "it is damaged"),
        (CLEAN, r#"{"version": 1}"#, "it is damaged"),
        (r#""end": "clean","#, "", "it is damaged"),
        (r#""end": "clean""#, r#""end": "unclean""#, "it is damaged"),
        (r#""ifindex": 7"#, r#""ifindex": 0"#, "it is damaged: ifindex 0"),
        (r#""ifindex": 7"#, r#""ifindex": -7"#, "it is damaged"),
        (r#""fe80::7""#, r#""2001:db8::7""#, "it is damaged: source 2001:db8::7"),
        (r#""2001:db8:7::""#, r#""2001:db8:7::1""#, "it is damaged: network 2001:db8:7::1"),
        ("86400000001", "1e400", "it is damaged"),
        ("1500001 }", "1500001", "it is damaged"),
    ] {
        let text = CLEAN.replace(from, to);
        assert_ne!(text, CLEAN, "{from}");
        let error = decode(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn every_part_of_a_file_is_a_damaged_file() {
    let text = encode(&clean());
    for len in 0..text.len() {
        assert!(decode(&text[..len]).is_err(), "{len} of {} bytes", text.len());
    }
}

fn any_promise() -> impl Strategy<Value = Promise> {
    (any::<u64>(), any::<u32>()).prop_map(|(network, seconds)| Promise {
        prefix: Prefix64::containing((u128::from(network) << 64).into()),
        until: Instant::from_boot(Duration::from_secs(seconds.into())),
    })
}

prop_compose! {
    fn any_remembered()(
        index in 1..=u32::MAX,
        name in ".{0,15}",
        source in prop::option::of(any::<u64>()),
        promised in prop::option::of(any_promise()),
        withdrawn in prop::collection::vec(any_promise(), 0..9),
        last_sent in prop::option::of(any::<u32>()),
    ) -> Remembered {
        let link_local = |low: u64| LinkLocal::new(((0xfe80_u128 << 112) | u128::from(low)).into()).unwrap();
        Remembered {
            index: IfIndex::new(index).unwrap(),
            name,
            past: Past {
                announced: source.map(link_local),
                promised,
                withdrawn,
                last_sent: last_sent.map(|micros| Instant::from_boot(Duration::from_micros(micros.into()))),
            },
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        interfaces in prop::collection::vec(any_remembered(), 0..5),
        valid in prop::option::of(any::<u32>()),
    ) {
        let completeness = valid.map_or(Completeness::Clean, |seconds| Completeness::Unclean {
            valid_lifetime: Duration::from_secs(seconds.into()),
        });
        let state = State { boot_id: "ab".to_owned(), memory: Memory { completeness, interfaces } };
        prop_assert_eq!(decode(&encode(&state)).unwrap(), state);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}

#[test]
fn an_instant_never_comes_out_earlier() {
    let last_sent = Instant::from_boot(Duration::from_nanos(1_000_001));
    let interfaces = vec![remembered(1, Past { last_sent: Some(last_sent), ..Past::default() })];
    let memory = Memory { completeness: Completeness::Clean, interfaces };
    let read = decode(&encode(&State { boot_id: String::new(), memory })).unwrap();
    assert_eq!(
        read.memory.interfaces[0].past.last_sent,
        Some(Instant::from_boot(Duration::from_micros(1_001)))
    );
}

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
        Found::Memory(_) => "memory",
    }
}

#[test]
fn a_daemon_finds_what_the_one_before_left() {
    let (_parent, path) = directory();
    let file = StateFile::open(&path).unwrap();
    assert_eq!(kind(&file.read()), "nothing");
    file.write(clean().memory).unwrap();
    file.write(clean().memory).unwrap();
    assert!(matches!(file.read(), Found::Memory(memory) if memory == clean().memory));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing else is left");

    file.remove().unwrap();
    assert_eq!(kind(&file.read()), "nothing");
}

#[test]
fn what_is_no_use_is_told_apart() {
    let (_parent, path) = directory();
    let file = StateFile::open(&path).unwrap();
    // In this file the boot id is one that no machine has.
    fs::write(file.path(), CLEAN).unwrap();
    assert_eq!(kind(&file.read()), "other boot");
    fs::write(file.path(), "no JSON").unwrap();
    assert_eq!(kind(&file.read()), "unusable");
    fs::write(file.path(), vec![b' '; usize::try_from(MAX_SIZE + 1).unwrap()]).unwrap();
    assert!(matches!(file.read(), Found::Unusable(ReadError::TooLarge)));
    file.remove().unwrap();
    fs::create_dir(file.path()).unwrap();
    assert!(matches!(file.read(), Found::Unusable(ReadError::Io(_))));
    assert!(file.write(clean().memory).is_err());
}

#[test]
fn a_directory_has_one_daemon() {
    let (_parent, path) = directory();
    let first = StateFile::open(&path).unwrap();
    assert!(matches!(StateFile::open(&path), Err(OpenError::InUse(_))));
    drop(first);
    assert!(StateFile::open(&path).is_ok());

    let file = path.join("a file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateFile::open(&file.join("under it")), Err(OpenError::Directory { .. })));
}

#[test]
fn the_largest_file_that_is_written_is_read() {
    let far = promise("2001:db8:ffff:ffff::", u64::MAX);
    let past = Past {
        announced: LinkLocal::new("fe80:0:0:0:ffff:ffff:ffff:ffff".parse().unwrap()),
        promised: Some(far),
        withdrawn: vec![far; 8],
        last_sent: Some(far.until),
    };
    // The worst that a name can be in JSON: each byte becomes six.
    let largest = Remembered { index: IfIndex::new(u32::MAX).unwrap(), name: "\u{1}".repeat(15), past };
    let memory = Memory { completeness: Completeness::Clean, interfaces: vec![largest; 64] };
    let bytes = encode(&State { boot_id: String::new(), memory });
    assert!(u64::try_from(bytes.len()).unwrap() * (65_536 / 64) < MAX_SIZE, "{}", bytes.len());
}
