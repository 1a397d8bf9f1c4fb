//! The result as a picture for the docs: one panel for each figure that more than one daemon has, a bar for
//! each daemon, on a logarithmic scale. The colours follow the reader's light or dark setting.

use std::fmt::Write as _;

use crate::{
    results::{Results, Row},
    subject::Subject,
    table::number,
};

const WIDTH: f64 = 860.0;
const PANEL: f64 = WIDTH / 2.0;
const NAMES: f64 = 78.0;
const FIGURES: f64 = 118.0;
const BAR: f64 = 15.0;
const STEP: f64 = 20.0;
const TITLE: f64 = 30.0;
const HEAD: f64 = 40.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.h{font-size:15px;font-weight:600}.d{fill:#57606a}\
.o{fill:#0969da}.p{fill:#afb8c1}.x{fill:none;stroke:#cf222e;stroke-width:1.5;stroke-dasharray:3 2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.d{fill:#8d96a0}.o{fill:#4493f8}.p{fill:#545d68}.x{stroke:#f85149}}";

/// The picture as SVG.
pub(crate) fn draw(results: &Results, versions: &[(Subject, String)], machine: &str) -> String {
    let subjects: Vec<Subject> = versions.iter().map(|(subject, _)| *subject).collect();
    let rows: Vec<&Row> = results.rows.iter().filter(|row| is_shown(row)).collect();
    let panel_height = TITLE + STEP * subjects.len() as f64 + 12.0;
    let height = HEAD + panel_height * rows.len().div_ceil(2) as f64 + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\"><style>{STYLE}</style>\n<text class=\"h\" x=\"8\" y=\"22\">autora beside other daemons: less is \
         better, each scale is logarithmic, dashed: the target</text>\n"
    );
    for (place, row) in rows.iter().enumerate() {
        let (x, y) = (PANEL * (place % 2) as f64, HEAD + panel_height * (place / 2) as f64);
        panel(&mut svg, row, &subjects, (x, y));
    }
    let about = versions.iter().map(|(subject, version)| format!("{} {version}", subject.name()));
    let about = about.collect::<Vec<_>>().join(", ");
    text(&mut svg, (8.0, height - 10.0), "d", &format!("{machine}; {about}"));
    svg.push_str("</svg>\n");
    svg
}

/// What has a target or is about several daemons; not the circumstances, such as how many packets were sent.
fn is_shown(row: &Row) -> bool {
    row.target().is_some() && !row.is_own()
}

fn panel(svg: &mut String, row: &Row, subjects: &[Subject], (x, y): (f64, f64)) {
    let unit = if row.metric.unit.is_empty() { String::new() } else { format!(", {}", row.metric.unit) };
    let title = format!("{}: {} (at {}){unit}", row.benchmark.name(), row.metric.label, row.interfaces);
    text(svg, (x + 8.0, y + 18.0), "t", &title);
    let scale = Scale::of(row, subjects);
    for (place, subject) in subjects.iter().enumerate() {
        let top = y + TITLE + STEP * place as f64;
        let class = if *subject == Subject::Autora { "o" } else { "p" };
        text(svg, (x + 8.0, top + 12.0), "", subject.name());
        let figure = match (row.shortfall(*subject), row.summary(*subject)) {
            (Some(words), _) => words.to_owned(),
            (None, Some(summary)) => number(summary.median),
            (None, None) => "-".to_owned(),
        };
        let length = row.summary(*subject).map_or(0.0, |summary| scale.length(summary.median));
        let _infallible = write!(
            svg,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            x + NAMES
        );
        text(svg, (x + PANEL - FIGURES + 8.0, top + 12.0), if class == "o" { "t" } else { "d" }, &figure);
    }
    if let Some(target) = row.target().filter(|target| *target > 0.0) {
        let (at, top) = (x + NAMES + scale.length(target), y + TITLE - 3.0);
        let bottom = y + TITLE + STEP * subjects.len() as f64;
        let _infallible = writeln!(svg, "<path class=\"x\" d=\"M{at:.1} {top:.1}V{bottom:.1}\"/>");
    }
}

/// From figures to lengths of bars.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From a third of the least to the most.
    fn of(row: &Row, subjects: &[Subject]) -> Self {
        let medians = subjects.iter().filter_map(|subject| row.summary(*subject)).map(|summary| summary.median);
        let figures: Vec<f64> = medians.chain(row.target()).filter(|figure| *figure > 0.0).collect();
        let low = figures.iter().copied().fold(f64::INFINITY, f64::min) / 3.0;
        let high = figures.iter().copied().fold(0.0, f64::max);
        Self { low, high: high.max(low * 10.0) }
    }

    fn length(&self, figure: f64) -> f64 {
        if figure <= 0.0 {
            return 1.0;
        }
        let part = (figure / self.low).ln() / (self.high / self.low).ln();
        (part.clamp(0.0, 1.0) * (PANEL - NAMES - FIGURES)).max(1.0)
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _infallible = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
}
