//! `autora` without a subcommand: the daemon, its dry run, and the check of its settings.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs, io, iter,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
};

use nix::{errno::Errno, net::if_::if_nameindex};

use super::{
    outcome::{CommandResult, NETLINK_ADVICE, dump_advice},
    screen,
};
use crate::{
    addr::shown_name,
    config::{
        Config, DaemonArgs, SETTINGS_READ, Warning, commented_variables,
        settings_file::{self, SettingsFile},
        unknown_variables,
    },
    daemon::{self, StartError},
    error::{self, EXIT_USAGE, Failure},
    logging::{self, LogError},
    settings::SendPath,
    sys::{filter::LoadError, open_files, receiver, sender},
};

/// Runs the daemon until a signal stops it; with `--check`, prints the settings instead. `variables` are those of all
/// options.
///
/// # Errors
///
/// Returns a [`Failure`] if a setting is invalid, and if the daemon cannot start.
pub fn run(args: &DaemonArgs, variables: &[String]) -> CommandResult {
    if let Some(file) = &args.settings {
        return Err(run_again(file));
    }
    let commented = comments(variables);
    let mut config = Config::try_from(args).map_err(|error| {
        warn_of(&commented);
        Failure::new(&error).with_code(EXIT_USAGE)
    })?;
    config.warnings.extend(commented);
    config.warnings.extend(unknown_variables(variables, env::vars_os().map(|(name, _)| name)));
    if args.check {
        return check(&config);
    }
    logging::set_up(config.log_level, config.log_format).map_err(|error| no_log(&error))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    run_daemon(config).map_err(|error| no_start(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns a warning for each of `variables` whose value has what looks like a comment, unless the lines of the file
/// that it is from have been looked at.
pub(super) fn comments(variables: &[String]) -> Vec<Warning> {
    if env::var_os(SETTINGS_READ).is_some() { Vec::new() } else { commented_variables(variables, env::vars_os()) }
}

/// Writes the warnings to standard error.
pub(super) fn warn_of(warnings: &[Warning]) {
    for warning in warnings {
        error::warn(warning);
    }
}

/// Prints the settings, and on standard error what may not be meant.
fn check(config: &Config) -> CommandResult {
    warn_of(&config.warnings);
    if let Ok(names) = if_nameindex() {
        let names: Vec<_> = names.iter().map(|found| shown_name(found.name().to_bytes()).into_owned()).collect();
        let pattern = &config.policy.pattern;
        let matching = names.iter().filter(|name| pattern.is_match(name)).count();
        error::note(&format!("{pattern} matches {matching} of the {} interfaces here", names.len()));
    }
    _ = screen::show(&config.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs autora again in this process's place, with the variables of `file` for its own. Returns why it could not.
fn run_again(file: &Path) -> Failure {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return Failure::new(&error).because_of(&format!("--settings {}", file.display())),
    };
    let SettingsFile { variables, ignored, commented } = settings_file::parse(&text);
    for line in ignored {
        error::warn(&format!("line {line} of {} is ignored: it is not NAME=VALUE", file.display()));
    }
    for (line, name) in commented {
        error::warn(&format!(
            "line {line} of {}: the value of {name} goes on to the end of the line, with what looks like a comment: a \
             comment needs a line of its own",
            file.display()
        ));
    }
    let mut again = Command::new("/proc/self/exe");
    again.args(without_settings(env::args_os().skip(1)));
    let own = env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"AUTORA_"));
    own.for_each(|name| _ = again.env_remove(name));
    let error = again.arg0("autora").envs(variables).env(SETTINGS_READ, "1").exec();
    Failure::new(&error).because_of("cannot run autora again")
}

/// Returns the arguments without `--settings` and its value.
fn without_settings(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_encoded_bytes() {
            b"--settings" => _ = arguments.next(),
            with_value if with_value.starts_with(b"--settings=") => {}
            _ => kept.push(argument),
        }
    }
    kept
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
    let advice = if lacks_files(error) { Some(MORE_FILES) } else { advice(error) };
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// What to do where the limit of open files is too low.
const MORE_FILES: &str = "raise the limit of open files (ulimit -n, LimitNOFILE= in a unit)";

/// Returns whether the process, or the machine, has no file descriptor left.
fn lacks_files(error: &StartError) -> bool {
    let causes = iter::successors(Some(error as &dyn Error), |&cause| cause.source());
    let mut errors = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    errors.any(|number| matches!(Errno::from_raw(number), Errno::EMFILE | Errno::ENFILE))
}

/// Returns what to do about `error`, or `None` if its text says so.
fn advice(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::Filter(LoadError::Permission)
        | StartError::Receiver(receiver::ReceiverOpenError::Permission)
        | StartError::Sender(sender::SenderOpenError::NotPermitted(_))
        | StartError::State(_)
        | StartError::DryRun(_) => None,
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
        StartError::Files(_) => Some(MORE_FILES),
        StartError::Io(_) => Some(
            "a sandbox must allow epoll_create1(2), eventfd2(2), socketpair(2), timerfd_create(2) and \
             timerfd_settime(2)",
        ),
    }
}

fn run_daemon(config: Config) -> Result<(), StartError> {
    open_files::check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(daemon::run(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_has_no_file() {
        let without = |words: &str| {
            let kept = without_settings(words.split(' ').map(OsString::from));
            kept.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        for (words, expected) in [
            ("--check --settings /etc/x --mtu", "--check --mtu"),
            ("--settings=/etc/x --check", "--check"),
            ("--check --send raw", "--check --send raw"),
        ] {
            assert_eq!(without(words), expected);
        }
    }
}
