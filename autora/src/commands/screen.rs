//! What commands show on standard output: colours where a terminal wants them, lines that fit where one is known.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    ops::ControlFlow,
    os::fd::{AsFd, BorrowedFd},
};

use anstyle::{AnsiColor, Style};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::Failure;

/// All is well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Something is not as it should be.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something deserves a look.
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
/// What to read first.
pub(super) const TITLE: Style = Style::new().bold();
/// What to read last.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Writes `text`. Its colours only reach a terminal, and none that NO_COLOR asks to be spared. Where the reader has gone
/// away (`| head`) that is no failure, but [`ControlFlow::Break`]: what goes on and on has to end.
pub(super) fn show(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::because(format!("cannot write to standard output: {error}"))),
    }
}

/// Returns [`ControlFlow::Break`] where the reader of standard output has gone away, without writing anything.
pub(super) fn check_reader() -> ControlFlow<()> {
    check_reader_of(io::stdout().as_fd())
}

/// A pipe without a reader polls as an error, see `poll(2)`. What cannot be polled shows with the next write.
fn check_reader_of(fd: BorrowedFd<'_>) -> ControlFlow<()> {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    let polled = poll(&mut fds, PollTimeout::ZERO);
    let events = polled.ok().and_then(|_ready| fds[0].revents()).unwrap_or(PollFlags::empty());
    if events.contains(PollFlags::POLLERR) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Returns how many columns there are; without end where no terminal is, so that a line stays one for `grep`.
pub(super) fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(usize::MAX, |(width, _)| width.0.into())
}

/// Returns `text` in `style`.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns `items` with commas between them.
pub(super) fn list(items: impl IntoIterator<Item: Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns `text` in lines of at most `width` columns, broken at blanks; all but the first begin with `indent` blanks, for which
/// the first must leave room itself.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    // However narrow it is, something has to stand in it.
    let room = width.saturating_sub(indent).max(20);
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > room {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += len;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_away_is_noticed() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(check_reader_of(writer.as_fd()).is_continue(), "the control");
        drop(reader);
        assert!(check_reader_of(writer.as_fd()).is_break());
    }

    #[test]
    fn lines_are_broken_at_blanks() {
        for (width, expected) in [
            (usize::MAX, "one two three four five six"),
            (30, "one two three four five\n    six"),
            (24, "one two three four\n    five six"),
            (3, "one two three four\n    five six"),
        ] {
            assert_eq!(wrap("one two three four five six", width, 4), expected, "{width}");
        }
        assert_eq!(wrap(&"x".repeat(40), 30, 4), "x".repeat(40), "what has no blanks stays whole");
    }
}
