//! Schemas of everything that a recipe may hold, made from the declarations once and only when used.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

static STAGES: [OnceLock<Value>; stages::KINDS.len()] = [const { OnceLock::new() }; stages::KINDS.len()];
static LAYERS: [OnceLock<Value>; network::KINDS.len()] = [const { OnceLock::new() }; network::KINDS.len()];
static SOURCE: OnceLock<Value> = OnceLock::new();
static RECIPE: OnceLock<Value> = OnceLock::new();

/// Params of a stage kind, `kind` included.
pub(crate) fn stage(kind: &str) -> Option<&'static Value> {
    let index = stages::KINDS.iter().position(|declaration| declaration.kind == kind)?;
    Some(STAGES[index].get_or_init(|| {
        let declaration = &stages::KINDS[index];
        with_common((declaration.schema)().to_value(), kind, &[])
    }))
}

/// Keys of a layer kind, those that are common to all included.
pub(crate) fn layer(kind: &str) -> Option<&'static Value> {
    let index = network::KINDS.iter().position(|row| row.name() == kind)?;
    Some(LAYERS[index].get_or_init(|| {
        let name = json!({
            "description": "Its name, unique in the network; parameters are called by it.", "type": "string",
        });
        let input = json!({
            "description": "Layers, nodes or data columns that feed it; by default the layer before, for the first \
                            layer the only column.",
            "type": "array", "items": { "type": "string" },
        });
        let common = [("name", name, true), ("input", input, false)];
        with_common(network::KINDS[index].schema().to_value(), kind, &common)
    }))
}

/// Names of all stage kinds.
pub(crate) fn stage_kinds() -> Vec<&'static str> {
    stages::KINDS.iter().map(|declaration| declaration.kind).collect()
}

/// Names of all layer kinds.
pub(crate) fn layer_kinds() -> Vec<&'static str> {
    network::KINDS.iter().map(|row| row.name()).collect()
}

/// A source's declaration.
pub(crate) fn source() -> &'static Value {
    SOURCE.get_or_init(|| without_null(schemars::schema_for!(data::Source).to_value()))
}

/// The recipe around its sources and stages.
pub(crate) fn recipe() -> &'static Value {
    RECIPE.get_or_init(|| {
        json!({
            "type": "object",
            "properties": {
                "name": {
                    "description": "The recipe's name; by default the file's.", "type": "string", "minLength": 1,
                },
                "seed": {
                    "description": "Every random draw follows from this.",
                    "type": "integer", "minimum": 0, "default": 0,
                },
                "extends": {
                    "description": "A recipe, relative to this one, whose tables this one adds to and overrides.",
                    "type": "string",
                },
                "vars": {
                    "description": "Values that strings take in as `${name}`.",
                    "type": "object",
                    "additionalProperties": { "type": ["string", "integer", "number", "boolean"] },
                },
                "matrix": {
                    "description": "Axes of a sweep: lists of values that strings take in as `${name}`. A stage or source \
                                    that depends on axes, by itself or by what it names, is there once for each \
                                    combination, called `train@lr=0.01`. `exclude` lists combinations to leave out.",
                    "type": "object",
                    "properties": { "exclude": {
                        "description": "Combinations to leave out, such as `[{ lr = 0.1, units = 8 }]`.",
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": { "type": ["string", "integer", "number", "boolean"] },
                        },
                    } },
                    "additionalProperties": {
                        "type": "array", "minItems": 1,
                        "items": { "type": ["string", "integer", "number", "boolean"] },
                    },
                },
                "folds": {
                    "description": "Cross-validation: splits sources into `k` folds, of which each is the test part once. \
                                    What depends on them is there once for each, called `train@fold=0`.",
                    "type": "object",
                    "properties": {
                        "k": { "description": "How many folds.", "type": "integer", "minimum": 2 },
                        "data": {
                            "description": "The sources; by default all without a `split`.",
                            "type": "array", "minItems": 1, "items": { "type": "string" },
                        },
                        "valid": {
                            "description": "The share of the rows outside the test fold that validates.",
                            "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1,
                        },
                        "stratify": {
                            "description": "A column whose values every fold gets in equal shares.", "type": "string",
                        },
                        "group": {
                            "description": "A column whose equal values stay in one fold.", "type": "string",
                        },
                        "seed": {
                            "description": "The seed of the folds instead of the recipe's.",
                            "type": "integer", "minimum": 0,
                        },
                    },
                    "required": ["k"],
                    "additionalProperties": false,
                },
                "data": {
                    "description": "Sources by name.",
                    "type": "object", "additionalProperties": { "x-kinds": "source" },
                },
                "stages": {
                    "description": "Stages by name.",
                    "type": "object", "additionalProperties": { "x-kinds": "stage" },
                },
            },
        })
    })
}

fn with_common(schema: Value, kind: &str, common: &[(&str, Value, bool)]) -> Value {
    let mut schema = without_null(schema);
    // A kind that is another under a new name refers to it.
    let target =
        schema["$ref"].as_str().and_then(|path| schema.pointer(path.trim_start_matches('#'))).cloned();
    if let (Some(map), Some(Value::Object(target))) = (schema.as_object_mut(), target) {
        map.remove("$ref");
        for (key, value) in target {
            map.entry(key).or_insert(value);
        }
    }
    let mut properties = Map::new();
    let mut required = vec![];
    for (name, property, _) in common.iter().filter(|(name, ..)| *name == "name") {
        properties.insert((*name).to_owned(), property.clone());
    }
    properties.insert("kind".to_owned(), json!({ "type": "string", "const": kind }));
    for (name, property, _) in common.iter().filter(|(name, ..)| *name != "name") {
        properties.insert((*name).to_owned(), property.clone());
    }
    required.extend(common.iter().filter(|(.., required)| *required).map(|(name, ..)| json!(name)));
    required.push(json!("kind"));
    if let Some(own) = schema.get_mut("properties").map(Value::take).and_then(as_object) {
        properties.extend(own);
    }
    if let Some(Value::Array(own)) = schema.get_mut("required").map(Value::take) {
        required.extend(own);
    }
    schema["properties"] = Value::Object(properties);
    schema["required"] = Value::Array(required);
    schema["additionalProperties"] = Value::Bool(false);
    schema
}

fn as_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// The schema with every alternative of null removed: TOML has none, a key that is not wanted is left out.
fn without_null(schema: Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut result = Map::new();
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("default", Value::Null) => {}
                    ("type", Value::Array(mut types)) => {
                        types.retain(|name| name != "null");
                        let single = types.len() == 1;
                        result.insert(key, if single { types.remove(0) } else { Value::Array(types) });
                    }
                    ("anyOf", Value::Array(mut alternatives)) => {
                        alternatives.retain(|schema| schema["type"] != "null");
                        if alternatives.len() == 1 {
                            // Words around the alternatives say what this key is: they go before the type's own.
                            for (inner, value) in
                                as_object(without_null(alternatives.remove(0))).unwrap_or_default()
                            {
                                result.entry(inner).or_insert(value);
                            }
                        } else {
                            result.insert(
                                key,
                                Value::Array(alternatives.into_iter().map(without_null).collect()),
                            );
                        }
                    }
                    ("enum", Value::Array(mut values)) => {
                        values.retain(|value| !value.is_null());
                        result.insert(key, Value::Array(values));
                    }
                    (_, value) => drop(result.insert(key, without_null(value))),
                }
            }
            Value::Object(result)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_null).collect()),
        other => other,
    }
}
