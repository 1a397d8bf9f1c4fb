//! The JSON schema of the model, compared with the published file.
//!
//! `UPDATE=1 cargo test -p autora --lib schema` rewrites the file.

use std::{env, fs};

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{
    error::Error,
    event::EventLine,
    format::VERSION,
    interface::{Interface, Interfaces},
    status::Status,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/api/v1.schema.json");

/// Events that concern the whole daemon, and those that concern an interface or the whole daemon.
const OF_THE_DAEMON: [&str; 4] = ["hello", "alive", "missed", "stopping"];
const OF_EITHER: [&str; 1] = ["rs-dropped"];

#[test]
fn the_published_schema_is_that_of_the_model() {
    let schema = schema();
    if env::var_os("UPDATE").is_some() {
        fs::write(FILE, text(&schema, 0) + "\n").unwrap();
    }
    let published: Value = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    assert!(published == schema, "the model has changed: UPDATE=1 cargo test -p autora --lib schema");
}

/// Writes `value` with a line for each property of a definition, so that the file reads like a table.
fn text(value: &Value, depth: usize) -> String {
    const TABLE: usize = 4;
    let indent = "  ".repeat(depth);
    if let Value::Object(fields) = value
        && depth < TABLE
        && !fields.is_empty()
    {
        let field = |(name, value)| format!("{indent}  \"{name}\": {}", text(value, depth + 1));
        return format!("{{\n{}\n{indent}}}", fields.iter().map(field).collect::<Vec<_>>().join(",\n"));
    }
    if let Value::Array(items) = value
        && depth < TABLE
        && items.iter().any(Value::is_object)
    {
        let lines = items.iter().map(|item| format!("{indent}  {item}"));
        return format!("[\n{}\n{indent}]", lines.collect::<Vec<_>>().join(",\n"));
    }
    value.to_string()
}

pub(in crate::control) fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    for define in [
        SchemaGenerator::subschema_for::<Status>,
        SchemaGenerator::subschema_for::<Interfaces>,
        SchemaGenerator::subschema_for::<Interface>,
        SchemaGenerator::subschema_for::<EventLine>,
        SchemaGenerator::subschema_for::<Error>,
    ] {
        define(&mut generator);
    }
    let mut definitions = generator.take_definitions(true);
    spread(&mut definitions[&*EventLine::schema_name()]);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("autora's control socket, version {VERSION}"),
        "description": "Fields whose names end in _s are durations in seconds. Fields and events may be added: ignore those that you do not know.",
        "$defs": definitions,
    })
}

/// Moves the fields that all events have in common into each event. Only events that concern an interface get
/// `interface` and `ifindex`.
fn spread(line: &mut Value) {
    let line = line.as_object_mut().unwrap();
    let common = line.remove("properties").unwrap();
    line.retain(|key, _| key == "oneOf" || key == "description");
    for event in line["oneOf"].as_array_mut().unwrap() {
        let name = event["properties"]["event"]["const"].as_str().unwrap().to_owned();
        let shown = if OF_THE_DAEMON.contains(&&*name) { &[][..] } else { &["interface", "ifindex"] };
        let required = if OF_EITHER.contains(&&*name) { &[][..] } else { shown };
        for field in ["time"].iter().chain(shown) {
            event["properties"][field] = common[field].clone();
        }
        let all = event["required"].as_array_mut().unwrap();
        all.extend(["time"].iter().chain(required).map(|field| Value::from(*field)));
    }
}
