//! A machine's serial console: its lines, and the marks among them.

use std::{
    io::{BufRead, BufReader, Read},
    iter,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// The start of a mark: a line of `init.sh` or of this program, never of a kernel.
const MARK: &str = "@@ ";

/// Number of lines that an error shows.
const TAIL: usize = 25;

/// The lines of a machine's console.
#[derive(Debug)]
pub(crate) struct Console {
    name: String,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Console {
    /// Reads the console and the emulator's own output until their end.
    pub(crate) fn of(name: &str, console: impl Read + Send + 'static, emulator: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        read(console, sender.clone());
        read(emulator, sender);
        Self { name: name.to_owned(), lines, seen: Vec::new() }
    }

    /// Waits for a mark that begins with these words; returns the rest of it. Skips other marks.
    pub(crate) fn expect(&mut self, words: &str, timeout: Duration) -> Result<String> {
        let deadline = Instant::now() + timeout;
        while let Some(mark) = self.next_mark(deadline) {
            if let Some(rest) = after(&mark, words) {
                return Ok(rest.to_owned());
            }
        }
        bail!("{} did not say '{words}' within {timeout:?}. {}", self.name, self.tail())
    }

    /// Waits for the next mark; returns `None` at the deadline or when the machine is off.
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

    /// Returns the marks before the one that says `end`, or those until the deadline.
    pub(crate) fn marks(&mut self, deadline: Instant) -> Vec<String> {
        iter::from_fn(|| self.next_mark(deadline)).take_while(|mark| mark != "end").collect()
    }

    /// Returns the last lines, for an error.
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
            // The console was dropped.
            if lines.send(text).is_err() {
                break;
            }
        }
    });
}

/// Returns the rest of `mark` after whole `words`.
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
    fn marks_are_found_among_kernel_messages() {
        let mut console = console("[0.1] hello\r\n@@ boot 6.1\r\nnoise @@ boot 9\n@@ route fe80::1 eth0\r\n");
        assert_eq!(console.expect("boot", SOON).unwrap(), "6.1");
        assert_eq!(console.expect("route fe80::1", SOON).unwrap(), "eth0");
    }

    #[test]
    fn marks_are_taken_up_to_the_end() {
        let marks = |text| console(text).marks(Instant::now() + SOON);
        assert_eq!(marks("@@ row a\nnoise\n@@ row b\n@@ end\n@@ row c\n"), ["row a", "row b"]);
        assert_eq!(marks("@@ row a\nKernel panic\n"), ["row a"], "there is no more");
    }

    #[test]
    fn the_error_for_a_missing_mark_shows_the_end_of_the_console() {
        let error = console("Kernel panic\n@@ route fe80::11 eth0\n").expect("route fe80::1", SOON).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("vm did not say 'route fe80::1'"), "{error}");
        assert!(error.contains("| Kernel panic"), "{error}");
    }
}
