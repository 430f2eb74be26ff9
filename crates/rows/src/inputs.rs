//! A task's inputs by port, opened.

use std::path::PathBuf;

use network::{Graph, Network};
use plan::{Artifact, Blame, StageError, Task, Value};

/// A source's files and how to read them.
pub(crate) struct SourceInput {
    /// The tables.
    pub(crate) paths: Vec<PathBuf>,
    /// How to read it.
    pub(crate) source: data::Source,
    /// The seed of its split.
    pub(crate) seed: u64,
}

/// The artifact at a port that takes one.
pub fn artifact<'a>(task: &'a Task, port: &str) -> Result<&'a Artifact, StageError> {
    artifacts(task, port).next().ok_or_else(|| missing(task, port))
}

/// The artifacts at a port, in the recipe's order.
pub fn artifacts<'a>(task: &'a Task, port: &str) -> impl Iterator<Item = &'a Artifact> {
    named_artifacts(task, port).map(|(_, artifact)| artifact)
}

/// The artifacts at a port with the names of the stages that made them.
pub fn named_artifacts<'a>(task: &'a Task, port: &str) -> impl Iterator<Item = (&'a str, &'a Artifact)> {
    task.inputs.iter().filter(move |input| input.port == port).filter_map(|input| match &input.value {
        Value::Artifact(artifact) => Some((input.from.as_str(), artifact)),
        Value::Source { .. } => None,
    })
}

/// The source at a port.
pub(crate) fn source(task: &Task, port: &str) -> Result<SourceInput, StageError> {
    let input = task.inputs.iter().find(|input| input.port == port);
    match input.map(|input| &input.value) {
        Some(Value::Source { paths, source, seed }) => {
            let (source, paths) = data::Source::planned(source.clone(), paths.clone()).map_err(|error| {
                StageError::new(Blame::Bug, format!("the source of `{}`: {error}", task.stage))
            })?;
            Ok(SourceInput { paths, source, seed: *seed })
        }
        _ => Err(missing(task, port)),
    }
}

/// The file or folder of others at a port.
pub fn outside(task: &Task, port: &str) -> Result<PathBuf, StageError> {
    outsides(task, port).first().cloned().ok_or_else(|| missing(task, port))
}

/// The files or folders of others at a port, in the order in which the stage names them.
pub(crate) fn outsides<'a>(task: &'a Task, port: &str) -> &'a [PathBuf] {
    let input = task.inputs.iter().find(|input| input.port == port);
    match input.map(|input| &input.value) {
        Some(Value::Source { paths, .. }) => paths,
        _ => &[],
    }
}

/// A file of an artifact.
pub fn file<'a>(artifact: &'a Artifact, name: &str) -> Result<&'a PathBuf, StageError> {
    artifact.files.get(name).ok_or_else(|| {
        StageError::new(Blame::Environment, format!("the {} artifact has no file `{name}`", artifact.kind))
            .hint("`pipeline cache verify --repair` removes what is damaged; the next run makes it again")
    })
}

/// The data set at a port, mapped.
pub fn dataset(artifact: &Artifact) -> Result<data::Dataset, StageError> {
    use crate::error::OrStage;
    let pictures = artifact.files.get(data::PICTURES_FILE).map(PathBuf::as_path);
    let (tensors, description) =
        (file(artifact, data::TENSORS_FILE)?, file(artifact, data::DESCRIPTION_FILE)?);
    data::Dataset::open_files(tensors, description, pictures).or_stage()
}

/// The transform that an artifact carries.
pub fn transform(artifact: &Artifact) -> Result<data::Transform, StageError> {
    use crate::error::OrStage;
    data::Transform::from_json(&crate::files::read_bytes(artifact, crate::files::TRANSFORM)?).or_stage()
}

/// A network of the store as primitive nodes.
pub fn graph(network: &Network) -> Result<Graph, StageError> {
    network.lower().map_err(|problems| {
        let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        StageError::new(Blame::Stage, format!("the network does not hold together: {first}"))
    })
}

fn missing(task: &Task, port: &str) -> StageError {
    StageError::new(Blame::Bug, format!("`{}` came without its input `{port}`", task.stage))
}
