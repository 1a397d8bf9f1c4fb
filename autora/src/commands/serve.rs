//! `autora` without a subcommand: the daemon, its dry run, and the check of its settings.

use std::process::ExitCode;

use nix::errno::Errno;

use super::{
    outcome::{CommandResult, NETLINK_ADVICE, dump_advice},
    screen,
};
use crate::{
    config::{Config, DaemonArgs},
    daemon::{self, StartError},
    error::{self, EXIT_USAGE, Failure},
    logging::{self, LogError},
    settings::SendPath,
    sys::{filter::LoadError, receiver, sender},
};

/// Runs the daemon until a signal stops it; with `--check`, prints the settings instead.
///
/// # Errors
///
/// Returns a [`Failure`] if a setting is invalid, and if the daemon cannot start.
pub fn run(args: &DaemonArgs) -> CommandResult {
    let config = Config::try_from(args).map_err(|error| Failure::new(&error).with_code(EXIT_USAGE))?;
    if args.check {
        for warning in &config.warnings {
            error::warn(warning);
        }
        _ = screen::show(&config.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    logging::set_up(config.log_level, config.log_format).map_err(|error| no_log(&error))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    run_daemon(config).map_err(|error| no_start(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn no_log(error: &LogError) -> Failure {
    let failure = Failure::new(error);
    match error {
        LogError::Journal(_) => failure.advise("start systemd-journald, or choose --log-format text or json"),
        LogError::Again(_) => failure,
    }
}

fn no_start(error: &StartError) -> Failure {
    let failure = Failure::new(error);
    match advice(error) {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// Returns what to do about `error`, or `None` if its text says so.
fn advice(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::Filter(LoadError::Permission)
        | StartError::Receiver(receiver::ReceiverOpenError::Permission)
        | StartError::Sender(sender::SenderOpenError::NotPermitted(_))
        | StartError::State(_) => None,
        StartError::Filter(
            LoadError::NoProgram
            | LoadError::Limited
            | LoadError::Forbidden(_)
            | LoadError::Verifier { .. }
            | LoadError::Unsupported(_),
        ) => Some("--filter classic needs no eBPF"),
        StartError::Receiver(receiver::ReceiverOpenError::Socket(_)) => Some(
            "the kernel needs IPv6 (ipv6.disable=1 on its command line turns it off), and a sandbox must allow AF_INET6 \
             (RestrictAddressFamilies= in a unit)",
        ),
        StartError::Sender(sender::SenderOpenError::Failed { path: SendPath::Packet, .. }) => {
            Some("a sandbox must allow AF_PACKET (RestrictAddressFamilies= in a unit); --send raw does not need it")
        }
        StartError::Sender(sender::SenderOpenError::Failed { path: SendPath::Raw, .. }) => {
            Some("a sandbox must allow AF_INET6 (RestrictAddressFamilies= in a unit)")
        }
        StartError::Netlink(_) => Some(NETLINK_ADVICE),
        StartError::Dump(error) => Some(dump_advice(error)),
        StartError::Privileges(_) => Some("a sandbox must allow capset(2) (SystemCallFilter= in a unit)"),
        StartError::Sandbox(_) => Some(
            "the kernel supports it but refuses the call: the sandbox of a container or unit must allow seccomp(2) and the \
             landlock_* calls (SystemCallFilter= in a unit)",
        ),
        StartError::Io(error) => Some(match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE) => "raise the limit of open files (ulimit -n, LimitNOFILE= in a unit)",
            Some(_) | None => {
                "a sandbox must allow epoll_create1(2), eventfd2(2), socketpair(2), timerfd_create(2), \
                 timerfd_settime(2) and getrandom(2)"
            }
        }),
    }
}

fn run_daemon(config: Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(daemon::run(config))
}
