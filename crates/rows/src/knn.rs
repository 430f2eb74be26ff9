//! Runs `knn`, and asks the neighbours.

use data::Dataset;
use heads::Neighbours;
use plan::{Artifact, ArtifactKind, Blame, Outcome, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::{Distance, Knn, Votes};

use crate::design::{Goal, Layout, labels, training_rows};
use crate::error::OrStage;
use crate::files::{Outputs, read_bytes, read_json, write, write_json};
use crate::inputs::{artifact, dataset};
use crate::scores::Scores;

/// What the numbers of a row are, and how neighbours are found and asked.
pub(crate) const NEIGHBOURS: &str = "neighbours.json";
/// The training rows and their labels.
const ROWS: &str = "rows.safetensors";

/// The document beside the rows.
#[derive(Serialize, Deserialize)]
struct Head {
    layout: Layout,
    goal: Goal,
    k: usize,
    metric: Distance,
    weights: Votes,
}

pub(crate) fn run(params: &Knn, task: &Task) -> Result<Outcome, StageError> {
    let data = dataset(artifact(task, "data")?)?;
    let rows = training_rows(&data);
    if rows.len() < params.k {
        let message =
            format!("{} neighbours are asked, and there are {} training rows", params.k, rows.len());
        return Err(StageError::new(Blame::Input, message).hint("lower `k`"));
    }
    let (labels, goal) = labels(&data, &rows)?;
    let (layout, features) = Layout::of(task, &data, params.columns.as_deref())?;
    let matrix = layout.matrix(&data, &features, &rows)?;
    let width = matrix.width();
    let neighbours = Neighbours::new(matrix, labels).or_stage()?;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("head", ArtifactKind::Head, serde_json::json!({}))?;
    write(&folder, ROWS, neighbours.to_bytes().or_stage()?)?;
    let Knn { k, metric, weights, .. } = *params;
    write_json(&folder, NEIGHBOURS, &Head { layout, goal, k, metric, weights })?;
    outputs.summary("rows", rows.len() as f64);
    outputs.summary("columns", width as f64);
    Ok(outputs.done())
}

/// What the neighbours of rows say.
pub(crate) fn score(
    head: &Artifact,
    data: &Dataset,
    rows: &[u32],
    task: &Task,
) -> Result<Scores, StageError> {
    let Head { layout, goal, k, metric, weights } = read_json(head, NEIGHBOURS)?;
    let neighbours = Neighbours::from_bytes(&read_bytes(head, ROWS)?).or_stage()?;
    let distance = match metric {
        Distance::Euclidean => heads::Distance::Euclidean,
        Distance::Cosine => heads::Distance::Cosine,
        Distance::Manhattan => heads::Distance::Manhattan,
    };
    let votes = match weights {
        Votes::Uniform => heads::Votes::Uniform,
        Votes::Distance => heads::Votes::Distance,
    };
    let matrix = layout.matrix_of(task, data, rows)?;
    Ok(match goal {
        Goal::Number => goal.scores(neighbours.means(&matrix, k, distance, votes).or_stage()?),
        Goal::Classes(classes) => {
            goal.of_shares(&neighbours.shares(&matrix, k, distance, votes, classes).or_stage()?)
        }
    })
}
