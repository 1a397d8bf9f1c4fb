//! Settings: which are refused with which error, and their effect on RAs.

use std::time::Duration;

use autora_tests::{Daemon, Launch, Namespace};

use crate::bench::{Line, SOON, expect_silence};

#[test]
fn an_invalid_setting_is_refused_with_option_value_and_bound() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let refused = |launch: &Launch, expected: &[&str]| {
        let mut daemon = launch.start(&host);
        assert_eq!(daemon.wait_exit(SOON), 2, "{launch:?}");
        let message = daemon.log().join("\n");
        for fragment in expected {
            assert!(message.contains(fragment), "{launch:?} does not say {fragment:?}:\n{message}");
        }
    };
    for (argument, expected) in [
        ("--max-ra-interval=3s", &["--max-ra-interval", "3s", "4s"][..]),
        ("--max-ra-interval=65536s", &["--max-ra-interval", "65536s", "65535s"]),
        ("--min-ra-interval=2s", &["--min-ra-interval", "2s", "3s"]),
        ("--min-ra-interval=46s", &["--min-ra-interval", "46s", "45s"]),
        ("--min-ra-interval=3500ms", &["--min-ra-interval", "3500ms", "whole"]),
        ("--router-lifetime=59s", &["--router-lifetime", "59s", "60s"]),
        ("--router-lifetime=65536s", &["--router-lifetime", "65536s", "65535s"]),
        ("--pio-valid-lifetime=4294967296s", &["--pio-valid-lifetime", "4294967296s", "infinity"]),
        ("--pio-preferred-lifetime=4294967296s", &["--pio-", "4294967296s", "infinity"]),
        ("--forwarding-resync-interval=0s", &["--forwarding-resync-interval", "0s", "1s"]),
        ("--heartbeat-interval=500ms", &["--heartbeat-interval", "500ms"]),
        ("--interface-regex=", &["--interface-regex", "empty"]),
        ("--interface-regex=(", &["--interface-regex", "("]),
        ("--filter=none", &["--filter", "none", "ebpf", "classic"]),
        ("--send=udp", &["--send", "udp", "packet", "raw"]),
        ("--on-exit=panic", &["--on-exit", "panic", "withdraw", "keep"]),
        ("--log-level=loud", &["--log-level", "loud", "trace"]),
        ("--no-such-option", &["--no-such-option"]),
    ] {
        refused(
            &Launch::new(&["--interface-regex=^vm1$", argument][usize::from(argument.contains("regex"))..]),
            expected,
        );
    }
    // A value of its own word that begins like an option reaches the option.
    for (option, value, expected) in [
        ("--router-lifetime", "-5s", "duration"),
        ("--max-ra-interval", "-1", "duration"),
        ("--max-interfaces", "-1", "1 to 65536"),
        ("--heartbeat-interval", "--mtu", "duration"),
    ] {
        refused(&Launch::new(&["--interface-regex=^vm1$", option, value]), &[option, value, expected]);
    }
    refused(
        &Launch::new(&["--pio-valid-lifetime=1h", "--pio-preferred-lifetime=3601s"]),
        &["--pio-preferred-lifetime", "3601s", "3600s"],
    );
    refused(&Launch::new(&[]).env("AUTORA_MAX_RA_INTERVAL", "3s"), &["max-ra-interval", "3s", "4s"]);
    refused(&Launch::new(&[]).env("AUTORA_FILTER", "none"), &["--filter", "none"]);
    expect_silence([&mut line], Duration::ZERO);

    // The control: with good settings the same interface is served.
    let _daemon = Daemon::start(&host, &["--interface-regex=^vm1$"]);
    line.expect_served(SOON);
}

#[test]
fn settings_come_from_flags_then_from_the_environment_then_from_the_defaults() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Launch::new(&["--router-lifetime=301s"])
        .env("AUTORA_INTERFACE_REGEX", "^vm1$")
        .env("AUTORA_ROUTER_LIFETIME", "302s")
        .env("AUTORA_PIO_PREFERRED_LIFETIME", "303s")
        .env("AUTORA_PIO_VALID_LIFETIME", "")
        .start(&host);
    let advert = line.expect_served(SOON);
    let [option] = advert.prefixes()[..] else { panic!("one prefix: {advert:?}") };
    let seconds = [advert.advert.router_lifetime, option.preferred, option.valid].map(|lifetime| lifetime.as_secs());
    assert_eq!(seconds, [301, 303, 86_400]);
}

/// As an operator runs the service's settings in a terminal: the file takes the place of the environment, a flag wins.
#[test]
fn a_daemon_serves_by_a_file_of_settings() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("settings");
    let own = "AUTORA_CLAIM_DIRECTORY=none\nAUTORA_INTERFACE_REGEX='^vm\\d+$'\n";
    let lifetimes = "AUTORA_ROUTER_LIFETIME=301s\nAUTORA_PIO_PREFERRED_LIFETIME=303s\n";
    std::fs::write(&file, [own, lifetimes].concat()).expect("there is room");
    let _daemon = Launch::new(&[&format!("--settings={}", file.display()), "--router-lifetime=302s"])
        .env("AUTORA_PIO_VALID_LIFETIME", "304s")
        .env("AUTORA_MTU", "refused, if it were read")
        .start(&host);
    let advert = line.expect_served(SOON);
    let [option] = advert.prefixes()[..] else { panic!("one prefix: {advert:?}") };
    let seconds = [advert.advert.router_lifetime, option.preferred, option.valid].map(|lifetime| lifetime.as_secs());
    assert_eq!(seconds, [302, 303, 86_400]);
}

#[test]
fn unsolicited_advertisements_keep_to_their_interval() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 4);
    let _daemon =
        Daemon::start(&host, &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"]);
    std::thread::sleep(Duration::from_secs(13));
    let mut distances = Vec::new();
    for line in &mut lines {
        let (_, adverts) = line.seen(Duration::ZERO);
        assert!((4..=5).contains(&adverts.len()), "{}: {} advertisements in 13 s", line.name(), adverts.len());
        distances.extend(adverts.windows(2).map(|pair| pair[1].since(pair[0].at)));
    }
    distances.sort();
    let (shortest, longest) = (distances[0], distances[distances.len() - 1]);
    assert!(shortest >= Duration::from_secs(3) && longest <= Duration::from_millis(4_400), "{distances:?}");
    // The chance that a dozen draws from a second lie within a tenth of a second is about one in 10^10.
    assert!(longest.abs_diff(shortest) > Duration::from_millis(100), "not random: {distances:?}");
}

#[test]
fn check_reports_whether_the_settings_are_valid() {
    let host = Namespace::host();
    let mut good = Daemon::start(&host, &["--check", "--interface-regex=^vm1$", "--max-ra-interval=100s"]);
    assert_eq!(good.wait_exit(SOON), 0);
    // The default Router Lifetime is three times the longest interval.
    good.wait_for_log(&["router-lifetime", "300s"], SOON);
    let mut bad = Daemon::start(&host, &["--check", "--max-ra-interval=1s"]);
    assert_eq!(bad.wait_exit(SOON), 2);
}

/// systemd hands on the comment as a part of the value.
#[test]
fn a_comment_behind_a_value_is_the_cause_that_is_named() {
    let host = Namespace::host();
    let start = |variable: &str, value: &str| Launch::new(&[]).env(variable, value).output(&host);
    for (variable, value) in [
        ("AUTORA_MAX_RA_INTERVAL", "600s # slow"),
        ("AUTORA_MTU", "true # yes"),
        ("AUTORA_RUNTIME_DIRECTORY", "run/x # relative"),
    ] {
        let refused = start(variable, value);
        let expected = format!("warning: the variable {variable} is read as '{value}', with what looks like a comment");
        assert!(refused.code == 2 && refused.stderr.starts_with(&expected), "{refused:?}");
    }
    let plain = start("AUTORA_MAX_RA_INTERVAL", "3s");
    assert!(plain.code == 2 && !plain.stderr.contains("comment"), "the control: {plain:?}");
}

/// The file is read as systemd reads it, the environment is not, and what may not be meant is said.
#[test]
fn check_reads_a_file_of_settings_as_the_service_does() {
    let host = Namespace::host();
    host.ip("link add tap1 type veth peer name other");
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("settings");
    let check = |text: &str, arguments: &[&str]| {
        std::fs::write(&file, text).expect("there is room");
        let settings = format!("--settings={}", file.display());
        let arguments = [&["--check", settings.as_str()], arguments].concat();
        Launch::new(&arguments).env("AUTORA_MTU", "true").env("AUTORA_ROUTER_LIFETIME", "900s").output(&host)
    };
    let good = check("AUTORA_INTERFACE_REGEX='^tap\\d+$'\nAUTORA_ROUTER_LIFETIME=300s\n", &["--on-exit=keep"]);
    assert_eq!(good.code, 0, "{good:?}");
    let notes: Vec<_> = good.stderr.lines().collect();
    assert!(matches!(notes[..], [note] if note.starts_with("note: ^tap\\d+$ matches 1 of the ")), "{notes:?}");
    let shown: Vec<_> = good.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let set =
        |line: &str, variable: &str, number: u8| format!("{line} ({variable}, line {number} of {})", file.display());
    for line in [
        set("interface-regex ^tap\\d+$", "AUTORA_INTERFACE_REGEX", 1),
        set("router-lifetime 300s", "AUTORA_ROUTER_LIFETIME", 2),
        "mtu false".to_owned(),
        "on-exit keep (command line)".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line}: {shown:#?}");
    }
    for (text, code, expected) in [
        ("AUTORA_INTERFACE_REGEX=^tap\\d+$", 0, "is read as ^tapd+$, which repeats the letter d"),
        ("AUTORA_INTERFACE_REGEX=^tap\\d+$", 0, "^tapd+$ matches 0 of the "),
        ("AUTORA_INTERFACE_REGEX=^tap1$ # guests", 0, "with what looks like a comment"),
        (
            "\nAUTORA_INTERFACE_REGEX='^tap1$' # guests",
            0,
            "the value of AUTORA_INTERFACE_REGEX goes on to the end of the line, with what looks like a comment",
        ),
        ("\n# x\nAUTORA_MAX_RA_INTERVAL=600s # slow", 2, "warning: line 3 of "),
        (
            "AUTORA_INTERFACES_REGEX=^tap1$",
            0,
            "AUTORA_INTERFACES_REGEX is unknown and has no effect: is AUTORA_INTERFACE_REGEX meant?",
        ),
        ("tap1\n", 0, "line 1 of"),
        ("AUTORA_MAX_RA_INTERVAL=3s", 2, "must be 4s to 65535s"),
        (
            "AUTORA_MTU=1\n\nAUTORA_MTU=on\nAUTORA_MTU=\n",
            0,
            "sets AUTORA_MTU more than once: line 4 counts, not line 1, line 3",
        ),
    ] {
        let found = check(text, &[]);
        assert_eq!(found.code, code, "{text}: {found:?}");
        assert!(found.stderr.contains(expected), "{text}: {found:?}");
    }
    let twice = check("AUTORA_MAX_RA_INTERVAL=600s # slow", &[]);
    assert_eq!(twice.stderr.matches("what looks like a comment").count(), 1, "{twice:?}");
    let repeated = |text: &str| check(text, &[]).stderr.contains("more than once");
    assert_eq!([repeated("AUTORA_MTU=1\n#AUTORA_MTU=0"), repeated("AUTORA_MTU=1\nAUTORA_MTU=1")], [false, true]);
    for (path, expected) in [
        ("/no/such/file", "No such file or directory; name a file of settings"),
        ("/proc", "Is a directory; name a file of settings"),
        ("/proc/self/exe", "stream did not contain valid UTF-8; name a file of settings in UTF-8"),
    ] {
        for flags in [&["--check"][..], &[]] {
            let found = Launch::new(&[flags, &["--settings", path]].concat()).output(&host);
            let expected = format!("error: --settings {path}: {expected}");
            assert!(found.code == 2 && found.stderr.starts_with(&expected), "{found:?}");
        }
    }
}

/// Each with where it is from, and those that depend on another without a bound that is not known.
#[test]
fn all_refused_values_are_reported_at_once() {
    let host = Namespace::host();
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("settings");
    let settings = "AUTORA_MTU=perhaps\n\nAUTORA_MAX_RA_INTERVAL=60\nAUTORA_MIN_RA_INTERVAL=2s\nAUTORA_SEND=udp\n";
    std::fs::write(&file, settings).expect("there is room");
    let from = |line: u8, variable: &str| format!("({variable}, line {line} of {})", file.display());
    let of_file = [
        format!("--mtu perhaps {}: must be true or false", from(1, "AUTORA_MTU")),
        format!("--max-ra-interval 60 {}: a unit is missing; write a duration", from(3, "AUTORA_MAX_RA_INTERVAL")),
        format!("--min-ra-interval 2s {}: must be 3s to 3/4 of --max-ra-interval", from(4, "AUTORA_MIN_RA_INTERVAL")),
        format!("--send udp {}: must be packet or raw", from(5, "AUTORA_SEND")),
        "--filter none: must be auto, ebpf or classic".to_owned(),
        "--max-interfaces 0: must be 1 to 65536".to_owned(),
        "--router-lifetime 65536s: must be 0s, or --max-ra-interval to 65535s".to_owned(),
        "--source-address 2001:db8::1: must be in fe80::/64".to_owned(),
        "--claim-directory \"run\": must be an absolute path, or none".to_owned(),
        "--interface-regex \"(\": unclosed group, at character 1".to_owned(),
        "--runtime-directory \"run\" (RUNTIME_DIRECTORY): must be an absolute path".to_owned(),
    ];
    let flags = [
        "--filter=none",
        "--max-interfaces=0",
        "--router-lifetime=65536s",
        "--source-address=2001:db8::1",
        "--claim-directory=run",
        "--interface-regex=(",
    ];
    let settings = ["--settings", file.to_str().expect("a plain path")];
    let of_environment = [
        "--metrics-listen 9841 (AUTORA_METRICS_LISTEN): must be ADDRESS:PORT".to_owned(),
        "--log-level \"\": must be error, warn, info, debug or trace".to_owned(),
        "--runtime-directory \"run\" (RUNTIME_DIRECTORY): must be an absolute path".to_owned(),
        "--pio-preferred-lifetime 7200s (AUTORA_PIO_PREFERRED_LIFETIME): must be 0s to 3600s (--pio-valid-lifetime)"
            .to_owned(),
    ];
    for (flags, expected) in
        [([&flags[..], &settings].concat(), &of_file[..]), (vec!["--log-level="], &of_environment[..])]
    {
        for check in [&["--check"][..], &[]] {
            let found = Launch::new(&[&flags[..], check].concat())
                .env("AUTORA_METRICS_LISTEN", "9841")
                .env("RUNTIME_DIRECTORY", "run")
                .env("AUTORA_PIO_VALID_LIFETIME", "1h")
                .env("AUTORA_PIO_PREFERRED_LIFETIME", "2h")
                .output(&host);
            let errors: Vec<_> = found.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
            let reported = |expected: &String| errors.iter().any(|error| error.starts_with(expected.as_str()));
            let missing: Vec<_> = expected.iter().filter(|expected| !reported(expected)).collect();
            assert!(missing.is_empty() && errors.len() == expected.len(), "{missing:#?} in {errors:#?}");
            assert!(found.code == 2 && found.stdout.is_empty(), "{found:?}");
        }
    }
}

/// A variable that is meant for the commands makes a daemon of the same shell use the socket, too.
#[test]
fn a_setting_that_was_given_is_shown_with_its_origin() {
    let host = Namespace::host();
    let first = Daemon::start(&host, &["--interface-regex=^vm1$"]);
    first.wait_for_log(&["started"], SOON);
    let socket = first.control().path().display().to_string();
    let launch = |flags: &[&str]| Launch::new(flags).env("AUTORA_CONTROL_SOCKET", &socket);
    let checked = launch(&["--check", "--on-exit=keep"]).output(&host);
    let line =
        |option: &str| checked.stdout.lines().find(|line| line.starts_with(option)).expect("an option").to_owned();
    assert!(line("control-socket").ends_with(&format!(" {socket} (AUTORA_CONTROL_SOCKET)")), "{checked:?}");
    assert!(line("on-exit").ends_with(" keep (command line)"), "{checked:?}");
    assert!(line("runtime-directory").ends_with(" (RUNTIME_DIRECTORY)"), "{checked:?}");
    assert!(line("send").ends_with(" packet"), "{checked:?}");

    let second = launch(&["--interface-regex=^vm1$"]).start(&host);
    let words = ["WARN", "no control socket", "set_by=AUTORA_CONTROL_SOCKET", "another daemon listens there"];
    second.wait_for_log(&words, SOON);
    let given = second.wait_for_log(&["INFO", "these settings were given"], SOON);
    let set =
        [format!("control-socket {socket} (AUTORA_CONTROL_SOCKET)"), "interface-regex ^vm1$ (command line)".to_owned()];
    assert!(set.iter().all(|set| given.contains(set)) && !given.contains("on-exit"), "{given}");
    let third = Launch::new(&["--interface-regex=^vm1$"]).runtime_directory(first.runtime_directory()).output(&host);
    assert!(third.code == 1 && third.stderr.contains("RUNTIME_DIRECTORY"), "{third:?}");
}

#[test]
fn a_daemon_that_serves_nothing_says_so_at_its_start() {
    let host = Namespace::host();
    for (flags, says_so) in
        [(&[][..], true), (&["--interface-regex=^()$"], true), (&["--interface-regex=^vm1$"], false)]
    {
        let daemon = Daemon::start(&host, flags);
        daemon.wait_for_log(&["INFO", "started"], SOON);
        let warnings = daemon.lines_with(&["WARN", "matches no interface, so none is served: set it"]);
        assert_eq!(warnings.len(), usize::from(says_so), "{flags:?}: {:?}", daemon.log());
    }
}
