//! Changes of the source.

use super::*;

#[test]
fn a_new_source_speaks_first_and_the_final_ra_of_the_old_one_follows() {
    let mut bench = Bench::rested(6);
    let start = bench.now;
    bench.serve(service(2, 1));
    bench.run_for(secs(40));
    let expected = [
        (1_000, "unsolicited", "fe80::2"),
        (4_000, "final", "fe80::1"),
        (17_000, "unsolicited", "fe80::2"),
        (33_000, "unsolicited", "fe80::2"),
    ];
    assert_eq!(bench.log(start), expected.map(|(at, cause, source)| (at, cause, source.to_owned())));
    assert_eq!(bench.sent[0].advert.router_lifetime, secs(180));
    assert_eq!(bench.sent[1].advert.router_lifetime, Duration::ZERO);
}
