use std::{collections::HashSet, time::Duration};

use proptest::prelude::*;

use super::{state::READ_DELAY, *};
use crate::sys::netlink::{
    bytes::{
        CREATED, DOWN, NewLink, TENTATIVE, UP, address, address_deleted, address_for, created, forwarding, link,
        link_deleted, settings_deleted, settings_unspecified,
    },
    decode,
    frame::messages,
};

/// The notification that makes the unknown part known, if there is one.
type ResolvedBy = Option<Vec<u8>>;

const NOW: BootInstant = BootInstant::from_boot(Duration::from_secs(100));
const LINK_LOCAL: &str = "fe80::1";
const NONE: [u32; 0] = [];
const GLOBAL: &str = "2001:db8::1";

fn index(raw: u32) -> IfIndex {
    IfIndex::new(raw).unwrap()
}

/// A mirror under test.
struct Scene(Mirror);

impl Scene {
    /// Returns one that has `tap7`, index 7, up, forwarding, with both addresses.
    fn new() -> Self {
        let mut scene = Self::empty();
        scene.receive(&[created(7, "tap7"), address(7, LINK_LOCAL, 0), address(7, GLOBAL, 0)]);
        assert_eq!(scene.changes_as_text(), ["seen #7 tap7 with 2"]);
        scene
    }

    fn empty() -> Self {
        Self(Mirror::new(Some(Regex::new("^tap").unwrap())))
    }

    fn receive(&mut self, messages: &[Vec<u8>]) {
        self.0.receive(&messages.concat(), NOW);
    }

    fn changes(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.0.poll_change()).collect()
    }

    fn changes_as_text(&mut self) -> Vec<String> {
        let words = |change| match change {
            Change::Gone(index) => format!("gone {index:?}"),
            Change::Seen(interface) => {
                let Interface { index, name, addresses, .. } = &*interface;
                format!("seen {index:?} {name} with {}", addresses.len())
            }
            Change::HostForwarding(on) => format!("host {on}"),
            Change::Resynced { complete } => format!("resynced {complete}"),
        };
        self.changes().into_iter().map(words).collect()
    }

    /// Returns the one interface that has changed.
    fn seen(&mut self) -> Rc<Interface> {
        match self.changes().as_slice() {
            [Change::Seen(interface)] => interface.clone(),
            others => panic!("{others:?}"),
        }
    }

    /// Returns the interfaces that are to be read alone once the delay is over.
    fn unknown(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.0.next_unknown(NOW + READ_DELAY)).map(IfIndex::get).collect()
    }

    /// Applies a dump of whole links, or of their IPv6 part alone, and of addresses.
    fn dump(&mut self, whole: bool, complete: bool, links: &[NewLink], addresses: &[Vec<u8>]) {
        self.0.dump().begin();
        self.dump_on(whole, complete, links, addresses);
    }

    fn dump_on(&mut self, whole: bool, complete: bool, links: &[NewLink], addresses: &[Vec<u8>]) {
        self.dump_at(NOW, whole, complete, links, addresses);
    }

    fn dump_at(&mut self, now: BootInstant, whole: bool, complete: bool, links: &[NewLink], addresses: &[Vec<u8>]) {
        for link in links {
            let bytes = if whole { link.whole() } else { link.inet6() };
            self.0.dump().link(&decode::link(payload(&bytes)).unwrap(), now);
        }
        self.0.dump().end_links(whole, complete, now);
        for address in addresses {
            let (owner, address) = decode::address(payload(address), now).unwrap().unwrap();
            self.0.dump().address(owner, address, complete, now);
        }
        self.0.dump().end(complete, now);
    }
}

fn payload(message: &[u8]) -> &[u8] {
    messages(message).next().unwrap().unwrap().payload
}

fn tap7() -> Vec<Vec<u8>> {
    vec![address(7, LINK_LOCAL, 0), address(7, GLOBAL, 0)]
}

/// Notifications that carry the whole change: the interface is as expected then, and needs no request.
#[test]
fn what_notifications_carry() {
    type Holds = fn(&Interface) -> bool;
    let cases: &[(&str, Vec<Vec<u8>>, Holds)] = &[
        ("down", vec![NewLink { flags: DOWN, ..link(7, "tap7") }.whole()], |found| !found.flags.up),
        ("a new name", vec![link(7, "tap8").whole()], |found| found.name == "tap8"),
        ("a name that no longer matches", vec![link(7, "x").whole()], |found| found.name == "x"),
        ("MTU", vec![NewLink { mtu: 1400, ..link(7, "tap7") }.whole()], |found| found.mtu == 1400),
        ("tentative", vec![address(7, GLOBAL, TENTATIVE)], |found| {
            found.addresses.len() == 2 && found.addresses[0].flags.tentative
        }),
        ("a further address", vec![address(7, "2001:db8::2", 0)], |found| found.addresses.len() == 3),
        ("an address deleted", vec![address_deleted(7, GLOBAL)], |found| found.addresses.len() == 1),
        ("forwarding", vec![forwarding(7, 0)], |found| !found.ipv6.unwrap().forwarding),
        (
            "too small an MTU",
            vec![
                NewLink { mtu: 1279, ..link(7, "tap7") }.whole(),
                address_deleted(7, GLOBAL),
                address_deleted(7, LINK_LOCAL),
                settings_deleted(7),
            ],
            |found| found.ipv6.is_none() && found.addresses.is_empty(),
        ),
        (
            "and back",
            vec![
                NewLink { mtu: 1279, ..link(7, "tap7") }.whole(),
                settings_deleted(7),
                NewLink { settings: None, ..link(7, "tap7") }.whole(),
                forwarding(7, 0),
                NewLink { settings: Some([0, 0, 0]), ..link(7, "tap7") }.inet6(),
            ],
            |found| found.ipv6.is_some_and(|ipv6| !ipv6.forwarding) && found.addresses.is_empty(),
        ),
        ("renamed, with its settings", vec![link(7, "tap8").whole(), settings_deleted(7), forwarding(7, 1)], |found| {
            found.name == "tap8" && found.ipv6.is_some() && found.addresses.len() == 2
        }),
        (
            "taken down with its addresses",
            vec![
                NewLink { flags: DOWN, ..link(7, "tap7") }.whole(),
                address_deleted(7, LINK_LOCAL),
                address_deleted(7, GLOBAL),
            ],
            |found| !found.flags.up && found.addresses.is_empty(),
        ),
        (
            "taken down, an address kept, and up again: it is detected anew",
            vec![NewLink { flags: DOWN, ..link(7, "tap7") }.whole(), link(7, "tap7").whole()],
            |found| found.addresses.iter().all(|address| address.flags.tentative),
        ),
    ];
    for (what, messages, holds) in cases {
        let mut scene = Scene::new();
        scene.receive(messages);
        let found = scene.seen();
        assert!(holds(&found), "{what}: {found:?}");
        assert_eq!(scene.unknown(), NONE, "{what}");
        scene.receive(&messages[messages.len() - 1..]);
        assert_eq!(scene.changes_as_text(), [""; 0], "{what}: the same notification again changes nothing");
    }
}

#[test]
fn what_notifications_do_not_carry_is_read() {
    let back_while_down = NewLink { flags: DOWN, settings: None, ..link(7, "tap7") }.whole();
    let enslaved = NewLink { master: Some((3, "vrf\0")), ..link(7, "tap7") }.whole();
    let off = NewLink { settings: Some([1, 1, 0]), ..link(7, "tap7") };
    let cases: &[(&str, Vec<Vec<u8>>, ResolvedBy)] = &[
        ("the last address", vec![address_deleted(7, GLOBAL), address_deleted(7, LINK_LOCAL)], Some(off.whole())),
        ("a setting unspecified", vec![settings_unspecified(7)], Some(off.inet6())),
        ("settings deleted for an unknown reason", vec![settings_deleted(7)], Some(forwarding(7, 1))),
        ("IPv6 back while down", vec![back_while_down, forwarding(7, 1)], Some(off.inet6())),
        ("another master", vec![enslaved], None),
    ];
    for (what, messages, resolved_by) in cases {
        let mut scene = Scene::new();
        scene.receive(messages);
        assert_eq!(scene.0.next_unknown(NOW), None, "{what}: not before the delay is over");
        assert_eq!(scene.unknown(), [7], "{what}");
        assert_eq!(scene.unknown(), NONE, "{what}: once");
        let mut scene = Scene::new();
        scene.receive(messages);
        if let Some(resolved_by) = resolved_by {
            scene.receive(slice::from_ref(resolved_by));
            assert_eq!(scene.unknown(), NONE, "{what}: known by a notification");
        }
        let mut scene = Scene::new();
        scene.receive(messages);
        scene.receive(&[link_deleted(7)]);
        assert_eq!(scene.unknown(), NONE, "{what}: it was deleted");
    }
}

#[test]
fn deleted_and_created_again_is_another_one() {
    let mut scene = Scene::new();
    scene.receive(&[address(7, "2001:db8::2", 0), link_deleted(7), created(7, "tap7"), address(7, "2001:db8:9::1", 0)]);
    assert_eq!(scene.changes_as_text(), ["gone #7", "seen #7 tap7 with 1"]);
    scene.receive(&[created(7, "tap7")]);
    assert_eq!(
        scene.changes_as_text(),
        ["gone #7", "seen #7 tap7 with 0"],
        "though the notification of its deletion was lost"
    );
    scene.receive(&[link_deleted(7), created(7, "x")]);
    assert_eq!(scene.changes_as_text(), ["gone #7"], "and its name does not match");
    scene.receive(&[link_deleted(7), created(7, "tap7"), link_deleted(7)]);
    assert_eq!(scene.changes_as_text(), ["gone #7"], "it was never handed out");
}

/// The notifications that the kernel sent when `ip -batch` deleted an interface and created another one with its index
/// and name.
#[test]
fn deleted_and_created_again_as_recorded() {
    let recorded = include_bytes!("tests/recreated.bin");
    let mut scene = Scene(Mirror::new(Some(Regex::new("^x$").unwrap())));
    scene.0.receive(&created(77, "x"), NOW);
    scene.0.receive(&address(77, "2001:db8:1::1", 0), NOW);
    assert_eq!(scene.changes_as_text(), ["seen #77 x with 1"]);
    scene.0.receive(recorded, NOW);
    let changes = scene.changes();
    let [Change::Gone(gone), Change::Seen(found)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((*gone, found.index, found.link_address), (index(77), index(77), Some([2, 0, 0, 0, 0, 2])));
    let addresses: Vec<_> = found.addresses.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(addresses, ["2001:db8:2::1"]);
    assert_eq!(scene.unknown(), NONE, "no request was needed");
}

#[test]
fn changes_come_in_order_each_interface_once() {
    let mut scene = Scene::empty();
    scene.receive(&[created(9, "tap9"), created(7, "tap7"), address(9, GLOBAL, 0), address(9, LINK_LOCAL, 0)]);
    scene.receive(&[address(7, GLOBAL, 0)]);
    assert_eq!(scene.changes_as_text(), ["seen #9 tap9 with 2", "seen #7 tap7 with 1"]);
    assert_eq!(scene.changes_as_text(), [""; 0]);
}

#[test]
fn of_other_names_nothing_is_kept_until_one_matches() {
    let mut scene = Scene::empty();
    scene.receive(&[
        created(5, "eth5"),
        address(5, GLOBAL, 0),
        settings_deleted(5),
        settings_unspecified(5),
        forwarding(5, 1),
    ]);
    assert_eq!((scene.changes_as_text(), scene.unknown()), (vec![], vec![]));
    scene.receive(&[link(5, "tap5").whole()]);
    assert_eq!(scene.changes_as_text(), [""; 0], "its addresses are not known");
    assert_eq!(scene.unknown(), [5]);
    let found = decode::interface(payload(&link(5, "tap5").whole())).unwrap();
    scene.0.begin_reads();
    scene.0.apply_reply(index(5), Some(found), NOW);
    scene.0.end_reads();
    assert_eq!(scene.changes_as_text(), ["seen #5 tap5 with 0"]);
}

#[test]
fn an_interface_that_is_followed_by_index_needs_no_matching_name() {
    let mut scene = Scene::empty();
    scene.0.follow([index(5)].into_iter());
    scene.receive(&[created(5, "eth5"), created(6, "eth6")]);
    assert_eq!(scene.changes_as_text(), ["seen #5 eth5 with 0"]);
}

/// The reply may be older than a notification that came after the request.
#[test]
fn a_reply_does_not_replace_what_notifications_said_meanwhile() {
    let found = decode::interface(payload(&link(7, "tap7").whole())).unwrap();
    for (what, meanwhile, is_read_again) in [
        ("nothing", vec![], false),
        ("a change", vec![address(7, GLOBAL, TENTATIVE)], true),
        ("another one", vec![link_deleted(7), created(7, "tap7"), address(7, LINK_LOCAL, 0)], false),
    ] {
        let mut scene = Scene::new();
        scene.receive(&[settings_unspecified(7)]);
        assert_eq!(scene.unknown(), [7]);
        scene.0.begin_reads();
        scene.receive(&meanwhile);
        scene.0.apply_reply(index(7), Some(found.clone()), NOW);
        scene.0.end_reads();
        let is_applied = scene.0.interfaces() == [found.clone()];
        assert_eq!(is_applied, meanwhile.is_empty(), "{what}");
        assert_eq!(scene.unknown() == [7], is_read_again, "{what}");
    }
}

#[test]
fn the_reply_that_an_interface_does_not_exist_removes_it() {
    let mut scene = Scene::new();
    scene.receive(&[settings_unspecified(7)]);
    scene.0.begin_reads();
    scene.0.apply_reply(index(7), None, NOW);
    assert_eq!(scene.changes_as_text(), ["gone #7"]);
}

#[test]
fn a_dump_finds_what_is_new_has_changed_and_is_gone() {
    for whole in [true, false] {
        let mut scene = Scene::new();
        scene.receive(&[created(8, "tap8"), created(9, "tap9"), address(9, GLOBAL, 0)]);
        scene.changes_as_text();
        let links = [link(7, "tap7"), NewLink { settings: Some([0, 1, 0]), ..link(9, "tap9") }];
        scene.dump(whole, true, &links, &tap7());
        if whole {
            assert_eq!(scene.changes_as_text(), ["seen #9 tap9 with 0", "gone #8"]);
            assert_eq!(scene.unknown(), NONE);
        } else {
            assert_eq!(scene.changes_as_text(), ["seen #9 tap9 with 0"]);
            assert_eq!(scene.unknown(), [8], "it may only have lost its IPv6 part");
        }
        scene.dump(whole, true, &links, &tap7());
        assert_eq!(scene.changes_as_text(), [""; 0], "a second time it changes nothing");
    }
}

/// After lost notifications everything is unknown until a dump has listed it.
#[test]
fn a_dump_after_an_overrun() {
    let mut scene = Scene::new();
    scene.0.mark_all_unknown();
    scene.dump(true, true, &[link(7, "tap7"), link(8, "tap8")], &[tap7(), vec![address(8, GLOBAL, 0)]].concat());
    assert_eq!(scene.changes_as_text(), ["seen #8 tap8 with 1"]);
    assert_eq!(scene.unknown(), NONE);

    // With a notification during the dump: it is read alone, as the notification does not carry everything.
    scene.0.mark_all_unknown();
    scene.0.dump().begin();
    scene.receive(&[address(7, "2001:db8::2", 0), created(9, "tap9"), link_deleted(8)]);
    scene.dump_on(true, true, &[link(7, "tap7"), link(8, "tap8")], &tap7());
    assert_eq!(scene.changes_as_text(), ["seen #7 tap7 with 3", "seen #9 tap9 with 0", "gone #8"]);
    assert_eq!(scene.unknown(), [7], "not the new one");
}

/// `NLM_F_DUMP_INTR`: what it left out may be there.
#[test]
fn an_interrupted_dump_removes_nothing() {
    for whole in [true, false] {
        let mut scene = Scene::new();
        scene.receive(&[created(8, "tap8")]);
        scene.changes_as_text();
        scene.dump(whole, false, &[link(8, "tap8")], &[]);
        assert_eq!(scene.changes_as_text(), [""; 0], "whole: {whole}");
        assert_eq!(scene.unknown(), [7], "whole: {whole}");
        scene.dump(whole, false, &[link(7, "tap7"), link(8, "tap8")], &tap7()[..1]);
        assert_eq!(scene.changes_as_text(), [""; 0], "an address left out, whole: {whole}");
        assert_eq!(scene.unknown(), [7]);
    }
    // One that is found for the first time may lack addresses.
    let mut scene = Scene::empty();
    scene.dump(true, false, &[link(7, "tap7")], &tap7()[..1]);
    assert_eq!((scene.changes_as_text(), scene.unknown()), (vec![], vec![7]));
    // The control: a complete one removes.
    let mut scene = Scene::new();
    scene.dump(true, true, &[link(7, "tap7")], &tap7()[..1]);
    assert_eq!(scene.changes_as_text(), ["seen #7 tap7 with 1"]);
}

/// An interface whose addresses the dump left out exists all the same: if the resync ended without it, it would be
/// taken for deleted.
#[test]
fn a_resync_ends_when_every_interface_was_read() {
    let found = || {
        let [one, other] = [0, 1].map(|place| decode::address(payload(&tap7()[place]), NOW).unwrap().unwrap().1);
        let found = decode::interface(payload(&link(7, "tap7").whole())).unwrap();
        Interface { addresses: vec![other, one], ..found }
    };
    let resynced = || {
        let mut scene = Scene::empty();
        scene.0.dump().begin();
        for link in [link(5, "eth5"), link(7, "tap7")] {
            scene.0.dump().link(&decode::link(payload(&link.whole())).unwrap(), NOW);
        }
        scene.0.dump().end_links(true, true, NOW);
        scene.0.dump().end(false, NOW);
        scene.0.dump().resynced(true);
        assert_eq!(scene.changes_as_text(), [""; 0]);
        assert!(!scene.0.has_pending_change(), "only a single read is left to do");
        assert_eq!(scene.unknown(), [7]);
        scene.0.begin_reads();
        scene
    };
    let mut scene = resynced();
    scene.0.apply_reply(index(7), Some(found()), NOW);
    assert_eq!(scene.changes_as_text(), ["seen #7 tap7 with 2"]);
    scene.0.end_reads();
    assert_eq!(scene.changes_as_text(), ["resynced true"]);

    let mut scene = resynced();
    scene.receive(&[address(7, LINK_LOCAL, 0)]);
    scene.0.apply_reply(index(7), Some(found()), NOW);
    scene.0.end_reads();
    assert_eq!(scene.changes_as_text(), [""; 0], "what was read may be older than the notification");
    assert_eq!(scene.unknown(), [7]);

    let mut scene = resynced();
    scene.receive(&[link_deleted(7)]);
    scene.0.apply_reply(index(7), None, NOW);
    scene.0.end_reads();
    assert_eq!(scene.changes_as_text(), ["gone #7", "resynced true"]);

    // A message that cannot be decoded does not even tell the name: the dump does, or a single read.
    for listed in [true, false] {
        let mut scene = Scene::new();
        scene.0.undecodable(index(6), NOW);
        let links = [link(7, "tap7"), link(6, "eth6")];
        scene.dump(true, false, &links[..if listed { 2 } else { 1 }], &tap7());
        scene.0.dump().resynced(false);
        if !listed {
            assert_eq!((scene.changes_as_text(), scene.unknown()), (vec![], vec![6]));
            scene.0.begin_reads();
            let found = Interface { index: index(6), name: "eth6".to_owned(), ..found() };
            scene.0.apply_reply(index(6), Some(found), NOW);
            scene.0.end_reads();
        }
        assert_eq!((scene.changes_as_text(), scene.unknown()), (vec!["resynced false".to_owned()], vec![]), "{listed}");
    }
}

/// The kernel rounds to whole seconds: each reply about an address that does not change gives another end.
#[test]
fn resyncs_find_no_change_in_lifetimes_that_only_run_down() {
    const DEPRECATED: u32 = 0x20;
    let after = |ms: u64| NOW + Duration::from_millis(ms);
    let links = [link(7, "tap7")];
    let left = |left: [u32; 2]| vec![address(7, LINK_LOCAL, 0), address_for(7, GLOBAL, 0, left)];
    let mut scene = Scene::empty();
    scene.receive(&[vec![created(7, "tap7")], left([20, 120])].concat());
    let begin = scene.seen();
    // Three resyncs and a notification, as the kernel may round them.
    for (ms, seconds) in [(9_990, [11, 111]), (10_700, [10, 110]), (18_010, [2, 102])] {
        for whole in [true, false] {
            scene.0.dump().begin();
            scene.dump_at(after(ms), whole, true, &links, &left(seconds));
            assert_eq!(scene.changes_as_text(), [""; 0], "after {ms} ms");
        }
        scene.0.receive(&left(seconds).concat(), after(ms));
        assert_eq!(scene.changes_as_text(), [""; 0], "notified after {ms} ms");
        assert_eq!(scene.0.interfaces()[0], *begin, "the end that was read first stands: it does not creep");
    }
    // The preferred lifetime runs out: the flag is a change, the end is none.
    let over = [address(7, LINK_LOCAL, 0), address_for(7, GLOBAL, DEPRECATED, [0, 100])];
    scene.0.receive(&over.concat(), after(20_100));
    assert_eq!(scene.seen().addresses[0].lifetimes, begin.addresses[0].lifetimes);
    // The control: two seconds are a change, found by a resync and by a notification.
    for is_notified in [true, false] {
        let shorter = left([20, 98 - u32::from(is_notified) * 2]);
        if is_notified {
            scene.0.receive(&shorter.concat(), after(20_100));
        } else {
            scene.0.dump().begin();
            scene.dump_at(after(20_100), false, true, &links, &shorter);
        }
        assert_ne!(scene.seen().addresses[0].lifetimes, begin.addresses[0].lifetimes);
    }
}

/// The same holds for an interface that is read alone.
#[test]
fn a_single_read_finds_no_change_in_lifetimes_that_only_run_down() {
    let mut scene = Scene::empty();
    scene.receive(&[created(7, "tap7"), address_for(7, GLOBAL, 0, [20, 120])]);
    let begin = scene.seen();
    for (left, changed) in [([11, 111], false), ([11, 200], true)] {
        scene.receive(&[settings_unspecified(7)]);
        assert_eq!(scene.unknown(), [7]);
        scene.0.begin_reads();
        let now = NOW + Duration::from_millis(9_990);
        let (_, found) = decode::address(payload(&address_for(7, GLOBAL, 0, left)), now).unwrap().unwrap();
        scene.0.apply_reply(index(7), Some(Interface { addresses: vec![found], ..(*begin).clone() }), now);
        scene.0.end_reads();
        assert_eq!(scene.changes_as_text().len(), usize::from(changed), "{left:?}");
    }
}

#[test]
fn notifications_during_a_dump_are_newer() {
    let mut scene = Scene::new();
    scene.0.dump().begin();
    let smaller = NewLink { mtu: 1400, ..link(7, "tap7") };
    scene.receive(&[smaller.whole(), address_deleted(7, GLOBAL), created(8, "tap8"), link_deleted(8)]);
    scene.dump_on(true, true, &[link(7, "tap7"), link(8, "tap8")], &tap7());
    assert_eq!(scene.0.interfaces()[0].mtu, 1400);
    assert_eq!(scene.changes_as_text(), ["seen #7 tap7 with 1", "gone #8"]);
    assert_eq!(scene.unknown(), NONE);
}

#[test]
fn malformed_bytes_are_reported_once() {
    let mut scene = Scene::new();
    assert!(!scene.0.take_malformed());
    scene.receive(&[vec![1, 2, 3]]);
    assert!(scene.0.take_malformed() && !scene.0.take_malformed());
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec!["tap7", "tap8", "x"]);
    let flags = prop::sample::select(vec![UP, DOWN]);
    let change = prop::sample::select(vec![0, CREATED]);
    let mtu = prop::sample::select(vec![1279_u32, 1500]);
    let settings = prop::option::of([0_u32..2, 0_u32..2, 0_u32..2]);
    let new_link =
        (1_u32..4, name, flags, change, mtu, settings).prop_map(|(index, name, flags, change, mtu, settings)| {
            NewLink { index, name, flags, change, mtu, master: None, settings }.whole()
        });
    let ip = prop::sample::select(vec![LINK_LOCAL, GLOBAL, "2001:db8::2"]);
    prop_oneof![
        3 => new_link,
        1 => (1_u32..4).prop_map(link_deleted),
        3 => (1_u32..4, ip.clone(), prop::sample::select(vec![0, TENTATIVE]))
            .prop_map(|(index, ip, flags)| address(index, ip, flags)),
        2 => (1_u32..4, ip).prop_map(|(index, ip)| address_deleted(index, ip)),
        1 => (1_u32..4, 0_u32..2).prop_map(|(index, on)| forwarding(index, on)),
        1 => (1_u32..4).prop_map(settings_deleted),
        1 => (1_u32..4).prop_map(settings_unspecified),
    ]
}

proptest! {
    /// However messages are split into batches, the changes lead to what the mirror has.
    #[test]
    fn changes_applied_to_nothing_give_the_mirror(
        messages in prop::collection::vec(any_message(), 0..40),
        batch in 1_usize..8,
    ) {
        let mut scene = Scene::empty();
        let mut known = HashMap::new();
        for messages in messages.chunks(batch) {
            scene.receive(messages);
            let mut seen = HashSet::new();
            for change in scene.changes() {
                match change {
                    Change::Gone(index) => {
                        prop_assert!(!seen.contains(&index), "never gone after it was seen");
                        known.remove(&index);
                    }
                    Change::Seen(interface) => {
                        prop_assert!(seen.insert(interface.index), "once in a batch");
                        known.insert(interface.index, interface);
                    }
                    Change::HostForwarding(_) | Change::Resynced { .. } => {}
                }
            }
        }
        let entries = scene.0.state.entries.iter();
        let unread = entries.filter(|(_, entry)| entry.unknown.has(Unknown::NEVER_READ)).map(|(&index, _)| index);
        let unread: Vec<_> = unread.collect();
        let mirrored = scene.0.interfaces().into_iter().filter(|interface| !unread.contains(&interface.index));
        let mirrored: HashMap<_, _> = mirrored.map(|interface| (interface.index, Rc::new(interface))).collect();
        prop_assert_eq!(known, mirrored);
    }
}
