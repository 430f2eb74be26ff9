//! The JSON schema of recipes (draft 2020-12), for editors.
//!
//! A kind's keys are chosen by `if` and `then` for each kind, because editors explain a mistake in those and say of
//! `oneOf` only that nothing matched. Where a value is not text, a `${variable}` may stand for it.

use serde_json::{Map, Value, json};

use crate::catalogue;

/// Every recipe fits this schema; what it cannot say, the compiler checks.
pub fn schema() -> Value {
    let mut definitions = definitions();
    let mut recipe = catalogue::recipe().clone();
    if let Some(declared) = definitions.get_mut("Declared") {
        // A network has layers, a backbone, or both.
        declared["anyOf"] = json!([{ "required": ["layers"] }, { "required": ["backbone"] }]);
        declared.as_object_mut().map(|declared| declared.remove("required"));
    }
    for definition in definitions.values_mut() {
        rewrite(definition);
    }
    let reference = |what: &str, kind: &str| json!({ "$ref": format!("#/$defs/{what}-{kind}") });
    let stage = by_kind(stages::KINDS.iter().map(|declaration| {
        (declaration.kind, declaration.summary.to_owned(), reference("stage", declaration.kind))
    }));
    let layer = by_kind(
        catalogue::layer_kinds()
            .into_iter()
            .map(|kind| (kind, summary(&definitions, kind), reference("layer", kind))),
    );
    definitions.insert("stage".to_owned(), stage);
    definitions.insert("layer".to_owned(), layer);
    rewrite(&mut recipe);
    recipe["additionalProperties"] = Value::Bool(false);
    // A recipe that extends another may leave out what that one says.
    let mut whole = Map::new();
    for key in ["data", "stages"] {
        let table = recipe["properties"][key].clone();
        recipe["properties"][key]["additionalProperties"] = json!({ "type": "object" });
        whole.insert(key.to_owned(), table);
    }
    recipe["allOf"] =
        json!([{ "if": { "not": { "required": ["extends"] } }, "then": { "properties": whole } }]);
    let mut document = Map::new();
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("title".to_owned(), json!("pipeline recipe"));
    if let Value::Object(recipe) = recipe {
        document.extend(recipe);
    }
    definitions.sort_keys();
    document.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(document)
}

/// The source, every stage and layer kind, and every type of value that they refer to, by name.
pub(crate) fn definitions() -> Map<String, Value> {
    let mut definitions = Map::new();
    adopt("source", catalogue::source(), &mut definitions);
    for declaration in stages::KINDS {
        if let Some(schema) = catalogue::stage(declaration.kind) {
            adopt(&format!("stage-{}", declaration.kind), schema, &mut definitions);
        }
    }
    for kind in catalogue::layer_kinds() {
        if let Some(schema) = catalogue::layer(kind) {
            adopt(&format!("layer-{kind}"), schema, &mut definitions);
        }
    }
    definitions
}

fn summary(definitions: &Map<String, Value>, layer: &str) -> String {
    let text = definitions.get(&format!("layer-{layer}")).and_then(|schema| schema["description"].as_str());
    text.unwrap_or_default().split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

/// A table whose other keys follow from its `kind`.
fn by_kind<'a>(kinds: impl Iterator<Item = (&'a str, String, Value)>) -> Value {
    let (mut names, mut rules) = (vec![], vec![]);
    for (kind, summary, schema) in kinds {
        names.push(json!({ "const": kind, "description": summary }));
        rules.push(json!({
            "if": { "type": "object", "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": schema,
        }));
    }
    json!({
        "type": "object",
        "properties": { "kind": { "type": "string", "oneOf": names } },
        "required": ["kind"],
        "allOf": rules,
    })
}

/// A rule for each alternative of an enum that is tagged inside, instead of `oneOf`.
fn tagged(alternatives: &[Value]) -> Option<Value> {
    let kinds: Option<Vec<(&str, String, Value)>> = alternatives
        .iter()
        .map(|schema| {
            let kind = schema["properties"]["kind"]["const"].as_str()?;
            let summary = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
            Some((kind, summary, schema.clone()))
        })
        .collect();
    kinds.map(|kinds| by_kind(kinds.into_iter()))
}

/// Puts a schema among the definitions, and with it those that it brings.
fn adopt(name: &str, schema: &Value, definitions: &mut Map<String, Value>) {
    let mut schema = schema.clone();
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
        if let Some(Value::Object(own)) = map.remove("$defs") {
            for (name, definition) in own {
                definitions.entry(name).or_insert(definition);
            }
        }
    }
    definitions.insert(name.to_owned(), schema);
}

/// Puts references in the place of markers, closes tables, and lets variables stand for scalars.
fn rewrite(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(what)) = map.get("x-kinds")
                && matches!(what.as_str(), "source" | "stage" | "layer")
            {
                let reference = json!(format!("#/$defs/{what}"));
                map.retain(|key, _| key == "description");
                map.insert("$ref".to_owned(), reference);
                return;
            }
            map.remove("x-kinds");
            map.remove("format");
            for (key, value) in map.iter_mut() {
                // Names of keys and values are not schemas.
                if !matches!(key.as_str(), "required" | "enum" | "const" | "default") {
                    match (key.as_str(), value) {
                        ("properties" | "$defs", Value::Object(inner)) => {
                            inner.values_mut().for_each(rewrite)
                        }
                        // One more alternative for a variable is enough.
                        ("oneOf", Value::Array(alternatives)) => {
                            alternatives
                                .iter_mut()
                                .filter(|schema| schema["type"] != "string")
                                .for_each(rewrite);
                        }
                        (_, value) => rewrite(value),
                    }
                }
            }
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            if let Some(tagged) = map.get("oneOf").and_then(Value::as_array).and_then(|list| tagged(list)) {
                map.remove("oneOf");
                map.extend(tagged.as_object().cloned().unwrap_or_default());
            }
            variable(map);
        }
        Value::Array(values) => values.iter_mut().for_each(rewrite),
        _ => {}
    }
}

const VARIABLE: &str = r"\$\{(matrix\.)?[A-Za-z_][A-Za-z0-9_-]*\}";

/// Lets a string with a variable in it stand for this scalar.
fn variable(map: &mut Map<String, Value>) {
    let alone = json!(format!("^{VARIABLE}$"));
    match map.get("type").and_then(Value::as_str) {
        Some(name @ ("integer" | "number" | "boolean")) => {
            // A pattern binds strings only, and limits bind numbers only.
            let types = json!([name, "string"]);
            map.insert("type".to_owned(), types);
            map.insert("pattern".to_owned(), alone);
        }
        Some("string") if map.contains_key("enum") => {
            if let Some(values) = map.remove("enum") {
                map.insert("anyOf".to_owned(), json!([{ "enum": values }, { "pattern": VARIABLE }]));
            }
        }
        _ => {}
    }
    if let Some(Value::Array(alternatives)) = map.get_mut("oneOf")
        && alternatives.iter().any(|schema| schema["type"] == "string")
    {
        alternatives.push(json!({ "type": "string", "pattern": VARIABLE, "description": "A variable." }));
    }
}
