//! Starts on machines that lack something: file descriptors, random numbers, `/sys`.

use autora_tests::{Launch, Namespace, Refusal, eventually};
use nix::{errno::Errno, libc};

use crate::bench::{Line, SOON, rarely};

#[test]
fn too_few_file_descriptors_are_named() {
    let host = Namespace::host();
    for limit in [4, 8, 16, 32, 63] {
        let mut daemon = Launch::new(&rarely(&[])).after(&format!("ulimit -n {limit}")).start(&host);
        assert_eq!(daemon.wait_exit(SOON), 1);
        let log = daemon.log();
        let [line] = &log[..] else { panic!("more than a line: {log:#?}") };
        assert!(line.contains(&format!("limit of open files is {limit}, and the daemon takes 64")), "{line}");
    }
    let daemon = Launch::new(&rarely(&[])).after("ulimit -n 64").start(&host);
    daemon.wait_for_log(&["INFO", "started"], SOON);
    assert!(daemon.warnings().is_empty(), "{:#?}", daemon.log());
}

/// As a virtual machine after its boot whose kernel has gathered no randomness yet.
#[test]
fn a_kernel_without_random_numbers_delays_no_start() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    // A call without flags would wait there.
    let refusal = Refusal { call: libc::SYS_getrandom, argument: Some((2, 0)), errno: Errno::EAGAIN };
    let _daemon = Launch::new(&rarely(&[])).refuse(refusal).start(&host);
    line.expect_served(SOON);
}

#[test]
fn without_sys_the_counters_are_read() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Launch::new(&rarely(&[])).after("mount -t tmpfs none /sys").start(&host);
    line.expect_served(SOON);
    daemon.wait_for_log(&["INFO", "started"], SOON);
    let before = daemon.warnings();
    let passed = || daemon.control().json("/v1/status")["rs"]["passed"].as_u64().expect("a number");
    assert_eq!(passed(), 0);
    line.solicit();
    eventually(SOON, "the solicitation", || (passed() == 1).then_some(()));
    assert_eq!(daemon.warnings(), before);
}
