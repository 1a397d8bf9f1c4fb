//! Names of interfaces that are no printable text: shown everywhere as text, each unlike every other, and taken back.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    process::{Command, Output},
};

use autora_tests::{Daemon, Launch, Namespace, Veth, binary, eventually};
use serde_json::Value;

use crate::bench::{RARELY, SOON, rarely};

/// Names, and how each is shown.
const NAMES: &[(&[u8], &str)] = &[
    (b"vm\xff", r"vm\xff"),
    (b"vm\xfe", r"vm\xfe"),
    (b"vm\x1b[31m", r"vm\x1b[31m"),
    (b"vm\xc2\x9b31m", r"vm\xc2\x9b31m"),
    (b"vm\xe2\x80\xae1", r"vm\xe2\x80\xae1"),
    (br"vm\xff", r"vm\x5cxff"),
];

/// Makes a link of each name that is fit, with a peer that is up.
fn host() -> Namespace {
    let host = Namespace::host();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        let ip = |words: &str, more: &str| {
            let mut command = Command::new("ip");
            command.args(words.split_whitespace()).arg(name).args(more.split_whitespace());
            host.run(&mut command);
        };
        ip("link add", &format!("type veth peer name peer{number}"));
        host.ip(&format!("link set peer{number} up"));
        ip("link set dev", "up");
        ip(&format!("address add 2001:db8:0:{number}::1/64 dev"), "nodad");
    }
    eventually(SOON, "the link-local addresses", || host.ip("-6 address show tentative").is_empty().then_some(()));
    host
}

fn run(host: &Namespace, daemon: &Daemon, arguments: &[&OsStr]) -> Output {
    let socket = daemon.control().path().to_owned();
    let mut command = Command::new(binary());
    command.args(arguments).env("AUTORA_CONTROL_SOCKET", socket);
    host.enter(|| command.output().expect("the program can be run"))
}

/// Panics if `text` has something that a terminal would obey, or that was no text.
fn assert_printable(text: &str) {
    let odd = |c: char| (c.is_control() && c != '\n') || ['\u{202e}', char::REPLACEMENT_CHARACTER].contains(&c);
    assert!(!text.contains(odd), "{text:?}");
}

#[test]
fn names_that_are_no_text_are_shown_and_named() {
    let host = host();
    // The pattern sees what is shown.
    let arguments = [RARELY, &[r"--interface-regex=^vm\\x", "--metrics-per-interface"]].concat();
    let daemon = Daemon::start(&host, &arguments[1..]);
    eventually(SOON, "all are served", || {
        (daemon.control().json("/v1/status")["interfaces"]["serving"] == NAMES.len()).then_some(())
    });
    let interfaces = daemon.control().json("/v1/interfaces");
    let listed: Vec<_> = interfaces["interfaces"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(listed, NAMES.iter().map(|(_, shown)| *shown).collect::<Vec<_>>());
    let metrics = daemon.control().get("/metrics").body;
    for (_, shown) in NAMES {
        let series = format!("autora_interface_state{{interface=\"{}\",", shown.replace('\\', r"\\"));
        assert_eq!(metrics.matches(&series).count(), 1, "{series}: {metrics}");
    }

    // By its name, and by what is shown. The name of the last one is what is shown for the first.
    let by_name = NAMES[..NAMES.len() - 1].iter().map(|(name, shown)| (OsStr::from_bytes(name), shown));
    for (argument, shown) in by_name.chain(NAMES.iter().map(|(_, shown)| (OsStr::new(*shown), shown))) {
        for command in ["status", "explain", "wait"] {
            let output = run(&host, &daemon, &[OsStr::new(command), argument]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{command} {argument:?}: {output:?}");
            assert!(command == "wait" || text.contains(*shown), "{command} {argument:?}: {text}");
            assert_printable(&text);
        }
    }
    let absent = run(&host, &daemon, &[OsStr::new("explain"), OsStr::from_bytes(b"vm\xfd\x1b")]);
    let absent = String::from_utf8_lossy(&absent.stderr).into_owned();
    assert!(absent.contains(r"no such interface in this network namespace: vm\xfd\x1b; "), "{absent}");
    assert_printable(&absent);
    let pattern = run(&host, &daemon, &[OsStr::new("status"), OsStr::from_bytes(b"vm\xff*")]);
    assert!(String::from_utf8_lossy(&pattern.stdout).contains(r"vm\xff"), "{pattern:?}");
    assert_printable(&daemon.log().join("\n"));
    assert!(!daemon.lines_with(&["serving", r"interface=vm\xfe"]).is_empty(), "{:#?}", daemon.log());
}

/// A shell that knows `$'..'` reads the name back.
#[test]
fn commands_with_names_that_are_no_text_repair_the_interface() {
    let host = host();
    for (name, shown) in NAMES {
        let key = [b"/proc/sys/net/ipv6/conf/", *name, b"/forwarding"].concat();
        host.enter(|| std::fs::write(OsStr::from_bytes(&key), "0").expect("the interface exists"));
        let explain = || {
            let output = Launch::new(&["explain", "--json", shown]).output(&host);
            let found: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
            found["interfaces"][0].clone()
        };
        let found = explain();
        assert_eq!(found["state"], "not-served", "{found:#}");
        let command = found["reasons"][0]["remedies"][0]["command"].as_str().expect("a command").to_owned();
        assert_printable(&command);
        host.run(Command::new("bash").args([OsString::from("-ec"), command.clone().into()]));
        assert_eq!(explain()["state"], "serving", "{command}");
    }
}

/// A dry run lists all interfaces, those that do not match too.
#[test]
fn a_dry_run_shows_names_that_are_no_text() {
    let host = host();
    let mut daemon = Daemon::start(&host, &["--dry-run", r"--interface-regex=^vm\\xff"]);
    daemon.wait_for_log(&[r"vm\xfe", "does not match"], SOON);
    eventually(SOON, "an RA", || daemon.log().iter().find(|line| line.starts_with(r"vm\xff RA ")).map(drop));
    assert_printable(&daemon.log().join("\n"));
    assert!(daemon.is_running());
}

/// systemd shortens a name of more than 15 characters and keeps the long one as an alternative name.
#[test]
fn commands_take_alternative_names() {
    const LONG: &str = "ve-a-container-with-a-long-name";
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let daemon = Daemon::start(&host, &rarely(&[]));
    daemon.wait_serving("vm1", SOON);
    let control = daemon.control();
    let run = |arguments: &[&str]| {
        let mut command = control.command(arguments);
        let output = host.enter(|| command.output()).expect("the daemon can be run");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    };
    let explain = || run(&["explain", LONG]);
    let wait = || run(&["wait", LONG, "--timeout=5s"]);
    let status = || run(&["status", LONG]);
    assert_eq!(explain().0, Some(4), "the control: no interface has the name yet");
    let (exit, said) = wait();
    assert_eq!(exit, Some(4), "at once, as no interface can ever have such a name");
    let expected = format!("error: no such interface in this network namespace: {LONG}; only an alternative name");
    assert!(said.starts_with(&expected), "{said}");
    assert!(!status().1.contains("2001:db8:0:1::/64"));

    host.ip(&format!("link property add dev vm1 altname {LONG}"));
    let (exit, said) = explain();
    assert!(exit == Some(0) && said.starts_with("vm1 is served from"), "{said}");
    assert_eq!(wait(), (Some(0), String::new()));
    assert!(status().1.contains("2001:db8:0:1::/64"), "{}", status().1);
}
