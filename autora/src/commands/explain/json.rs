//! The findings as JSON. The command's help documents the shape; a later release only adds fields.

use serde_json::{Value, json};

use super::findings::{Findings, Missing};
use crate::diagnosis::{Check, Concern, Conclusion, Explanation, Remedy};

const VERSION: u32 = 1;

pub(super) fn render(findings: &Findings) -> String {
    let document = json!({
        "version": VERSION,
        "host": {
            "forwarding": findings.host.forwarding,
            "gc_thresh3": findings.host.neighbour_limit,
        },
        "interface_regex": findings.regex,
        "interfaces": findings.interfaces.iter().map(interface).collect::<Value>(),
        "missing": findings.missing.iter().map(missing).collect::<Value>(),
    });
    format!("{document:#}\n")
}

fn interface(found: &Explanation) -> Value {
    let service = found.service();
    json!({
        "name": found.name,
        "ifindex": found.index.get(),
        "state": match found.conclusion {
            Conclusion::Served(_) => "served",
            Conclusion::Paused(_) => "paused",
            Conclusion::NotServed | Conclusion::Doubtful(_) => "not-served",
            Conclusion::NoMatch => "ignored",
        },
        "carrier": found.carrier,
        "source": service.map(|service| service.source.to_string()),
        "prefix": service.map(|service| service.prefix.to_string()),
        "tests": found.checks.iter().map(test).collect::<Value>(),
        "reasons": found.failures().map(concern).collect::<Value>(),
        "warnings": found.warnings.iter().map(concern).collect::<Value>(),
    })
}

fn test(check: &Check) -> Value {
    json!({ "name": check.name, "found": check.found, "passed": check.failure.is_none() })
}

fn concern(Concern { problem, remedies }: &Concern) -> Value {
    let remedies = remedies.iter().map(|remedy| match remedy {
        Remedy::Run(command) => json!({ "command": command.to_string() }),
        Remedy::Advice(advice) => json!({ "advice": advice }),
    });
    json!({ "name": problem.name(), "sentence": problem.to_string(), "remedies": remedies.collect::<Value>() })
}

fn missing(Missing { name, similar }: &Missing) -> Value {
    json!({ "name": name, "similar": similar })
}
