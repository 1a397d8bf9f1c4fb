use proptest::prelude::*;

use super::*;
use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        BootInstant,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter},
    },
};

/// Two interfaces, then a change of tap7, a new interface and one that disappeared.
const UNCLEAN: &str = r#"{"version":1,"boot_id":"00ff","end":"unclean","valid_lifetime_s":600,"router_lifetime_s":180,"interfaces":2}
{"known":{"ifindex":7,"name":"tap7","router":{"source":"fe80::7","until_us":180000001},"owed":{"source":"fe80::6","until_us":90000000},"prefix":{"network":"2001:db8:7::","valid_until_us":86400000001},"retired":[{"network":"2001:db8:6::","valid_until_us":3600000000}],"last_sent_us":1500001}}
{"known":{"ifindex":8,"name":"tap8"}}
{"known":{"ifindex":7,"name":"tap7","router":{"source":"fe80::99","until_us":200000000}}}
{"known":{"ifindex":9,"name":"tap9"}}
{"gone":8}
"#;

pub(in super::super) fn advertised_prefix(network: &str, micros: u64) -> AdvertisedPrefix {
    AdvertisedPrefix {
        prefix: Prefix64::containing(network.parse().unwrap()),
        valid_until: BootInstant::from_boot(Duration::from_micros(micros)),
    }
}

pub(in super::super) fn advertised_router(source: &str, micros: u64) -> AdvertisedRouter {
    AdvertisedRouter {
        source: LinkLocal::new(source.parse().unwrap()).unwrap(),
        until: BootInstant::from_boot(Duration::from_micros(micros)),
    }
}

pub(in super::super) fn unclean_end() -> Ending {
    Ending::Unclean { valid_lifetime: Duration::from_secs(600), router_lifetime: Duration::from_secs(180) }
}

pub(in super::super) fn saved_interface(index: u32, advertised: Advertised) -> SavedInterface {
    SavedInterface { index: IfIndex::new(index).unwrap(), name: format!("tap{index}"), advertised }
}

pub(in super::super) fn clean() -> State {
    let advertised = Advertised {
        router: Some(advertised_router("fe80::7", 180_000_001)),
        owed: Some(advertised_router("fe80::6", 90_000_000)),
        prefix: Some(advertised_prefix("2001:db8:7::", 86_400_000_001)),
        retired: vec![advertised_prefix("2001:db8:6::", 3_600_000_000)],
        last_sent: Some(BootInstant::from_boot(Duration::from_micros(1_500_001))),
    };
    let interfaces = vec![saved_interface(7, advertised), saved_interface(8, Advertised::default())];
    State { boot_id: "00ff".to_owned(), saved: SavedState { ending: Ending::Clean, interfaces } }
}

fn unclean() -> State {
    let advertised = Advertised { router: Some(advertised_router("fe80::99", 200_000_000)), ..Advertised::default() };
    let interfaces = vec![saved_interface(7, advertised), saved_interface(9, Advertised::default())];
    let ending = unclean_end();
    State { boot_id: "00ff".to_owned(), saved: SavedState { ending, interfaces } }
}

#[test]
fn a_file_is_decoded_and_encoded_to_the_byte() {
    assert_eq!(decode(UNCLEAN.as_bytes()).unwrap(), unclean());
    assert_eq!(decode(&encode(&clean())).unwrap(), clean());
    let first_lines = UNCLEAN.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    let first_lines = first_lines.replace(r#""unclean","valid_lifetime_s":600,"router_lifetime_s":180"#, r#""clean""#);
    assert_eq!(String::from_utf8(encode(&clean())).unwrap(), first_lines);
}

#[track_caller]
fn check_rejected(text: &str, expected: &str) {
    let error = decode(text.as_bytes()).expect_err(text).to_string();
    assert!(error.starts_with(expected), "{text}: {error}");
}

#[test]
fn text_that_no_daemon_writes_is_rejected() {
    for (from, to, expected) in [
        (r#""version":1"#, r#""version":2"#, "it has version 2, and this daemon knows 1"),
        // With any other content of a newer version.
        (UNCLEAN, r#"{"version": 4, "boot_id": 1, "interfaces": "many"} and more"#, "it has version 4, and"),
        (r#""version":1"#, r#""version":0"#, "it is damaged: version 0"),
        (UNCLEAN, "", "it is damaged"),
        (UNCLEAN, "\n", "it is damaged"),
        (UNCLEAN, "\0\0\0\0", "it is damaged"),
        (UNCLEAN, "{\"version\":1}\n", "it is damaged"),
        (r#""end":"unclean","#, "", "it is damaged"),
        (r#","valid_lifetime_s":600"#, "", "it is damaged"),
        (r#","router_lifetime_s":180"#, "", "it is damaged"),
        // Damage between intact lines, in those put in place at once and in those appended.
        ("{\"known\":{\"ifindex\":8,\"name\":\"tap8\"}}\n", "{\"known\":{\"ifindex\":8,\n", "it is damaged"),
        ("{\"known\":{\"ifindex\":9", "{\"known\":{\"ifi", "it is damaged"),
        ("{\"gone\":8}", "\n{\"gone\":8}", "it is damaged"),
        ("{\"gone\":8}", "{\"gone\":8} {}", "it is damaged"),
        ("{\"gone\":8}", "{\"gone\":0}", "it is damaged: ifindex 0"),
        (r#""interfaces":2"#, r#""interfaces":6"#, "it is damaged: it has 5 lines of interfaces in place of 6"),
        // Nothing is appended after a clean end.
        (r#""unclean","valid_lifetime_s":600,"router_lifetime_s":180"#, r#""clean""#, "it is damaged: it has 5 lines"),
        ("{\"ifindex\":7", "{\"ifindex\":0", "it is damaged: ifindex 0"),
        ("{\"ifindex\":7", "{\"ifindex\":-7", "it is damaged"),
        (r#""fe80::7""#, r#""2001:db8::7""#, "it is damaged: source 2001:db8::7"),
        (r#""fe80::6""#, r#""2001:db8::6""#, "it is damaged: source 2001:db8::6"),
        (r#","until_us":180000001"#, "", "it is damaged"),
        (r#""2001:db8:7::""#, r#""2001:db8:7::1""#, "it is damaged: network 2001:db8:7::1"),
        ("86400000001", "1e400", "it is damaged"),
    ] {
        let text = UNCLEAN.replace(from, to);
        assert_ne!(text, UNCLEAN, "{from}");
        check_rejected(&text, expected);
    }
}

#[test]
fn a_truncated_file_holds_its_complete_lines() {
    // An incomplete appended line is ignored; of the lines put in place at once none may be missing.
    let at_once = UNCLEAN.split_inclusive('\n').take(3).map(str::len).sum();
    for len in 0..=UNCLEAN.len() {
        let found = decode(&UNCLEAN.as_bytes()[..len]);
        if len < at_once {
            assert!(found.is_err(), "{len} bytes: {found:?}");
            continue;
        }
        let finished = UNCLEAN[..len].rfind('\n').unwrap() + 1;
        assert_eq!(found.unwrap(), decode(&UNCLEAN.as_bytes()[..finished]).unwrap(), "{len} bytes");
    }
    let read = |lines: usize| decode(UNCLEAN.split_inclusive('\n').take(lines).collect::<String>().as_bytes());
    let names = |lines| -> Vec<_> {
        read(lines).unwrap().saved.interfaces.into_iter().map(|known| (known.name, known.advertised)).collect()
    };
    let sources = |lines| names(lines).into_iter().map(|(name, advertised)| (name, advertised.router.is_some()));
    let expect = |lines, expected: &[(&str, bool)]| {
        assert!(sources(lines).eq(expected.iter().map(|&(name, has_source)| (name.to_owned(), has_source))), "{lines}");
    };
    expect(3, &[("tap7", true), ("tap8", false)]);
    expect(5, &[("tap7", true), ("tap8", false), ("tap9", false)]);
    expect(6, &[("tap7", true), ("tap9", false)]);
}

#[test]
fn a_truncated_clean_file_is_damaged() {
    let text = encode(&clean());
    assert_eq!(decode(&text).unwrap(), clean(), "the control");
    for len in 0..text.len() {
        assert!(decode(&text[..len]).is_err(), "{len} of {} bytes", text.len());
    }
}

fn any_advertised_prefix() -> impl Strategy<Value = AdvertisedPrefix> {
    (any::<u64>(), any::<u32>()).prop_map(|(network, seconds)| AdvertisedPrefix {
        prefix: Prefix64::containing((u128::from(network) << 64).into()),
        valid_until: BootInstant::from_boot(Duration::from_secs(seconds.into())),
    })
}

fn any_advertised_router() -> impl Strategy<Value = AdvertisedRouter> {
    (any::<u64>(), any::<u32>()).prop_map(|(low, seconds)| AdvertisedRouter {
        source: LinkLocal::new(((0xfe80_u128 << 112) | u128::from(low)).into()).unwrap(),
        until: BootInstant::from_boot(Duration::from_secs(seconds.into())),
    })
}

prop_compose! {
    fn any_saved_interface()(
        index in 1..=u32::MAX,
        name in ".{0,15}",
        router in prop::option::of(any_advertised_router()),
        owed in prop::option::of(any_advertised_router()),
        prefix in prop::option::of(any_advertised_prefix()),
        retired in prop::collection::vec(any_advertised_prefix(), 0..9),
        last_sent in prop::option::of(any::<u32>()),
    ) -> SavedInterface {
        SavedInterface {
            index: IfIndex::new(index).unwrap(),
            name,
            advertised: Advertised {
                router,
                owed,
                prefix,
                retired,
                last_sent: last_sent.map(|micros| BootInstant::from_boot(Duration::from_micros(micros.into()))),
            },
        }
    }
}

fn any_interfaces() -> impl Strategy<Value = Vec<SavedInterface>> {
    let interfaces = prop::collection::btree_map(1..=9_u32, any_saved_interface(), 0..5);
    interfaces.prop_map(|known| known.into_iter().map(|(index, known)| at(index, known)).collect())
}

fn at(index: u32, known: SavedInterface) -> SavedInterface {
    SavedInterface { index: IfIndex::new(index).unwrap(), ..known }
}

fn any_update() -> impl Strategy<Value = SavedUpdate> {
    (1..=9_u32, prop::option::of(any_saved_interface())).prop_map(|(index, known)| match known {
        Some(known) => SavedUpdate::Known(at(index, known)),
        None => SavedUpdate::Gone(IfIndex::new(index).unwrap()),
    })
}

/// Returns `interfaces` after `updates`, by a second implementation.
fn updated(interfaces: &[SavedInterface], updates: &[SavedUpdate]) -> Vec<SavedInterface> {
    let mut known: BTreeMap<_, _> = interfaces.iter().map(|known| (known.index, known.clone())).collect();
    for update in updates {
        match update {
            SavedUpdate::Known(now) => _ = known.insert(now.index, now.clone()),
            SavedUpdate::Gone(index) => _ = known.remove(index),
        }
    }
    known.into_values().collect()
}

proptest! {
    #[test]
    fn encoding_and_decoding_returns_the_same_state(interfaces in any_interfaces(), lifetimes in prop::option::of(any::<[u32; 2]>())) {
        let ending = lifetimes.map_or(Ending::Clean, |lifetimes| {
            let [valid_lifetime, router_lifetime] = lifetimes.map(|seconds| Duration::from_secs(seconds.into()));
            Ending::Unclean { valid_lifetime, router_lifetime }
        });
        let state = State { boot_id: "ab".to_owned(), saved: SavedState { ending, interfaces } };
        prop_assert_eq!(decode(&encode(&state)).unwrap(), state);
    }

    #[test]
    fn updates_count_up_to_the_last_complete_line(
        interfaces in any_interfaces(),
        updates in prop::collection::vec(any_update(), 0..9),
        missing in 0..200_usize,
    ) {
        let ending = unclean_end();
        let saved = SavedState { ending, interfaces: interfaces.clone() };
        let mut text = encode(&State { boot_id: "ab".to_owned(), saved });
        let added = encode_updates(&updates);
        let added = &added[..added.len().saturating_sub(missing)];
        text.extend(added);
        let whole = added.split(|byte| *byte == b'\n').skip(1).count();
        prop_assert_eq!(decode(&text).unwrap().saved.interfaces, updated(&interfaces, &updates[..whole]));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}

#[test]
fn a_decoded_instant_is_never_earlier() {
    let last_sent = BootInstant::from_boot(Duration::from_nanos(1_000_001));
    let interfaces = vec![saved_interface(1, Advertised { last_sent: Some(last_sent), ..Advertised::default() })];
    let saved = SavedState { ending: Ending::Clean, interfaces };
    let read = decode(&encode(&State { boot_id: String::new(), saved })).unwrap();
    assert_eq!(
        read.saved.interfaces[0].advertised.last_sent,
        Some(BootInstant::from_boot(Duration::from_micros(1_001)))
    );
}
