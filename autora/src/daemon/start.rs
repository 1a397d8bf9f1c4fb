//! The start: opens sockets and files, gives up capabilities, confines the process, and reads every
//! interface.

use std::{io, path::Path, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tracing::warn;

use super::{
    backend::Backend,
    claimant::Claimant,
    congestion::Congestion,
    control_handle::{self, ControlHandle},
    event_loop::EventLoop,
    links::Links,
    log,
    observe::{Observer, Output},
    shutdown::Shutdown,
    signals::Signals,
    start_error::StartError,
    state_saver::StateSaver,
};
use crate::{
    config::{Config, ControlConfig},
    engine::{Fleet, grid::SendGrid},
    logging,
    settings::OnExit,
    sys::{
        clock::{self, Timer},
        control_socket::{Listeners, UnixSocket},
        filter::Filter,
        heap,
        netlink::Netlink,
        program, random,
        sandbox::{self, SandboxError, Support, WritableDirectories},
        service_manager::ServiceNotifier,
    },
};

/// Runs until a signal asks to stop.
///
/// # Errors
///
/// A [`StartError`] if it cannot start. Once it runs, only a signal ends it, and a dry run also that its output cannot
/// be written.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut event_loop = open(&config)?;
    begin(&mut event_loop, &config);
    let ended = event_loop.run().await;
    logging::finish();
    ended.map_err(StartError::DryRun)
}

/// Opens sockets and files, confines the process, and only then reads the interfaces.
fn open(config: &Config) -> Result<EventLoop, StartError> {
    // Signals first: one that comes during the start is not lost.
    let signals = Signals::new()?;
    // Before anything that a daemon which uses the same directory would notice.
    let mut state_saver =
        if config.dry_run { StateSaver::disabled() } else { StateSaver::open(&config.runtime_directory)? };
    // Before the capabilities are given up: CAP_NET_ADMIN, if present, allows a larger receive buffer.
    // A dry run shows every interface; a daemon keeps only those whose name matches.
    let mut netlink = Netlink::open((!config.dry_run).then(|| config.policy.pattern.clone()))?;
    let listeners = (!config.dry_run).then(|| listen(config));
    // While root still has the capability to give the file to the directory's owner.
    let claimant = Claimant::open(config);
    let backend = Backend::open(config)?;
    let now = clock::now();
    let (timer, notifier) = (Timer::new()?, ServiceNotifier::open(now));
    let mut rng = StdRng::from_seed(random::seed());
    let mut fleet = fleet(config, &mut rng);
    state_saver.restore(&mut fleet, now);
    let control = match (listeners, backend.filter()) {
        (Some(listeners), Some(filter)) => confine(config, listeners, filter)?,
        (Some(_), None) | (None, _) => ControlHandle::closed(),
    };
    let output = first_dump(&mut netlink, &fleet, config)?;
    // A dry run has no totals: no RA leaves.
    let heartbeat_interval = config.heartbeat_interval.filter(|_| !config.dry_run);
    Ok(EventLoop {
        links: Links::new(netlink, config, now),
        observer: Observer::new(output, control),
        heartbeat_interval,
        next_heartbeat: heartbeat_interval.map(|interval| now + interval),
        shutdown: Shutdown::new(config.on_exit == OnExit::Withdraw && !config.dry_run),
        signals,
        backend,
        claimant,
        congestion: Congestion::default(),
        timer,
        notifier,
        rng,
        outbox: Vec::new(),
        fleet,
        state_saver,
    })
}

/// Returns a fleet without interfaces. Its RAs leave on a grid of its own, so that the daemons of several hosts do not
/// send at the same instants.
fn fleet(config: &Config, rng: &mut StdRng) -> Fleet {
    let grid = SendGrid::with_phase(rng.random_range(Duration::ZERO..Duration::from_secs(1)));
    Fleet::new(config.policy.clone(), config.parameters).with_link_options(config.link_options).with_grid(grid)
}

fn listen(config: &Config) -> Listeners {
    let ControlConfig { socket, group, metrics_listen, .. } = &config.control;
    let set_by = config.origins.of("control-socket").map(ToString::to_string);
    let socket = socket.clone().map(|path| UnixSocket { path, set_by });
    Listeners::open(socket, group.as_deref(), *metrics_listen)
}

/// Confines the process and starts the control thread. Files are confined before the thread starts, since a
/// thread inherits the Landlock domain of the one that starts it; system calls once every thread has opened
/// its files and sockets.
fn confine(config: &Config, listeners: Listeners, filter: &Filter) -> Result<ControlHandle, SandboxError> {
    let info = control_handle::info(config, filter);
    let socket = config.control.socket.as_deref().and_then(Path::parent);
    match sandbox::confine_files(&WritableDirectories { state: &config.runtime_directory, socket })? {
        Support::Enforced => {}
        Support::Missing => warn!(
            "this kernel has no Landlock (it takes Linux 5.13 and CONFIG_SECURITY_LANDLOCK): the daemon can open \
             every file that its user may open"
        ),
        Support::Refused(errno) => warn!(
            error = %io::Error::from_raw_os_error(errno),
            "Landlock is refused, by the sandbox of a container or unit (SystemCallFilter=): allow the landlock_* calls; \
             the daemon can open every file that its user may open"
        ),
    }
    let control = ControlHandle::open(listeners, info);
    if sandbox::confine_calls()? == Support::Missing {
        warn!(
            "this kernel has no seccomp filters (it takes CONFIG_SECCOMP_FILTER): the daemon can make every system call"
        );
    }
    Ok(control)
}

/// Reads every interface. A dry run shows them.
fn first_dump(netlink: &mut Netlink, fleet: &Fleet, config: &Config) -> Result<Output, StartError> {
    let snapshot = netlink.dump()?;
    let output = Output::new(config, &snapshot.interfaces);
    netlink.follow(fleet.unseen());
    netlink.adopt(snapshot, clock::now());
    Ok(output)
}

/// Hands the interfaces to the fleet, and sends the RAs that are due at once. What guests hold by then is saved soon:
/// the loop's first turn may be the one of the next RA.
fn begin(event_loop: &mut EventLoop, config: &Config) {
    event_loop.on_links();
    event_loop.state_saver.attend(&mut event_loop.fleet, &mut event_loop.claimant, clock::now());
    event_loop.observer.started();
    heap::trim();
    program::drop_start_pages();
    let interfaces = event_loop.fleet.counts();
    log::started(config, &event_loop.backend.filter_name(), interfaces);
    event_loop.notifier.ready(interfaces.to_string(), clock::now());
}
