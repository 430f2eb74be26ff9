//! `show`: what a stage has made, in the form that its kind deserves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use console::style;
use data::{DESCRIPTION_FILE, Description, Fitted, LABEL, LEAKS_FILE, LabelKind, Transform};
use plan::ArtifactKind;
use serde_json::{Value, json};
use store::Artifact;

use crate::comparison;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::feature_names::FeatureNames;
use crate::show_leaks;
use crate::show_network;
use crate::table::Table;
use crate::{artifact, figures, print_json, words};

/// Entries of a vocabulary that are printed.
const WORDS: usize = 20;
/// What `evaluate` measured, and the rows it did so on; those are too many to print.
const METRICS: &str = "metrics.json";
const SCORES: &str = "scores.csv";
/// Values of a JSON document that are printed.
const VALUES: usize = 60;
/// Values of a list that are shown.
const LISTED: usize = 12;
/// JSON documents above this size in bytes are not printed.
const LARGE: u64 = 1 << 20;

pub(crate) fn show(context: &Context, recipe: &Path, stage: &str, port: Option<&str>) -> Result {
    let store = context.store_to_read()?;
    let found = artifact::find(context, &store, recipe, stage)?;
    let stage = found.stage.as_str();
    if let Some(port) = port.filter(|port| !found.outputs.contains_key(*port)) {
        let ports: Vec<&str> = found.outputs.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("stage `{stage}` has no output `{port}`"))
            .hint(format!("its outputs are: {}", ports.join(", "))));
    }
    let mut shown = vec![];
    let mut text = String::new();
    for (name, digest) in found.outputs.iter().filter(|(name, _)| port.is_none_or(|port| port == *name)) {
        let (manifest, files) = artifact::files(&store, digest)?;
        if context.json() {
            shown.push(as_json(stage, name, &digest.to_string(), &manifest, &files)?);
        } else {
            let title = style(format!("{stage}.{name}")).bold();
            let _ = writeln!(text, "{title}  {}  {}\n", manifest.kind, digest.short());
            text += &content(&manifest, &files, &found.features)?;
            let _ = writeln!(text, "{}", file_table(&manifest));
        }
    }
    if context.json() {
        return print_json(&shown);
    }
    if port.is_none() {
        let folder = figures::folder(&store, &context.compile(recipe)?.plan.name);
        let pictures = figures::of_stage(&store, &folder, stage, found.outputs.values())?;
        for path in pictures.iter().filter(|path| path.extension().is_some_and(|kind| kind == "png")) {
            let _ = writeln!(text, "picture: {}", path.display());
        }
    }
    if let Some(note) = found.note {
        writeln!(io::stderr(), "note: {note}")?;
    }
    io::stdout().write_all(text.trim_end().as_bytes())?;
    Ok(writeln!(io::stdout())?)
}

/// All that is known of an artifact, for programs.
fn as_json(
    stage: &str,
    port: &str,
    digest: &str,
    manifest: &Artifact,
    files: &BTreeMap<String, PathBuf>,
) -> Result<Value> {
    let mut documents = serde_json::Map::new();
    for (name, path) in documents_of(manifest, files) {
        documents.insert(name.clone(), artifact::json(path)?);
    }
    let mut shown = json!({
        "stage": stage, "port": port, "digest": digest, "kind": manifest.kind, "meta": manifest.meta,
        "files": manifest.files, "documents": documents,
    });
    if let Some(path) = files.get(show_network::FILE) {
        shown["nodes"] = show_network::nodes_json(path)?;
    }
    Ok(shown)
}

/// The JSON documents of an artifact that are not too large to print.
fn documents_of<'a>(
    manifest: &'a Artifact,
    files: &'a BTreeMap<String, PathBuf>,
) -> impl Iterator<Item = (&'a String, &'a PathBuf)> {
    files.iter().filter(|(name, _)| {
        name.ends_with(".json") && manifest.files.get(*name).is_some_and(|entry| entry.size <= LARGE)
    })
}

fn content(
    manifest: &Artifact,
    files: &BTreeMap<String, PathBuf>,
    features: &FeatureNames,
) -> Result<String> {
    let mut text = String::new();
    for (name, path) in files {
        if name == show_network::FILE {
            text += &show_network::nodes_table(path)?;
        } else if name == DESCRIPTION_FILE {
            text += &dataset(&artifact::json(path)?);
        } else if name == LEAKS_FILE {
            text += &show_leaks::tables(&artifact::json(path)?);
        } else if name == "transform.json" && manifest.kind == "transform" {
            text += &transform(&artifact::json(path)?);
        } else if name == comparison::FILE {
            for table in comparison::tables(&artifact::json(path)?) {
                let _ = writeln!(text, "{table}");
            }
        } else if manifest.kind == ArtifactKind::Metrics.name() && name == METRICS {
            text += &document(&artifact::json(path)?);
        } else if name.ends_with(".csv")
            && ![SCORES, "comparison.csv", "spreads.csv"].contains(&name.as_str())
        {
            let _ = writeln!(text, "{}", artifact::table(path, |name| features.shown(name))?);
        }
    }
    // Documents that no table above says already.
    if text.is_empty() {
        for (_, path) in documents_of(manifest, files) {
            text += &document(&artifact::json(path)?);
        }
    }
    Ok(text)
}

fn file_table(manifest: &Artifact) -> Table {
    let mut table = Table::new(&["file", "size", "digest"]).right(&[1]);
    for (name, entry) in &manifest.files {
        table.row([name.clone(), words::bytes(entry.size), entry.digest.short()]);
    }
    table
}

fn dataset(description: &Description) -> String {
    let mut columns = Table::new(&["column", "type", "indices", "longest"]).right(&[2, 3]);
    for (name, column) in &description.columns {
        let kind = match column.kind {
            data::ColumnType::Sequence { width: Some(width) } => format!("sequence, width {width}"),
            data::ColumnType::Sequence { width: None } => "sequence".to_owned(),
            data::ColumnType::Category => "category".to_owned(),
            data::ColumnType::Number => "number".to_owned(),
            data::ColumnType::Vector { width } => vector("vector", width),
            data::ColumnType::Sparse { width } => vector("sparse vector", width),
            data::ColumnType::Image { channels, height, width } => {
                let side = |side: Option<usize>| side.map_or_else(|| "?".to_owned(), |side| side.to_string());
                format!("picture, {} x {} x {}", side(channels), side(height), side(width))
            }
        };
        let optional = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
        columns.row([name.clone(), kind, optional(column.vocabulary), optional(column.longest)]);
    }
    let labels = description.all_labels();
    let mut text = format!("{columns}\n");
    let only = labels.get(LABEL).copied();
    text += &format!("{}\n", parts(description, LABEL, only.map_or(&[][..], |label| &label.classes)));
    for (name, label) in labels.iter().filter(|(name, label)| **name != LABEL && !label.classes.is_empty()) {
        text += &format!("{}\n{}\n", style(name).bold(), parts(description, name, &label.classes));
    }
    for (name, label) in labels {
        let name = if name == LABEL { LABEL.to_owned() } else { format!("label {name}") };
        let what = match label.kind {
            LabelKind::Number => ", a number",
            LabelKind::Tags => ", tags of words",
            LabelKind::Class | LabelKind::MultiLabel => "",
        };
        let has = if description.has_label { "" } else { ", which these rows do not have" };
        let _ = writeln!(text, "{name}: {}{what}{has}\n", label.column);
    }
    text
}

/// The rows of each part, and of each class of a label.
fn parts(description: &Description, label: &str, classes: &[String]) -> Table {
    let mut head = vec!["part", "rows"];
    head.extend(classes.iter().map(String::as_str));
    let numbers: Vec<usize> = (1..head.len()).collect();
    let mut parts = Table::new(&head).right(&numbers);
    let named = description.parts.iter().map(|(part, rows)| (part.name(), rows));
    for (name, rows) in named.chain([("(none)", &description.no_part)]).filter(|(_, rows)| rows.rows > 0) {
        let counts = rows.counts(label).iter().map(u64::to_string);
        parts.row([name.to_owned(), rows.rows.to_string()].into_iter().chain(counts));
    }
    parts
}

fn vector(name: &str, width: Option<usize>) -> String {
    width.map_or_else(|| name.to_owned(), |width| format!("{name}, width {width}"))
}

fn transform(transform: &Transform) -> String {
    let mut text = String::new();
    for (name, column) in transform.columns() {
        let title = style(name).bold();
        match &column.fitted {
            Fitted::Vocabulary(vocabulary) => {
                let _ = writeln!(text, "{title}: {}", words::count(vocabulary.len(), "word"));
                let mut table = Table::new(&["index", "word", "count"]).right(&[0, 2]);
                for (index, (word, count)) in
                    vocabulary.words().iter().zip(vocabulary.counts()).take(WORDS).enumerate()
                {
                    table.row([index.to_string(), word.clone(), count.to_string()]);
                }
                let _ = writeln!(text, "{table}");
            }
            Fitted::Dictionary(values) => {
                let shown: Vec<&str> = values.iter().take(WORDS).map(String::as_str).collect();
                let more = if values.len() > WORDS { ", …" } else { "" };
                let count = match values.len() {
                    1 => "1 category".to_owned(),
                    count => format!("{count} categories"),
                };
                let _ = writeln!(text, "{title}: {count}: {}{more}\n", shown.join(", "));
            }
            Fitted::Hash(buckets) => {
                let _ = writeln!(text, "{title}: {buckets} categories by hash\n");
            }
            Fitted::Subwords(subwords) => {
                let _ = writeln!(
                    text,
                    "{title}: {} of a tokenizer\n",
                    words::count(subwords.vocabulary(), "token")
                );
            }
            Fitted::Picture => {
                let _ = writeln!(text, "{title}: a picture\n");
            }
            Fitted::Number | Fitted::Numbers(_) => {
                let what = match column.names() {
                    Ok(Some(names)) => {
                        let shown: Vec<&str> = names.iter().take(WORDS).map(String::as_str).collect();
                        let more = if names.len() > WORDS { ", …" } else { "" };
                        format!("{}: {}{more}", words::count(names.len(), "number"), shown.join(", "))
                    }
                    _ => "a number".to_owned(),
                };
                let _ = writeln!(text, "{title}: {what}\n");
            }
        }
    }
    for (name, label) in transform.labels() {
        let name = if name == LABEL { String::new() } else { format!(" {name}") };
        let what = match label.kind {
            LabelKind::Number => "a number".to_owned(),
            LabelKind::Class | LabelKind::MultiLabel | LabelKind::Tags => label.classes.join(", "),
        };
        let _ = writeln!(text, "label{name} {}: {what}\n", style(&label.column).bold());
    }
    text
}

/// A JSON document: lists of objects as tables, the rest as dotted names and values.
fn document(value: &Value) -> String {
    let mut leaves = vec![];
    let mut lists = String::new();
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_array().filter(|rows| !rows.is_empty() && rows.iter().all(Value::is_object)) {
                    Some(rows) => lists += &format!("{}\n", list(rows)),
                    None => flatten(key, value, &mut leaves),
                }
            }
        }
        other => flatten("", other, &mut leaves),
    }
    let mut table = Table::new(&["name", "value"]);
    let more = leaves.len().saturating_sub(VALUES);
    for (name, value) in leaves.into_iter().take(VALUES) {
        table.row([name, value]);
    }
    if more > 0 {
        table.row([format!("… {more} more")]);
    }
    if table.is_empty() { lists } else { format!("{lists}{table}\n") }
}

/// Objects as the rows of a table.
fn list(rows: &[Value]) -> Table {
    let mut head: Vec<String> = vec![];
    let mut cells = vec![];
    for row in rows.iter().take(VALUES) {
        let mut leaves = vec![];
        flatten("", row, &mut leaves);
        for (name, _) in &leaves {
            if !head.contains(name) {
                head.push(name.clone());
            }
        }
        cells.push(leaves.into_iter().collect::<BTreeMap<String, String>>());
    }
    // What all names begin with is no news: `metrics.`.
    let names: Vec<&str> = head.iter().map(|name| name.strip_prefix("metrics.").unwrap_or(name)).collect();
    let mut table = Table::new(&names).right(&(0..names.len()).collect::<Vec<_>>());
    for row in cells {
        table.row(head.iter().map(|name| row.get(name).cloned().unwrap_or_default()));
    }
    table
}

fn flatten(path: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&at(key), value, leaves)),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            values.iter().enumerate().for_each(|(i, value)| flatten(&format!("{path}[{i}]"), value, leaves));
        }
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().take(LISTED).map(leaf).collect();
            let more = values.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(", … {more} more") } else { String::new() };
            leaves.push((path.to_owned(), texts.join(", ") + &more));
        }
        other => leaves.push((path.to_owned(), leaf(other))),
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), words::number),
        other => other.to_string(),
    }
}
