//! Sheets of pictures of a data set: samples by class, and what augmentation makes of them.

use std::path::Path;

use data::{Augment, ColumnType, Dataset, Labels};
use images::{Chain, Picture, Tile, sheet};
use plan::{Blame, StageError};
use stages::Training;

use crate::error::OrStage;
use crate::features::Features;
use crate::files::write;
use crate::scores::{Said, Scored, Scores};

/// Pictures of a sheet of samples.
const SAMPLES: usize = 40;
/// Rows of a sheet of augmented samples, and the epochs that it shows.
const ROWS: usize = 6;
const EPOCHS: u64 = 8;
/// Pictures of a sheet of mistakes.
const MISTAKES: usize = 24;
/// Clusters of a sheet, and the pictures of each.
const CLUSTERS: usize = 20;
const MEMBERS: usize = 9;
/// Pictures on a plane, and the pixels of their longer side.
const THUMBNAILS: usize = 2000;
const THUMBNAIL: usize = 40;
/// Pixels of a tile's side; more where the label is a class and what it was taken for.
const SIDE: usize = 112;
const WIDE: usize = 176;

/// The columns of pictures.
pub fn columns(data: &Dataset) -> Vec<String> {
    let columns = data.description().columns.iter();
    let pictures = columns.filter(|(_, column)| matches!(column.kind, ColumnType::Image { .. }));
    pictures.map(|(name, _)| name.clone()).collect()
}

/// Writes `samples.png`: pictures as a batch sees them, the classes in turn, with their classes. Nothing where the data
/// has no pictures.
pub(crate) fn write_samples(folder: &Path, data: &Dataset) -> Result<(), StageError> {
    let rows = spread(data, &(0..data.rows() as u32).collect::<Vec<_>>(), SAMPLES);
    for (file, column) in named("samples", data) {
        let tiles = rows.iter().map(|&row| {
            let label = class(data, row).unwrap_or_else(|| data.source_row(row).to_string());
            Ok(Tile { label, picture: picture(data, &column, row, None)? })
        });
        draw(folder, &file, &tiles.collect::<Result<Vec<_>, StageError>>()?, 8, SIDE)?;
    }
    Ok(())
}

/// Writes `augmented.png`: a row for each of some training pictures, first as it is, then as each of the first epochs
/// sees it. Nothing where nothing is augmented.
pub fn write_augmented(
    folder: &Path,
    data: &Dataset,
    training: &Training,
    seed: u64,
) -> Result<(), StageError> {
    if training.augment.is_empty() {
        return Ok(());
    }
    let (drawn, what) = match training.views {
        Some(views) => (views.min(EPOCHS), "view"),
        None => (EPOCHS, "epoch"),
    };
    let wrong = |problem: images::Problem| StageError::new(Blame::Input, problem.reason);
    let chain = Chain::new(&training.augment).map_err(wrong)?;
    let rows = spread(data, &data.training_rows(), ROWS);
    for (file, column) in named("augmented", data) {
        let mut tiles = vec![];
        for &row in &rows {
            let label = class(data, row).unwrap_or_else(|| data.source_row(row).to_string());
            tiles.push(Tile { label, picture: picture(data, &column, row, None)? });
            for epoch in 1..=drawn {
                let augment = Augment { chain: &chain, seed, epoch };
                let picture = picture(data, &column, row, Some(augment))?;
                tiles.push(Tile { label: format!("{what} {epoch}"), picture });
            }
        }
        draw(folder, &file, &tiles, 1 + drawn as usize, SIDE)?;
    }
    Ok(())
}

/// Writes `mistakes.png`: the pictures that the model is wrong about, the surest first, each with its class and what the
/// model says. Nothing where it is right in every row, or reads no pictures.
pub(crate) fn write_mistakes(
    folder: &Path,
    scored: &Scored,
    said: &Said,
    labels: &[i32],
) -> Result<(), StageError> {
    let mut wrong: Vec<(f64, usize, u32)> = chosen(said)
        .into_iter()
        .enumerate()
        .filter(|&(at, (chosen, _))| labels[at] != chosen as i32)
        .map(|(at, (chosen, sure))| (sure, at, chosen))
        .collect();
    wrong.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    wrong.truncate(MISTAKES);
    if wrong.is_empty() {
        return Ok(());
    }
    for (file, column) in named("mistakes", &scored.data) {
        let tiles = wrong.iter().map(|&(sure, at, chosen)| {
            let label = format!("{} as {} {sure:.2}", said.class(labels[at] as u32), said.class(chosen));
            Ok(Tile { label, picture: picture(&scored.data, &column, scored.rows[at], None)? })
        });
        draw(folder, &file, &tiles.collect::<Result<Vec<_>, StageError>>()?, 5, WIDE)?;
    }
    Ok(())
}

/// Writes `predictions.png`: the first pictures with what the model says of them. Nothing where it reads no pictures.
pub(crate) fn write_predictions(folder: &Path, scored: &Scored) -> Result<(), StageError> {
    let [said] = &scored.outputs[..] else { return Ok(()) };
    let found = chosen(said);
    if found.is_empty() {
        return Ok(());
    }
    for (file, column) in named("predictions", &scored.data) {
        let tiles = found.iter().zip(&scored.rows).take(SAMPLES).map(|(&(chosen, sure), &row)| {
            let label = format!("{} {sure:.2}", said.class(chosen));
            Ok(Tile { label, picture: picture(&scored.data, &column, row, None)? })
        });
        draw(folder, &file, &tiles.collect::<Result<Vec<_>, StageError>>()?, 8, SIDE)?;
    }
    Ok(())
}

/// Of each row the class that the model chooses, and its probability; empty where it tells no classes.
fn chosen(said: &Said) -> Vec<(u32, f64)> {
    let Scores::Classes { logits, width, .. } = &said.scores else { return vec![] };
    let read = said.said(logits, *width, &[]);
    let (classes, probabilities) = (read.classes(), read.probabilities());
    let sure = |(at, chosen): (usize, u32)| {
        // One number a row for two classes, that of the second.
        let sure = match (classes, chosen) {
            (2, 0) => 1.0 - probabilities[at],
            (2, _) => probabilities[at],
            _ => probabilities[at * classes + chosen as usize],
        };
        (chosen, sure)
    };
    read.chosen().into_iter().enumerate().map(sure).collect()
}

/// Writes `nearest.png`: a row for each of some pictures, with those whose features are nearest by the cosine. Nothing
/// where the data has no pictures.
pub fn write_nearest(folder: &Path, data: &Dataset, features: &Features) -> Result<(), StageError> {
    let asked = spread(data, &(0..data.rows() as u32).collect::<Vec<_>>(), ROWS);
    for (file, column) in named("nearest", data) {
        let mut tiles = vec![];
        for &row in &asked {
            let label = class(data, row).unwrap_or_else(|| data.source_row(row).to_string());
            tiles.push(Tile { label, picture: picture(data, &column, row, None)? });
            for (near, cosine) in features.nearest(row, EPOCHS as usize) {
                let class = class(data, near).unwrap_or_else(|| data.source_row(near).to_string());
                let label = format!("{class} {cosine:.2}");
                tiles.push(Tile { label, picture: picture(data, &column, near, None)? });
            }
        }
        draw(folder, &file, &tiles, 1 + EPOCHS as usize, SIDE)?;
    }
    Ok(())
}

/// Writes `clustered.png`: a row for each of the first clusters, the pictures nearest to its centre. `assigned` has the
/// cluster of each row and its squared distance. Nothing where the data has no pictures.
pub(crate) fn write_clustered(
    folder: &Path,
    data: &Dataset,
    assigned: &[(usize, f64)],
    clusters: usize,
) -> Result<(), StageError> {
    let Some(blank) = Picture::new(1, 1, 3, vec![u8::MAX; 3]) else { return Ok(()) };
    for (file, column) in named("clustered", data) {
        let mut tiles = vec![];
        for cluster in 0..clusters.min(CLUSTERS) {
            let mut own: Vec<(f64, u32)> = (0..)
                .zip(assigned)
                .filter(|(_, (of, _))| *of == cluster)
                .map(|(row, (_, far))| (*far, row))
                .collect();
            own.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            // A row of the sheet is a cluster, however few it has.
            for at in 0..MEMBERS {
                let Some(&(_, row)) = own.get(at) else {
                    tiles.push(Tile { label: String::new(), picture: blank.clone() });
                    continue;
                };
                let class = class(data, row).unwrap_or_else(|| data.source_row(row).to_string());
                let label = if at == 0 { format!("{cluster}: {class}") } else { class };
                tiles.push(Tile { label, picture: picture(data, &column, row, None)? });
            }
        }
        draw(folder, &file, &tiles, MEMBERS, SIDE)?;
    }
    Ok(())
}

/// Writes `thumbnails.png`: the pictures at their points of the plane. Nothing where the data has no pictures.
pub(crate) fn write_thumbnails(
    folder: &Path,
    data: &Dataset,
    rows: &[u32],
    plane: &[(f64, f64)],
) -> Result<(), StageError> {
    for (file, column) in named("thumbnails", data) {
        let thumbnails = rows
            .iter()
            .zip(plane)
            .take(THUMBNAILS)
            .map(|(&row, &place)| Ok((place, picture(data, &column, row, None)?)));
        let png = images::plane(&thumbnails.collect::<Result<Vec<_>, StageError>>()?, THUMBNAIL);
        write(folder, &file, png.map_err(|error| StageError::new(Blame::Stage, error.to_string()))?)?;
    }
    Ok(())
}

/// The file of each column's sheet: the column is named where there are several.
fn named(sheet: &str, data: &Dataset) -> Vec<(String, String)> {
    let columns = columns(data);
    let several = columns.len() > 1;
    let file = |column: &str| if several { format!("{sheet}-{column}.png") } else { format!("{sheet}.png") };
    columns.into_iter().map(|column| (file(&column), column)).collect()
}

/// A picture as a batch sees it.
fn picture(
    data: &Dataset,
    column: &str,
    row: u32,
    augment: Option<Augment<'_>>,
) -> Result<Picture, StageError> {
    let none = || StageError::new(Blame::Bug, format!("the column `{column}` holds no pictures"));
    data.view(column, row, augment).or_stage()?.ok_or_else(none)
}

/// Writes a sheet of so many columns.
fn draw(folder: &Path, file: &str, tiles: &[Tile], columns: usize, side: usize) -> Result<(), StageError> {
    let png =
        sheet(tiles, columns, side).map_err(|error| StageError::new(Blame::Stage, error.to_string()))?;
    write(folder, file, png)
}

/// The name of a row's class.
fn class(data: &Dataset, row: u32) -> Option<String> {
    let label = data.description().label.as_ref()?;
    match data.label_batch(data::LABEL, &[row])? {
        Labels::Class(of) => label.classes.get(*of.first()? as usize).cloned(),
        Labels::MultiLabel { .. } | Labels::Tags(_) => None,
        Labels::Number(of) => of.first().map(f32::to_string),
    }
}

/// At most `count` of the rows, each class's first ones in turn.
fn spread(data: &Dataset, rows: &[u32], count: usize) -> Vec<u32> {
    let Some(Labels::Class(labels)) = data.label_batch(data::LABEL, rows) else {
        return rows.iter().copied().take(count).collect();
    };
    let mut seen = std::collections::BTreeMap::<i32, usize>::new();
    let mut places: Vec<(usize, i32, u32)> = rows
        .iter()
        .zip(labels)
        .map(|(&row, label)| {
            let nth = seen.entry(label).or_default();
            *nth += 1;
            (*nth, label, row)
        })
        .collect();
    places.sort_unstable();
    places.into_iter().take(count).map(|(.., row)| row).collect()
}
