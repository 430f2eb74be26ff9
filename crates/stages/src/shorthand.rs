//! A kind's name alone in the place of a table that says nothing but its `kind`.
//!
//! Invariant: what is written is the name wherever the name says all, so both forms have one key.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// The table that a name stands for.
pub(crate) fn table(written: Value) -> Value {
    match written {
        Value::String(kind) => json!({ "kind": kind }),
        table => table,
    }
}

/// The name of a table that says no more.
pub(crate) fn name(table: Value) -> Value {
    match &table {
        Value::Object(entries) if entries.len() == 1 => entries.get("kind").cloned().unwrap_or(table),
        _ => table,
    }
}

/// Adds the names to the schema of an enum that is tagged inside: those of kinds that need no further key.
pub(crate) fn schema(schema: &mut Schema) {
    let Some(Value::Array(kinds)) = schema.remove("oneOf") else { return };
    let named = kinds.iter().filter(|kind| kind["required"].as_array().is_some_and(|keys| keys.len() == 1));
    let name = |kind: &Value| {
        let mut name = Map::from_iter([
            ("type".to_owned(), json!("string")),
            ("const".to_owned(), kind["properties"]["kind"]["const"].clone()),
        ]);
        name.extend(kind.get("description").map(|text| ("description".to_owned(), text.clone())));
        Value::Object(name)
    };
    let names: Vec<Value> = named.map(name).collect();
    let forms = json!([{ "type": "string", "oneOf": names }, { "type": "object", "oneOf": kinds }]);
    schema.insert("anyOf".to_owned(), forms);
}
