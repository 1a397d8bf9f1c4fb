//! Many clients of the control socket, clients of a daemon that hangs, and what commands say then.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    os::unix::ffi::OsStrExt,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use autora::control::limits::{ALIVE_INTERVAL, MAX_CLIENTS, MAX_MONITORS, MAX_WAITS, SILENCE_LIMIT};
use autora_tests::{Control, Daemon, Namespace, binary, eventually};
use nix::sys::signal::Signal;

use crate::{
    bench::{RARELY, SOON},
    control::{listen, next_event, scene, skip_head},
};

/// The number of guests that never come.
const PENDING: usize = 100;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn clients(control: &Control) -> usize {
    let clients = control.json("/v1/status")["control_clients"].as_u64().expect("a number");
    usize::try_from(clients).expect("a small number") - 1
}

/// Ends the commands that the test started.
struct Started(Vec<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

#[test]
fn a_hundred_pending_waits_shut_out_no_other_client() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let pending = |_| {
        let mut wait = control.command(&["wait", "vm9", "--timeout=5min"]);
        wait.stderr(Stdio::null()).spawn().expect("the daemon can be run")
    };
    let mut waits = Started((0..PENDING).map(pending).collect());
    eventually(SOON * 3, "a connection of each wait", || (clients(&control) == PENDING).then_some(()));
    assert!(waits.0.iter_mut().all(|wait| wait.try_wait().expect("it is a child").is_none()), "all wait");

    let began = Instant::now();
    let served = control.run(&["wait", "vm1", "--timeout=10s"]);
    assert!(served.status.success(), "{}", said(&served));
    assert!(began.elapsed() < SOON / 2, "its RA has left already: {:?}", began.elapsed());
    assert!(control.run(&["status"]).status.success());
    assert_eq!(control.get("/metrics").code, 200);
    let mut monitor = control.bounded_command(&["monitor"]).stdout(Stdio::piped()).spawn().expect("run");
    let mut first = String::new();
    BufReader::new(monitor.stdout.take().expect("piped")).read_line(&mut first).expect("it writes");
    assert!(first.contains("listening"), "{first}");
    drop(Started(vec![monitor]));
    eventually(SOON, "one connection for each wait", || (clients(&control) == PENDING).then_some(()));
}

#[test]
fn each_kind_of_client_has_its_bound() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let code = |path: &str| {
        let mut stream = BufReader::new(listen(&control, path));
        let mut line = String::new();
        stream.read_line(&mut line).expect("an answer");
        (line.contains(" 200 "), stream)
    };
    let streams = |path: &str, number: usize| {
        (0..number)
            .map(|_| {
                let (is_open, stream) = code(path);
                assert!(is_open, "{path}");
                stream
            })
            .collect::<Vec<_>>()
    };
    let waits = streams("/v1/interfaces/vm9/events", MAX_WAITS);
    let monitors = streams("/v1/events", MAX_MONITORS);
    for (path, words) in [
        ("/v1/interfaces/vm9/events", format!("too many waiting clients, at most {MAX_WAITS}")),
        ("/v1/events", format!("too many readers of events, at most {MAX_MONITORS}")),
    ] {
        let answer = control.get(path);
        assert_eq!((answer.code, &answer.json()["error"]), (503, &"busy".into()), "{path}");
        assert!(answer.body.contains(&words), "{}", answer.body);
    }
    let monitor = control.run(&["monitor"]);
    assert_eq!(monitor.status.code(), Some(1));
    assert!(said(&monitor).contains("too many readers of events"), "{}", said(&monitor));
    assert!(control.run(&["status"]).status.success(), "queries have places of their own");
    // A wait without a place asks again and again.
    for (name, code) in [("vm1", 0), ("vm2", 3), ("vm9", 4)] {
        let wait = control.run(&["wait", name, "--timeout=2s"]);
        assert_eq!(wait.status.code(), Some(code), "{name}: {}", said(&wait));
    }
    drop((waits, monitors));
    eventually(SOON, "free places", || (clients(&control) == 0).then_some(()));
    drop(streams("/v1/interfaces/vm9/events", 1));
    eventually(SOON, "free places", || (clients(&control) == 0).then_some(()));
    let idle: Vec<_> = (0..MAX_CLIENTS).map(|_| control.connect()).collect();
    let mut beyond = control.connect();
    let mut answer = String::new();
    beyond.read_to_string(&mut answer).expect("it is closed");
    assert!(answer.contains("503") && answer.contains("too many connections"), "{answer}");
    drop(idle);
}

/// A daemon that is stopped still has a socket that accepts.
#[test]
fn a_daemon_that_hangs_is_noticed() {
    let (daemon, control, _lines, _host) = scene(&[]);
    let mut monitor = control.command(&["monitor"]);
    let mut monitor = monitor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut lines = BufReader::new(monitor.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("it listens");
    let mut monitor = Started(vec![monitor]);
    daemon.signal(Signal::SIGSTOP);
    for arguments in [&["status"][..], &["monitor"], &["wait", "vm1", "--timeout=2s"]] {
        let output = control.bounded_command(arguments).output().expect("the daemon can be run");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("the daemon does not answer"), "{arguments:?}: {}", said(&output));
    }
    let ended =
        eventually(SILENCE_LIMIT + SOON, "the end of the monitor", || monitor.0[0].try_wait().expect("a child"));
    daemon.signal(Signal::SIGCONT);
    assert_eq!(ended.code(), Some(1));
    let mut error = String::new();
    monitor.0[0].stderr.take().expect("piped").read_to_string(&mut error).expect("text");
    assert!(error.contains("the daemon does not answer"), "{error}");
    eventually(SOON, "an answer", || control.run(&["status"]).status.success().then_some(()));
}

/// Events of other interfaces are no sign of life.
#[test]
fn a_quiet_stream_is_kept_alive_while_others_are_busy() {
    let (_daemon, control, [line, _], _host) = scene(&[]);
    let mut quiet = BufReader::new(listen(&control, "/v1/events?name=vm9"));
    skip_head(&mut quiet);
    assert_eq!(next_event(&mut quiet)["event"], "hello");
    let began = Instant::now();
    let alive = thread::spawn(move || next_event(&mut quiet));
    while !alive.is_finished() && began.elapsed() < ALIVE_INTERVAL * 2 {
        line.solicit();
        thread::sleep(Duration::from_millis(500));
    }
    assert!(began.elapsed() < ALIVE_INTERVAL + ALIVE_INTERVAL / 2, "{:?}", began.elapsed());
    assert_eq!(alive.join().expect("it reads")["event"], "alive");
}

/// The kernel allows almost any name; the command is read by a shell.
#[test]
fn the_command_that_wait_shows_can_be_pasted() {
    const NAMES: [&[u8]; 5] = [b"vm$(x)", b"vm'\"`x`", b"-x", b"vm\xff", b"vm1"];
    let host = Namespace::host();
    for (number, name) in NAMES.iter().enumerate() {
        let mut ip = Command::new("ip");
        ip.args(["link", "add", "name"]).arg(OsStr::from_bytes(name)).args(["type", "veth", "peer", "name"]);
        host.run(ip.arg(format!("peer{number}")));
    }
    let daemon = Daemon::start(&host, &[&RARELY[1..], &["--interface-regex=^(vm.*|-x)$"]].concat());
    let control = daemon.control();
    drop(control.connect());
    for name in NAMES {
        let mut wait = Command::new(binary());
        wait.args(["wait", "--timeout=1s", "--"]).arg(OsStr::from_bytes(name));
        let output = wait.env("AUTORA_CONTROL_SOCKET", control.path()).output().expect("it can be run");
        let error = said(&output);
        assert_eq!(output.status.code(), Some(3), "{error}");
        let (_, advice) = error.rsplit_once("; ").expect("advice");
        let command = advice.trim_end().strip_suffix(" shows what to do").expect("a command");
        let script = format!("autora() {{ printf '%s\\0' \"$@\"; }}; x() {{ echo pwned >&2; }}; {command}");
        let read = Command::new("bash").args(["-c", &script]).output().expect("bash is there");
        assert!(read.stderr.is_empty(), "{command}: {}", said(&read));
        let words: Vec<_> = read.stdout.split(|byte| *byte == 0).filter(|word| *word != b"--").collect();
        let socket = control.path().as_os_str().as_bytes();
        assert_eq!(words, [&b"explain"[..], b"--socket", socket, name, b""], "{command}");
    }
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["status"],
        &["status", "--json"],
        &["status", "--watch=1s"],
        &["monitor"],
        &["explain"],
        &["wait", "--help"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("it is there");
        let output = control.bounded_command(arguments).stdout(full).output().expect("the daemon can be run");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = said(&output);
        assert_eq!(error, "error: cannot write to standard output: No space left on device\n", "{arguments:?}");
        // The control: what has room works.
        let (mut command, is_endless) = (control.bounded_command(arguments), arguments.contains(&"--watch=1s"));
        if !is_endless && arguments != ["monitor"] {
            // Outside of the daemon's namespace `explain` finds no interface that is served.
            let expected = if arguments == ["explain"] { 3 } else { 0 };
            let output = command.output().expect("the daemon can be run");
            assert_eq!(output.status.code(), Some(expected), "{arguments:?}");
        }
    }
}

/// `TERM=dumb` is a terminal that rewrites no line.
#[test]
fn nothing_is_redrawn_on_a_dumb_terminal() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let on_terminal = |term: &str, command: &str| {
        let mut script = Command::new("timeout");
        script.args(["10", "script", "--quiet", "--return", "--command"]);
        script.arg(format!("{} {command}", binary().display())).arg("/dev/null");
        script.env("TERM", term).env("NO_COLOR", "1").env("AUTORA_CONTROL_SOCKET", control.path());
        said(&script.stdin(Stdio::null()).output().expect("script is there"))
    };
    for command in ["wait vm9 --timeout=3s", "status --watch=1s & sleep 3; kill $!; wait"] {
        assert!(on_terminal("xterm", command).contains('\u{1b}'), "the control: {command}");
        let dumb = on_terminal("dumb", command);
        assert!(!dumb.contains('\u{1b}'), "{command}: {dumb:?}");
        assert!(dumb.contains("no such interface") || dumb.contains("1 serving"), "{command}: {dumb:?}");
    }
}
