//! The findings as JSON. The command's help documents the shape; a later release only adds fields.

use serde_json::{Value, json};

use super::findings::Findings;
use crate::{
    commands::absent::Missing,
    control::model::State,
    diagnosis::{Check, Concern, Conclusion, Explanation, Problem, Remedy},
};

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
        "missing": findings.missing.iter().map(Missing::json).collect::<Value>(),
    });
    format!("{document:#}\n")
}

fn interface(found: &Explanation) -> Value {
    let service = found.service();
    json!({
        "name": found.name,
        "ifindex": found.index.get(),
        "state": state(found),
        "carrier": found.carrier,
        "source": service.map(|service| service.source.to_string()),
        "prefix": service.map(|service| service.prefix.to_string()),
        "tests": found.checks.iter().map(test).collect::<Value>(),
        "reasons": found.failures().map(concern).collect::<Value>(),
        "warnings": found.warnings.iter().map(concern).collect::<Value>(),
    })
}

/// Returns the state in the words of the control API, which has none for an interface whose name does not match.
fn state(found: &Explanation) -> &'static str {
    match found.conclusion {
        Conclusion::Served(_) => State::Serving.name(),
        Conclusion::Paused(_) => State::Paused.name(),
        Conclusion::NotServed | Conclusion::Doubtful(_) | Conclusion::NoMatch if found.is_ceasing => {
            State::Ceasing.name()
        }
        Conclusion::NotServed | Conclusion::Doubtful(_) => State::NotServed.name(),
        Conclusion::NoMatch => Problem::NO_MATCH,
    }
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
