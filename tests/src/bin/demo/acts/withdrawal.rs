//! A stop: the guests are told, so that none keeps a route into nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Advert, Daemon, terminal::Screen, within};
use nix::sys::signal::Signal;

use crate::{
    probe::{self, Start, milliseconds},
    stage::Stage,
};

/// Final RAs obey the 3 s between two RAs; some time on top for a busy machine.
const TIMEOUT: Duration = Duration::from_millis(3_000 + 500);

/// No two RAs on a link closer than that [RFC 4861 6.2.6]; the clocks of two packets differ by less than a millisecond.
const MIN_DELAY: Duration = Duration::from_millis(3_000 - 1);

/// Asks the daemon to stop, and watches.
pub(crate) fn withdrawal(screen: &mut Screen, stage: &mut Stage, daemon: &mut Daemon) {
    screen.section("The stop: SIGTERM, and each link hears that this is a router no longer");
    let stop = Start::now();
    daemon.signal(Signal::SIGTERM);
    let gone = routes_gone(stage);
    let finals: Vec<(String, Option<Advert>)> = stage
        .served()
        .map(|(name, watch)| {
            let left = TIMEOUT.saturating_sub(stop.instant.elapsed());
            (name.to_owned(), watch.advert_after(stop.time, left, Advert::is_final))
        })
        .collect();
    let after = |at: Option<Instant>| milliseconds(at.map(|at| at.duration_since(stop.instant)));
    // The tap has nobody behind it.
    let routes = gone.iter().map(|at| after(*at)).chain([String::new()]);
    let header = ["interface", "final RA after", "Router Lifetime", "guest's default route gone after"];
    let rows = finals.iter().zip(routes);
    let rows = rows.map(|((name, advert), gone)| row(name, advert.as_ref(), gone, stop));
    screen.table(header, rows);
    screen.check(
        finals.iter().all(|(_, advert)| advert.is_some()),
        "a final RA, Router Lifetime 0, on every served interface",
    );
    screen.check(gone.iter().all(Option::is_some), "every guest's kernel has dropped its default route");
    let code = within(TIMEOUT, || (!daemon.is_running()).then_some(()))
        .map(|()| daemon.wait_exit(Duration::from_secs(1)));
    screen.check(code == Some(0), "the daemon has exited with code 0");
    let spaced = stage.served().all(|(_, watch)| {
        let adverts = watch.adverts();
        adverts.windows(2).all(|pair| pair[1].since(pair[0].at) >= MIN_DELAY)
    });
    screen.check(spaced, "all along no two RAs on a link were less than 3 s apart");
}

fn routes_gone(stage: &Stage) -> Vec<Option<Instant>> {
    thread::scope(|scope| {
        let watchers: Vec<_> =
            stage.guests.iter().map(|member| scope.spawn(|| probe::route_gone(member, TIMEOUT))).collect();
        watchers.into_iter().map(|watcher| watcher.join().expect("watching does not fail")).collect()
    })
}

fn row(name: &str, advert: Option<&Advert>, gone: String, stop: Start) -> [String; 4] {
    let lifetime = advert
        .map_or_else(|| "-".to_owned(), |advert| format!("{} s", advert.advert.router_lifetime.as_secs()));
    [name.to_owned(), milliseconds(advert.map(|advert| advert.since(stop.time))), lifetime, gone]
}
