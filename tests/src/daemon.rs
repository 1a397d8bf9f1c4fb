//! The real daemon, as a process in a namespace.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{SigHandler, Signal, kill, signal},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{
    control::Control,
    log::{Log, field, has_words},
    namespace::Namespace,
    program::binary,
    refusal::Refusal,
    wait::eventually,
};

/// The settings of a start.
#[derive(Clone, Debug)]
pub struct Launch {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    capabilities: Option<Vec<String>>,
    shell: Option<String>,
    binary: Option<PathBuf>,
    runtime_directory: RuntimeDirectory,
    refusal: Option<Refusal>,
}

/// A runtime directory, in which a daemon finds the saved state of the previous one. Deleted with its last
/// clone.
#[derive(Clone, Debug)]
pub struct RuntimeDirectory(Arc<TempDir>);

impl RuntimeDirectory {
    /// Makes an empty directory that every user may write to.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("its owner may");
        Self(Arc::new(directory))
    }

    /// Returns the directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the path of the state file in it.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.path().join("state.json")
    }
}

impl Launch {
    /// Starts with these arguments, as root, with PATH and a runtime directory of its own as the environment, and
    /// without claims.
    #[must_use]
    pub fn new(arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            capabilities: None,
            shell: None,
            binary: None,
            runtime_directory: RuntimeDirectory::new(),
            refusal: None,
        }
    }

    /// Sets the runtime directory, which earlier daemons may have used.
    #[must_use]
    pub fn runtime_directory(mut self, directory: &RuntimeDirectory) -> Self {
        self.runtime_directory = directory.clone();
        self
    }

    /// Sets another program than [`binary`].
    #[must_use]
    pub fn binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `script` first, in a shell with a mount namespace of its own, which then executes the daemon as
    /// root.
    #[must_use]
    pub fn after(mut self, script: &str) -> Self {
        self.shell = Some(script.to_owned());
        self
    }

    /// Starts as a user that is not root, with these capabilities (such as `net_raw`) and no way to any
    /// other.
    #[must_use]
    pub fn unprivileged(mut self, capabilities: &[&str]) -> Self {
        self.capabilities = Some(capabilities.iter().map(ToString::to_string).collect());
        self
    }

    /// Starts on a kernel that refuses a system call.
    #[must_use]
    pub const fn refuse(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// Starts the daemon in a namespace.
    #[must_use]
    pub fn start(&self, namespace: &Namespace) -> Daemon {
        let mut command = self.command();
        let mut child =
            namespace.enter(|| command.spawn()).unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        let log = Log::default();
        log.collect(child.stderr.take().expect("stderr is piped"));
        log.collect(child.stdout.take().expect("stdout is piped"));
        let runtime_directory = self.runtime_directory.clone();
        Daemon { child, log, _namespace: namespace.clone(), runtime_directory }
    }

    /// Runs the daemon to its end in a namespace.
    #[must_use]
    pub fn output(&self, namespace: &Namespace) -> Output {
        let mut command = self.command();
        let output =
            namespace.enter(|| command.output()).unwrap_or_else(|error| panic!("running {command:?}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or_else(|| panic!("{command:?}: {}", output.status));
        Output { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn command(&self) -> Command {
        let binary = self.binary.clone().unwrap_or_else(binary);
        let mut command = match &self.capabilities {
            None => match &self.shell {
                None => Command::new(&binary),
                Some(script) => {
                    let mut command = Command::new("unshare");
                    command.args(["--mount", "--propagation=private", "sh", "-ec"]);
                    command.arg(format!("{script}\nexec \"$0\" \"$@\"")).arg(&binary);
                    command
                }
            },
            Some(capabilities) => {
                // Started from its own folder: other users may have no access to the path, as below /root.
                let mut command = Command::new("setpriv");
                let sets = [&["-all".to_owned()], &capabilities[..]].concat().join(",+");
                command
                    .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
                    .arg(format!("--inh-caps={sets}"))
                    .arg(format!("--ambient-caps={sets}"))
                    .arg(format!("--bounding-set={sets}"))
                    .arg(PathBuf::from(".").join(binary.file_name().expect("a file has a name")))
                    .current_dir(binary.parent().expect("a file is in a folder"));
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("RUNTIME_DIRECTORY", self.runtime_directory.path())
            .env("AUTORA_CLAIM_DIRECTORY", "none")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        with_default_signals(&mut command);
        if let Some(refusal) = self.refusal {
            refusal.impose(&mut command);
        }
        command
    }
}

/// Makes the process that `command` starts handle signals although this one may ignore them: a test run in the
/// background ignores SIGINT, one under nohup SIGHUP, and a daemon that is started so leaves them ignored.
fn with_default_signals(command: &mut Command) {
    let reset = || {
        for ignored in [Signal::SIGHUP, Signal::SIGINT] {
            // SAFETY: the default action runs no code of this process.
            unsafe { signal(ignored, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(reset) };
}

/// The result of a command that ran to its end.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The running daemon; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: Log,
    _namespace: Namespace,
    runtime_directory: RuntimeDirectory,
}

impl Daemon {
    /// Starts the daemon as root with these arguments.
    #[must_use]
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        Launch::new(arguments).start(namespace)
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its runtime directory.
    #[must_use]
    pub const fn runtime_directory(&self) -> &RuntimeDirectory {
        &self.runtime_directory
    }

    /// Returns its control socket at the default path.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::at(&self.runtime_directory.path().join("control.sock"))
    }

    /// Returns all lines of its standard error and standard output so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Returns the first line that contains all of `words`; waits for it up to `timeout`. A word is delimited
    /// by characters other than letters, digits, `-` and `_`: `reasons=down,no-prefix` contains the word
    /// `no-prefix`. Quotation marks are ignored.
    pub fn wait_for_log(&self, words: &[&str], timeout: Duration) -> String {
        self.log.wait_for(words, timeout)
    }

    /// Returns the lines so far that contain all of `words`.
    #[must_use]
    pub fn lines_with(&self, words: &[&str]) -> Vec<String> {
        self.log().into_iter().filter(|line| has_words(line, words)).collect()
    }

    /// Returns the warnings so far, but for the one about `accept_ra`, which every host of
    /// [`HostProfile::Slaac`](crate::HostProfile::Slaac) causes.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.lines_with(&["WARN"]);
        warnings.retain(|line| !has_words(line, &["accept_ra is 2"]));
        warnings
    }

    /// Waits until the log says that `interface` is served.
    pub fn wait_serving(&self, interface: &str, timeout: Duration) {
        eventually(timeout, &format!("the log line that {interface} is served"), || {
            (self.served(interface) > 0).then_some(())
        });
    }

    /// Returns how often the log says that the daemon begins to serve `interface`.
    #[must_use]
    pub fn served(&self, interface: &str) -> usize {
        let interface = format!("interface={interface}");
        let about = self.lines_with(&["serving", &interface]);
        about.iter().filter(|line| !has_words(line, &["not serving"])).count()
    }

    /// Waits until the log says that `interface` is not served; returns the reasons' names, sorted.
    pub fn wait_not_served(&self, interface: &str, timeout: Duration) -> Vec<String> {
        reasons(&self.wait_for_log(&["not serving", &format!("interface={interface}")], timeout))
    }

    /// Returns the reasons, sorted, of the last log line that `interface` is not served, if there is such a
    /// line.
    #[must_use]
    pub fn last_reasons(&self, interface: &str) -> Option<Vec<String>> {
        let lines = self.lines_with(&["not serving", &format!("interface={interface}")]);
        lines.last().map(|line| reasons(line))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.process(), signal).expect("a child keeps its process id until it is waited for");
    }

    /// Waits for the daemon's end; returns the exit code, or the negated number of the signal that killed it.
    pub fn wait_exit(&mut self, timeout: Duration) -> i32 {
        let status = eventually(timeout, "the daemon's end", || self.child.try_wait().expect("it is a child"));
        self.log.wait_closed(timeout);
        status.code().or(status.signal().map(|signal| -signal)).expect("it either exited or was killed")
    }

    /// Returns whether the daemon still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_none()
    }

    fn process(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "the daemon's log belongs to the report of a failed test")]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- the daemon's log\n{}\n---", self.log().join("\n"));
        }
    }
}

/// Returns the reasons' names in a log line, sorted. Panics if it has none.
fn reasons(line: &str) -> Vec<String> {
    let reasons = field(line, "reasons").unwrap_or_else(|| panic!("no reasons in: {line}"));
    let mut names: Vec<_> = reasons.split(',').map(str::to_owned).collect();
    names.sort();
    names
}
