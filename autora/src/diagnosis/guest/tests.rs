use proptest::prelude::*;

use super::*;

const MAC: Option<LinkAddress> = Some([2, 0, 0, 0, 0, 1]);
const OTHER_MAC: Option<LinkAddress> = Some([2, 0, 0, 0, 0, 2]);

fn prefixes() -> [Prefix64; 1] {
    [Prefix64::containing("2001:db8:0:1::".parse().unwrap())]
}

fn global(source: &str) -> GuestReply {
    GuestReply { to: EchoSource::Global, source: source.parse().unwrap(), link_address: MAC }
}

fn link_local(source: &str) -> GuestReply {
    GuestReply { to: EchoSource::LinkLocal, ..global(source) }
}

fn guests(replies: &[GuestReply]) -> Vec<Guest> {
    let mut all = GuestReplies::default();
    for reply in replies {
        all.add(*reply);
    }
    all.guests(&prefixes())
}

#[test]
fn the_sources_of_a_guest_give_its_verdict() {
    let check = |replies: &[GuestReply], verdict, addresses: &[&str]| {
        let found = guests(replies);
        let [guest] = found.as_slice() else { panic!("{replies:?}: {found:?}") };
        assert_eq!(guest.verdict, verdict, "{replies:?}");
        let addresses: Vec<Ipv6Addr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        assert_eq!(guest.addresses, addresses, "{replies:?}");
    };
    let inside = "2001:db8:0:1::5";
    check(&[global(inside), link_local("fe80::5")], GuestVerdict::Works, &[inside]);
    check(&[global(inside)], GuestVerdict::Works, &[inside]);
    check(&[link_local("fe80::5")], GuestVerdict::NoRoute, &[]);
    check(&[link_local(inside)], GuestVerdict::NoRoute, &[inside]);
    check(&[global("fe80::5"), link_local("fe80::5")], GuestVerdict::NoAddress, &[]);
    let outside = "2001:db8:0:2::5";
    check(&[global(outside), link_local("fe80::5")], GuestVerdict::WrongPrefix, &[outside]);
    check(&[global("fe80::5"), global(outside)], GuestVerdict::WrongPrefix, &[outside]);
    check(&[global(outside), global(inside)], GuestVerdict::Works, &[inside, outside]);
}

#[test]
fn guests_are_told_apart_by_link_layer_address_and_the_worst_comes_first() {
    let works = [global("2001:db8:0:1::5"), link_local("fe80::5")];
    let no_route = GuestReply { link_address: OTHER_MAC, ..link_local("fe80::6") };
    let found = guests(&[works[0], works[1], no_route]);
    let verdicts: Vec<_> = found.iter().map(|guest| (guest.link_address, guest.verdict)).collect();
    assert_eq!(verdicts, [(OTHER_MAC, GuestVerdict::NoRoute), (MAC, GuestVerdict::Works)]);
    assert_eq!(found[1].link_local, LinkLocal::new("fe80::5".parse().unwrap()));
}

#[test]
fn guests_that_cannot_be_told_apart_have_no_verdict() {
    let nameless = |reply| GuestReply { link_address: None, ..reply };
    let one = [nameless(global("2001:db8:0:1::5")), nameless(link_local("fe80::5"))];
    assert_eq!(guests(&one)[0].verdict, GuestVerdict::Works, "the control");
    let found = guests(&[one[0], one[1], nameless(link_local("fe80::6"))]);
    assert_eq!(found[0].verdict, GuestVerdict::Unknown);
}

#[test]
fn a_guest_is_complete_when_it_answered_both() {
    let mut replies = GuestReplies::default();
    assert!(replies.is_empty() && !replies.is_complete());
    replies.add(link_local("fe80::5"));
    assert!(!replies.is_empty() && !replies.is_complete());
    replies.add(global("2001:db8:0:1::5"));
    assert!(replies.is_complete());
    replies.add(GuestReply { link_address: OTHER_MAC, ..link_local("fe80::6") });
    assert!(!replies.is_complete());
}

#[test]
fn the_first_sources_of_a_guest_count_and_each_of_them_once() {
    let sources: Vec<_> = (1..=MAX_ADDRESSES + 1).map(|number| global(&format!("2001:db8:0:1::{number}"))).collect();
    let found = guests(&[&sources[..1], &sources[..1], &sources[..]].concat());
    let expected: Vec<_> = sources[..MAX_ADDRESSES].iter().map(|reply| reply.source).collect();
    assert_eq!(found[0].addresses, expected);
}

#[test]
fn sources_that_no_guest_has_count_for_nothing() {
    assert_eq!(guests(&[global("2001:db8:0:1::5")]).len(), 1, "the control");
    for source in ["ff02::1", "::", "::1"] {
        assert!(guests(&[global(source)]).is_empty(), "{source}");
    }
}

#[test]
fn the_names_are_those_of_all_verdicts_from_the_worst_on() {
    assert!(GuestVerdict::ALL.is_sorted());
    let names = GuestVerdict::ALL.map(GuestVerdict::name);
    assert_eq!(names, ["no-route", "no-address", "wrong-prefix", "unknown", "works"]);
}

proptest! {
    #[test]
    fn a_hostile_guest_takes_bounded_room(replies in prop::collection::vec((any::<u128>(), any::<[u8; 2]>(), any::<bool>()), 0..2_000)) {
        let mut all = GuestReplies::default();
        for (source, mac, is_global) in &replies {
            let to = if *is_global { EchoSource::Global } else { EchoSource::LinkLocal };
            let link_address = Some([2, 0, 0, 0, mac[0], mac[1]]);
            all.add(GuestReply { to, source: Ipv6Addr::from_bits(*source), link_address });
        }
        prop_assert_eq!(all.is_full(), replies.len() >= MAX_REPLIES);
        let guests = all.guests(&prefixes());
        prop_assert!(guests.len() <= MAX_REPLIES);
        prop_assert!(guests.iter().all(|guest| guest.addresses.len() <= 2 * MAX_ADDRESSES));
    }
}
