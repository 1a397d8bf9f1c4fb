//! The same for scripts. The shape is told in the command's help and may only gain fields.

use serde::Serialize;

use super::{Findings, Missing};
use crate::engine::{
    explanation::{Explanation, Remedy, State},
    interface::Host,
};

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    host: HostFacts,
    interface_regex: Option<&'a str>,
    interfaces: Vec<Interface<'a>>,
    missing: Vec<Absent<'a>>,
}

#[derive(Serialize)]
struct HostFacts {
    forwarding: bool,
    gc_thresh3: Option<u32>,
}

#[derive(Serialize)]
struct Interface<'a> {
    name: &'a str,
    ifindex: u32,
    state: &'static str,
    carrier: bool,
    source: Option<String>,
    prefix: Option<String>,
    tests: Vec<Test<'a>>,
    reasons: Vec<Reason<'a>>,
    warnings: Vec<Reason<'a>>,
}

#[derive(Serialize)]
struct Test<'a> {
    name: &'a str,
    found: &'a str,
    passed: bool,
}

#[derive(Serialize)]
struct Reason<'a> {
    name: &'a str,
    sentence: String,
    remedies: Vec<Help<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Help<'a> {
    Command(String),
    Advice(&'a str),
}

#[derive(Serialize)]
struct Absent<'a> {
    name: &'a str,
    similar: &'a [String],
}

pub(super) fn render(findings: &Findings<'_>) -> String {
    let Host { forwarding, neighbour_limit } = findings.host;
    let document = Document {
        version: VERSION,
        host: HostFacts { forwarding, gc_thresh3: neighbour_limit },
        interface_regex: findings.policy.map(|policy| policy.pattern.as_str()),
        interfaces: findings.interfaces.iter().map(interface).collect(),
        missing: findings.missing.iter().map(|Missing { name, similar }| Absent { name, similar }).collect(),
    };
    let text = serde_json::to_string_pretty(&document).expect("strings, numbers and lists are JSON");
    format!("{text}\n")
}

fn interface(found: &Explanation) -> Interface<'_> {
    let (state, service) = match &found.state {
        State::Served(service) => ("served", Some(service)),
        State::Paused(service) => ("paused", Some(service)),
        State::Refused => ("refused", None),
        State::Ignored => ("ignored", None),
    };
    let tests = found.checks.iter();
    Interface {
        name: &found.name,
        ifindex: found.index,
        state,
        carrier: found.carrier,
        source: service.map(|service| service.source.to_string()),
        prefix: service.map(|service| service.prefix.to_string()),
        tests: tests
            .map(|check| Test { name: check.name, found: &check.found, passed: check.failure.is_none() })
            .collect(),
        reasons: found
            .failures()
            .map(|failure| reason(failure.reason, failure.sentence.clone(), &failure.remedies))
            .collect(),
        warnings: found
            .warnings
            .iter()
            .map(|(warning, remedies)| reason(warning.name(), warning.to_string(), remedies))
            .collect(),
    }
}

fn reason<'a>(name: &'a str, sentence: String, remedies: &'a [Remedy]) -> Reason<'a> {
    let help = |remedy: &'a Remedy| match remedy {
        Remedy::Run(command) => Help::Command(command.to_string()),
        Remedy::Advice(advice) => Help::Advice(advice),
    };
    Reason { name, sentence, remedies: remedies.iter().map(help).collect() }
}
