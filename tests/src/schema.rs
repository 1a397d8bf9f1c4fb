//! Validates JSON against a JSON Schema, as far as the schemas of this project use its keywords
//! (<https://json-schema.org/draft/2020-12/json-schema-validation>). An unknown keyword panics: a rule that
//! is not checked must not count as kept.

use std::net::Ipv6Addr;

use regex::Regex;
use serde_json::{Map, Value};

/// Returns the places where `value` breaks a definition of `schema` (`$defs`), each as its path and the rule.
/// A property that the schema of an object does not name is an error too: clients ignore unknown properties,
/// but the program's own output has to be described.
pub fn errors(schema: &Value, definition: &str, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let rules = schema["$defs"].get(definition).unwrap_or_else(|| panic!("no definition of {definition}"));
    Check { schema, errors: &mut errors }.value(rules, definition, value);
    errors
}

struct Check<'a> {
    schema: &'a Value,
    errors: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, rules: &Value, path: &str, value: &Value) {
        let Value::Object(rules) = rules else { panic!("{path}: not a schema: {rules}") };
        for (keyword, rule) in rules {
            if !self.keeps(rules, (keyword, rule), path, value) {
                self.errors.push(format!("{path} breaks {keyword} {rule}"));
            }
        }
    }

    /// Returns whether `value` keeps one rule. Adds an error of its own for each inner value that breaks one.
    fn keeps(&mut self, rules: &Map<String, Value>, rule: (&str, &Value), path: &str, value: &Value) -> bool {
        let matching = |rules: &Value| list(rules).iter().filter(|one| self.accepts(one, value)).count();
        match rule {
            ("description" | "title" | "default", _) => true,
            ("format", format) => value.as_str().is_none_or(|text| has_format(format, text)),
            ("type", Value::Array(kinds)) => kinds.iter().any(|kind| is_of(kind, value)),
            ("type", kind) => is_of(kind, value),
            ("const", wanted) => value == wanted,
            ("enum", allowed) => list(allowed).contains(value),
            ("minimum", min) => value.as_f64().is_none_or(|number| Some(number) >= min.as_f64()),
            ("maximum", max) => value.as_f64().is_none_or(|number| Some(number) <= max.as_f64()),
            ("pattern", pattern) => value.as_str().is_none_or(|text| matches(pattern, text)),
            ("allOf", rules) => matching(rules) == list(rules).len(),
            ("anyOf", rules) => matching(rules) > 0,
            ("oneOf", rules) => matching(rules) == 1,
            ("$ref", target) => {
                let pointer = target.as_str().and_then(|target| target.strip_prefix('#'));
                let rules = pointer.and_then(|pointer| self.schema.pointer(pointer));
                self.value(rules.unwrap_or_else(|| panic!("{path}: no {target}")), path, value);
                true
            }
            ("items", rules) => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(rules, &format!("{path}[{place}]"), item);
                }
                true
            }
            ("required", names) => value.as_object().is_none_or(|object| {
                list(names).iter().all(|name| name.as_str().is_some_and(|name| object.contains_key(name)))
            }),
            ("properties", known) => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(rules) = known.get(name) {
                        self.value(rules, &format!("{path}.{name}"), inner);
                    } else {
                        self.errors.push(format!("{path} has {name}, which the schema does not know"));
                    }
                }
                true
            }
            // Beside `properties` it would allow unnamed properties, which are errors here.
            ("additionalProperties", rules_of_others) => {
                if !rules.contains_key("properties") {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        self.value(rules_of_others, &format!("{path}.{name}"), inner);
                    }
                }
                true
            }
            (keyword, _) => panic!("{path}: the keyword {keyword} is not known here"),
        }
    }

    fn accepts(&self, rules: &Value, value: &Value) -> bool {
        let mut errors = Vec::new();
        Check { schema: self.schema, errors: &mut errors }.value(rules, "", value);
        errors.is_empty()
    }
}

/// Returns the values of a keyword that takes a list.
fn list(rule: &Value) -> &[Value] {
    rule.as_array().unwrap_or_else(|| panic!("not a list: {rule}"))
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(_) | None => panic!("{kind} is no type"),
    }
}

/// Formats of numbers are covered by `minimum` and `maximum`.
fn has_format(format: &Value, text: &str) -> bool {
    assert_eq!(format, "ipv6", "this format of a text is not known here");
    text.parse::<Ipv6Addr>().is_ok()
}

fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().unwrap_or_else(|| panic!("no pattern: {pattern}"));
    Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_rule_can_be_broken() {
        for (rules, kept, broken) in [
            (json!({ "type": "integer" }), json!(1), json!(1.5)),
            (json!({ "type": ["string", "null"] }), json!(null), json!(false)),
            (json!({ "const": "hello" }), json!("hello"), json!("other")),
            (json!({ "enum": [1, 2] }), json!(2), json!(3)),
            (json!({ "minimum": 0 }), json!(0), json!(-1)),
            (json!({ "maximum": 9 }), json!(9), json!(10)),
            (json!({ "format": "ipv6" }), json!("fe80::1"), json!("fe80:1")),
            (json!({ "pattern": "/64$" }), json!("::/64"), json!("::/48")),
            (json!({ "allOf": [{ "minimum": 1 }, { "maximum": 1 }] }), json!(1), json!(0)),
            (json!({ "anyOf": [{ "const": 1 }, { "type": "integer" }] }), json!(1), json!("1")),
            (json!({ "oneOf": [{ "const": 1 }, { "type": "integer" }] }), json!(2), json!(1)),
            (json!({ "items": { "type": "string" } }), json!(["a"]), json!(["a", 1])),
            (json!({ "required": ["a"] }), json!({ "a": 1 }), json!({ "b": 1 })),
            (json!({ "properties": { "a": { "const": 1 } } }), json!({ "a": 1 }), json!({ "a": 2 })),
            (json!({ "properties": { "a": {} } }), json!({}), json!({ "b": 1 })),
            (json!({ "additionalProperties": { "const": 1 } }), json!({ "a": 1 }), json!({ "a": 2 })),
            (json!({ "$ref": "#/$defs/other" }), json!(1), json!(2)),
        ] {
            let schema = json!({ "$defs": { "it": rules, "other": { "const": 1 } } });
            assert_eq!(errors(&schema, "it", &kept), [""; 0], "{rules} and {kept}");
            assert_eq!(errors(&schema, "it", &broken).len(), 1, "{rules} and {broken}");
        }
    }

    #[test]
    #[should_panic(expected = "the keyword minLength is not known here")]
    fn an_unknown_keyword_panics() {
        errors(&json!({ "$defs": { "it": { "minLength": 1 } } }), "it", &json!(""));
    }
}
