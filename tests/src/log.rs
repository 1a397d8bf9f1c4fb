//! The daemon's output, line by line as it comes in.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Lines as they come in from the daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    /// How many of the two streams have ended.
    closed: u8,
}

impl Log {
    /// Adds the lines of `stream` as they come, on a thread of its own.
    pub(crate) fn collect(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let line = line.unwrap_or_else(|error| format!("(unreadable: {error})"));
                log.change(|lines| lines.lines.push(line));
            }
            log.change(|lines| lines.closed += 1);
        });
    }

    /// Returns all lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    /// Returns the first line that contains all of `words`. Panics if there is none within `timeout`.
    pub(crate) fn wait_for(&self, words: &[&str], timeout: Duration) -> String {
        let found = |lines: &Lines| lines.lines.iter().find(|line| has_words(line, words)).cloned();
        let lines = self.wait_until(timeout, |lines| found(lines).is_some() || lines.closed == 2);
        found(&lines).unwrap_or_else(|| panic!("no line with {words:?} within {timeout:?}"))
    }

    /// Waits until both streams have ended, up to `timeout`.
    pub(crate) fn wait_closed(&self, timeout: Duration) {
        drop(self.wait_until(timeout, |lines| lines.closed == 2));
    }

    fn wait_until(&self, timeout: Duration, condition: impl Fn(&Lines) -> bool) -> MutexGuard<'_, Lines> {
        let deadline = Instant::now() + timeout;
        let mut lines = self.lock();
        while !condition(&lines) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            lines = self.0.1.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        lines
    }
}

/// Returns whether `line` contains every one of `words`, delimited by characters that belong to no word.
pub(crate) fn has_words(line: &str, words: &[&str]) -> bool {
    let line = line.replace('"', "");
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    words.iter().all(|word| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(inner) && !after.is_some_and(inner)
        })
    })
}

/// Returns the value of `name=value` in a line, up to the next space and without quotation marks.
#[must_use]
pub fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!(" {name}="))?;
    Some(rest.split(' ').next()?.replace('"', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_contains_whole_words_only() {
        let line = "INFO not serving interface=tap1 reasons=forwarding-off,no-prefix";
        for (words, expected) in [
            (&["not serving", "interface=tap1", "no-prefix"][..], true),
            (&["forwarding-off"], true),
            (&["interface=tap"], false),
            (&["prefix"], false),
            (&["not serving", "down"], false),
        ] {
            assert_eq!(has_words(line, words), expected, "{words:?}");
        }
    }
}
