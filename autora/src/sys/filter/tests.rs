use super::*;

#[test]
fn the_classic_form_serves_and_counts_without_privileges() {
    let (mut filter, fallback) = Filter::open(FilterMode::Classic, CAPACITY).unwrap();
    assert!(fallback.is_none());
    assert_eq!(filter.kind(), FilterKind::Classic);

    let [one, two] = [1, 2].map(|index| IfIndex::new(index).unwrap());
    let now = BootInstant::from_boot(Duration::from_secs(100));
    filter.serve(one).unwrap();
    assert!(filter.is_served(one) && !filter.is_served(two));
    filter.count_accepted(one);
    filter.count_dropped(one, Reason::Fragment, now).unwrap();
    filter.count_dropped(two, Reason::NotServed, now).unwrap();

    let stats = filter.interface_stats(one).unwrap().unwrap();
    assert_eq!((stats.counters.get(Reason::Passed), stats.counters.get(Reason::Fragment)), (1, 1));
    assert_eq!(filter.interface_stats(two).unwrap(), None);
    assert_eq!(filter.totals().unwrap().get(Reason::NotServed), 1);

    filter.unserve(one).unwrap();
    filter.unserve(one).unwrap();
    filter.clear_pending(one).unwrap();
    assert!(!filter.is_served(one));
}

#[test]
fn a_mark_outlasts_every_answer() {
    use autora_common::maps::PENDING_HOLD;

    use crate::engine::rfc4861::{MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS};

    assert!(PENDING_HOLD > MIN_DELAY_BETWEEN_RAS + MAX_RA_DELAY_TIME);
}
