//! The real daemon, as a process in a namespace.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
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

/// How to start the daemon.
#[derive(Clone, Debug)]
pub struct Launch {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    nobody: Option<Vec<String>>,
    shell: Option<String>,
    binary: Option<PathBuf>,
    runtime_directory: RuntimeDirectory,
    refusal: Option<Refusal>,
}

/// A directory in which a daemon finds what the one before it left; gone when nobody needs it any more.
#[derive(Clone, Debug)]
pub struct RuntimeDirectory(Arc<TempDir>);

impl RuntimeDirectory {
    /// An empty one, that everybody may write to.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes something")]
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("it is ours");
        Self(Arc::new(directory))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the daemon keeps its state in it.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.path().join("state.json")
    }
}

impl Launch {
    /// With these arguments, as root, with an environment that holds nothing but PATH and a runtime directory of its own.
    #[must_use]
    pub fn new(arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            nobody: None,
            shell: None,
            binary: None,
            runtime_directory: RuntimeDirectory::new(),
            refusal: None,
        }
    }

    /// With this runtime directory, which others may have used before.
    #[must_use]
    pub fn runtime_directory(mut self, directory: &RuntimeDirectory) -> Self {
        self.runtime_directory = directory.clone();
        self
    }

    /// Another daemon than [`binary`].
    #[must_use]
    pub fn binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// With a variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As root through a shell, which has its own view of the file system, does `script` first and then becomes the
    /// daemon.
    #[must_use]
    pub fn after(mut self, script: &str) -> Self {
        self.shell = Some(script.to_owned());
        self
    }

    /// As a user that is not root, with these capabilities (`net_raw`, `bpf`) and no other, nor a way to any.
    #[must_use]
    pub fn unprivileged(mut self, capabilities: &[&str]) -> Self {
        self.nobody = Some(capabilities.iter().map(ToString::to_string).collect());
        self
    }

    /// On a kernel that refuses something.
    #[must_use]
    pub const fn refuse(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// Starts it in a namespace.
    #[must_use]
    pub fn start(&self, namespace: &Namespace) -> Daemon {
        let mut command = self.command();
        let mut child = namespace
            .enter(|| command.spawn())
            .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        let log = Log::default();
        log.collect(child.stderr.take().expect("stderr is piped"));
        log.collect(child.stdout.take().expect("stdout is piped"));
        let runtime_directory = self.runtime_directory.clone();
        Daemon { child, log, _namespace: namespace.clone(), runtime_directory }
    }

    /// Runs it to its end in a namespace.
    #[must_use]
    pub fn output(&self, namespace: &Namespace) -> Output {
        let mut command = self.command();
        let output = namespace
            .enter(|| command.output())
            .unwrap_or_else(|error| panic!("running {command:?}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or_else(|| panic!("{command:?}: {}", output.status));
        Output { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn command(&self) -> Command {
        let binary = self.binary.clone().unwrap_or_else(binary);
        let mut command = match &self.nobody {
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
                // From its own folder: the way there may be closed to others, as /root is.
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
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(refusal) = self.refusal {
            refusal.impose(&mut command);
        }
        command
    }
}

/// What a command left that ran to its end.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
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
    /// Starts it as root with these arguments.
    #[must_use]
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        Launch::new(arguments).start(namespace)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it keeps its state.
    #[must_use]
    pub const fn runtime_directory(&self) -> &RuntimeDirectory {
        &self.runtime_directory
    }

    /// Its control socket, if it was not told to have it elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::at(&self.runtime_directory.path().join("control.sock"))
    }

    /// All lines it has written, to standard error and standard output.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The first line that has every one of these words, waiting for it if need be. A word is anything that stands
    /// between characters other than letters, digits, `-` and `_`: `reasons=down,no-prefix` has the word `no-prefix`.
    /// Quotation marks do not count.
    pub fn wait_for_log(&self, words: &[&str], timeout: Duration) -> String {
        self.log.wait_for(words, timeout)
    }

    /// The lines so far that have every one of these words.
    #[must_use]
    pub fn lines_with(&self, words: &[&str]) -> Vec<String> {
        self.log().into_iter().filter(|line| has_words(line, words)).collect()
    }

    /// Waits until it says that it serves `interface`.
    pub fn wait_serving(&self, interface: &str, timeout: Duration) {
        eventually(timeout, &format!("the news that {interface} is served"), || {
            (self.served(interface) > 0).then_some(())
        });
    }

    /// How often it has said that it begins to serve `interface`.
    #[must_use]
    pub fn served(&self, interface: &str) -> usize {
        let interface = format!("interface={interface}");
        let about = self.lines_with(&["serving", &interface]);
        about.iter().filter(|line| !has_words(line, &["not serving"])).count()
    }

    /// Waits until it says that it does not serve `interface`; returns the reasons' names, sorted.
    pub fn wait_refused(&self, interface: &str, timeout: Duration) -> Vec<String> {
        reasons(&self.wait_for_log(&["not serving", &format!("interface={interface}")], timeout))
    }

    /// The reasons that it gave last for not serving `interface`, sorted, if it ever gave any.
    #[must_use]
    pub fn last_refusal(&self, interface: &str) -> Option<Vec<String>> {
        let lines = self.lines_with(&["not serving", &format!("interface={interface}")]);
        lines.last().map(|line| reasons(line))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.process(), signal).expect("a child that is not waited for keeps its process id");
    }

    /// Waits for its end; returns the exit code, or minus the signal's number if one killed it.
    pub fn wait_exit(&mut self, timeout: Duration) -> i32 {
        let status =
            eventually(timeout, "the daemon's end", || self.child.try_wait().expect("a child of ours"));
        self.log.wait_closed(timeout);
        status.code().or(status.signal().map(|signal| -signal)).expect("it either exited or was killed")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    fn process(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Daemon {
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads of a failed test wants to see what the daemon said"
    )]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- what the daemon wrote\n{}\n---", self.log().join("\n"));
        }
    }
}

/// The reasons' names in a line that gives some, sorted.
fn reasons(line: &str) -> Vec<String> {
    let reasons = field(line, "reasons").unwrap_or_else(|| panic!("no reasons in: {line}"));
    let mut names: Vec<_> = reasons.split(',').map(str::to_owned).collect();
    names.sort();
    names
}
