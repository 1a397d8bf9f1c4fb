//! The stop: final RAs, after which no guest keeps its default route.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Advert, Daemon, terminal::Screen, within};
use nix::sys::signal::Signal;

use crate::{
    probe::{self, Start, milliseconds},
    topology::Topology,
};

/// Final RAs keep the 3 s floor; the rest is for a busy machine.
const TIMEOUT: Duration = Duration::from_millis(3_000 + 500);

/// The 3 s floor ([RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6)); the timestamps of
/// two packets are off by less than a millisecond.
const MIN_DELAY: Duration = Duration::from_millis(3_000 - 1);

/// Stops the daemon and shows the withdrawal on each link.
pub(crate) fn withdrawal(screen: &mut Screen, topology: &mut Topology, daemon: &mut Daemon) {
    screen.section("The stop: on SIGTERM the daemon withdraws the default route on each link");
    let stop = Start::now();
    daemon.signal(Signal::SIGTERM);
    let gone = routes_gone(topology);
    let finals: Vec<(String, Option<Advert>)> = topology
        .served()
        .map(|(name, watch)| {
            let left = TIMEOUT.saturating_sub(stop.instant.elapsed());
            (name.to_owned(), watch.advert_after(stop.time, left, Advert::is_final))
        })
        .collect();
    let after = |at: Option<Instant>| milliseconds(at.map(|at| at.duration_since(stop.instant)));
    // There is no guest behind the tap.
    let routes = gone.iter().map(|at| after(*at)).chain([String::new()]);
    let header = ["interface", "final RA after", "Router Lifetime", "guest's default route gone after"];
    let rows = finals.iter().zip(routes);
    let rows = rows.map(|((name, advert), gone)| row(name, advert.as_ref(), gone, stop));
    screen.table(header, rows);
    screen.check(
        finals.iter().all(|(_, advert)| advert.is_some()),
        "a final RA, Router Lifetime 0, on every served interface",
    );
    screen.check(gone.iter().all(Option::is_some), "every guest's kernel has removed its default route");
    let code =
        within(TIMEOUT, || (!daemon.is_running()).then_some(())).map(|()| daemon.wait_exit(Duration::from_secs(1)));
    screen.check(code == Some(0), "the daemon exited with code 0");
    let spaced = topology.served().all(|(_, watch)| {
        let adverts = watch.adverts();
        adverts.windows(2).all(|pair| pair[1].since(pair[0].at) >= MIN_DELAY)
    });
    screen.check(spaced, "from start to stop no two RAs on a link were less than 3 s apart");
}

fn routes_gone(topology: &Topology) -> Vec<Option<Instant>> {
    thread::scope(|scope| {
        let watchers: Vec<_> =
            topology.guests.iter().map(|member| scope.spawn(|| probe::route_gone(member, TIMEOUT))).collect();
        watchers.into_iter().map(|watcher| watcher.join().expect("watching does not fail")).collect()
    })
}

fn row(name: &str, advert: Option<&Advert>, gone: String, stop: Start) -> [String; 4] {
    let lifetime =
        advert.map_or_else(|| "-".to_owned(), |advert| format!("{} s", advert.advert.router_lifetime.as_secs()));
    [name.to_owned(), milliseconds(advert.map(|advert| advert.since(stop.time))), lifetime, gone]
}
