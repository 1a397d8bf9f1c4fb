//! `autora` without a subcommand: the daemon, its dry run, and the check of its settings.

use std::{
    env,
    error::Error,
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
        Config, DaemonArgs, Origin, Origins, RefusedValues, SETTINGS_READ, SettingsLines, Warning, commented_variables,
        settings_file::{self, RepeatedVariable, SettingsFile},
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
/// Returns a [`Failure`] if the file of settings cannot be read, and if the daemon cannot start. Refused values are
/// reported here, each by itself.
pub fn run(args: &DaemonArgs, variables: &[String]) -> CommandResult {
    if let Some(file) = &args.settings {
        return Err(run_again(file));
    }
    let warnings = about_variables(variables);
    let mut config = match Config::try_from(args) {
        Ok(config) => config,
        Err(refused) => return Ok(refuse(&refused, &warnings)),
    };
    config.warnings.extend(warnings);
    if args.check {
        return check(&config);
    }
    logging::set_up(config.log_level, config.log_format).map_err(|error| no_log(&error))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let origins = config.origins.clone();
    run_daemon(config).map_err(|error| no_start(&error, &origins))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns what is odd about the variables of the environment, of which `variables` are those of all options.
fn about_variables(variables: &[String]) -> Vec<Warning> {
    let unknown = unknown_variables(variables, env::vars_os().map(|(name, _)| name));
    comments(variables).into_iter().chain(unknown).collect()
}

/// Reports every refused value, after what may be the cause.
fn refuse(refused: &RefusedValues, warnings: &[Warning]) -> ExitCode {
    warn_of(warnings);
    error::report_all(refused.iter());
    ExitCode::from(EXIT_USAGE)
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
        Err(error) => return unreadable(file, &error),
    };
    let settings = settings_file::parse(&text);
    warn_of_lines(file, &settings);
    let mut again = Command::new("/proc/self/exe");
    // With --settings, so that ps(1) shows the file; SETTINGS_READ says that it has been read.
    again.args(env::args_os().skip(1));
    let own = env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"AUTORA_"));
    own.for_each(|name| _ = again.env_remove(name));
    let lines = SettingsLines::new(file, &settings.variables);
    let set = settings.variables.into_iter().map(|variable| (variable.name, variable.value));
    let error = again.arg0("autora").envs(set).env(SETTINGS_READ, lines.written()).exec();
    Failure::new(&error).because_of("cannot run autora again")
}

/// The file of settings of the service `autora`.
const SERVICE_SETTINGS: &str = "/etc/default/autora";

/// Returns the failure of a file of settings that cannot be read: as a refused value, it is wrong usage.
fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let advice = if error.kind() == io::ErrorKind::PermissionDenied {
        "run this as a user who may read it, or name another file"
    } else if error.kind() == io::ErrorKind::NotFound && file == Path::new(SERVICE_SETTINGS) {
        "the package installs it, and the sources have it as contrib/autora.default: copy it, or name another file"
    } else {
        "name a file of settings in UTF-8, one NAME=VALUE a line, as /etc/default/autora is"
    };
    let failure = Failure::new(error).because_of(&format!("--settings {}", file.display()));
    failure.advise(advice).with_code(EXIT_USAGE)
}

/// Writes warnings about lines of a file of settings that may not mean what they seem to mean.
fn warn_of_lines(file: &Path, settings: &SettingsFile) {
    let file = file.display();
    for line in &settings.ignored {
        error::warn(&format!("line {line} of {file} is ignored: it is not NAME=VALUE"));
    }
    for RepeatedVariable { name, ignored, counts } in settings.repeated() {
        let ignored = screen::list(ignored.iter().map(|line| format!("line {line}")));
        error::warn(&format!("{file} sets {name} more than once: line {counts} counts, not {ignored}"));
    }
    for (line, name) in &settings.commented {
        error::warn(&format!(
            "line {line} of {file}: the value of {name} goes on to the end of the line, with what looks like a \
             comment: a comment needs a line of its own"
        ));
    }
}

fn no_log(error: &LogError) -> Failure {
    let failure = Failure::new(error);
    match error {
        LogError::Journal(_) => failure.advise("start systemd-journald, or choose --log-format text or json"),
        LogError::Again(_) => failure,
    }
}

fn no_start(error: &StartError, origins: &Origins) -> Failure {
    let failure = Failure::new(error);
    if let (StartError::State(_), Some(origin @ (Origin::Variable(_) | Origin::Line { .. }))) =
        (error, origins.of("runtime-directory"))
    {
        return failure.advise(format!("that of this one is set by {origin}"));
    }
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
    fn a_file_of_settings_that_is_missing_is_no_example_of_one() {
        let said = |file: &str, kind: io::ErrorKind| unreadable(Path::new(file), &kind.into()).to_string();
        for (file, kind, expected) in [
            (SERVICE_SETTINGS, io::ErrorKind::NotFound, "; the package installs it, and "),
            (SERVICE_SETTINGS, io::ErrorKind::InvalidData, ", as /etc/default/autora is"),
            ("/etc/default/x", io::ErrorKind::NotFound, ", as /etc/default/autora is"),
            (SERVICE_SETTINGS, io::ErrorKind::PermissionDenied, "; run this as a user who may read it, "),
        ] {
            let said = said(file, kind);
            assert!(said.starts_with(&format!("--settings {file}: ")) && said.contains(expected), "{said}");
        }
    }
}
