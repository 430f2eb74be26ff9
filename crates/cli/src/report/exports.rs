//! The numbers for other programs: event files for TensorBoard, a folder for MLflow.
//!
//! Invariant: writing the same results again writes the same files, and nothing else in the folders is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ::report::mlflow::{self, Experiment, Run};
use ::report::tensorboard::{Scalar, event_file};
use plan::{KeyDocument, Origin};
use serde_json::Value;
use store::{Digest, Store};

use super::found::{Found, Made};
use super::write;
use crate::failure::{Failure, Result};

/// Files above this size in bytes stay in the store.
const LARGE: u64 = 16 << 20;

/// A run for each part that a stage has curves of, `<stage>/<part>`, and for each evaluation.
pub(crate) fn tensorboard(store: &Store, found: &Found, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written = vec![];
    for made in &found.stages {
        let mut runs: BTreeMap<String, Vec<Scalar>> = BTreeMap::new();
        let name = store::file_name(&made.stage.name);
        for curve in made.history(store)?.into_iter().flat_map(|history| history.curves) {
            let scalars = runs.entry(format!("{name}/{}", store::file_name(&curve.part))).or_default();
            let scalar = |(step, value)| Scalar { tag: curve.metric.clone(), step, value };
            scalars.extend(curve.values.into_iter().map(scalar));
        }
        for (tag, value) in made.metrics(store)? {
            runs.entry(name.clone()).or_default().push(Scalar { tag, step: 0, value });
        }
        let time = made.record.as_ref().map_or(0, |record| record.created);
        for (run, scalars) in runs {
            // One name, so that the numbers of an earlier result do not stay beside the new ones.
            let path = folder.join(run).join("events.out.tfevents.pipeline");
            write(&path, &event_file(time as f64, &scalars))?;
            written.push(path);
        }
    }
    Ok(written)
}

/// A run for each stage that has numbers, in an experiment with the recipe's name.
pub(crate) fn mlflow(store: &Store, found: &Found, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(|error| Failure::file("write", folder, &error))?;
    let root = folder.canonicalize().map_err(|error| Failure::file("read", folder, &error))?;
    let name = &found.compiled.plan.name;
    // MLflow numbers experiments; a number that follows from the name finds the same experiment again.
    let id = format!("{:018}", u64_of(name) % 1_000_000_000_000_000_000);
    let started = found.run.as_ref().map_or(0, |run| run.started * 1000);
    let address = format!("file://{}/{id}", escaped(&root));
    let experiment = Experiment { id, name: name.clone(), address, created: started };
    let (path, text) = mlflow::experiment(&experiment);
    write(&folder.join(path), text.as_bytes())?;
    for made in &found.stages {
        let Some(run) = run(store, found, made)? else { continue };
        for (path, text) in mlflow::run(&experiment, &run) {
            write(&folder.join(path), text.as_bytes())?;
        }
        let artifacts = folder.join(&experiment.id).join(&run.id).join("artifacts");
        fs::create_dir_all(&artifacts).map_err(|error| Failure::file("write", &artifacts, &error))?;
        for (name, blob) in files(store, made)? {
            let path = artifacts.join(name);
            let bytes = fs::read(&blob).map_err(|error| Failure::file("read", &blob, &error))?;
            write(&path, &bytes)?;
        }
    }
    Ok(vec![folder.to_owned()])
}

fn run(store: &Store, found: &Found, made: &Made) -> Result<Option<Run>> {
    let mut metrics = BTreeMap::new();
    for curve in made.history(store)?.into_iter().flat_map(|history| history.curves) {
        metrics.insert(format!("{}/{}", curve.part, curve.metric), curve.values);
    }
    for (name, value) in made.metrics(store)? {
        metrics.insert(name, vec![(0, value)]);
    }
    let Some(record) = made.record.as_ref().filter(|_| !metrics.is_empty()) else { return Ok(None) };
    let ended = record.created * 1000;
    let mut params = BTreeMap::new();
    flatten("", &made.stage.params, &mut params);
    // What an evaluation's model was trained with is what its numbers are compared by.
    for model in made.stage.inputs.iter().filter(|input| input.port == "model") {
        let Origin::Stage { stage, .. } = &model.origin else { continue };
        if let Some(model) = found.made(stage) {
            params.insert("model".to_owned(), stage.clone());
            flatten("model", &model.stage.params, &mut params);
        }
    }
    let tags = BTreeMap::from([
        ("pipeline.stage".to_owned(), made.stage.name.clone()),
        ("pipeline.kind".to_owned(), made.stage.kind.clone()),
        ("pipeline.key".to_owned(), record.key.to_string()),
        ("pipeline.numerics".to_owned(), numerics(&record.key_document)),
    ]);
    let name = found.label(&made.stage.name);
    // Equal stages share a key, and an id may be there once.
    let id = Digest::of_bytes(format!("{} {}", made.stage.name, record.key).as_bytes()).to_string();
    Ok(Some(Run {
        id: id.chars().take(32).collect(),
        name,
        started: ended.saturating_sub((record.seconds * 1000.0) as u64),
        ended,
        metrics,
        params,
        tags,
    }))
}

fn numerics(key: &Value) -> String {
    let key = serde_json::from_value::<KeyDocument>(key.clone()).ok();
    key.and_then(|key| key.numerics).unwrap_or_else(|| "any".to_owned())
}

/// Tables, documents and pictures of a stage, by path below its artifacts.
fn files(store: &Store, made: &Made) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = vec![];
    for port in made.outputs.keys() {
        for (name, blob) in made.files(store, port)? {
            let kind = Path::new(&name).extension().and_then(|kind| kind.to_str());
            let small = fs::metadata(&blob).is_ok_and(|meta| meta.len() <= LARGE);
            if small && matches!(kind, Some("csv" | "json" | "svg" | "png")) {
                files.push((Path::new(port).join(name), blob));
            }
        }
    }
    Ok(files)
}

fn flatten(path: &str, value: &Value, params: &mut BTreeMap<String, String>) {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&at(key), value, params)),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            values.iter().enumerate().for_each(|(nth, value)| flatten(&at(&nth.to_string()), value, params));
        }
        Value::Null => {}
        Value::String(text) => drop(params.insert(path.to_owned(), text.clone())),
        other => drop(params.insert(path.to_owned(), other.to_string())),
    }
}

fn u64_of(text: &str) -> u64 {
    let digits: String = Digest::of_bytes(text.as_bytes()).to_string().chars().take(15).collect();
    u64::from_str_radix(&digits, 16).unwrap_or_default()
}

/// A path as the end of an address.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
