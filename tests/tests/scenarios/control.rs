//! The control socket: its answers, who may connect, and when the socket exists.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::{FileTypeExt, MetadataExt},
    process::Command,
};

use autora_tests::{Answer, Control, Daemon, Launch, Namespace, RuntimeDirectory, binary, eventually, schema};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bench::{Line, SOON, prefix, rarely};

/// Starts a daemon that serves `vm1` and does not serve `vm2`.
pub(crate) fn scene(arguments: &[&str]) -> (Daemon, Control, [Line; 2], Namespace) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut served = Line::new(&host, &guest, 1);
    let not_served = Line::without_prefix(&host, &guest, "vm2", 2);
    let daemon = Daemon::start(&host, &rarely(arguments));
    served.expect_served(SOON);
    let control = daemon.control();
    (daemon, control, [served, not_served], host)
}

#[test]
fn every_path_is_answered() {
    let (daemon, control, [line, _], _host) = scene(&[]);
    let status = control.json("/v1/status");
    assert_eq!(status["pid"], daemon.pid());
    assert_eq!(status["interfaces"]["serving"], 1);
    assert_eq!(status["not_served"]["no-prefix"], 1);
    assert_eq!(status["filter"]["mode"], "ebpf");
    assert!(status["filter"]["program_id"].as_u64().is_some_and(|id| id > 0), "{status}");

    let all = control.json("/v1/interfaces");
    assert_eq!(names(&all), ["vm1", "vm2"]);
    for (query, expected) in [
        ("?state=not-served", &["vm2"][..]),
        ("?state=serving&state=not-served", &["vm1", "vm2"]),
        ("?name=vm1", &["vm1"]),
        ("?name=*2&name=x", &["vm2"]),
        ("?name=vm%31&state=not-served", &[]),
    ] {
        assert_eq!(names(&control.json(&format!("/v1/interfaces{query}"))), expected, "{query}");
    }
    let one = control.json("/v1/interfaces/vm1");
    assert_eq!(one["state"], "serving");
    assert_eq!(one["prefix"], format!("{}/64", prefix(1)));
    assert_eq!(one["source"], line.link.host.link_local().to_string());
    assert_eq!((&one["advertised"], &one["ra_sent"]["unsolicited"]), (&Value::Bool(true), &1.into()));

    assert_eq!(control.get("/healthz").code, 200);
    for (method, path, code, error) in [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1", 404, "not-found"),
        ("GET", "/v1/interfaces/vm3", 404, "unknown-interface"),
        ("GET", "/v1/interfaces/%ff", 400, "bad-request"),
        ("GET", "/v1/interfaces?state=odd", 400, "bad-request"),
        ("GET", "/v1/events?state=serving", 400, "bad-request"),
        ("POST", "/v1/status", 405, "read-only"),
        ("DELETE", "/v1/interfaces/vm1", 405, "read-only"),
    ] {
        let answer = control.ask(method, path);
        assert_eq!((answer.code, &answer.json()["error"]), (code, &error.into()), "{method} {path}");
    }
    for path in ["/v1/status", "/v1/interfaces", "/v1/events", "/metrics"] {
        let answer = control.ask("HEAD", path);
        assert_eq!((answer.code, answer.body.as_str()), (200, ""), "{path}");
    }
}

fn names(interfaces: &Value) -> Vec<&str> {
    let all = interfaces["interfaces"].as_array().expect("a list");
    all.iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn answers_match_the_schema() {
    let (_daemon, control, [line, _], _host) = scene(&[]);
    let mut events = BufReader::new(listen(&control, "/v1/events"));
    skip_head(&mut events);
    line.solicit();
    for (path, definition) in [
        ("/v1/status", "status"),
        ("/v1/interfaces", "interfaces"),
        ("/v1/interfaces/vm1", "interface"),
        ("/v1/interfaces/vm2", "interface"),
        ("/v1/interfaces/vm3", "error"),
        ("/v1/nothing", "error"),
    ] {
        check(definition, &control.get(path).json());
    }
    line.remove_prefix();
    let mut seen = Vec::new();
    while !seen.contains(&"not-served".to_owned()) {
        let event = next_event(&mut events);
        check("event", &event);
        seen.push(event["event"].as_str().expect("a name").to_owned());
    }
    assert_eq!(seen[0], "hello");
    assert!(seen.contains(&"rs-accepted".to_owned()), "{seen:?}");
}

#[test]
#[should_panic(expected = "does not fit")]
fn an_answer_that_does_not_match_the_schema_is_noticed() {
    check("error", &serde_json::json!({ "error": 1, "message": "x" }));
}

/// Checks `value` against a definition of the published schema.
fn check(definition: &str, value: &Value) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/api/v1.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).expect("it is there")).expect("JSON");
    let errors = schema::errors(&schema, definition, value);
    assert!(errors.is_empty(), "{definition} does not fit: {errors:?} in {value}");
}

pub(crate) fn listen(control: &Control, path: &str) -> std::os::unix::net::UnixStream {
    let mut stream = control.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: autora\r\n\r\n").expect("the daemon reads");
    stream
}

pub(crate) fn skip_head(events: &mut impl BufRead) {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(events.read_line(&mut line).expect("an answer") > 0, "no answer");
    }
}

/// Reads the next event; each comes in a chunk of its own.
pub(crate) fn next_event(events: &mut impl BufRead) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(events.read_line(&mut line).expect("an event") > 0, "the events have ended");
        if line.starts_with('{') {
            return serde_json::from_str(&line).expect("an event is JSON");
        }
    }
}

/// Another user can connect only as a member of the socket's group, whatever umask the daemon has.
#[test]
fn only_members_of_the_group_can_connect() {
    const GROUP: (&str, u32) = ("games", 60);
    let (daemon, control, _lines, _host) = scene(&[&format!("--control-group={}", GROUP.0)]);
    let socket = fs::metadata(control.path()).expect("it is there");
    assert!(socket.file_type().is_socket());
    assert_eq!((socket.mode() & 0o7777, socket.gid()), (0o660, GROUP.1));
    let unprivileged = |groups: &str| {
        let mut command = Command::new("setpriv");
        let binary = binary();
        command
            .args(["--reuid=65534", "--regid=65534", "--no-new-privs", groups])
            .arg(std::path::PathBuf::from(".").join(binary.file_name().expect("a file")))
            .current_dir(binary.parent().expect("a folder"))
            .args(["status", "--socket"])
            .arg(control.path());
        command.output().expect("setpriv is there")
    };
    let member = unprivileged(&format!("--groups={}", GROUP.1));
    assert!(member.status.success(), "{member:?}");
    let non_member = unprivileged("--clear-groups");
    let said = String::from_utf8_lossy(&non_member.stderr);
    assert_eq!(non_member.status.code(), Some(1));
    assert!(said.contains("Permission denied") && said.contains("group"), "{said}");
    assert!(daemon.lines_with(&["no control socket"]).is_empty());
}

/// The group may be a number. Names are read from `/etc/group`, the only source for a statically linked
/// daemon.
#[test]
fn an_unknown_group_disables_only_the_socket() {
    let (_daemon, control, _lines, host) = scene(&["--control-group=60"]);
    assert_eq!(fs::metadata(control.path()).expect("it is there").gid(), 60);

    let mut daemon = Daemon::start(&host, &rarely(&["--control-group=nosuchgroup"]));
    daemon.wait_serving("vm1", SOON);
    let warnings = daemon.lines_with(&["no control socket"]);
    assert!(warnings.len() == 1 && warnings[0].contains("no group nosuchgroup"), "{warnings:?}");
    assert!(!daemon.control().path().exists());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
}

#[test]
fn the_socket_is_removed_at_exit_and_a_stale_one_is_replaced() {
    let host = Namespace::host();
    let directory = RuntimeDirectory::new();
    let launch = Launch::new(&rarely(&[])).runtime_directory(&directory);
    let mut crashed = launch.start(&host);
    let control = crashed.control();
    control.json("/v1/status");
    crashed.signal(Signal::SIGKILL);
    crashed.wait_exit(SOON);
    assert!(control.path().exists(), "a killed daemon leaves its socket");

    let mut next = launch.start(&host);
    eventually(SOON, "an answer of the next daemon", || {
        let stream = std::os::unix::net::UnixStream::connect(control.path()).ok();
        stream.map(|_| control.json("/v1/status")).filter(|status| status["pid"] == next.pid())
    });
    // A third daemon, with a runtime directory of its own, finds the socket in use, logs that once, and runs
    // without one.
    let same_socket = format!("--control-socket={}", control.path().display());
    let third = Launch::new(&rarely(&[&same_socket])).start(&host);
    third.wait_for_log(&["WARN", "no control socket"], SOON);
    third.wait_for_log(&["started"], SOON);
    assert_eq!(control.json("/v1/status")["pid"], next.pid());
    drop(third);
    assert_eq!(control.json("/v1/status")["pid"], next.pid(), "the third daemon has not replaced the socket");

    next.signal(Signal::SIGHUP);
    assert_eq!(next.wait_exit(SOON), 0);
    assert!(!control.path().exists(), "a daemon removes its socket at the end");
}

#[test]
fn no_socket_is_created_when_it_is_off_or_in_a_dry_run() {
    let host = Namespace::host();
    for arguments in [&["--control-socket=none"][..], &["--dry-run"]] {
        let daemon = Daemon::start(&host, &rarely(arguments));
        eventually(SOON, "the daemon", || (!daemon.log().is_empty()).then_some(()));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!daemon.control().path().exists(), "{arguments:?}");
    }
    let elsewhere = RuntimeDirectory::new();
    let path = elsewhere.path().join("made/here.sock");
    let daemon = Daemon::start(&host, &rarely(&[&format!("--control-socket={}", path.display())]));
    assert_eq!(Control::at(&path).json("/v1/status")["pid"], daemon.pid());
    assert!(!daemon.control().path().exists());
}

#[test]
fn metrics_have_series_of_present_interfaces_only() {
    let (_daemon, control, [line, _], _host) = scene(&["--metrics-per-interface"]);
    line.solicit();
    eventually(SOON, "the answer to be counted", || has(&control, "autora_rs_answered_total 1").then_some(()));
    for series in [
        "autora_interfaces{state=\"serving\"} 1",
        "autora_interfaces_not_served{reason=\"no-prefix\"} 1",
        "autora_ra_sent_total{cause=\"solicited\"} 1",
        "autora_rs_dropped_total{reason=\"hop-limit\"} 0",
        "autora_interface_state{interface=\"vm1\",state=\"serving\"} 1",
        "autora_interface_ra_sent_total{interface=\"vm1\",cause=\"solicited\"} 1",
    ] {
        assert!(has(&control, series), "{series}");
    }
    let metrics = control.get("/metrics");
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);
    assert!(metrics.head.contains("openmetrics"), "{}", metrics.head);
    line.link.host.delete();
    eventually(SOON, "the interface to go", || (control.get("/v1/interfaces/vm1").code == 404).then_some(()));
    assert!(!control.get("/metrics").body.contains("vm1"), "a deleted interface has no series");
}

fn has(control: &Control, series: &str) -> bool {
    control.get("/metrics").body.lines().any(|line| line == series)
}

/// TCP serves metrics and health, and nothing else.
#[test]
fn metrics_are_served_over_tcp() {
    let (daemon, _control, _lines, host) = scene(&["--metrics-listen=127.0.0.1:9841"]);
    host.ip("link set lo up");
    let address: SocketAddr = "127.0.0.1:9841".parse().expect("an address");
    let ask = |path: &str| {
        let mut stream = host.enter(|| TcpStream::connect(address)).expect("the daemon listens");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: autora\r\nconnection: close\r\n\r\n").expect("it reads");
        Answer::read(&mut stream)
    };
    let metrics = ask("/metrics");
    assert_eq!(metrics.code, 200);
    assert!(metrics.body.contains("autora_build_info"), "{}", metrics.body);
    assert!(!metrics.body.contains("vm1"), "no series of single interfaces by default");
    assert_eq!(ask("/healthz").code, 200);
    for path in ["/v1/status", "/v1/interfaces", "/v1/events"] {
        assert_eq!(ask(path).code, 404, "{path}");
    }
    assert!(daemon.lines_with(&["no metrics on this address"]).is_empty());
}
