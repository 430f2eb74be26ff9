//! Runs `tsne`: exact by linfa-tsne for few points, Barnes-Hut by bhtsne beyond.

use linfa::traits::Transformer;
use linfa_tsne::TSneParams;
use ndarray::Array2;
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use report::Groups;
use stages::Tsne;

use crate::Report;
use crate::error::OrStage;
use crate::files::{NETWORK, Outputs, TRANSFORM, WEIGHTS, floats, read_json, write_csv, write_picture};
use crate::inputs::{artifact, artifacts, dataset, file, graph, transform};
use crate::sheets::write_thumbnails;

/// The exact method takes time with the square of the points: beyond this the tree is used.
const EXACT_AT_MOST: usize = 1000;

/// What is drawn: vectors row by row, and of each point its name and group.
struct Points {
    vectors: Vec<f32>,
    width: usize,
    names: Option<Vec<String>>,
    of: Vec<usize>,
    groups: Vec<String>,
    /// The rows of the data that the points are of, where there are any.
    rows: Option<(data::Dataset, Vec<u32>)>,
}

impl Points {
    fn len(&self) -> usize {
        self.of.len()
    }
}

pub(crate) fn run(params: &Tsne, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let points = if params.network.is_some() { tokens(params, task, report)? } else { rows(params, task)? };
    if points.len() < 4 {
        let message = format!("t-SNE needs at least 4 points, and there are {}", points.len());
        return Err(StageError::new(Blame::Input, message));
    }
    // A point has to have three times as many others as neighbours: van der Maaten's condition.
    let perplexity = params.perplexity.min(((points.len() - 1) as f64 / 3.0).floor());
    if perplexity < params.perplexity {
        let text = format!(
            "perplexity {} is too large for {} points: {perplexity} is used",
            params.perplexity,
            points.len()
        );
        report(Progress::Note { text });
    }
    let phase = if points.len() <= EXACT_AT_MOST { "exact t-SNE" } else { "Barnes-Hut t-SNE" };
    report(Progress::Step { phase: phase.into(), done: 0, total: 0, unit: "points".into() });
    let plane = if points.len() <= EXACT_AT_MOST {
        exact(&points, perplexity, params.iterations, task.seed)?
    } else {
        barnes_hut(&points, perplexity, params.iterations, task.seed)?
    };
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("projection", ArtifactKind::Projection, serde_json::json!({}))?;
    let header = ["name", "group", "x", "y"].map(str::to_owned);
    let rows = plane.iter().enumerate().map(|(i, (x, y))| {
        let name = points.names.as_ref().map_or_else(|| i.to_string(), |names| names[i].clone());
        vec![name, points.groups[points.of[i]].clone(), x.to_string(), y.to_string()]
    });
    write_csv(&folder, "points.csv", &header, rows)?;
    let groups = Groups { of: &points.of, names: &points.groups };
    let picture =
        report::scatter(&plane, Some(groups), points.names.as_deref(), &title(params, task)).or_stage()?;
    write_picture(&folder, "scatter", &picture)?;
    if let Some((data, rows)) = &points.rows {
        write_thumbnails(&folder, data, rows, &plane)?;
    }
    outputs.summary("points", points.len() as f64);
    Ok(outputs.done())
}

fn title(params: &Tsne, task: &Task) -> String {
    match (&params.weights, params.network.is_some()) {
        (Some(weights), _) => format!("t-SNE of {weights}"),
        (None, true) => "t-SNE of the embedding".to_owned(),
        (None, false) => {
            format!("t-SNE of {} features", task.inputs.first().map_or("the", |input| input.from.as_str()))
        }
    }
}

/// Rows of an embedding table for the wanted tokens that the vocabulary has.
fn tokens(params: &Tsne, task: &Task, report: Report<'_>) -> Result<Points, StageError> {
    let stored = artifact(task, "network")?;
    let graph = graph(&read_json(stored, NETWORK)?)?;
    let wrong = |message: String| StageError::new(Blame::Input, message);
    let (node, column) = graph
        .tables()
        .find(|(node, _)| params.weights.as_ref().is_none_or(|name| *name == node.layer))
        .ok_or_else(|| wrong("the network has no such embedding layer".into()))?;
    if !stored.files.contains_key(TRANSFORM) {
        return Err(wrong("the network has no vocabulary with it".into()));
    }
    let transform = transform(stored)?;
    let vocabulary =
        transform.vocabulary(column).ok_or_else(|| wrong(format!("`{column}` is no column of tokens")))?;
    let (_, table) = floats(file(stored, WEIGHTS)?, &node.params[0].name)?;
    let width = node.signal.width().size().unwrap_or(1);
    let mut points =
        Points { vectors: vec![], width, names: Some(vec![]), of: vec![], groups: vec![], rows: None };
    let mut absent = vec![];
    for (group, words) in &params.tokens {
        points.groups.push(group.clone());
        for word in words {
            match vocabulary.index(word) {
                None => absent.push(word.as_str()),
                Some(index) => {
                    let start = index as usize * width;
                    points.vectors.extend_from_slice(&table[start..start + width]);
                    points.of.push(points.groups.len() - 1);
                    points.names.get_or_insert_default().push(word.clone());
                }
            }
        }
    }
    if !absent.is_empty() {
        let text = format!("not in the vocabulary, so not drawn: {}", absent.join(", "));
        report(Progress::Warning { text });
    }
    Ok(points)
}

/// Features of the wanted rows, coloured by label.
fn rows(params: &Tsne, task: &Task) -> Result<Points, StageError> {
    let features = crate::features::Features::open(artifact(task, "features")?)?;
    let data = artifacts(task, "data").next().map(dataset).transpose()?;
    let all: Vec<u32> = (0..features.rows as u32).collect();
    let chosen = match (&data, params.part) {
        (Some(data), Some(part)) => data.rows_of(Some(part)),
        _ => all,
    };
    let mut of = vec![0; chosen.len()];
    let mut groups = vec!["rows".to_owned()];
    if let Some(data) = &data
        && let Some(data::Labels::Class(classes)) = data.label_batch(data::LABEL, &chosen)
        && let Some(label) = &data.description().label
    {
        groups = label.classes.clone();
        of = classes.iter().map(|&class| class as usize).collect();
    }
    let vectors = chosen.iter().flat_map(|&row| features.row(row).iter().copied()).collect();
    let rows = data.map(|data| (data, chosen));
    Ok(Points { vectors, width: features.width, names: None, of, groups, rows })
}

fn exact(
    points: &Points,
    perplexity: f64,
    iterations: usize,
    seed: u64,
) -> Result<Vec<(f64, f64)>, StageError> {
    let failed = |error: String| StageError::new(Blame::Stage, format!("t-SNE: {error}"));
    let vectors: Vec<f64> = points.vectors.iter().map(|&value| f64::from(value)).collect();
    let matrix = Array2::from_shape_vec((points.len(), points.width), vectors)
        .map_err(|error| failed(error.to_string()))?;
    let plane = TSneParams::embedding_size_with_rng(2, Xoshiro256PlusPlus::seed_from_u64(seed))
        .perplexity(perplexity)
        .approx_threshold(0.0)
        .max_iter(iterations)
        .transform(matrix)
        .map_err(|error| failed(error.to_string()))?;
    Ok(plane.rows().into_iter().map(|row| (row[0], row[1])).collect())
}

/// On one thread: sums over several would come in another order each time.
fn barnes_hut(
    points: &Points,
    perplexity: f64,
    iterations: usize,
    seed: u64,
) -> Result<Vec<(f64, f64)>, StageError> {
    let failed = |error: String| StageError::new(Blame::Stage, format!("t-SNE: {error}"));
    let rows: Vec<&[f32]> = points.vectors.chunks_exact(points.width).collect();
    let mut draws = data::Draws::new(seed, "tsne", &[]);
    let start: Vec<f32> = (0..2 * rows.len()).map(|_| (draws.normal() * 1e-4) as f32).collect();
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| failed(error.to_string()))?;
    let distance =
        |a: &&[f32], b: &&[f32]| a.iter().zip(*b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>().sqrt();
    let plane: Vec<f32> = pool.install(|| {
        let mut tsne: bhtsne::tSNE<f32, &[f32]> = bhtsne::tSNE::new(&rows);
        tsne.perplexity(perplexity as f32)
            .epochs(iterations)
            .initial_embedding(start)
            .barnes_hut(0.5, distance);
        tsne.embedding()
    });
    Ok(plane.chunks_exact(2).map(|pair| (f64::from(pair[0]), f64::from(pair[1]))).collect())
}
