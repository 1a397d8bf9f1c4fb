use super::*;

const fn at(millis: u64) -> BootInstant {
    BootInstant::from_boot(Duration::from_millis(millis))
}

const NOW: BootInstant = at(1_000_000);

#[test]
fn an_end_that_differs_by_less_than_two_seconds_is_the_known_one() {
    for (read, known, expected) in [
        (Some(at(9_000)), Some(at(9_000)), Some(at(9_000))),
        (Some(at(9_000)), Some(at(10_999)), Some(at(10_999))),
        (Some(at(9_000)), Some(at(11_000)), Some(at(9_000))),
        (Some(at(9_000)), Some(at(7_001)), Some(at(7_001))),
        (Some(at(9_000)), Some(at(7_000)), Some(at(9_000))),
        (Some(at(9_000)), None, Some(at(9_000))),
        (None, Some(at(9_000)), None),
        (None, None, None),
    ] {
        let valid = |valid| Lifetimes { valid, ..Lifetimes::default() };
        assert_eq!(valid(read).settled(valid(known), NOW), valid(expected), "{read:?}, known {known:?}");
    }
}

#[test]
fn a_preferred_lifetime_that_ran_out_while_known_stays_as_it_is() {
    use Preferred::{ForEver, Until, Zero};
    let ended = Until(at(900_000));
    for (read, known, expected) in [
        (Until(at(9_000)), Until(at(10_999)), Until(at(10_999))),
        (Until(at(9_000)), Until(at(11_000)), Until(at(9_000))),
        (Until(at(9_000)), ForEver, Until(at(9_000))),
        (Until(at(9_000)), Zero, Until(at(9_000))),
        (ForEver, ended, ForEver),
        (ForEver, Zero, ForEver),
        // It ran out, by the kernel's rounding maybe a moment earlier than known.
        (Zero, ended, ended),
        (Zero, Until(NOW), Until(NOW)),
        (Zero, Until(at(1_001_999)), Until(at(1_001_999))),
        // The operator has set it to 0.
        (Zero, Until(at(1_002_000)), Zero),
        (Zero, ForEver, Zero),
        (Zero, Zero, Zero),
    ] {
        let preferred = |preferred| Lifetimes { valid: None, preferred };
        let settled = preferred(read).settled(preferred(known), NOW);
        assert_eq!(settled, preferred(expected), "{read:?}, known {known:?}");
    }
}

#[test]
fn an_interface_keeps_the_known_ends_of_each_of_its_addresses() {
    let with_ends = |ends: [u64; 2]| {
        let mut interface = fit();
        for (address, end) in interface.addresses.iter_mut().zip(ends) {
            address.lifetimes = Lifetimes { valid: Some(at(end)), preferred: Preferred::Until(at(end)) };
        }
        interface
    };
    let known = with_ends([9_000, 20_000]);
    let mut read = Rc::new(with_ends([10_000, 30_000]));
    read.settle_lifetimes(&known, NOW);
    assert_eq!(*read, with_ends([9_000, 30_000]));

    let shared = Rc::new(known.clone());
    let mut unchanged = shared.clone();
    unchanged.settle_lifetimes(&known, NOW);
    assert!(Rc::ptr_eq(&shared, &unchanged), "it is not copied");

    let mut other = known.clone();
    other.addresses[0].address = "2001:db8:1::2".parse().expect("an address");
    let mut read = Rc::new(other.clone());
    read.settle_lifetimes(&with_ends([9_001, 20_000]), NOW);
    assert_eq!(*read, other, "another address has ends of its own");
}
