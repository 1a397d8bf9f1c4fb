//! The filter's maps of served interfaces, without packets.

use std::process;

use autora::{
    addr::IfIndex,
    engine::eligibility::MapFailure,
    settings::FilterMode,
    sys::filter::{Counters, Filter, FilterKind, embedded},
};
use autora_tests::{bpf_numbers, require_root};

#[test]
fn the_embedded_program_is_aligned_for_its_reader() {
    let object = embedded().expect("this build carries no eBPF program: run `cargo xtask build-ebpf` first");
    assert_eq!(object.as_ptr().align_offset(8), 0);
    assert!(object.starts_with(b"\x7fELF"));
}

#[test]
fn a_full_map_is_an_error_and_takes_an_interface_after_another_is_removed() {
    require_root();
    for (mode, kind) in [(FilterMode::Auto, FilterKind::Ebpf), (FilterMode::Classic, FilterKind::Classic)] {
        let (filter, fallback) = Filter::open(mode, 2).unwrap();
        assert!(fallback.is_none(), "{fallback:?}");
        assert_eq!(filter.kind(), kind);
        fill(filter);
    }
}

fn fill(mut filter: Filter) {
    let [one, two, three] = [11, 12, 13].map(|index| IfIndex::new(index).unwrap());

    filter.serve(one).unwrap();
    filter.serve(two).unwrap();
    assert_eq!(filter.serve(three), Err(MapFailure::Full));
    assert!(!filter.is_served(three));
    filter.serve(two).expect("an entry that exists stays");

    filter.unserve(one).unwrap();
    filter.serve(three).expect("there is room again");
    assert!(filter.is_served(three) && !filter.is_served(one));
}

/// The start of the daemon waits for the verifier, about 1 ms for 1,000 instructions.
#[test]
fn the_verifier_follows_few_paths() {
    require_root();
    let (filter, _) = Filter::open(FilterMode::Ebpf, 2).unwrap();
    // Other tests of this process load the same program.
    let followed = bpf_numbers(process::id(), "verified_insns:");
    let most = followed.last().expect("the kernel tells it since Linux 5.16");
    assert!(*most <= 1_500, "{followed:?}; it was 3,563 before values were hidden from it");
    drop(filter);
}

#[test]
fn an_interface_without_an_entry_is_no_error() {
    require_root();
    let (mut filter, _) = Filter::open(FilterMode::Ebpf, 2).unwrap();
    let gone = IfIndex::new(11).unwrap();
    for _ in 0..2 {
        filter.unserve(gone).unwrap();
        filter.clear_pending(gone).unwrap();
        assert_eq!(filter.interface_stats(gone).unwrap(), None);
        assert!(!filter.is_served(gone), "clearing a mark makes no entry");

        filter.serve(gone).unwrap();
        filter.clear_pending(gone).unwrap();
        let stats = filter.interface_stats(gone).unwrap().unwrap();
        assert_eq!((stats.counters, stats.other_router), (Counters::default(), None));
    }
    assert_eq!(filter.totals().unwrap(), Counters::default());
}
