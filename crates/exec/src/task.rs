//! One stage's work: its inputs gathered for the worker, its outputs taken into the store.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use plan::{Artifact, Blame, Origin, Outcome, Plan, Stage, StageError, TaskInput, Value};
use store::{Digest, KeyLock, ResultRecord, Staging, Store};

use crate::error::{chain, from_store};
use crate::identity::{Key, Outputs};

/// A stage that runs. Dropped, it gives back the key's lock and removes the output folder.
pub(crate) struct Job {
    pub(crate) key: Key,
    pub(crate) staging: Staging,
    /// The checkpoint folder.
    pub(crate) partial: PathBuf,
    /// The last epoch whose checkpoint is known to be written.
    pub(crate) epoch: Option<usize>,
    pub(crate) started: Instant,
    pub(crate) _lock: KeyLock,
}

impl Job {
    /// Advice after an error that running again may cure.
    pub(crate) fn resume_hint(&self) -> Option<String> {
        match self.epoch {
            Some(epoch @ 1..) => Some(format!("run again: it goes on from epoch {epoch}")),
            _ if has_files(&self.partial) => Some("run again: it goes on from its checkpoint".to_owned()),
            _ => None,
        }
    }
}

/// Whether a run that was broken off left a checkpoint under a key.
pub(crate) fn has_checkpoint(store: &Store, key: &Digest) -> bool {
    has_files(&store.root().join("partial").join(key.to_string()))
}

/// Whether there is anything in a folder.
fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Why a stage's inputs cannot be had.
pub(crate) enum Lacking {
    /// An artifact is damaged, and the stage that makes it must run again.
    Damaged { stage: String, problem: String },
    /// Anything else.
    Failed(StageError),
}

/// A stage's inputs, artifacts verified.
pub(crate) fn inputs<'o>(
    plan: &Plan,
    store: &Store,
    stage: &Stage,
    outputs: impl Fn(&str) -> Option<&'o Outputs>,
) -> Result<Vec<TaskInput>, Lacking> {
    let mut inputs = Vec::with_capacity(stage.inputs.len());
    for input in &stage.inputs {
        let (from, value) = match &input.origin {
            Origin::Source(name) => {
                let source = &plan.sources[name];
                let (paths, reading) = (source.paths.clone(), source.reading.clone());
                // A split that draws nothing has no seed, and then the number is not looked at.
                (name, Value::Source { paths, source: reading, seed: source.seed.unwrap_or_default() })
            }
            Origin::Stage { stage: from, port } => {
                let digest = outputs(from).and_then(|ports| ports.get(port));
                let Some(digest) = digest else {
                    let message = format!("stage `{from}` has no output `{port}`");
                    return Err(Lacking::Failed(StageError::new(Blame::Bug, message)));
                };
                (from, Value::Artifact(artifact(store, from, digest)?))
            }
        };
        inputs.push(TaskInput { port: input.port.clone(), from: from.clone(), value });
    }
    Ok(inputs)
}

fn artifact(store: &Store, from: &str, digest: &Digest) -> Result<Artifact, Lacking> {
    let read = || {
        let artifact = store.artifact(digest)?;
        let files = store.verified(&artifact)?;
        Ok(Artifact { kind: artifact.kind, meta: artifact.meta, files })
    };
    read().map_err(|error: store::Error| {
        if error.is_damaged() {
            Lacking::Damaged { stage: from.to_owned(), problem: error.to_string() }
        } else {
            Lacking::Failed(from_store(&error))
        }
    })
}

/// Takes a finished stage's outputs into the store.
pub(crate) fn keep(
    store: &Store,
    recipe: &str,
    stage: &Stage,
    job: &Job,
    outcome: &Outcome,
) -> Result<ResultRecord, StageError> {
    let mut outputs = Outputs::new();
    for port in &stage.outputs {
        let Some(output) = outcome.outputs.get(&port.name) else {
            return Err(StageError::new(Blame::Bug, format!("it made no `{}`", port.name)));
        };
        if output.kind != port.kind.name() {
            let message =
                format!("`{}` should be a {} and is a {}", port.name, port.kind.name(), output.kind);
            return Err(StageError::new(Blame::Bug, message));
        }
        let folder = job.staging.path().join(&port.name);
        let (digest, _) = store
            .put_artifact(&output.kind, output.meta.clone(), &folder)
            .map_err(|error| from_store(&error))?;
        outputs.insert(port.name.clone(), digest);
    }
    let record = ResultRecord {
        key: job.key.digest,
        key_document: json(&job.key.document),
        outputs,
        seconds: job.started.elapsed().as_secs_f64(),
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs()),
        stage: stage.name.clone(),
        summary: json(&outcome.summary),
    };
    let commit = || {
        store.commit(&record)?;
        store.remember(recipe, &record)?;
        end_partial(store, job)
    };
    commit().map_err(|error| from_store(&error))?;
    Ok(record)
}

/// Keeps the last checkpoint for stages that go further on the same way, or drops it.
fn end_partial(store: &Store, job: &Job) -> store::Result<()> {
    if let (Some(way), Some(epoch)) = (&job.key.way, job.epoch)
        && has_files(&job.partial)
    {
        match store.keep_partial(&job.key.digest, epoch, way) {
            Ok(()) => return Ok(()),
            // It would only have saved time.
            Err(error) => tracing::warn!(error = chain(&error), "the last checkpoint is not kept"),
        }
    }
    store.drop_partial(&job.key.digest)
}

/// A value as JSON; numbers that JSON cannot hold become null.
fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("plain data with text keys")
}

/// The numbers of a result.
pub(crate) fn numbers(record: &ResultRecord) -> Vec<(String, f64)> {
    let pairs: Vec<(String, Option<f64>)> =
        serde_json::from_value(record.summary.clone()).unwrap_or_default();
    pairs.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect()
}
