//! The reference of everything that a recipe may say, as Markdown made from the declarations.
//!
//! Every definition stands once, on the first page that speaks of it; other pages link to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::catalogue;
use crate::editor::definitions;

/// A page of the reference.
#[derive(Debug)]
pub struct Page {
    /// Its file's name.
    pub file: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What stands before the sections.
    pub introduction: String,
    /// One a kind or a type of value.
    pub sections: Vec<Section>,
}

/// What the reference says of one kind or type of value.
#[derive(Debug)]
pub struct Section {
    /// The kind, as recipes write it, or the type's name.
    pub name: String,
    /// Markdown without the heading.
    pub text: String,
}

impl Page {
    /// The whole page in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", self.title, self.introduction.trim_end());
        for Section { name, text: own } in &self.sections {
            let _ = write!(text, "\n## {name}\n\n{}\n", own.trim_end());
        }
        text
    }
}

/// Pages with the definitions that each begins with; what those refer to follows them.
const PAGES: [(&str, &str, &str); 5] = [
    (
        "sources.md",
        "Sources",
        "What a table `[data.NAME]` may say: where rows come from and how they are split.",
    ),
    ("preprocessing.md", "Preprocessing", "How cells become numbers: the stage `preprocess` and its steps."),
    (
        "layers.md",
        "Layers",
        "What `network.layers` may hold. Shapes are inferred when the recipe is compiled. A layer has a \
      `name`, unique in the network, that its parameters are called by, and a `kind`; `input` names the layers, nodes or \
      data columns that feed it, by default the layer before. With `repeat = 3` it stands there three times, named \
      `NAME.0` to `NAME.2`; with `when = false` it is left out, and its name stands for its first input.",
    ),
    ("training.md", "Training", "How networks are trained: losses, optimisers, batches, metrics, stopping."),
    ("stages.md", "Other stages", "What comes before, between and after trainings."),
];

/// The definition that stands for all layer kinds, and the keys of all of them, which the page's introduction tells.
const LAYER: &str = "Layer";
const LAYER_KEYS: [&str; 5] = ["name", "kind", "input", "repeat", "when"];

/// Every page; the first is the index.
pub fn reference() -> Vec<Page> {
    let definitions = definitions();
    let stages = |kinds: &[&str]| kinds.iter().map(|kind| format!("stage-{kind}")).collect::<Vec<_>>();
    let trained = ["train", "finetune"];
    let others: Vec<&str> = (catalogue::stage_kinds().into_iter())
        .filter(|kind| *kind != "preprocess" && !trained.contains(kind))
        .collect();
    let layers = catalogue::layer_kinds().iter().map(|kind| format!("layer-{kind}")).collect();
    let roots =
        [vec!["source".to_owned()], stages(&["preprocess"]), layers, stages(&trained), stages(&others)];
    let mut book = Book { definitions: &definitions, homes: BTreeMap::new() };
    let names: Vec<Vec<String>> =
        PAGES.iter().zip(roots).map(|((file, ..), roots)| book.settle(file, roots)).collect();
    let mut pages = vec![book.index()];
    for ((file, title, introduction), names) in PAGES.into_iter().zip(names) {
        let sections = names.iter().map(|name| Section { name: label(name), text: book.section(file, name) });
        pages.push(Page { file, title, introduction: introduction.to_owned(), sections: sections.collect() });
    }
    pages
}

struct Book<'a> {
    definitions: &'a Map<String, Value>,
    /// The page on which a definition stands.
    homes: BTreeMap<String, &'static str>,
}

impl Book<'_> {
    /// Gives the page these definitions and all that they refer to, as far as no page before has them.
    fn settle(&mut self, page: &'static str, roots: Vec<String>) -> Vec<String> {
        let mut names = roots;
        self.homes.extend(names.iter().map(|name| (name.clone(), page)));
        let mut at = 0;
        while at < names.len() {
            let mut found = vec![];
            references(&self.definitions[&names[at]], &mut found);
            for name in found {
                if name != LAYER && !self.homes.contains_key(&name) {
                    self.homes.insert(name.clone(), page);
                    names.push(name);
                }
            }
            at += 1;
        }
        names
    }

    fn index(&self) -> Page {
        let page = "README.md";
        let mut text = "Every key of a recipe, made from the declarations in the code; `pipeline reference KIND` prints \
                        a section. A `${variable}` may stand for any value.\n\n"
            .to_owned();
        text.push_str(&self.keys(page, catalogue::recipe()));
        for (file, title, introduction) in PAGES {
            let _ = write!(text, "\n**[{title}]({file})**: {introduction}\n\n");
            for (name, _) in self.homes.iter().filter(|(_, home)| **home == file) {
                let kinds = name.starts_with("stage-") || name.starts_with("layer-");
                if kinds {
                    let _ = writeln!(text, "- {}: {}", self.link(page, name), first(&self.definitions[name]));
                }
            }
        }
        Page { file: page, title: "Reference", introduction: text, sections: vec![] }
    }

    fn section(&self, page: &str, name: &str) -> String {
        let mut schema = self.definitions[name].clone();
        if let Some(properties) = schema["properties"].as_object_mut().filter(|_| name.starts_with("layer-"))
        {
            properties.retain(|key, _| !LAYER_KEYS.contains(&key.as_str()));
        }
        format!("{}\n\n{}", description(&schema), self.body(page, &schema))
    }

    /// What a schema holds besides its description: keys of a table, or alternatives.
    fn body(&self, page: &str, schema: &Value) -> String {
        if let Some(alternatives) = alternatives(schema) {
            return alternatives.iter().map(|schema| self.alternative(page, schema)).collect();
        }
        if schema["properties"].is_object() {
            return self.keys(page, schema);
        }
        format!("Value: {}.\n", self.value(page, schema))
    }

    /// One alternative of several, as an item of a list.
    fn alternative(&self, page: &str, schema: &Value) -> String {
        let about = description(schema).replace('\n', " ");
        if let Some(kind) = schema["properties"]["kind"]["const"].as_str() {
            let keys = self.keys(page, schema);
            return format!("### `kind = \"{kind}\"`\n\n{}\n\n{keys}\n", description(schema));
        }
        if schema["type"] == "object" && alternatives(schema).is_some() {
            // Beside the names alone: a section for each kind.
            return format!("\n{}", self.body(page, schema));
        }
        let head = self.value(page, schema);
        if about.is_empty() { format!("- {head}\n") } else { format!("- {head}: {about}\n") }
    }

    /// The table of a table's keys; nothing where it has none but `kind`.
    fn keys(&self, page: &str, schema: &Value) -> String {
        let required =
            |key: &str| schema["required"].as_array().is_some_and(|list| list.iter().any(|name| name == key));
        let mut text = String::new();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            if property.get("const").is_some() {
                continue;
            }
            let default = match property.get("default") {
                Some(value) => format!("`{}`", toml(value)),
                None if required(key) => "required".to_owned(),
                None => String::new(),
            };
            let cells = [format!("`{key}`"), self.value(page, property), default, description(property)];
            let cells = cells.map(|cell| cell.replace('\n', " ").replace('|', "\\|"));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        if text.is_empty() {
            return text;
        }
        format!("| key | value | default | |\n| --- | --- | --- | --- |\n{text}")
    }

    /// What a value may be, in words.
    fn value(&self, page: &str, schema: &Value) -> String {
        if let Some(target) = target(schema) {
            return self.link(page, &target);
        }
        if let Some(value) = schema.get("const") {
            return format!("`{}`", toml(value));
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(|value| format!("`{}`", toml(value))).collect::<Vec<_>>().join(", ");
        }
        if let Some(alternatives) = alternatives(schema) {
            return alternatives.iter().map(|one| self.value(page, one)).collect::<Vec<_>>().join(" or ");
        }
        match &schema["type"] {
            Value::String(name) => match name.as_str() {
                "array" => self.list(page, schema),
                "object" => self.table(page, schema),
                scalar => format!("{scalar}{}", limits(schema)),
            },
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ => "any value".to_owned(),
        }
    }

    fn list(&self, page: &str, schema: &Value) -> String {
        let of = self.value(page, &schema["items"]);
        match (&schema["minItems"], &schema["maxItems"]) {
            (Value::Number(least), Value::Number(most)) if least == most => format!("list of {least}: {of}"),
            _ => format!("list of {of}"),
        }
    }

    fn table(&self, page: &str, schema: &Value) -> String {
        if let Some(properties) = schema["properties"].as_object() {
            let keys: Vec<String> = (properties.iter())
                .map(|(key, property)| format!("`{key}` = {}", self.value(page, property)))
                .collect();
            return format!("{{ {} }}", keys.join(", "));
        }
        match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("table of {}", self.value(page, values)),
            _ => "table".to_owned(),
        }
    }

    fn link(&self, page: &str, name: &str) -> String {
        // `stage` and `layer` stand for all kinds.
        let label = label(name);
        match name {
            "stage" => format!("[{label}](stages.md)"),
            "layer" | LAYER => format!("[{label}](layers.md)"),
            name => {
                let home = self.homes.get(name).copied().unwrap_or_default();
                format!("[{label}]({}#{label})", if home == page { "" } else { home })
            }
        }
    }
}

/// Definitions that a schema refers to, in their order.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(named));
            map.iter().filter(|(key, _)| *key != "default").for_each(|(_, value)| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The definition that a schema stands for.
fn target(schema: &Value) -> Option<String> {
    let kinds = || schema["x-kinds"].as_str().filter(|what| matches!(*what, "source" | "stage" | "layer"));
    schema["$ref"].as_str().map(named).or_else(|| kinds().map(str::to_owned))
}

fn named(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// The first sentence; the point of "et al." ends none.
fn first(schema: &Value) -> String {
    let text = description(schema).replace('\n', " ");
    let end = text.match_indices(". ").map(|(at, _)| at).find(|&at| !text[..at].ends_with(" al"));
    end.map_or(text.clone(), |at| format!("{}.", &text[..at]))
}

/// A definition's name as recipes and links write it: `stage-train` is `train`, `EarlyStopping` `early-stopping`.
fn label(name: &str) -> String {
    if let Some(kind) = name.strip_prefix("stage-").or_else(|| name.strip_prefix("layer-")) {
        return kind.to_owned();
    }
    let mut label = String::new();
    for (at, char) in name.char_indices() {
        if char.is_uppercase() && at > 0 {
            label.push('-');
        }
        label.extend(char.to_lowercase());
    }
    label
}

fn limits(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) => format!(", {least} to {most}"),
        (Value::Number(least), _) => format!(", at least {least}"),
        (_, Value::Number(most)) => format!(", at most {most}"),
        _ => String::new(),
    }
}

/// A JSON value as TOML writes it on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let keys: Vec<String> =
                map.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(toml).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}
