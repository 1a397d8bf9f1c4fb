use proptest::prelude::*;

use super::*;

const SUBJECT: Subject<'_> = Subject { boot_id: "00ff", index: IfIndex::MIN, name: "vm1" };
const BY: u32 = 7 << 6 | 3 << 1;

fn end(seconds: u64) -> BootInstant {
    BootInstant::from_boot(Duration::from_secs(seconds))
}

fn router(source: &str, seconds: u64) -> AdvertisedRouter {
    AdvertisedRouter { source: LinkLocal::new(source.parse().unwrap()).unwrap(), until: end(seconds) }
}

fn prefix(number: u8, seconds: u64) -> AdvertisedPrefix {
    let network = format!("2001:db8:0:{number:x}::").parse().unwrap();
    AdvertisedPrefix { prefix: Prefix64::containing(network), valid_until: end(seconds) }
}

fn full() -> Advertised {
    Advertised {
        router: Some(router("fe80::1", 1_180)),
        owed: Some(router("febf:ffff::2", 1_100)),
        prefix: Some(prefix(1, 87_400)),
        retired: (2..10).map(|number| prefix(number, u64::MAX)).collect(),
        last_sent: None,
    }
}

fn by() -> Record {
    Record::from_bits(BY).unwrap()
}

/// Encodes and decodes. Returns the lifetimes, and what guests hold.
#[track_caller]
fn noted(ending: Ending, advertised: &Advertised) -> (Ending, Advertised) {
    let (writer, TakenOver { ending, advertised }) =
        decode(&encode(SUBJECT, by(), ending, advertised), SUBJECT).expect("it is whole");
    assert_eq!(writer, by());
    (ending, advertised)
}

const fn lifetimes(valid: u64, router: u64) -> Ending {
    Ending::Unclean { valid_lifetime: Duration::from_secs(valid), router_lifetime: Duration::from_secs(router) }
}

#[test]
fn what_is_noted_is_read() {
    for advertised in [full(), Advertised::default(), Advertised { router: None, prefix: None, ..full() }] {
        for ending in [lifetimes(86_400, 180), lifetimes(u32::MAX.into(), 0)] {
            assert_eq!(noted(ending, &advertised), (ending, advertised.clone()));
        }
    }
    let sent = Advertised { last_sent: Some(end(1_000)), ..full() };
    assert_eq!(noted(lifetimes(1, 1), &sent).1, full(), "the last RA was long ago, when it is read");
    assert_eq!(noted(Ending::Clean, &full()), (lifetimes(0, 0), full()), "the ends are exact");
}

#[test]
fn a_note_has_these_bytes() {
    let advertised = Advertised { router: Some(router("fe80::1", 1)), retired: vec![prefix(2, 2)], ..full() };
    let note = encode(SUBJECT, by(), lifetimes(86_400, 180), &Advertised { owed: None, ..advertised });
    let source = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let at = |place: usize, bytes: &[u8]| assert_eq!(&note[place..place + bytes.len()], bytes, "{place}");
    at(8, &BY.to_le_bytes());
    at(12, &86_400_u32.to_le_bytes());
    at(16, &180_u32.to_le_bytes());
    at(20, &source);
    at(36, &1_000_000_000_u64.to_le_bytes());
    at(44, &[0; 24]);
    at(68, &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1]);
    at(76, &87_400_000_000_000_u64.to_le_bytes());
    at(84, &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2]);
    at(100, &[0; 156]);
}

#[test]
fn a_note_is_about_one_interface_of_one_boot() {
    let note = encode(SUBJECT, by(), lifetimes(1, 1), &full());
    assert!(decode(&note, SUBJECT).is_some(), "the control");
    for subject in [
        Subject { boot_id: "00fe", ..SUBJECT },
        Subject { index: IfIndex::MAX, ..SUBJECT },
        Subject { name: "vm2", ..SUBJECT },
        Subject { name: "", ..SUBJECT },
        Subject { boot_id: "00ff\nv", name: "m1", ..SUBJECT },
    ] {
        assert_eq!(decode(&note, subject), None, "{subject:?}");
    }
    assert_eq!(decode(&[0; NOTE_SIZE], SUBJECT), None, "no note was made");
}

proptest! {
    /// With the right checksum, too: a daemon of another build may have written it.
    #[test]
    fn no_bytes_are_too_odd_to_be_read(mut note in prop::array::uniform32(any::<[u8; 8]>()).prop_map(|parts| {
        Note::try_from(parts.concat()).unwrap()
    })) {
        prop_assert_eq!(decode(&note, SUBJECT), None);
        let checksum = SUBJECT.checksum(&note[CHECKSUM_SIZE..]);
        note[..CHECKSUM_SIZE].copy_from_slice(&checksum.to_le_bytes());
        if let Some((_, left)) = decode(&note, SUBJECT) {
            prop_assert!(left.advertised.retired.len() <= MAX_RETIRED);
        }
    }
}
