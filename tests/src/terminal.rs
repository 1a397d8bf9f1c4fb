//! Terminal output of this package's programs: sections, tables, checks and a verdict. At most 100 columns
//! wide; coloured on a terminal unless NO_COLOR is set.

use std::{process::ExitCode, time::Instant};

use anstream::println;
use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// The output of a program; counts sections and checks.
#[derive(Debug)]
pub struct Screen {
    started: Instant,
    sections: u32,
    checks: u32,
    failed: u32,
}

impl Screen {
    /// Makes an empty screen. The time that the verdict shows begins here.
    #[expect(clippy::new_without_default, reason = "it starts a clock")]
    pub fn new() -> Self {
        Self { started: Instant::now(), sections: 0, checks: 0, failed: 0 }
    }

    /// Shows a title.
    pub fn title(&self, text: &str) {
        println!("\n{}", styled(TITLE, text));
    }

    /// Opens a numbered section.
    pub fn section(&mut self, text: &str) {
        self.sections += 1;
        self.title(&format!("{}  {text}", self.sections));
    }

    /// Shows a line of the current section.
    pub fn line(&self, text: &str) {
        println!("   {text}");
    }

    /// Shows a table.
    pub fn table<const N: usize>(&self, header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut lines = vec![header.map(str::to_owned)];
        lines.extend(rows);
        let lines = columns(&lines);
        self.line(&styled(FAINT, &lines[0]));
        for line in &lines[1..] {
            self.line(line);
        }
    }

    /// Shows a claim and whether it holds.
    pub fn check(&mut self, holds: bool, claim: &str) {
        self.checks += 1;
        if holds {
            self.line(&format!("{} {claim}", styled(GOOD, "✓")));
        } else {
            self.failed += 1;
            self.line(&styled(BAD, &format!("✗ {claim}")));
        }
    }

    /// Shows the daemon's log if a check has failed.
    pub fn explain_failures(&self, log: &[String]) {
        if self.failed > 0 {
            println!("\n   the daemon's log:");
            for line in log {
                self.line(&styled(FAINT, line));
            }
        }
    }

    /// Shows how many checks held; returns the exit code for it.
    pub fn verdict(&self) -> ExitCode {
        let Self { checks, failed, .. } = self;
        let took = format!("({:.1} s)", self.started.elapsed().as_secs_f64());
        if *failed == 0 {
            let all = styled(GOOD, &format!("all {checks} checks held"));
            println!("\n{all} {}", styled(FAINT, &took));
            return ExitCode::SUCCESS;
        }
        println!("\n{}", styled(BAD, &format!("{failed} of {checks} checks failed {took}")));
        ExitCode::FAILURE
    }
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns a line for each row, with cells padded to the width of their column.
pub fn columns(rows: &[impl AsRef<[String]>]) -> Vec<String> {
    let mut widths = Vec::new();
    for row in rows {
        let row = row.as_ref();
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(|row| line(row.as_ref())).collect()
}
