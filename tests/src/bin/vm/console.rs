//! A machine's serial console: lines as they come, and the marks among them.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// What marks a line that was written for us. Kernels write none that begin like this.
const MARK: &str = "@@ ";

/// So many lines are shown of a machine that did not do what was expected.
const TAIL: usize = 25;

/// Everything that a machine writes.
#[derive(Debug)]
pub(crate) struct Console {
    name: String,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Console {
    /// Reads it until its end, and what the emulator itself has to say.
    pub(crate) fn of(
        name: &str,
        console: impl Read + Send + 'static,
        emulator: impl Read + Send + 'static,
    ) -> Self {
        let (sender, lines) = mpsc::channel();
        read(console, sender.clone());
        read(emulator, sender);
        Self { name: name.to_owned(), lines, seen: Vec::new() }
    }

    /// Waits for a mark that begins with these words; returns what else it says. Marks before it are passed over.
    pub(crate) fn expect(&mut self, words: &str, timeout: Duration) -> Result<String> {
        let deadline = Instant::now() + timeout;
        while let Some(mark) = self.next_mark(deadline) {
            if let Some(rest) = after(&mark, words) {
                return Ok(rest.to_owned());
            }
        }
        bail!("{} did not say '{words}' within {timeout:?}. {}", self.name, self.tail())
    }

    /// The next mark; `None` when the time is over or the machine is off.
    pub(crate) fn next_mark(&mut self, deadline: Instant) -> Option<String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let mark = line.strip_prefix(MARK).map(str::to_owned);
                    self.seen.push(line);
                    if mark.is_some() {
                        return mark;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Its last lines, for a person.
    pub(crate) fn tail(&self) -> String {
        let tail = &self.seen[self.seen.len().saturating_sub(TAIL)..];
        format!("Its console ends:\n    | {}", tail.join("\n    | "))
    }
}

fn read(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            // Nobody listens any more: nothing more to read.
            if lines.send(text).is_err() {
                break;
            }
        }
    });
}

/// What stands in `mark` after whole `words`.
fn after<'a>(mark: &'a str, words: &str) -> Option<&'a str> {
    let rest = mark.strip_prefix(words)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn console(text: &'static str) -> Console {
        Console::of("vm", text.as_bytes(), &b""[..])
    }

    #[test]
    fn marks_are_found_among_what_a_kernel_says() {
        let mut console = console("[0.1] hello\r\n@@ boot 6.1\r\nnoise @@ boot 9\n@@ route fe80::1 eth0\r\n");
        assert_eq!(console.expect("boot", SOON).unwrap(), "6.1");
        assert_eq!(console.expect("route fe80::1", SOON).unwrap(), "eth0");
    }

    #[test]
    fn a_mark_that_does_not_come_is_told_with_the_end_of_the_console() {
        let told =
            console("Kernel panic\n@@ route fe80::11 eth0\n").expect("route fe80::1", SOON).unwrap_err();
        let told = told.to_string();
        assert!(told.starts_with("vm did not say 'route fe80::1'"), "{told}");
        assert!(told.contains("| Kernel panic"), "{told}");
    }
}
