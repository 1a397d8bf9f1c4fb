//! The capabilities that filter and socket need, and the errors without them. Each test runs itself again as
//! another user.

use std::{env, fs, os::unix::fs::PermissionsExt, process::Command};

use autora::{
    addr::IfIndex,
    settings::FilterMode,
    sys::{
        filter::{CAPACITY, Filter, FilterKind, LoadError},
        receiver::{Receiver, ReceiverOpenError},
    },
};
use autora_tests::{copy_program, require_root};
use caps::CapSet;
use nix::unistd::geteuid;

#[test]
fn two_capabilities_are_enough_and_none_is_needed_later() {
    unprivileged("privilege::two_capabilities_are_enough_and_none_is_needed_later", "+net_raw,+bpf", || {
        let mut receiver = open_receiver(FilterMode::Ebpf);
        for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
            caps::clear(None, set).unwrap();
        }
        assert!(Filter::open(FilterMode::Ebpf, CAPACITY).is_err(), "the capabilities are gone");

        let filter = receiver.filter_mut();
        let interface = IfIndex::new(7).unwrap();
        filter.serve(interface).unwrap();
        filter.clear_pending(interface).unwrap();
        assert!(filter.interface_stats(interface).unwrap().is_some());
        filter.totals().unwrap();
        filter.unserve(interface).unwrap();
        receiver.dropped().unwrap();
    });
}

#[test]
fn two_capabilities_are_enough_for_a_filter_that_logs() {
    unprivileged("privilege::two_capabilities_are_enough_for_a_filter_that_logs", "+net_raw,+bpf", || {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).finish();
        tracing::subscriber::with_default(subscriber, || open_receiver(FilterMode::Ebpf));
    });
}

#[test]
fn without_cap_bpf_the_filter_is_the_classic_one() {
    unprivileged("privilege::without_cap_bpf_the_filter_is_the_classic_one", "+net_raw", || {
        let setting = fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").unwrap();
        assert_ne!(setting.trim(), "0", "the kernel lets every user load filters: the test needs one that does not");

        let error = Filter::open(FilterMode::Ebpf, CAPACITY).unwrap_err();
        assert!(matches!(error, LoadError::Permission), "{error:?}");
        assert_says(&error, &["CAP_BPF", "setcap", "AmbientCapabilities"]);

        let (filter, fallback) = Filter::open(FilterMode::Auto, CAPACITY).unwrap();
        assert_eq!(filter.kind(), FilterKind::Classic);
        assert!(matches!(fallback, Some(LoadError::Permission)), "{fallback:?}");
        open_receiver(FilterMode::Auto);
    });
}

#[test]
fn without_cap_net_raw_the_socket_is_an_error() {
    unprivileged("privilege::without_cap_net_raw_the_socket_is_an_error", "+bpf", || {
        let (filter, _) = Filter::open(FilterMode::Auto, CAPACITY).unwrap();
        let error = in_runtime(|| Receiver::open(filter)).unwrap_err();
        assert!(matches!(error, ReceiverOpenError::Permission), "{error:?}");
        assert_says(&error, &["CAP_NET_RAW", "setcap", "AmbientCapabilities"]);
    });
}

fn open_receiver(mode: FilterMode) -> Receiver {
    let (filter, _) = Filter::open(mode, CAPACITY).unwrap_or_else(|error| panic!("{error}"));
    in_runtime(|| Receiver::open(filter)).unwrap_or_else(|error| panic!("{error}"))
}

fn in_runtime<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async { work() })
}

fn assert_says(error: &dyn std::error::Error, words: &[&str]) {
    let text = error.to_string();
    println!("{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert_eq!(text.lines().count(), 1);
}

/// Runs the calling test, `name`, again in a process of user 65534 with these capabilities alone; does `work`
/// there.
fn unprivileged(name: &str, capabilities: &str, work: impl FnOnce()) {
    const AGAIN: &str = "AUTORA_TEST_UNPRIVILEGED";

    if env::var_os(AGAIN).is_some() {
        assert!(!geteuid().is_root());
        return work();
    }
    require_root();
    // Other users may have no access to the target directory.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = folder.path().join("test");
    copy_program(&env::current_exe().unwrap(), &copy);

    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
        .arg(format!("--inh-caps=-all,{capabilities}"))
        .arg(format!("--ambient-caps=-all,{capabilities}"))
        .arg(format!("--bounding-set=-all,{capabilities}"))
        .arg(&copy)
        .args(["--exact", name, "--nocapture"])
        .env(AGAIN, "1")
        .output()
        .expect("setpriv is part of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    assert!(text.contains("1 passed"), "no such test: {name}");
}
