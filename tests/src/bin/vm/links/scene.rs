//! Inside the machine: one host with links of some kinds, from the start of the daemon to its end.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Launch, Namespace, binary};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{
    kinds::{Column, SCENES, Scene},
    link::TriedLink,
};
use crate::machine::CAPABILITIES;

/// Emulated machines are slow.
const SOON: Duration = Duration::from_secs(60);

/// Serves the links that are tried, and after the initial burst sends solicited RAs alone.
const ARGUMENTS: [&str; 3] = ["--interface-regex=^vm[0-9]+$", "--min-ra-interval=1000s", "--max-ra-interval=1400s"];

/// Longer than resolving a neighbour behind a queue that delays.
const PROBE: [&str; 3] = ["probe", "--json", "--timeout=10s"];

/// Tries the links of a scene, and reports what was seen of each.
pub(super) fn run(place: usize) {
    let (scene, host) = (&SCENES[place], Namespace::host());
    scene.settings.iter().for_each(|(key, value)| host.sysctl(key, value));
    let mut links: Vec<_> =
        scene.kinds.iter().zip(1..).map(|(kind, number)| TriedLink::new(&host, kind, number)).collect();
    let mut daemon = launch(scene).start(&host);
    daemon.wait_for_log(&["started"], SOON);
    links.sort_by_key(|link| !link.expects_configuration());
    see_service(&mut links, &daemon);
    see_probe(&mut links, &host);
    see_end(&mut links, &mut daemon);
    for link in &links {
        link.report(place);
    }
}

fn launch(scene: &Scene) -> Launch {
    let arguments = [&ARGUMENTS[..], scene.arguments].concat();
    match scene.vrf {
        None => Launch::new(&arguments).unprivileged(&CAPABILITIES),
        Some(vrf) => Launch::new(&arguments).binary(&inside(vrf)),
    }
}

/// Returns a program that runs the daemon inside a VRF.
fn inside(vrf: &str) -> PathBuf {
    let program = PathBuf::from("/tmp/autora-in-vrf");
    let script = format!("#!/bin/sh\nexec /usr/bin/ip vrf exec {vrf} {} \"$@\"\n", binary().display());
    fs::write(&program, script).expect("there is room");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it is ours");
    program
}

/// Guests that are to have nothing come after the others: what came to those would have come to them.
fn see_service(links: &mut [TriedLink], daemon: &Daemon) {
    let mut each = |see: fn(&mut TriedLink, &Daemon, Instant)| {
        let deadline = Instant::now() + SOON;
        for link in links.iter_mut() {
            see(link, daemon, deadline);
        }
    };
    each(TriedLink::see_state);
    each(TriedLink::see_guest);
    each(TriedLink::release);
    links.iter_mut().filter(|link| link.is_configured()).for_each(|link| link.see_answer(daemon));
}

fn see_probe(links: &mut [TriedLink], host: &Namespace) {
    let configured = || links.iter().filter(|link| link.is_configured());
    let names: Vec<_> = configured().map(TriedLink::name).collect();
    let arguments: Vec<_> = PROBE.into_iter().chain(names.iter().map(String::as_str)).collect();
    let output = Launch::new(&arguments).output(host);
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let verdicts = document["interfaces"].as_array().into_iter().flatten();
    for (name, verdict) in verdicts.filter_map(|one| one["name"].as_str().zip(one["verdict"].as_str())) {
        let probed = links.iter_mut().filter(|link| link.name() == name);
        probed.for_each(|link| link.see(Column::Probe, verdict));
    }
}

fn see_end(links: &mut [TriedLink], daemon: &mut Daemon) {
    daemon.signal(Signal::SIGTERM);
    let code = daemon.wait_exit(SOON);
    if code != 0 {
        println!("@@ warning the daemon ended with {code}");
    }
    let deadline = Instant::now() + SOON;
    links.iter_mut().filter(|link| link.is_configured()).for_each(|link| link.see_withdrawal(deadline));
    for line in daemon.lines_with(&["WARN"]) {
        let (_, what) = line.split_once("WARN ").expect("the line has the word");
        println!("@@ warning {what}");
    }
}
