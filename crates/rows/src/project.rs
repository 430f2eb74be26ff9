//! Runs `project`.

use data::{Dataset, Labels};
use plan::{ArtifactKind, Blame, Outcome, StageError, Task};
use stages::Project;

use crate::design::{Layout, training_rows};
use crate::error::OrStage;
use crate::files::{Outputs, write_csv, write_picture};
use crate::inputs::{artifact, dataset};
use crate::plane::{self, Plane};
use crate::sheets::write_thumbnails;

pub(crate) fn run(params: &Project, task: &Task) -> Result<Outcome, StageError> {
    let data = dataset(artifact(task, "data")?)?;
    let (layout, features) = Layout::of(task, &data, params.columns.as_deref())?;
    let training = layout.matrix(&data, &features, &training_rows(&data))?;
    let plane = Plane::fit(&training, params.components).ok_or_else(|| {
        let message = format!(
            "{} components are wanted of {} training rows with {} numbers each",
            params.components,
            training.rows(),
            training.width()
        );
        StageError::new(Blame::Input, message).hint("lower `components`")
    })?;
    drop(training);
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let points = plane.points(&layout.matrix(&data, &features, &rows)?);
    let (of, names) = groups(&data, &rows);
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("projection", ArtifactKind::Projection, serde_json::json!({}))?;
    let header = ["name", "group", "x", "y"].map(str::to_owned);
    let lines = rows.iter().zip(&points).map(|(&row, (x, y))| {
        let name = data.id(row).map_or_else(|| data.source_row(row).to_string(), str::to_owned);
        vec![name, names[of[row as usize]].clone(), x.to_string(), y.to_string()]
    });
    write_csv(&folder, "points.csv", &header, lines)?;
    plane::draw(&folder, &points, &of, &names, "Rows in the plane of two principal components")?;
    write_thumbnails(&folder, &data, &rows, &points)?;

    let (variances, shares) = (plane.principal().variances(), plane.principal().shares());
    let mut sum = 0.0;
    let header = ["component", "variance", "share", "share so far"].map(str::to_owned);
    let lines = variances.iter().zip(&shares).enumerate().map(|(at, (variance, share))| {
        sum += share;
        vec![(at + 1).to_string(), variance.to_string(), share.to_string(), sum.to_string()]
    });
    write_csv::<Vec<Vec<String>>, _>(&folder, "variance.csv", &header, lines.collect())?;
    let components: Vec<String> = (1..=shares.len()).map(|at| format!("component {at}")).collect();
    let picture = report::importances(&components, &shares, "Share of the variance").or_stage()?;
    write_picture(&folder, "variance", &picture)?;
    outputs.summary("rows", rows.len() as f64);
    outputs.summary("explained", shares.iter().sum());
    Ok(outputs.done())
}

/// The group of each row and the groups' names: the classes, or one for all.
fn groups(data: &Dataset, rows: &[u32]) -> (Vec<usize>, Vec<String>) {
    match (data.label_batch(data::LABEL, rows), &data.description().label) {
        (Some(Labels::Class(classes)), Some(label)) => {
            (classes.iter().map(|class| *class as usize).collect(), label.classes.clone())
        }
        _ => (vec![0; rows.len()], vec!["rows".to_owned()]),
    }
}
