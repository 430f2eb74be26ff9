//! Runs `cluster`.

use std::path::Path;

use data::{Dataset, Labels};
use heads::{KMeans, Matrix};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::Cluster;

use crate::Report;
use crate::design::{Layout, training_rows};
use crate::error::OrStage;
use crate::files::{Outputs, write_csv};
use crate::inputs::{artifact, dataset};
use crate::plane::{self, Plane};
use crate::sheets::{write_clustered, write_thumbnails};

/// Rows of the silhouette at most: its time goes with their square.
const MEASURED: usize = 5000;

pub(crate) fn run(params: &Cluster, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let data = dataset(artifact(task, "data")?)?;
    let (layout, features) = Layout::of(task, &data, params.columns.as_deref())?;
    let fitted = training_rows(&data);
    if fitted.len() < params.k {
        let message =
            format!("{} clusters are wanted, and there are {} training rows", params.k, fitted.len());
        return Err(StageError::new(Blame::Input, message).hint("lower `k`"));
    }
    let training = layout.matrix(&data, &features, &fitted)?;
    report(Progress::Step { phase: "k-means".into(), done: 0, total: 0, unit: "steps".into() });
    let settings = KMeans {
        clusters: params.k,
        restarts: params.restarts,
        max_iter: params.max_iter,
        tolerance: params.tolerance,
        seed: task.seed,
    };
    let clusters = settings.fit(&training).or_stage()?;
    let own: Vec<usize> = clusters.assign(&training).or_stage()?.iter().map(|(own, _)| *own).collect();
    let measures = measures(&data, &fitted, &training, &own, clusters.inertia, task.seed);
    let plane = Plane::fit(&training, 2);
    drop(training);

    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let all = layout.matrix(&data, &features, &rows)?;
    let assigned = clusters.assign(&all).or_stage()?;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("clusters", ArtifactKind::Clusters, serde_json::json!({}))?;
    write_clusters(&folder, &data, &assigned, params.k)?;
    let lines = measures.iter().map(|(name, value)| vec![(*name).to_owned(), value.to_string()]);
    write_csv(&folder, "measures.csv", &["measure", "value"].map(str::to_owned), lines)?;
    let header = ["row", "id", "cluster", "distance"].map(str::to_owned);
    let lines = rows.iter().zip(&assigned).map(|(&row, (cluster, square))| {
        let source = data.source_row(row).to_string();
        let id = data.id(row).map_or_else(|| source.clone(), str::to_owned);
        vec![source, id, cluster.to_string(), square.sqrt().to_string()]
    });
    write_csv(&folder, "rows.csv", &header, lines)?;
    if let Some(plane) = plane {
        let of: Vec<usize> = assigned.iter().map(|(cluster, _)| *cluster).collect();
        let names: Vec<String> = (0..params.k).map(|cluster| format!("cluster {cluster}")).collect();
        let points = plane.points(&all);
        let title = "Clusters in the plane of two principal components";
        plane::draw(&folder, &points, &of, &names, title)?;
        write_thumbnails(&folder, &data, &rows, &points)?;
        write_clustered(&folder, &data, &assigned, params.k)?;
    }
    for (name, value) in &measures {
        outputs.summary(*name, *value);
    }
    Ok(outputs.done())
}

/// How well the training rows fall apart, and how far the clusters agree with classes where there are any.
fn measures(
    data: &Dataset,
    rows: &[u32],
    matrix: &Matrix,
    own: &[usize],
    inertia: f64,
    seed: u64,
) -> Vec<(&'static str, f64)> {
    let clusters = own.iter().max().map_or(0, |most| most + 1);
    let mut measures = vec![("inertia", inertia)];
    let silhouette = if rows.len() <= MEASURED {
        heads::silhouette(matrix, own, clusters)
    } else {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        data::Draws::new(seed, "silhouette", &[]).shuffle(&mut order);
        order.truncate(MEASURED);
        let picked: Vec<usize> = order.iter().map(|row| own[*row]).collect();
        heads::silhouette(&matrix.only(&order), &picked, clusters)
    };
    measures.extend(silhouette.map(|value| ("silhouette", value)));
    if let Some(Labels::Class(classes)) = data.label_batch(data::LABEL, rows) {
        let classes: Vec<usize> = classes.iter().map(|class| *class as usize).collect();
        measures.extend(heads::adjusted_rand(own, &classes).map(|value| ("adjusted-rand", value)));
        measures.extend(heads::mutual_information(own, &classes).map(|value| ("mutual-information", value)));
    }
    measures
}

/// A line a cluster: its rows, their mean distance to its centre, and how many are of each class.
fn write_clusters(
    folder: &Path,
    data: &Dataset,
    assigned: &[(usize, f64)],
    clusters: usize,
) -> Result<(), StageError> {
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let labels = match data.label_batch(data::LABEL, &rows) {
        Some(Labels::Class(labels)) => labels,
        _ => vec![],
    };
    let classes = data.description().label.as_ref().filter(|_| !labels.is_empty());
    let classes = classes.map_or(&[][..], |label| &label.classes);
    let mut header = ["cluster", "rows", "mean distance"].map(str::to_owned).to_vec();
    header.extend(classes.iter().cloned());
    let lines = (0..clusters).map(|cluster| {
        let members = || assigned.iter().enumerate().filter(move |(_, (own, _))| *own == cluster);
        let count = members().count();
        let sum: f64 = members().map(|(_, (_, square))| square.sqrt()).sum();
        let mean = if count > 0 { sum / count as f64 } else { 0.0 };
        let of =
            |class: usize| members().filter(|(row, _)| labels[*row] as usize == class).count().to_string();
        let line = [cluster.to_string(), count.to_string(), mean.to_string()];
        line.into_iter().chain((0..classes.len()).map(of)).collect()
    });
    write_csv::<Vec<Vec<String>>, _>(folder, "clusters.csv", &header, lines.collect())
}
