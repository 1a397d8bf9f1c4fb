//! The formats of the log: text, JSON, and the journal.

use std::{collections::HashMap, os::unix::net::UnixDatagram};

use autora_tests::{Launch, Namespace, RuntimeDirectory, Veth, eventually};
use serde_json::Value;

use crate::bench::SOON;

/// Commands that make an empty folder for the journal's socket.
const JOURNAL: &str = "mount -t tmpfs none /run\nmkdir -p /run/systemd/journal";

/// Sets the variable that a service manager sets for a process whose standard error is the journal.
const STREAM: &str = "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)";

/// Returns a host with `vm1`, which is fit but for a warning, and `vm2`, which is not fit.
fn host() -> (Namespace, [Veth; 2]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let links = [("vm1", "g1"), ("vm2", "g2")].map(|(name, other)| Veth::new((&host, name), (&guest, other)));
    links[0].host.add_address("2001:db8:0:1::1/64 noprefixroute");
    (host, links)
}

fn launch(format: &str) -> Launch {
    Launch::new(&["--interface-regex=^vm[0-9]+$"]).env("AUTORA_LOG_FORMAT", format)
}

#[test]
fn json_has_one_object_per_line() {
    let (host, _links) = host();
    let daemon = launch("json").start(&host);
    daemon.wait_for_log(&["started"], SOON);
    let objects: Vec<Value> =
        daemon.log().iter().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let find = |message: &str| {
        let found = objects.iter().find(|object| object["message"] == message);
        found.unwrap_or_else(|| panic!("no {message:?} in {objects:#?}"))
    };
    let serving = find("serving");
    assert_eq!((&serving["level"], &serving["interface"]), (&"INFO".into(), &"vm1".into()));
    assert!(serving["timestamp"].is_string() && serving["ifindex"].is_u64(), "{serving:#}");
    assert_eq!(find("not serving")["reasons"], "no-prefix");
}

#[test]
fn text_has_timestamps_or_journal_priorities() {
    let (host, _links) = host();
    let lines = |launch: Launch| {
        let daemon = launch.start(&host);
        daemon.wait_for_log(&["started"], SOON);
        daemon.log()
    };
    let starts_with = |lines: &[String], start: &str, word: &str| {
        lines.iter().any(|line| line.starts_with(start) && line.contains(word))
    };
    let plain = lines(launch("text"));
    let year = |line: &String| line.starts_with("20") && line.as_bytes()[4] == b'-';
    assert!(plain.iter().all(year), "{plain:#?}");

    let journal = lines(launch("text").after(STREAM));
    assert!(starts_with(&journal, "<6> INFO serving", "vm1"), "{journal:#?}");
    assert!(starts_with(&journal, "<4> WARN the prefix has no connected route", "vm1"), "{journal:#?}");
    assert!(journal.iter().all(|line| line.starts_with('<')), "{journal:#?}");

    // Standard error was redirected, and the variable still names the journal.
    let redirected = lines(launch("text").after("export JOURNAL_STREAM=1:1"));
    assert!(redirected.iter().all(year), "{redirected:#?}");
}

#[test]
fn an_error_at_the_start_has_a_priority() {
    let (host, _links) = host();
    let output = |launch: Launch| launch.output(&host);
    let bad = Launch::new(&["--max-ra-interval=1s"]);
    assert!(output(bad.clone()).stderr.starts_with("error: --max-ra-interval"));
    assert!(output(bad.after(STREAM)).stderr.starts_with("<3>error: --max-ra-interval"));
}

#[test]
fn the_journal_gets_fields_and_priorities() {
    let (host, _links) = host();
    let directory = RuntimeDirectory::new();
    let socket = UnixDatagram::bind(directory.path().join("socket")).expect("an unused path");
    socket.set_read_timeout(Some(SOON)).expect("a timeout that is not 0");
    let mount = format!("{JOURNAL}\nmount --bind {} /run/systemd/journal", directory.path().display());
    let daemon = launch("journald").after(&mount).start(&host);
    let mut entries = Vec::new();
    eventually(SOON, "the journal's entries", || {
        entries.push(entry(&socket));
        entries.iter().any(|entry| entry.get("MESSAGE").is_some_and(|text| text == "started")).then_some(())
    });
    let find = |message: &str| {
        let found = entries.iter().find(|entry| entry.get("MESSAGE").is_some_and(|text| text.starts_with(message)));
        found.unwrap_or_else(|| panic!("no {message:?} in {entries:#?}"))
    };
    let serving = find("serving");
    assert_eq!(serving["PRIORITY"], "6");
    assert_eq!(serving["AUTORA_INTERFACE"], "vm1");
    assert_eq!(serving["SYSLOG_IDENTIFIER"], "autora");
    assert_eq!(find("the prefix has no connected route")["PRIORITY"], "4");
    assert!(daemon.log().is_empty(), "nothing on standard error: {:#?}", daemon.log());
}

#[test]
fn without_a_journal_the_error_names_a_remedy() {
    let (host, _links) = host();
    let output = launch("journald").after(JOURNAL).output(&host);
    assert_eq!(output.code, 1);
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    for words in ["error: cannot log to the journal: ", "; start systemd-journald, or choose --log-format"] {
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

/// Reads the next entry: fields as `NAME=value` lines, or as a name, a length of 8 bytes, and that many
/// bytes. <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>
fn entry(socket: &UnixDatagram) -> HashMap<String, String> {
    let mut buffer = vec![0; 65_536];
    let len = socket.recv(&mut buffer).expect("the journal is written to");
    let mut rest = &buffer[..len];
    let mut fields = HashMap::new();
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        if let Some((name, value)) = line.split_once('=') {
            fields.insert(name.to_owned(), value.to_owned());
        } else {
            let (size, value) = rest.split_first_chunk::<8>().expect("a length of 8 bytes");
            let size = usize::try_from(u64::from_le_bytes(*size)).expect("a small size");
            fields.insert(line, String::from_utf8_lossy(&value[..size]).into_owned());
            rest = &value[size + 1..];
        }
    }
    fields
}
