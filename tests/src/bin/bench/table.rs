//! The result as a table: autora, the target, the best of the others as a ratio, and each of them.

use autora_tests::terminal::columns;

use crate::{
    results::{Results, Row, Summary},
    subject::Subject,
};

/// Every row that the others have something in, one daemon a column; then what concerns autora alone.
pub(crate) fn table(results: &Results, versions: &[(Subject, String)]) -> String {
    let peers: Vec<Subject> = versions
        .iter()
        .map(|(subject, _)| *subject)
        .filter(|subject| *subject != Subject::Autora)
        .filter(|subject| results.rows.iter().any(|row| !row.samples(*subject).is_empty()))
        .collect();
    let (own, shared): (Vec<&Row>, _) = results.rows.iter().partition(|row| row.is_own());
    let parts = [(shared, peers), (own, Vec::new())];
    let parts = parts.iter().filter(|(rows, _)| !rows.is_empty());
    parts.map(|(rows, peers)| part(rows, peers, versions)).collect::<Vec<_>>().join("\n\n")
}

fn part(rows: &[&Row], peers: &[Subject], versions: &[(Subject, String)]) -> String {
    let mut lines = vec![header(peers, versions)];
    let mut before = None;
    for row in rows {
        let again = before.replace(row.benchmark) == Some(row.benchmark);
        lines.push(line(if again { String::new() } else { row.benchmark.name() }, row, peers));
    }
    columns(&lines).join("\n")
}

fn header(peers: &[Subject], versions: &[(Subject, String)]) -> Vec<String> {
    let titled = |subject: &Subject| {
        let version = versions.iter().find(|(other, _)| other == subject).map_or("", |(_, version)| version);
        format!("{} {version}", subject.name())
    };
    let fixed = ["", "median (min-max)", "at"].map(str::to_owned);
    let best = if peers.is_empty() { "" } else { "of the best" };
    let own = [titled(&Subject::Autora), "target".to_owned(), String::new(), best.to_owned()];
    fixed.into_iter().chain(own).chain(peers.iter().map(titled)).collect()
}

fn line(name: String, row: &Row, peers: &[Subject]) -> Vec<String> {
    let label = if row.detail.is_empty() {
        format!("{}, {}", row.metric.label, row.metric.unit)
    } else {
        format!("{}: {}, {}", row.metric.label, row.detail, row.metric.unit)
    };
    let target = row.target().map_or_else(String::new, |target| format!("<= {}", number(target)));
    let met = match row.is_met() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    let at = if row.interfaces == 0 { String::new() } else { row.interfaces.to_string() };
    let fixed = [name, label.trim_end_matches(", ").to_owned(), at];
    let own = [cell(row, Subject::Autora), target, met.to_owned(), ratio(row)];
    fixed.into_iter().chain(own).chain(peers.iter().map(|peer| cell(row, *peer))).collect()
}

fn cell(row: &Row, subject: Subject) -> String {
    match (row.shortfall(subject), row.summary(subject)) {
        (Some(words), _) => words.to_owned(),
        (None, Some(summary)) => figure(summary, row.samples(subject).len()),
        (None, None) => "-".to_owned(),
    }
}

fn figure(Summary { median, min, max }: Summary, count: usize) -> String {
    if count == 1 { number(median) } else { format!("{} ({}-{})", number(median), number(min), number(max)) }
}

/// autora's figure as a part of the best other one.
fn ratio(row: &Row) -> String {
    let own = row.summary(Subject::Autora).map(|summary| summary.median);
    match (own, row.best_peer()) {
        (Some(own), Some((peer, best))) if best > 0.0 => format!("{:.2}x {}", own / best, peer.name()),
        _ => String::new(),
    }
}

/// Three figures that count, and thousands apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && digit != '-' {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}
