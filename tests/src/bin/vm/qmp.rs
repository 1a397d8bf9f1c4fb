//! QEMU's machine protocol (QMP): commands to a running emulator, and its events.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use autora_tests::within;
use serde_json::{Value, json};

/// The longest time in which an emulator answers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to an emulator.
#[derive(Debug)]
pub(crate) struct Qmp(BufReader<UnixStream>);

impl Qmp {
    /// Connects to the socket that the emulator makes when it starts.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = within(TIMEOUT, || UnixStream::connect(socket).ok()).context("the emulator has no socket")?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut qmp = Self(BufReader::new(stream));
        qmp.read().context("no greeting")?;
        qmp.execute(&json!({ "execute": "qmp_capabilities" }))?;
        Ok(qmp)
    }

    /// Sends the memory of the machine to another emulator, which then runs it.
    pub(crate) fn migrate(&mut self, to: &str) -> Result<()> {
        self.execute(&json!({ "execute": "migrate", "arguments": { "uri": to } }))
    }

    /// Waits for an event.
    pub(crate) fn wait(&mut self, event: &str) -> Result<()> {
        while self.read().with_context(|| format!("waiting for {event}"))?["event"] != event {}
        Ok(())
    }

    fn execute(&mut self, command: &Value) -> Result<()> {
        writeln!(self.0.get_mut(), "{command}").context("the emulator does not read")?;
        loop {
            let answer = self.read()?;
            ensure!(answer["error"].is_null(), "{command}: {answer}");
            if !answer["return"].is_null() {
                return Ok(());
            }
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}
