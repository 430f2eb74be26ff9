//! `diff`: what two runs or two recipes differ in.
//!
//! Runs are compared by the keys of their stages, which hold everything that decides a result; recipes by what their
//! stages declare, since nothing needs to have run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use console::style;
use exec::Verdict;
use plan::{Group, Input, KeyDocument, Origin, Variant};
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use store::{Digest, RunRecord, Store};

use crate::artifact;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::{print_json, words};

/// Lines around a change that are printed with it.
const AROUND: usize = 2;

/// One side of a comparison.
struct Side {
    name: String,
    text: String,
    /// Stages and sources, in order.
    parts: Vec<Part>,
}

/// A stage or a source.
struct Part {
    name: String,
    key: Option<KeyDocument>,
    /// Where each input comes from, where the key does not say it.
    inputs: Vec<String>,
    numbers: Vec<(String, f64)>,
}

/// A stage that differs.
#[derive(Serialize)]
struct Changed {
    stage: String,
    changes: Vec<String>,
    /// Whether it differs by itself or in the files that it reads, not only in what comes from other stages.
    #[serde(skip)]
    is_root: bool,
}

/// A number of a stage on both sides.
#[derive(Serialize)]
struct Number {
    stage: String,
    name: String,
    a: Option<f64>,
    b: Option<f64>,
}

pub(crate) fn diff(context: &Context, a: &str, b: &str) -> Result {
    let recipes = [a, b].map(is_recipe);
    if recipes[0] != recipes[1] {
        let message = format!("`{a}` and `{b}` are not of one kind");
        return Err(Failure::usage(message).hint("compare two recipes, or two runs"));
    }
    let (a, b) = if recipes[0] {
        (of_recipe(context, Path::new(a))?, of_recipe(context, Path::new(b))?)
    } else {
        let store = context.store_to_read()?;
        let runs = store.runs()?;
        (of_run(&store, find(&runs, a)?)?, of_run(&store, find(&runs, b)?)?)
    };
    let (changed, numbers) = (changed(&a, &b), numbers(&a, &b));
    if context.json() {
        return print_json(&serde_json::json!({
            "a": a.name, "b": b.name, "text": text(&a, &b, false), "stages": changed, "numbers": numbers,
        }));
    }
    let mut out = text(&a, &b, true);
    let (roots, effects): (Vec<&Changed>, Vec<&Changed>) =
        changed.iter().partition(|changed| changed.is_root);
    for (stage, changes) in together(&roots) {
        let _ = writeln!(out, "{}", style(stage).bold());
        for change in changes {
            let _ = writeln!(out, "  {}", words::visible(change));
        }
    }
    if !effects.is_empty() {
        let groups = Group::of_names(effects.iter().map(|changed| changed.stage.as_str()));
        let names: Vec<String> = groups.iter().map(words::group).collect();
        let _ = writeln!(out, "other inputs for {}", names.join(", "));
    }
    if changed.is_empty() {
        out += "no stage differs\n";
    }
    let (equal, differ): (Vec<&Number>, Vec<&Number>) =
        numbers.iter().partition(|number| number.a == number.b);
    if !differ.is_empty() {
        let _ = write!(out, "\n{}", table(&differ));
    }
    if !equal.is_empty() {
        let verb = if equal.len() == 1 { "is" } else { "are" };
        let _ = writeln!(out, "\n{} {verb} equal", words::count(equal.len(), "number"));
    }
    Ok(io::stdout().write_all(out.as_bytes())?)
}

fn is_recipe(name: &str) -> bool {
    name.ends_with(".toml") || Path::new(name).is_file()
}

/// A run by its id, the beginning of its id, `latest`, or `latest~N`; `runs` are newest first.
fn find<'a>(runs: &'a [RunRecord], name: &str) -> Result<&'a RunRecord> {
    let hint = "`pipeline runs` lists them";
    let back = match name.split_once('~') {
        None if name == "latest" => Some(0),
        Some(("latest", back)) => back.parse::<usize>().ok(),
        _ => None,
    };
    if let Some(back) = back {
        let message = || match runs.len() {
            0 => "there are no runs yet".to_owned(),
            count => format!("there is no `{name}`: the store knows {}", words::count(count, "run")),
        };
        return runs.get(back).ok_or_else(|| Failure::usage(message()).hint(hint));
    }
    let mut found = runs.iter().filter(|run| !name.is_empty() && run.id.starts_with(name));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run),
        (None, _) => Err(Failure::usage(format!("there is no run `{name}`")).hint(hint)),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("`{name}` begins the ids of several runs")).hint(hint))
        }
    }
}

fn of_run(store: &Store, run: &RunRecord) -> Result<Side> {
    let mut parts: Vec<Part> = vec![];
    for event in store.run_events(&run.id)? {
        let kind = event["event"].as_str().unwrap_or_default();
        let empty = |name: &str| Part { name: name.to_owned(), key: None, inputs: vec![], numbers: vec![] };
        if kind == "run-started" {
            let names = event["stages"].as_array().into_iter().flatten();
            parts = names.filter_map(Value::as_str).map(empty).collect();
        }
        let of_stage = matches!(kind, "stage-hit" | "stage-started" | "stage-done");
        let Some(part) = parts.iter_mut().find(|part| of_stage && event["stage"] == part.name.as_str())
        else {
            continue;
        };
        if let Some(key) = event["key"].as_str().and_then(|key| key.parse::<Digest>().ok()) {
            part.key = store.lookup(&key)?.and_then(|record| document(record.key_document));
        }
        if let Ok(numbers) = serde_json::from_value(event["summary"].clone()) {
            part.numbers = numbers;
        }
    }
    Ok(Side { name: run.id.clone(), text: run.info.text.clone(), parts })
}

fn document(value: Value) -> Option<KeyDocument> {
    serde_json::from_value(value).ok()
}

fn of_recipe(context: &Context, path: &Path) -> Result<Side> {
    let compiled = context.compile(path)?;
    let plan = &compiled.plan;
    // Numbers are there where the recipe has run; what differs can be said in any case.
    let store = context.store_to_read().ok();
    let explained = store.as_ref().and_then(|store| context.explain(plan, store).ok()).unwrap_or_default();
    let key = |kind: &str, version: u32, params: &Value, seed: Option<u64>| KeyDocument {
        format: 1,
        kind: kind.to_owned(),
        version,
        params: params.clone(),
        inputs: vec![],
        seed,
        numerics: None,
    };
    let mut parts = vec![];
    for (name, source) in &plan.sources {
        let path =
            |path: &PathBuf| format!("path: {}", path.file_name().unwrap_or_default().to_string_lossy());
        parts.push(Part {
            name: format!("data.{name}"),
            key: Some(key("source", 1, &source.reading, source.seed)),
            inputs: source.paths.iter().map(path).collect(),
            numbers: vec![],
        });
    }
    for stage in plan.stages() {
        let hit = explained.iter().find(|found| found.stage == stage.name && found.verdict == Verdict::Hit);
        let numbers = match (&store, hit) {
            (Some(store), Some(hit)) => measured(store, &hit.outputs)?,
            _ => vec![],
        };
        parts.push(Part {
            name: stage.name.clone(),
            key: Some(key(&stage.kind, stage.version, &stage.params, stage.seed)),
            inputs: stage.inputs.iter().map(input).collect(),
            numbers,
        });
    }
    let text = compiled.files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>().join("\n");
    Ok(Side { name: path.display().to_string(), text, parts })
}

fn input(input: &Input) -> String {
    match &input.origin {
        Origin::Stage { stage, .. } => format!("inputs.{}: {stage}", input.port),
        Origin::Source(source) => format!("inputs.{}: data.{source}", input.port),
    }
}

/// What an evaluation measured.
fn measured(store: &Store, outputs: &BTreeMap<String, Digest>) -> Result<Vec<(String, f64)>> {
    let Some(digest) = outputs.get("metrics") else { return Ok(vec![]) };
    let (_, files) = artifact::files(store, digest)?;
    let Some(path) = files.get("metrics.json") else { return Ok(vec![]) };
    let document: Value = artifact::json(path)?;
    let metrics = document["metrics"].as_object().into_iter().flatten();
    Ok(metrics.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect())
}

/// Names of both sides, in the first one's order.
fn names<'a>(a: &'a Side, b: &'a Side) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    let both = a.parts.iter().chain(&b.parts).map(|part| part.name.as_str());
    both.filter(|name| seen.insert(*name)).collect()
}

fn part<'a>(side: &'a Side, name: &str) -> Option<&'a Part> {
    side.parts.iter().find(|part| part.name == name)
}

fn changed(a: &Side, b: &Side) -> Vec<Changed> {
    let changed = names(a, b).into_iter().map(|name| {
        let changes = match (part(a, name), part(b, name)) {
            (Some(old), Some(new)) => changes(old, new),
            (Some(_), None) => vec!["only in the first".to_owned()],
            (None, _) => vec!["only in the second".to_owned()],
        };
        let reads_files = part(b, name)
            .and_then(|part| part.key.as_ref())
            .is_some_and(|key| matches!(key.kind.as_str(), "preprocess" | "import"));
        let is_root = reads_files || changes.iter().any(|change| !change.starts_with("inputs."));
        Changed { stage: name.to_owned(), changes, is_root }
    });
    changed.filter(|changed| !changed.changes.is_empty()).collect()
}

/// Changes that several variants of a stage share, once.
fn together<'a>(changed: &[&'a Changed]) -> Vec<(String, &'a [String])> {
    let mut lists: Vec<(&[String], Vec<&str>)> = vec![];
    for one in changed {
        let of = Variant::parse(&one.stage).of;
        let same = |(changes, names): &&mut (&[String], Vec<&str>)| {
            *changes == one.changes && names.iter().all(|name| Variant::parse(name).of == of)
        };
        match lists.iter_mut().find(same) {
            Some((_, names)) => names.push(&one.stage),
            None => lists.push((&one.changes, vec![&one.stage])),
        }
    }
    let named = |(changes, names): (&'a [String], Vec<&str>)| match names[..] {
        [name] => (name.to_owned(), changes),
        _ => (Group::of_names(names).iter().map(words::group).collect(), changes),
    };
    lists.into_iter().map(named).collect()
}

fn changes(old: &Part, new: &Part) -> Vec<String> {
    let mut changes = match (&old.key, &new.key) {
        (Some(old), Some(new)) => old.changes(new),
        (None, None) => vec![],
        _ => vec!["its key is not known on both sides".to_owned()],
    };
    for line in &old.inputs {
        if !new.inputs.contains(line) {
            changes.push(format!("- {line}"));
        }
    }
    for line in &new.inputs {
        if !old.inputs.contains(line) {
            changes.push(format!("+ {line}"));
        }
    }
    changes
}

fn numbers(a: &Side, b: &Side) -> Vec<Number> {
    let mut numbers = vec![];
    for stage in names(a, b) {
        let of = |side| part(side, stage).map_or(&[][..], |part| part.numbers.as_slice());
        let (of_a, of_b) = (of(a), of(b));
        let value = |numbers: &[(String, f64)], name: &str| {
            numbers.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
        };
        let mut seen = BTreeSet::new();
        for (name, _) in of_a.iter().chain(of_b).filter(|(name, _)| seen.insert(name.clone())) {
            let (stage, name) = (stage.to_owned(), name.clone());
            let (a, b) = (value(of_a, &name), value(of_b, &name));
            numbers.push(Number { stage, name, a, b });
        }
    }
    numbers
}

fn table(numbers: &[&Number]) -> Table {
    let mut table = Table::new(&["stage", "number", "first", "second", "change"]).right(&[2, 3, 4]);
    for number in numbers {
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), words::number);
        let change = match (number.a, number.b) {
            (Some(a), Some(b)) if a != b => {
                format!("{}{}", if b > a { "+" } else { "" }, words::number(b - a))
            }
            _ => String::new(),
        };
        table.row([number.stage.clone(), number.name.clone(), shown(number.a), shown(number.b), change]);
    }
    table
}

/// The recipes' texts as a unified diff; nothing where they are equal or one is not known.
fn text(a: &Side, b: &Side, coloured: bool) -> String {
    let mut out = String::new();
    if a.text == b.text || a.text.is_empty() || b.text.is_empty() {
        return out;
    }
    let _ = writeln!(out, "--- {}\n+++ {}", a.name, b.name);
    let diff = TextDiff::from_lines(&a.text, &b.text);
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        let _ = writeln!(out, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let line = words::visible(change.value().trim_end_matches(['\n', '\r']));
            let line = match change.tag() {
                ChangeTag::Delete => style(format!("-{line}")).red(),
                ChangeTag::Insert => style(format!("+{line}")).green(),
                ChangeTag::Equal => style(format!(" {line}")),
            };
            let _ = if coloured {
                writeln!(out, "{line}")
            } else {
                writeln!(out, "{}", line.force_styling(false))
            };
        }
    }
    out + "\n"
}
