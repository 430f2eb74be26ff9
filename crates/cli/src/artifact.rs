//! A stage's artifacts found and read for people.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use exec::Verdict;
use plan::Blame;
use store::{Artifact, Digest, Store};

use crate::comparison;
use crate::context::{Context, selected_one};
use crate::failure::{Failure, Result};
use crate::feature_names::FeatureNames;
use crate::table::Table;

/// Rows of a table that are printed.
const ROWS: usize = 40;

/// What a stage has made, by port.
pub(crate) struct Found {
    /// The stage.
    pub(crate) stage: String,
    pub(crate) outputs: BTreeMap<String, Digest>,
    /// Said when this is not what the recipe as it is now would make.
    pub(crate) note: Option<String>,
    /// What the features of a head are called; not known of an older result, which may be of others.
    pub(crate) features: FeatureNames,
}

/// The artifacts of a recipe's stage: of the recipe as it is, else the last ones.
pub(crate) fn find(context: &Context, store: &Store, recipe: &Path, stage: &str) -> Result<Found> {
    let compiled = context.compile(recipe)?;
    let plan = &compiled.plan;
    let stage = selected_one(plan, stage)?;
    let plan = plan.restrict(&plan.upstream(std::slice::from_ref(&stage)));
    let explanations = context.explain(&plan, store)?;
    let hit = explanations.into_iter().find(|found| found.stage == stage && found.verdict == Verdict::Hit);
    if let Some(hit) = hit {
        let features = FeatureNames::of(&compiled, &stage);
        return Ok(Found { stage, outputs: hit.outputs, note: None, features });
    }
    match store.history_for(&stage, &plan.name) {
        Some(record) => {
            let note = "this is its last result: the recipe or its data have changed since";
            let (note, features) = (Some(note.to_owned()), FeatureNames::default());
            Ok(Found { stage, outputs: record.outputs, note, features })
        }
        None => Err(Failure::new(Blame::Environment, format!("stage `{stage}` has no result yet"))
            .hint(format!("pipeline run {} --only {stage}", recipe.display()))),
    }
}

/// The verified files of an artifact.
pub(crate) fn files(store: &Store, digest: &Digest) -> Result<(Artifact, BTreeMap<String, PathBuf>)> {
    let artifact = store.artifact(digest)?;
    let files = store.verified(&artifact)?;
    Ok((artifact, files))
}

/// The tables of the comparisons among some artifacts.
pub(crate) fn comparisons<'a>(
    store: &Store,
    digests: impl Iterator<Item = &'a Digest>,
) -> Result<Vec<Table>> {
    let mut tables = vec![];
    for digest in digests {
        let (_, files) = files(store, digest)?;
        if let Some(path) = files.get(comparison::FILE) {
            tables.extend(comparison::tables(&json(path)?));
        }
    }
    Ok(tables)
}

/// The first rows of a CSV file; columns of numbers are aligned and shortened. `named` says what a row of that name is called.
pub(crate) fn table(path: &Path, named: impl Fn(&str) -> String) -> Result<Table> {
    let damaged = |error: csv::Error| {
        Failure::new(Blame::Environment, format!("cannot read `{}`: {error}", path.display()))
    };
    let mut reader = csv::Reader::from_path(path).map_err(damaged)?;
    let head: Vec<String> = reader.headers().map_err(damaged)?.iter().map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = vec![];
    let mut more = 0;
    for record in reader.records() {
        let record = record.map_err(damaged)?;
        if rows.len() < ROWS {
            let first = record.iter().take(1).map(|name| cell(&named(name)));
            rows.push(first.chain(record.iter().skip(1).map(cell)).collect());
        } else {
            more += 1;
        }
    }
    let numeric = |column: &usize| {
        rows.iter()
            .filter_map(|row| row.get(*column))
            .all(|text| text.is_empty() || text.parse::<f64>().is_ok())
    };
    let right: Vec<usize> = (0..head.len()).filter(numeric).collect();
    let names: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new(&names).right(&right);
    for row in rows {
        table.row(row);
    }
    if more > 0 {
        table.row([format!("… {more} more")]);
    }
    Ok(table)
}

/// A cell as it is, floats with four digits after the point, long texts cut.
fn cell(text: &str) -> String {
    let is_float = text.contains('.') && text.parse::<f64>().is_ok();
    match text.parse::<f64>() {
        Ok(value) if is_float => format!("{value:.4}"),
        _ if text.chars().count() > 60 => text.chars().take(59).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

/// A JSON file of an artifact.
pub(crate) fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(Blame::Environment, format!("cannot read `{}`: {error}", path.display()))
    })
}
