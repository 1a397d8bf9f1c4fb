//! The output: sections, tables, checks. At most 100 columns wide; coloured on a terminal only.

use std::{
    env,
    io::{IsTerminal, stdout},
    process::ExitCode,
    time::Duration,
};

/// Where everything is shown, and what has been checked so far.
pub(crate) struct Screen {
    colour: bool,
    sections: u32,
    checks: u32,
    failed: u32,
}

#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self { colour: stdout().is_terminal() && !plain, sections: 0, checks: 0, failed: 0 }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("\n{}", self.paint(Paint::Bold, text));
    }

    /// Opens a numbered section.
    pub(crate) fn section(&mut self, text: &str) {
        self.sections += 1;
        println!("\n{}", self.paint(Paint::Bold, &format!("{}  {text}", self.sections)));
    }

    /// A table with its header. Columns are as wide as their widest cell.
    pub(crate) fn table<const N: usize>(&self, header: [&str; N], rows: &[[String; N]]) {
        let header = header.map(str::to_owned);
        let widths: [usize; N] = std::array::from_fn(|column| {
            rows.iter().chain([&header]).map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        println!("   {}", self.paint(Paint::Dim, &line(&header, &widths)));
        for row in rows {
            println!("   {}", line(row, &widths));
        }
    }

    /// States what must hold, and whether it does.
    pub(crate) fn check(&mut self, holds: bool, claim: &str) {
        self.checks += 1;
        if holds {
            println!("   {} {claim}", self.paint(Paint::Good, "✓"));
        } else {
            self.failed += 1;
            println!("   {} {}", self.paint(Paint::Bad, "✗"), self.paint(Paint::Bad, claim));
        }
    }

    /// If anything failed: what the daemon had to say.
    pub(crate) fn explain_failures(&self, log: &[String]) {
        if self.failed > 0 {
            println!("\n   what the daemon wrote:");
            for line in log {
                println!("   {}", self.paint(Paint::Dim, line));
            }
        }
    }

    /// The last line, and the exit code that goes with it.
    pub(crate) fn verdict(&self, took: Duration) -> ExitCode {
        let Self { checks, failed, .. } = self;
        let seconds = took.as_secs_f64();
        if *failed == 0 {
            let text = format!("all {checks} checks held");
            println!(
                "\n{} {}",
                self.paint(Paint::Good, &text),
                self.paint(Paint::Dim, &format!("({seconds:.1} s)"))
            );
            return ExitCode::SUCCESS;
        }
        println!(
            "\n{}",
            self.paint(Paint::Bad, &format!("{failed} of {checks} checks failed ({seconds:.1} s)"))
        );
        ExitCode::FAILURE
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Bad => "1;31",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `12 ms`, or a dash for what never came.
pub(crate) fn milliseconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
