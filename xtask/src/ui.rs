//! Output on the terminal: headings, steps with their time, tables. Colour only on a terminal.

use std::{
    env,
    io::{IsTerminal, Write},
    sync::LazyLock,
    time::Duration,
};

static COLOUR: LazyLock<bool> =
    LazyLock::new(|| std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()));

/// Returns whether lines can be redrawn in place.
pub(crate) fn live() -> bool {
    *COLOUR
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Bold,
    Dim,
    Good,
    Bad,
    Notice,
}

/// Returns `text` in a colour, if output is a terminal.
pub(crate) fn paint(paint: Paint, text: &str) -> String {
    let code = match paint {
        Paint::Bold => "1",
        Paint::Dim => "2",
        Paint::Good => "32",
        Paint::Bad => "1;31",
        Paint::Notice => "33",
    };
    if *COLOUR { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Prints the heading of a part of a longer task.
pub(crate) fn heading(text: &str) {
    eprintln!("\n{} {}", paint(Paint::Good, "==>"), paint(Paint::Bold, text));
}

pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Redraws the line of a running step. If output is not a terminal, prints it once, at the start.
pub(crate) fn running(label: &str, elapsed: Duration) {
    if live() {
        eprint!("\r\x1b[K    {} {label} {}", paint(Paint::Notice, "…"), paint(Paint::Dim, &seconds(elapsed)));
        // A progress line that cannot be written must not end the task.
        drop(std::io::stderr().flush());
    } else if elapsed.is_zero() {
        eprintln!("    … {label}");
    }
}

pub(crate) fn finished(label: &str, elapsed: Duration, ok: bool) {
    let mark = if ok { paint(Paint::Good, "✓") } else { paint(Paint::Bad, "✗") };
    let rewind = if live() { "\r\x1b[K" } else { "" };
    eprintln!("{rewind}    {mark} {label} {}", paint(Paint::Dim, &seconds(elapsed)));
}

pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("\n{} {error:#}", paint(Paint::Bad, "error:"));
}

/// Returns a time as `0.3 s`, `12.0 s` or `2 min 05 s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(100) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let whole = time.as_secs();
    format!("{} min {:02} s", whole / 60, whole % 60)
}

/// Returns the lines of a table. Each column is as wide as its widest cell, with two spaces between columns.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_trailing_spaces() {
        let rows = [["a".to_owned(), "long".to_owned()], ["bcd".to_owned(), "x".to_owned()]];
        assert_eq!(columns(&rows), ["a    long", "bcd  x"]);
    }

    #[test]
    fn seconds_are_shown_with_minutes_if_long() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
