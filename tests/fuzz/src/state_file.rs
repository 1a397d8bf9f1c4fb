//! The state file: any content is read without a panic, and a fleet restores any saved state.

use std::{collections::BTreeMap, net::Ipv6Addr, sync::LazyLock, time::Duration};

use autora::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        BootInstant, Fleet,
        action::Action,
        eligibility::{AddressPolicy, Policy},
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, Ending, SavedInterface, SavedState, SavedUpdate},
        interface::{Address, AddressFlags, AddressScope, GroupMapping, Interface, Ipv6Settings, Lifetimes, LinkFlags},
        parameters::Parameters,
    },
    sys::state_file::{State, decode, encode, encode_updates},
    wire::{NdOption, RouterPreference},
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use regex::Regex;

use crate::seeds;

const NOW: BootInstant = BootInstant::from_boot(Duration::from_secs(1_000));

/// The prefix in use and at most 8 retired prefixes.
const MOST_PREFIXES: usize = 9;

/// Writes a file of each kind as seeds: full and empty, with and without appended lines.
pub fn prepare() {
    let ends = [Ending::Clean, unclean(86_400, 180)];
    let files = ends.into_iter().flat_map(|ending| {
        [vec![], vec![full(7)], vec![full(7), SavedInterface { advertised: Advertised::default(), ..full(8) }]]
            .map(|interfaces| encode(&State { boot_id: "00ff".to_owned(), saved: SavedState { ending, interfaces } }))
    });
    let saved = SavedState { ending: ends[1], interfaces: vec![full(7)] };
    let updates = [SavedUpdate::Known(full(8)), SavedUpdate::Gone(full(7).index), SavedUpdate::Known(full(7))];
    let added_to = [
        encode(&State { boot_id: "00ff".to_owned(), saved }),
        encode_updates(&updates),
        b"{\"known\":{\"ifin".to_vec(),
    ]
    .concat();
    let newer = br#"{"version":2,"boot_id":"00ff"}"#.to_vec();
    seeds::write(files.chain([added_to, newer]));
}

/// Reads `bytes` as a file, then makes a state and updates of them.
pub fn check(bytes: &[u8]) {
    match decode(bytes) {
        Ok(state) => {
            assert!(state.saved.interfaces.len() <= bytes.len(), "no more interfaces than bytes");
            check_state(state);
        }
        Err(error) => assert!(!error.to_string().is_empty(), "the log has a text for it"),
    }
    let mut material = Unstructured::new(bytes);
    check_state(any_state(&mut material).expect("it never runs out: it ends in zeros"));
    check_updates(&mut material).expect("likewise");
}

/// A file with appended lines, cut off anywhere, has the last whole line of each interface.
fn check_updates(from: &mut Unstructured<'_>) -> Result<()> {
    let mut state = any_state(from)?;
    state.saved.ending = unclean(from.arbitrary()?, from.arbitrary()?);
    let mut text = encode(&state);
    let at_once = text.len();
    let updates = (0..from.int_in_range(0..=9)?).map(|_| any_update(from)).collect::<Result<Vec<_>>>()?;
    text.extend(encode_updates(&updates));
    text.truncate(from.int_in_range(0..=text.len())?);
    let found = decode(&text);
    if text.len() < at_once {
        assert!(found.is_err(), "what came into place at once is not all there");
        return Ok(());
    }
    let mut known: BTreeMap<_, _> = state.saved.interfaces.into_iter().map(|known| (known.index, known)).collect();
    let whole = text[at_once..].split(|byte| *byte == b'\n').count() - 1;
    for update in updates.into_iter().take(whole) {
        match update {
            SavedUpdate::Known(now) => _ = known.insert(now.index, now),
            SavedUpdate::Gone(index) => _ = known.remove(&index),
        }
    }
    let found = found.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)));
    assert_eq!(found.saved.interfaces, known.into_values().collect::<Vec<_>>(), "the last line of each interface");
    Ok(())
}

fn any_update(from: &mut Unstructured<'_>) -> Result<SavedUpdate> {
    let known = any_saved_interface(from.int_in_range(0..=5)?, from)?;
    Ok(if from.arbitrary()? { SavedUpdate::Known(known) } else { SavedUpdate::Gone(known.index) })
}

/// A state is encoded and decoded again unchanged, and a fleet restores it.
fn check_state(mut state: State) {
    state.saved.interfaces.sort_by_key(|known| known.index);
    let again = decode(&encode(&state)).unwrap_or_else(|error| panic!("{error}: {state:?}"));
    assert_eq!(again, state, "written and read again");
    take_over(state.saved);
}

/// A fleet restores the state, finds each interface again, some of them changed, and sends.
fn take_over(saved: SavedState) {
    static EVERYTHING: LazyLock<Regex> = LazyLock::new(|| Regex::new("").expect("a regex"));
    let mut fleet =
        Fleet::new(Policy { pattern: EVERYTHING.clone(), addresses: AddressPolicy::default() }, parameters());
    let found: Vec<_> = saved.interfaces.iter().map(present).collect();
    fleet.restore(saved, NOW);
    fleet.reconcile_all(found, NOW);
    let later = NOW + Duration::from_secs(4);
    for now in [NOW, later] {
        carry_out(&mut fleet);
        while fleet.on_timeout(now) {
            carry_out(&mut fleet);
        }
    }
    let State { saved, .. } = decode(&encode(&State { boot_id: String::new(), saved: fleet.saved_state(later) }))
        .expect("a fleet's saved state can be encoded");
    assert!(saved.interfaces.iter().all(|known| known.advertised.matters(later)), "it holds nothing that has expired");
}

fn carry_out(fleet: &mut Fleet) {
    while let Some(action) = fleet.poll_action() {
        if let Action::Send(send) = action {
            let prefixes = send.advert.options.iter();
            let prefixes = prefixes.filter(|option| matches!(option, NdOption::PrefixInformation(_))).count();
            assert!(prefixes <= MOST_PREFIXES, "{prefixes} prefixes in {:?}", send.advert);
        }
    }
}

/// Returns a fit interface, alternately with the saved source and prefix and with others.
fn present(known: &SavedInterface) -> Interface {
    let other = known.index.get().is_multiple_of(2);
    let source = known.advertised.router.filter(|_| !other).map(|router| router.source.get());
    let source = source.unwrap_or(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9));
    let prefix = known.advertised.prefix.filter(|_| !other).map(|advertised| advertised.prefix.network());
    let prefix = prefix.unwrap_or(Ipv6Addr::new(0x2001, 0xdb8, 9, 9, 0, 0, 0, 0));
    let address = |address, scope| Address {
        address,
        prefix_len: 64,
        scope,
        flags: AddressFlags::default(),
        lifetimes: Lifetimes::default(),
    };
    Interface {
        index: known.index,
        name: known.name.clone(),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false, accepts_ra: false }),
        mtu: 1500,
        link_address: None,
        group_mapping: GroupMapping::Ethernet,
        tun: true,
        addresses: vec![address(prefix, AddressScope::Global), address(source, AddressScope::Link)],
    }
}

fn parameters() -> Parameters {
    Parameters {
        min_interval: Duration::from_secs(20),
        max_interval: Duration::from_secs(60),
        router_lifetime: Duration::from_secs(180),
        valid_lifetime: Duration::from_secs(86_400),
        preferred_lifetime: Duration::from_secs(14_400),
        preference: RouterPreference::Medium,
    }
}

/// Returns a saved interface with every field.
fn full(index: u32) -> SavedInterface {
    let router = |number| AdvertisedRouter {
        source: LinkLocal::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number)).expect("link-local"),
        until: BootInstant::from_boot(Duration::from_secs(1_100)),
    };
    let advertised = |number: u16, seconds| AdvertisedPrefix {
        prefix: Prefix64::containing(Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)),
        valid_until: BootInstant::from_boot(Duration::from_secs(seconds)),
    };
    SavedInterface {
        index: IfIndex::new(index).expect("not 0"),
        name: format!("tap{index}"),
        advertised: Advertised {
            router: Some(router(7)),
            owed: Some(router(8)),
            prefix: Some(advertised(1, 90_000)),
            retired: vec![advertised(2, 3_600), advertised(3, 7_200)],
            last_sent: Some(BootInstant::from_boot(Duration::from_micros(999_000_001))),
        },
    }
}

/// Makes a state that the file holds exactly: instants in whole microseconds.
fn any_state(from: &mut Unstructured<'_>) -> Result<State> {
    let ending = if from.arbitrary()? { Ending::Clean } else { unclean(from.arbitrary()?, from.arbitrary()?) };
    let count = from.int_in_range(0..=5)?;
    let interfaces = (0..count).map(|number| any_saved_interface(number, from)).collect::<Result<_>>()?;
    Ok(State { boot_id: from.arbitrary::<&str>()?.to_owned(), saved: SavedState { ending, interfaces } })
}

/// Makes interface `number` of the state; its index is unique.
fn any_saved_interface(number: u32, from: &mut Unstructured<'_>) -> Result<SavedInterface> {
    let index = from.int_in_range(0..=u32::MAX / 8)? * 8 + number;
    let retired = from.int_in_range(0..=20)?;
    Ok(SavedInterface {
        index: IfIndex::new(index).unwrap_or(IfIndex::new(u32::MAX).expect("not 0")),
        name: from.arbitrary::<&str>()?.to_owned(),
        advertised: Advertised {
            router: any_advertised_router(from)?,
            owed: any_advertised_router(from)?,
            prefix: if from.arbitrary()? { Some(any_advertised_prefix(from)?) } else { None },
            retired: (0..retired).map(|_| any_advertised_prefix(from)).collect::<Result<_>>()?,
            last_sent: from.arbitrary::<Option<u64>>()?.map(micros),
        },
    })
}

fn any_advertised_router(from: &mut Unstructured<'_>) -> Result<Option<AdvertisedRouter>> {
    let Some(low) = from.arbitrary::<Option<u64>>()? else { return Ok(None) };
    let source = LinkLocal::new((0xfe80 << 112 | u128::from(low)).into()).expect("link-local");
    Ok(Some(AdvertisedRouter { source, until: micros(from.arbitrary()?) }))
}

fn any_advertised_prefix(from: &mut Unstructured<'_>) -> Result<AdvertisedPrefix> {
    Ok(AdvertisedPrefix {
        prefix: Prefix64::containing((u128::from(from.arbitrary::<u64>()?) << 64).into()),
        valid_until: micros(from.arbitrary()?),
    })
}

fn unclean(valid_lifetime: u64, router_lifetime: u64) -> Ending {
    let [valid_lifetime, router_lifetime] = [valid_lifetime, router_lifetime].map(Duration::from_secs);
    Ending::Unclean { valid_lifetime, router_lifetime }
}

fn micros(micros: u64) -> BootInstant {
    BootInstant::from_boot(Duration::from_micros(micros))
}
