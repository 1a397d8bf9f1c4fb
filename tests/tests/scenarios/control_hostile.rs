//! Hostile clients of the control socket: none delays an RA, or makes the daemon's memory grow.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use autora::control::limits::{IDLE_LIMIT, MAX_CLIENTS, MAX_HEAD, STALL_LIMIT};
use autora_tests::{Answer, Control, Daemon, Namespace, eventually};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// The number of interfaces beside the one whose guest solicits.
const OTHERS: u16 = 300;

/// The most that the daemon's memory may grow by, in bytes: each client has its buffers and a page.
const ROOM: u64 = 6 << 20;

/// Starts a daemon with many interfaces, one of them with a guest that solicits.
fn many_interfaces() -> (Daemon, Control, Line, Namespace) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let links = (0..OTHERS).flat_map(|number| {
        let name = 1_000 + number;
        [
            format!("link add vm{name} type veth peer name p{name}"),
            format!("link set p{name} up"),
            format!("link set vm{name} up"),
            format!("address add 2001:db8:1:{number:x}::1/64 dev vm{name}"),
        ]
    });
    host.ip_batch(&links.collect::<Vec<_>>());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&["--metrics-per-interface"]));
    line.expect_served(SOON);
    let control = daemon.control();
    eventually(SOON, "all interfaces to be served", || {
        (control.json("/v1/status")["interfaces"]["serving"] == OTHERS + 1).then_some(())
    });
    (daemon, control, line, host)
}

fn resident(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the kernel says");
    let kilobytes: u64 = line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number");
    kilobytes << 10
}

/// Checks that the guest is answered in time while two threads run `misbehave`, that memory does not grow,
/// and that the daemon answers other clients afterwards.
fn unharmed_by(misbehave: impl Fn(&Control, Instant) + Sync) {
    let (daemon, control, mut line, _host) = many_interfaces();
    // The control: an answer without hostile clients.
    thread::sleep(FLOOR);
    line.expect_answer();
    let before = resident(&daemon);
    let until = Instant::now() + Duration::from_secs(9);
    let mut most = before;
    thread::scope(|scope| {
        let (control, misbehave) = (&control, &misbehave);
        for _ in 0..2 {
            scope.spawn(move || misbehave(control, until));
        }
        for _ in 0..2 {
            thread::sleep(FLOOR);
            let asked = Instant::now();
            line.expect_answer();
            let took = asked.elapsed();
            assert!(took < MAX_DELAY + SLACK, "the answer took {took:?}");
            most = most.max(resident(&daemon));
        }
    });
    assert!(most - before < ROOM, "grown by {} bytes", most - before);
    eventually(SOON * 2, "room for a client", || {
        let stream = UnixStream::connect(control.path()).ok();
        stream.filter(|_| control.get("/healthz").code == 200)
    });
    assert_eq!(control.json("/v1/status")["interfaces"]["serving"], OTHERS + 1);
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: autora\r\n\r\n")
}

#[test]
fn clients_that_do_not_read_delay_no_ra() {
    unharmed_by(|control, until| {
        let paths = ["/v1/interfaces", "/metrics", "/v1/events", "/v1/status"];
        let readers: Vec<_> = (0..MAX_CLIENTS / 2)
            .map(|number| {
                let mut stream = control.connect();
                stream.set_nonblocking(true).expect("a socket");
                // Many requests whose answers are not read: the daemon's send buffer fills up.
                _ = stream.write_all(request(paths[number % paths.len()]).repeat(40).as_bytes());
                stream
            })
            .collect();
        thread::sleep(until.saturating_duration_since(Instant::now()));
        drop(readers);
    });
}

#[test]
fn clients_that_write_a_byte_at_a_time_delay_no_ra() {
    unharmed_by(|control, until| {
        let text = request("/v1/interfaces");
        let mut streams: Vec<_> = (0..8).map(|_| control.connect()).collect();
        for byte in text.as_bytes().iter().cycle() {
            for stream in &mut streams {
                _ = stream.write_all(&[*byte]);
            }
            if Instant::now() > until {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn more_clients_than_the_limit_delay_no_ra() {
    unharmed_by(|control, until| {
        while Instant::now() < until {
            let mut streams: Vec<_> = (0..100).map(|_| control.connect()).collect();
            thread::sleep(Duration::from_millis(200));
            let refused = streams.iter_mut().map(|stream| {
                stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a time above 0");
                let mut byte = [0; 12];
                stream.read(&mut byte).is_ok_and(|count| byte[..count] == *b"HTTP/1.1 503")
            });
            assert!(refused.filter(|refused| *refused).count() >= 100 - MAX_CLIENTS, "clients above the limit get 503");
        }
    });
}

#[test]
fn clients_that_disconnect_early_delay_no_ra() {
    unharmed_by(|control, until| {
        while Instant::now() < until {
            for path in ["/v1/interfaces", "/metrics", "/v1/events"] {
                let mut stream = control.connect();
                _ = stream.write_all(request(path).as_bytes());
                _ = stream.read(&mut [0; 100]);
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn clients_that_send_garbage_delay_no_ra() {
    unharmed_by(|control, until| {
        let long = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", "x".repeat(64 << 10));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
        let piped = request("/v1/status").repeat(3) + "\0\0\0garbage\r\n\r\n";
        let bytes: String = (0..=255_u8).map(char::from).collect::<String>().repeat(50);
        while Instant::now() < until {
            for text in [&long, &many, &piped, &bytes] {
                let mut stream = control.connect();
                _ = stream.write_all(text.as_bytes());
                _ = stream.read(&mut [0; 1_000]);
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let host = Namespace::host();
    let daemon = Daemon::start(&host, &rarely(&[]));
    let ask = |length: usize| {
        let mut stream = daemon.control().connect();
        let text = format!(
            "GET /v1/status HTTP/1.1\r\nhost: autora\r\nconnection: close\r\nx: {}\r\n\r\n",
            "x".repeat(length)
        );
        _ = stream.write_all(text.as_bytes());
        Answer::read(&mut stream).code
    };
    assert_eq!(ask(MAX_HEAD / 2), 200);
    assert_eq!(ask(MAX_HEAD + 1), 431);
}

/// A client that does not read is disconnected after `STALL_LIMIT`, and a silent one after `IDLE_LIMIT`.
#[test]
fn a_client_that_does_not_read_loses_its_connection() {
    let (_daemon, control, _line, _host) = many_interfaces();
    let clients = || control.json("/v1/status")["control_clients"].as_u64().expect("a number") - 1;
    let silent = control.connect();
    let mut stalled = control.connect();
    stalled.set_nonblocking(true).expect("a socket");
    _ = stalled.write_all(request("/v1/interfaces").repeat(40).as_bytes());
    eventually(SOON, "both clients", || (clients() == 2).then_some(()));
    let began = Instant::now();
    for (left, limit) in [(1, STALL_LIMIT), (0, IDLE_LIMIT)] {
        eventually(limit + Duration::from_secs(5), "the end of one connection", || (clients() == left).then_some(()));
        let took = began.elapsed();
        assert!(took > limit.saturating_sub(Duration::from_secs(1)), "too soon: {took:?}");
    }
    drop((silent, stalled));
}

/// A client that does not read its events gets the number of missed ones when it reads again.
#[test]
fn a_slow_listener_gets_a_missed_event() {
    let (_daemon, control, mut line, host) = many_interfaces();
    let mut stream = crate::control::listen(&control, "/v1/events");
    thread::sleep(Duration::from_millis(300));
    for _ in 0..14 {
        let flap = |state: &str| {
            let lines = (0..OTHERS).map(|number| format!("link set p{} {state}", 1_000 + number));
            host.ip_batch(&lines.collect::<Vec<_>>());
        };
        flap("down");
        flap("up");
    }
    line.expect_answer();
    let mut events = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a time above 0");
    let mut bytes = [0; 8_192];
    while let Ok(count) = stream.read(&mut bytes)
        && count > 0
    {
        events.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(events.contains("\"event\":\"missed\""), "{} bytes of events", events.len());
}
