//! The commands that connect to a running daemon: status, wait, monitor, report.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use autora::control::limits::ALIVE_INTERVAL;
use autora_tests::{Control, Daemon, Namespace, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    bench::{Line, SOON, rarely},
    control::scene,
};

fn code(output: &Output) -> (i32, String) {
    let said = [&output.stdout[..], &output.stderr].concat();
    (output.status.code().expect("it exits"), String::from_utf8(said).expect("text"))
}

#[test]
fn status_shows_interfaces_and_reasons() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let (exit, all) = code(&control.run(&["status"]));
    assert_eq!(exit, 0, "{all}");
    for expected in ["1 serving", "1 not served (1 no-prefix)", "filter ebpf (program", "2001:db8:0:1::/64"] {
        assert!(all.contains(expected), "{expected} in {all}");
    }
    assert!(!all.contains('\u{1b}'), "no colours without a terminal");
    let lines: Vec<_> = all.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("vm2") && line.ends_with("not-served  no-prefix")), "{all}");

    let (_, filtered) = code(&control.run(&["status", "--state=not-served", "vm*"]));
    assert!(filtered.contains("\nvm2 ") && !filtered.contains("\nvm1 "), "{filtered}");
    let (_, json) = code(&control.run(&["status", "--json", "vm1"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["status"]["interfaces"]["serving"], 1);
    assert_eq!(json["interfaces"][0]["name"], "vm1");

    let (exit, said) = code(&control.run(&["status", "--socket=/nowhere/control.sock"]));
    assert_eq!(exit, 1);
    assert!(said.contains("no daemon answers on /nowhere/control.sock") && said.contains("start"), "{said}");
    assert!(said.contains("No such file or directory;"), "the error in words, without its number: {said}");
    // The flag beats the variable of the environment.
    let mut instance = control.command(&["status", "--instance", "no-such-1"]);
    let (exit, said) = code(&instance.env("AUTORA_CONTROL_SOCKET", control.path()).output().expect("it can be run"));
    assert_eq!(exit, 1);
    assert!(said.contains("no daemon answers on /run/autora-no-such-1/control.sock"), "{said}");
    assert!(said.contains("; start the daemon (systemctl start autora@no-such-1), or "), "{said}");
    // The daemon's own variable, in an environment that daemon and command share.
    let mut off = control.command(&["status"]);
    let (exit, said) = code(&off.env("AUTORA_CONTROL_SOCKET", "none").output().expect("the daemon can be run"));
    assert_eq!(exit, 1);
    assert!(said.contains("the control socket is switched off"), "{said}");
}

#[test]
fn status_counts_reasons_and_says_that_an_interface_can_have_several() {
    let (daemon, control, [_, line], _host) = scene(&[]);
    let (_, all) = code(&control.run(&["status"]));
    assert!(all.contains("1 not served (1 no-prefix)\n"), "the control: {all}");
    line.link.host.sysctl("forwarding", 0);
    daemon.wait_for_log(&["not serving", "interface=vm2", "forwarding-off"], SOON);
    let (_, all) = code(&control.run(&["status"]));
    let expected = "1 not served (1 forwarding-off, 1 no-prefix; an interface can have several)\n";
    assert!(all.contains(expected), "{all}");
}

#[test]
fn status_says_which_names_and_patterns_the_daemon_has_no_interface_for() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let socket = control.path().display();
    let hint = format!("; `autora explain --socket {socket}` lists those that exist\n");
    for (arguments, expected, words) in [
        (&["vm1", "vm*"][..], 0, ""),
        (&["vm1", "--state=not-served"], 0, ""),
        (&["vm1", "vm9"], 4, "error: no such interface among those that match ^vm[0-9]+$: vm9"),
        (&["x*", "vm2", "lo"], 4, "error: no such interface among those that match ^vm[0-9]+$: x*, lo"),
        (&["lo"], 4, "error: the daemon ignores lo: no match for --interface-regex ^vm[0-9]+$\n"),
        (&["vm9", "--json"], 4, "error: no such interface among those that match ^vm[0-9]+$: vm9"),
        (&["vm9", "--state=paused"], 4, "error: no such interface among those that match ^vm[0-9]+$: vm9"),
    ] {
        let output = control.run(&[&["status"], arguments].concat());
        let (exit, said) = code(&output);
        assert_eq!(exit, expected, "{arguments:?}: {said}");
        let error = String::from_utf8(output.stderr).expect("text");
        let is_whole = words.is_empty() || words.ends_with('\n');
        let expected = if is_whole { words.to_owned() } else { format!("{words}{hint}") };
        assert_eq!(error, expected, "{arguments:?}");
    }
    let (_, said) = code(&control.run(&["status", "vm1", "vm9"]));
    assert!(said.contains("\nvm1 "), "what there is, is shown: {said}");
}

#[test]
fn status_says_what_was_asked_where_there_is_none() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    for (arguments, expected) in [
        (&["--state=paused"][..], "no interface in state paused; in other states: 1 serving, 1 not-served\n"),
        (
            &["--state=paused", "--state=ceasing", "vm1"],
            "no interface of vm1 in state paused, ceasing; in other states: 1 serving\n",
        ),
        // The error says it.
        (&["--state=paused", "vm9"], ""),
        (&["vm9", "tap*"], ""),
    ] {
        let output = control.run(&[&["status"], arguments].concat());
        let shown = String::from_utf8(output.stdout).expect("text");
        assert!(shown.ends_with(&format!("\n\n{expected}")), "{arguments:?}: {shown}");
    }
    let (_, shown) = code(&control.run(&["status", "--state=serving"]));
    assert!(shown.contains("\nvm1 ") && !shown.contains("no interface"), "the control: {shown}");
}

/// Guests keep their default route until the final RA, which waits until 3 s have passed since the last one.
#[test]
fn status_says_what_guests_hold_of_an_interface_that_is_not_served() {
    let (daemon, control, [mut line, _], _host) = scene(&["--router-lifetime=1500s"]);
    line.expect_answer();
    line.remove_prefix();
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["no-prefix"]);
    let vm1 = || control.json("/v1/interfaces/vm1");
    let row = || {
        let (_, shown) = code(&control.run(&["status", "vm1"]));
        shown.lines().find(|line| line.starts_with("vm1 ")).unwrap_or_else(|| panic!("{shown}")).to_owned()
    };
    let (held, shown) = (vm1()["advertised_router"].clone(), row());
    assert_eq!(held["source"], line.link.host.link_local().to_string());
    assert!(held["for_s"].as_f64().is_some_and(|seconds| seconds > 1_480.0 && seconds <= 1_500.0), "{held}");
    assert!(shown.contains("not-served  no-prefix; last RA "), "{shown}");
    assert!(shown.ends_with("s ago; guests keep the route for up to 25m"), "{shown}");

    assert!(line.capture.expect_advert(SOON).is_final());
    eventually(SOON, "the final RA to be known", || vm1()["advertised_router"].is_null().then_some(()));
    let shown = row();
    assert!(shown.contains("not-served  no-prefix; final RA ") && shown.ends_with("s ago"), "{shown}");
}

#[test]
fn a_watched_status_is_json_for_scripts() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let mut watch = control.bounded_command(&["status", "--watch=1s", "--json", "vm1"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("the daemon can be run");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let line = lines.next().expect("one line follows the other").expect("it writes");
        let document: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!((&document["interfaces"][0]["name"], &document["interfaces"][1]), (&"vm1".into(), &Value::Null));
        assert_eq!(document["status"]["interfaces"]["serving"], 1);
    }
    drop(lines);
    assert!(watch.wait().expect("it ends").success());
}

/// Runs `autora wait` to its end. Returns exit code, output and duration.
fn wait(control: &Control, arguments: &[&str]) -> (i32, String, Duration) {
    let began = Instant::now();
    let (exit, said) = code(&control.run(&[&["wait"], arguments].concat()));
    (exit, said, began.elapsed())
}

const TIMEOUT: Duration = Duration::from_secs(1);

#[test]
fn wait_ends_after_the_first_ra() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut served = Line::new(&host, &guest, 1);
    let not_fit = Line::without_prefix(&host, &guest, "vm2", 2);
    let daemon = Daemon::start(&host, &rarely(&[]));
    served.expect_served(SOON);
    let control = daemon.control();

    let (exit, said, took) = wait(&control, &["vm1"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    assert!(took < TIMEOUT, "an RA has left already: {took:?}");

    // One interface is not fit yet, and one does not exist yet.
    thread::scope(|scope| {
        let waits = ["vm2", "vm3"].map(|name| {
            let control = control.clone();
            scope.spawn(move || wait(&control, &[name, "--timeout=20s"]))
        });
        thread::sleep(TIMEOUT);
        assert!(waits.iter().all(|wait| !wait.is_finished()), "no RA has left yet");
        not_fit.add_prefix();
        let _late = Line::new(&host, &guest, 3);
        for wait in waits {
            let (exit, said, took) = wait.join().expect("it waits");
            assert_eq!(exit, 0, "{said}");
            assert!(took < SOON, "{took:?}");
        }
    });
}

#[test]
fn wait_reports_why_it_failed() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    for (arguments, expected, words) in [
        (&["vm2", "--timeout=1s"][..], 3, "no usable /64 (no-prefix)"),
        (&["vm9", "--timeout=1s"], 4, "error: no RA on vm9 within 1s: no such interface: vm9; `autora explain"),
        (&["vm9", "--timeout=1s"], 4, "note: no such interface yet: vm9; this waits for it\n"),
        (&["eth0", "--timeout=60s"], 4, "does not match --interface-regex ^vm[0-9]+$"),
        (&["vm*", "--timeout=60s"], 4, "wait takes one name, and no pattern"),
        (&["vm1", "--socket=/nowhere/control.sock"], 1, "no daemon answers"),
        (&["vm1", "--timeout=soon"], 2, "--timeout"),
        (&[], 2, "IFACE"),
    ] {
        let (exit, said, took) = wait(&control, arguments);
        assert_eq!(exit, expected, "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(took < TIMEOUT * 4, "{arguments:?} took {took:?}");
    }
    let (_, said, _) = wait(&control, &["vm2", "--timeout=1s"]);
    let hint = format!("; autora explain --socket {} vm2 shows what to do\n", control.path().display());
    assert!(said.ends_with(&hint), "{said}");
}

#[test]
fn wait_tells_detection_from_a_missing_carrier() {
    let (_daemon, control, [line, _], _host) = scene(&[]);
    let paused_by = |what: &str, words: &str| {
        eventually(SOON, what, || (control.json("/v1/interfaces/vm1")["waits_for"] == what).then_some(()));
        let (exit, said, _) = wait(&control, &["vm1", "--timeout=0s"]);
        let expected = format!("error: no RA can leave on vm1 now: {words}; the last one left ");
        assert!(exit == 3 && said.starts_with(&expected), "{said}");
    };
    assert_eq!(control.json("/v1/interfaces/vm1")["waits_for"], Value::Null, "the control");
    line.begin_detection(&line.link_local());
    paused_by("detection", "duplicate address detection runs on its source");
    line.link.guest.set("down");
    paused_by("carrier", "it has no carrier");
}

#[test]
fn a_wait_of_no_time_asks_once() {
    let (daemon, control, _lines, _host) = scene(&[]);
    for (arguments, expected, words) in [
        (&["vm1"][..], 0, ""),
        (&["vm2"], 3, "error: no RA on vm2 yet: it has no usable /64 (no-prefix); autora explain "),
        (&["vm9"], 4, "error: no RA on vm9 yet: no such interface: vm9; `autora explain "),
        (&["eth0"], 4, "error: eth0 is not served: the name does not match --interface-regex ^vm[0-9]+$"),
        (&["vm1", "--socket=/nowhere/control.sock"], 1, "error: no daemon answers"),
    ] {
        // As often as chance would need to give another answer.
        for _ in 0..10 {
            let (exit, said, _) = wait(&control, &[&["--timeout=0s"], arguments].concat());
            assert_eq!(exit, expected, "{arguments:?}: {said}");
            assert!(said.starts_with(words) && said.is_empty() == words.is_empty(), "{arguments:?}: {said}");
        }
    }
    // It has all the time that the answer needs.
    daemon.signal(Signal::SIGSTOP);
    let asked = thread::scope(|scope| {
        let asked = scope.spawn(|| wait(&control, &["vm1", "--timeout=0s"]));
        thread::sleep(TIMEOUT);
        assert!(!asked.is_finished(), "the daemon has not answered yet");
        daemon.signal(Signal::SIGCONT);
        asked.join().expect("it waits")
    });
    assert_eq!((asked.0, asked.1.as_str()), (0, ""));
}

/// Nothing is on standard output but what happens.
#[test]
fn monitor_says_what_it_waits_for() {
    let (_daemon, control, _lines, host) = scene(&[]);
    for (arguments, expected) in [
        (&["vm1", "vm*"][..], ""),
        (&[], ""),
        (
            &["vm3", "eth*"],
            "note: no such interface yet among those that match ^vm[0-9]+$: vm3, eth*; this waits for it\n",
        ),
    ] {
        let mut monitor = control.bounded_command(&[&["monitor", "--json"], arguments].concat());
        let monitor = monitor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut monitor = monitor.expect("the daemon can be run");
        let mut lines = BufReader::new(monitor.stdout.take().expect("piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it writes");
        assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON")["event"], "hello");
        if !expected.is_empty() {
            let (guest, name) = (Namespace::quiet(), "vm3");
            let _late = Line::named(&host, &guest, name, 3);
            line.clear();
            lines.read_line(&mut line).expect("it writes");
            assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON")["interface"], name, "it came: {line}");
        }
        drop(lines);
        let ended = monitor.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), expected, "{arguments:?}");
    }
}

#[test]
fn monitor_shows_events() {
    let (_daemon, control, [line, other], _host) = scene(&[]);
    let listen = |arguments: &[&str]| {
        let mut command = control.bounded_command(&[&["monitor"], arguments].concat());
        command.stdout(Stdio::piped()).spawn().expect("the daemon can be run")
    };
    let (mut all, mut filtered) = (listen(&[]), listen(&["--json", "vm2"]));
    let mut all_lines = BufReader::new(all.stdout.take().expect("piped"));
    let mut filtered_lines = BufReader::new(filtered.stdout.take().expect("piped"));
    let mut next = |wanted: &str| {
        let mut text = String::new();
        while !text.contains(wanted) {
            text.clear();
            assert!(all_lines.read_line(&mut text).expect("it writes") > 0, "no {wanted}");
        }
        text
    };
    next("listening");
    let mut first = String::new();
    filtered_lines.read_line(&mut first).expect("it writes");

    line.solicit();
    assert!(next("RS, answer in").contains(" vm1 "));
    assert!(next("RA sent (solicited)").contains(" vm1 "));
    // The filter's counters appear as one line within two seconds.
    for _ in 0..5 {
        line.sender
            .send(&autora_tests::Solicit { hop_limit: 64, ..autora_tests::Solicit::from(&line.link.guest) }.frame());
    }
    assert!(next("dropped").contains("5 hop-limit"));
    line.remove_prefix();
    assert!(next("not serving").contains("(no-prefix)"));
    assert!(next("RA sent (final)").contains(" vm1 "));
    other.add_prefix();
    next("serving 2001:db8:0:2::/64");

    let mut names = Vec::new();
    while names.len() < 2 {
        let mut text = String::new();
        assert!(filtered_lines.read_line(&mut text).expect("it writes") > 0, "only {names:?}");
        let event: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(event["interface"], "vm2", "{event}");
        names.push(event["event"].as_str().expect("a name").to_owned());
    }
    assert_eq!(names, ["serving", "ra-sent"]);

    drop(filtered_lines);
    assert!(filtered.wait().expect("it ends").success());
    drop(all.kill());
    drop(all.wait());
}

#[test]
fn a_watched_status_ends_with_its_reader() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let mut watch = control.bounded_command(&["status", "--watch=1s"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("the daemon can be run");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    // The control: while the output is read, one status follows the other.
    for _ in 0..2 {
        assert!(lines.any(|line| line.expect("it writes").starts_with("interfaces matching")));
    }
    assert!(watch.try_wait().expect("it runs").is_none());
    let began = Instant::now();
    drop(lines);
    assert!(watch.wait().expect("it ends").success());
    assert!(began.elapsed() < SOON);
}

/// Nothing happens on the interface, and not even a sign of life is due.
#[test]
fn a_quiet_monitor_ends_with_its_reader() {
    let (_daemon, control, _lines, _host) = scene(&[]);
    let mut monitor = control.bounded_command(&["monitor", "vm9"]).stdout(Stdio::piped()).spawn().expect("run");
    let mut lines = BufReader::new(monitor.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("it listens");
    assert!(monitor.try_wait().expect("a child").is_none(), "the control: while there is a reader, it runs");
    let closed = Instant::now();
    drop(lines);
    assert!(monitor.wait().expect("it ends").success());
    assert!(closed.elapsed() < ALIVE_INTERVAL / 2, "{:?}", closed.elapsed());
}

#[test]
fn monitor_ends_with_the_daemon() {
    let (mut daemon, control, [mut line, _], _host) = scene(&[]);
    let mut monitor =
        control.bounded_command(&["monitor"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut lines = BufReader::new(monitor.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("it listens");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(line.capture.expect_advert(SOON).is_final());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("it ends");
    assert!(
        rest.contains("the daemon stops") && rest.contains("RA sent (final)"),
        "stop and final RA are shown: {rest}"
    );
    let ended = monitor.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("the daemon has ended"));
}

/// `explain` needs no daemon, but says if one is there and does not answer.
#[test]
fn explain_says_that_the_daemon_hangs() {
    let (daemon, control, _lines, host) = scene(&[]);
    let explain = || {
        let mut command = control.command(&["explain", "vm1"]);
        let output = host.enter(|| command.output()).expect("the daemon can be run");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (exit, shown, said) = explain();
    assert!(exit == Some(0) && shown.starts_with("vm1 is served from") && said.is_empty(), "{shown}{said}");
    daemon.signal(Signal::SIGSTOP);
    let (exit, shown, said) = explain();
    daemon.signal(Signal::SIGCONT);
    assert!(exit == Some(0) && shown.starts_with("vm1 would be served from"), "{shown}");
    assert_eq!(said, "warning: the daemon does not answer: this is explained without the daemon\n");
}

#[test]
fn a_report_has_what_matters_and_no_secret() {
    let (daemon, control, _lines, host) = scene(&["--metrics-per-interface", "--max-interfaces=77"]);
    // A key of which nothing may be shown (RFC 7217).
    host.sysctl("ipv6/conf/default/stable_secret", "2001:db8::5ec2:e7");
    let run = |arguments: &[&str]| host.enter(|| code(&control.run(&[&["report"], arguments].concat())));
    let report = |arguments: &[&str]| {
        let (exit, said) = run(arguments);
        assert_eq!(exit, 0, "{said}");
        said
    };
    let whole = report(&[]);
    let pid = format!("process {}, up", daemon.pid());
    for expected in [
        "== versions ==\nautora 0.1.0",
        "\nkernel Linux ",
        "--max-interfaces=77",
        "\nmax-interfaces              77\n",
        "\nmtu                         false\n",
        "\nsource-address              any\n",
        "\nclaim-directory             none\n",
        "\nvariables                   AUTORA_CLAIM_DIRECTORY=none\n",
        &pid,
        "1 not served (1 no-prefix)",
        "\nvm2 is not served: no-prefix\n",
        "ip address add ",
        "\nnet.ipv6.conf.all.forwarding ",
        "\nnet.ipv6.conf.default.accept_ra ",
        "filter ebpf (program ",
        "CapEff           0000000000000000\n",
        "\nautora_ra_sent_total{cause=\"unsolicited\"} ",
    ] {
        assert!(whole.contains(expected), "{expected:?} in {whole}");
    }
    for unwanted in ["secret", "5ec2", "autora_interface_", "\u{1b}", "not available", "null"] {
        assert!(!whole.contains(unwanted), "{unwanted:?} in {whole}");
    }
    assert!(report(&["vm?"]).contains("\nvm1 is served from fe80::"), "a pattern");
    assert!(report(&["vm1"]).contains("\nvm1 is served from fe80::"), "the interface that is named");
    let (exit, said) = run(&["vm1", "vm9"]);
    let absent = "no such interface in this network namespace: vm9; similar: vm1, vm2\n";
    assert!(exit == 4 && said.ends_with(&format!("\nerror: {absent}")), "{said}");
    assert!(said.contains("\nvm1 is served from fe80::") && said.matches(absent).count() == 2, "it is whole: {said}");
    assert!(said.contains("\n== counters ==\n"), "{said}");
}

#[test]
fn a_report_hides_addresses_and_does_without_a_daemon() {
    let (_daemon, control, _lines, host) = scene(&["--source-link-layer-address"]);
    let report =
        |arguments: &[&str]| host.enter(|| code(&control.run(&[&["report", "vm1", "vm2"], arguments].concat())));
    let (_, plain) = report(&[]);
    assert!(plain.contains("2001:db8:0:1::/64") && plain.contains("fe80::"), "the control: {plain}");
    let (exit, hidden) = report(&["--hide-addresses"]);
    assert_eq!(exit, 0, "{hidden}");
    assert!(!hidden.contains("2001:db8"), "{hidden}");
    let hosts = hidden.split("fe80::").skip(1);
    assert!(hosts.clone().count() > 0 && hosts.clone().all(|host| host.starts_with("host")), "{hidden}");
    // The table of the status and the page of the interface name the same /64.
    assert!(hidden.matches("net1::/64").count() > 1, "{hidden}");
    // A placeholder is not as long as its address, and the columns are where their titles are.
    let table = |text: &str| {
        let title = text.lines().position(|line| line.starts_with("interface  state")).expect("a table");
        let [title, vm1] = [title, title + 1].map(|line| text.lines().nth(line).expect("a line").to_owned());
        let source = &vm1[title.find("source").expect("a column")..];
        assert!(source.starts_with("fe80::"), "{title}\n{vm1}");
        assert_eq!(title.len(), vm1.len(), "the last column is aligned to the right:\n{title}\n{vm1}");
    };
    for text in [&plain, &hidden] {
        table(text);
    }

    let (exit, without) = report(&["--socket=/nowhere/control.sock"]);
    assert_eq!(exit, 0, "{without}");
    for expected in
        ["no daemon answers on /nowhere/control.sock", "interface-regex             ^$", "vm1 would be served"]
    {
        assert!(without.contains(expected), "{expected:?} in {without}");
    }
}
