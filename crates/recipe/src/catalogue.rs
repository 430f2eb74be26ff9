//! Schemas of everything that a recipe may hold, made from the declarations once and only when used.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::blocks;

static STAGES: [OnceLock<Value>; stages::KINDS.len()] = [const { OnceLock::new() }; stages::KINDS.len()];
static LAYERS: [OnceLock<Value>; network::KINDS.len()] = [const { OnceLock::new() }; network::KINDS.len()];
static SOURCE: OnceLock<Value> = OnceLock::new();
static RECIPE: OnceLock<Value> = OnceLock::new();

/// Params of a stage kind, `kind` included.
pub(crate) fn stage(kind: &str) -> Option<&'static Value> {
    let index = stages::KINDS.iter().position(|declaration| declaration.kind == kind)?;
    Some(STAGES[index].get_or_init(|| {
        let declaration = &stages::KINDS[index];
        let mut schema = with_common((declaration.schema)().to_value(), kind, &[]);
        // What unfolds to layers stands beside them.
        if let Some(declared) =
            schema.pointer_mut("/$defs/Declared/properties").and_then(Value::as_object_mut)
        {
            let known = backbone()["properties"].as_object().into_iter().flatten();
            for (key, property) in known.filter(|(key, _)| *key != "layers") {
                declared.insert(key.clone(), property.clone());
            }
        }
        if let Some(Value::Array(steps)) = schema.pointer_mut("/$defs/Step/oneOf") {
            steps.push(backbone_step());
        }
        schema
    }))
}

/// The layer kind that stands for the layers of a block.
pub(crate) const BLOCK: &str = "block";

/// Keys of a layer kind, those that are common to all included.
pub(crate) fn layer(kind: &str) -> Option<&'static Value> {
    if kind == BLOCK {
        return Some(block());
    }
    let index = network::KINDS.iter().position(|row| row.name() == kind)?;
    Some(LAYERS[index].get_or_init(|| {
        with_common(network::KINDS[index].schema().to_value(), kind, &common_to_layers(true))
    }))
}

/// What every layer can say, with whether it must.
fn common_to_layers(named: bool) -> [(&'static str, Value, bool); 4] {
    let name = json!({
        "description": "Its name, unique in the network; parameters are called by it.\n\nIn a block, layers without a \
                        name are numbered from 0.",
        "type": "string",
    });
    let input = json!({
        "description": "Layers, blocks, nodes or data columns that feed it; by default the layer before, for the \
                        first layer the only column. In a block, `input` is what feeds the block.",
        "type": "array", "items": { "type": "string" },
    });
    let repeat = json!({
        "description": "How often it stands here, one after the other, named `NAME.0`, `NAME.1` and so on, or as \
                        NAME says with `${index}` (from 0) or `${number}` (from 1) in it.",
        "type": "integer", "minimum": 1, "maximum": 1000,
    });
    let when = json!({
        "description": "Whether it is there; where it is not, its name stands for its first input.",
        "type": "boolean", "default": true,
    });
    [("name", name, named), ("input", input, false), ("repeat", repeat, false), ("when", when, false)]
}

/// A use of a block.
pub(crate) fn block() -> &'static Value {
    static BLOCK_USE: OnceLock<Value> = OnceLock::new();
    BLOCK_USE.get_or_init(|| {
        let schema = json!({
            "description": "The layers of a block: a named list, `[blocks.NAME] layers = [...]`, here or in a file \
                            of `include`. Inside `layer1` its layer `conv1` is called `layer1.conv1`, and so are its \
                            parameters. In the block, layers name each other as they are written there, and `input` is \
                            what feeds the block; its last layer is its output.",
            "type": "object",
            "properties": {
                "block": { "description": "The block's name.", "type": "string" },
                "with": {
                    "description": "Values for the `${name}` in the block, by name; those that are left out are the \
                                    block's own `vars`, then the recipe's. Beside `repeat`, a list has one value a \
                                    repetition, the last one for all that follow.",
                    "type": "object",
                },
                "inline": {
                    "description": "Whether its layers stand in the list itself, under their own names.",
                    "type": "boolean", "default": false,
                },
            },
            "required": ["block"],
        });
        with_common(schema, BLOCK, &common_to_layers(false))
    })
}

/// A step of a column that stands for those of a backbone.
fn backbone_step() -> Value {
    let of_pictures = blocks::backbones().filter(|name| blocks::preprocessing(name).is_some());
    let of_pictures: Vec<&str> = of_pictures.collect();
    json!({
        "description": "The steps of the pictures that a backbone's published weights were trained on: resize, crop, \
                        three channels, normalise.",
        "type": "object",
        "properties": { "backbone": { "type": "string", "enum": of_pictures } },
        "required": ["backbone"],
        "additionalProperties": false,
    })
}

/// A network that names a backbone.
pub(crate) fn backbone() -> &'static Value {
    static BACKBONE: OnceLock<Value> = OnceLock::new();
    BACKBONE.get_or_init(|| {
        json!({
            "type": "object",
            "properties": {
                "layers": {
                    "description": "Layers, each fed by the one before unless it says `input`; after a backbone's own.",
                    "type": "array", "items": { "type": "object" },
                },
                "backbone": {
                    "description": "A known network. Those of pictures `[batch, 3, height, width]` have the layers and \
                                    parameter names of torchvision, or for resnet20 to resnet56 of akamaster's \
                                    pytorch_resnet_cifar10; those of tokens `[batch, time]` (bert, roberta, \
                                    distilbert) of Hugging Face's transformers, or for model2vec of that.",
                    "type": "string", "enum": blocks::backbones().collect::<Vec<_>>(),
                },
                "top": {
                    "description": "Whether the backbone has its top, which makes classes of its features; of encoders of \
                                    text `tokens` is one that makes classes of each token.",
                    "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": ["tokens"] }], "default": true,
                },
                "pool": {
                    "description": "Without a top: a global pool at the end of the backbone, called `pool`: of the mean or \
                                    the largest value, or of text `cls`, the first token's.",
                    "type": "string", "enum": ["mean", "max", "cls"],
                },
                "with": {
                    "description": "Values of the backbone's variables: `classes` of its top; for VGG also `hidden`, the \
                                    units of its hidden layers; for encoders of text the sizes that their \
                                    `config.json` has, such as `hidden`, `layers`, `heads`, `dropout`.",
                    "type": "object",
                    "additionalProperties": { "type": ["integer", "number", "string", "boolean"] },
                },
            },
            "required": ["backbone"],
            "additionalProperties": false,
        })
    })
}

/// Names of all stage kinds.
pub(crate) fn stage_kinds() -> Vec<&'static str> {
    stages::KINDS.iter().map(|declaration| declaration.kind).collect()
}

/// Names of all layer kinds.
pub(crate) fn layer_kinds() -> Vec<&'static str> {
    network::KINDS.iter().map(|row| row.name()).chain([BLOCK]).collect()
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
                "include": {
                    "description": "Files, relative to this one, whose `[blocks]` can be used here.",
                    "type": "array", "items": { "type": "string" },
                },
                "blocks": {
                    "description": "Lists of layers by name, for layers of kind `block`.",
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "properties": {
                            "layers": {
                                "description": "Layers, with `${name}` where a use has its own value.",
                                "type": "array", "items": { "type": "object" }, "minItems": 1,
                            },
                            "vars": {
                                "description": "Values by name for uses that have none of their own.",
                                "type": "object",
                            },
                        },
                        "required": ["layers"],
                        "additionalProperties": false,
                    },
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
