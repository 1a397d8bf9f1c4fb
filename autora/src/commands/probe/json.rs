//! The reports as JSON. The command's help documents the shape; a later release only adds fields.

use serde_json::{Value, json};

use super::{report::Report, selection::Skipped};
use crate::{
    addr::shown_link_address,
    commands::{absent::Missing, explain::Served, neighbours},
    control::model,
    diagnosis::guest::Guest,
};

const VERSION: u32 = 1;

pub(super) fn render(reports: &[Report<'_>], skipped: &Skipped, missing: &[Missing]) -> String {
    let document = json!({
        "version": VERSION,
        "interfaces": reports.iter().map(interface).collect::<Value>(),
        "paused": skipped.paused,
        "not_served": skipped.not_served.iter().map(not_served).collect::<Value>(),
        "served_by_others": skipped.served_by_others.iter().flat_map(served_by_other).collect::<Value>(),
        "missing": missing.iter().map(Missing::json).collect::<Value>(),
    });
    format!("{document:#}\n")
}

fn not_served(interface: &model::Interface) -> Value {
    json!({
        "name": interface.name,
        "ifindex": interface.ifindex,
        "reasons": interface.reasons.iter().map(|reason| reason.name.to_string()).collect::<Value>(),
    })
}

fn served_by_other((pid, interfaces): (&u32, &Vec<model::Interface>)) -> Vec<Value> {
    let value = |one: &model::Interface| json!({ "name": one.name, "ifindex": one.ifindex, "pid": pid });
    interfaces.iter().map(value).collect()
}

fn interface(report: &Report<'_>) -> Value {
    let sources = report.target.sources.ok();
    let (served, reasons) = match &report.served {
        Served::Unknown => (None, &[][..]),
        Served::Yes => (Some(true), &[][..]),
        Served::No(reasons) => (Some(false), reasons.as_slice()),
    };
    json!({
        "name": report.target.name,
        "ifindex": report.target.index.get(),
        "verdict": report.verdict.name(),
        "asked": report.is_asked,
        "served": served,
        "reasons": reasons,
        "prefixes": report.target.prefixes.iter().map(ToString::to_string).collect::<Value>(),
        "source": sources.map(|sources| sources.global),
        "source_on_link": sources.map(|sources| sources.is_on_link),
        "guests": report.guests.iter().map(guest).collect::<Value>(),
        "cut_off": report.is_cut_off,
        "why": report.why,
        "neighbours": report.neighbours.iter().map(neighbours::json).collect::<Value>(),
        "explain": report.explained,
    })
}

fn guest(guest: &Guest) -> Value {
    json!({
        "verdict": guest.verdict.name(),
        "link_address": guest.link_address.map(shown_link_address),
        "link_local": guest.link_local.map(|address| address.to_string()),
        "addresses": guest.addresses,
    })
}
