//! Evaluated rows: their scores, and what their source says in them.
//!
//! Invariant: a row's cells are shown only where the source is as it was, and its row has the id that was evaluated.

use std::collections::BTreeMap;
use std::path::Path;

use ::report::Scores;
use ::report::page::{MISTAKES, Mistake};
use data::{DESCRIPTION_FILE, Description, Table};
use metrics::{Compared, Entity, TagSet, Tagging};
use plan::{Blame, Origin};
use store::Store;

use super::found::{Found, Made};
use crate::artifact;
use crate::failure::{Failure, Result};
use crate::words;

/// Characters of a cell that are shown.
const CELL: usize = 600;

/// Between the labels of a row that may have several, as `evaluate` writes them.
const BETWEEN: char = ';';

/// What `evaluate` kept of its rows.
pub(crate) struct Rows {
    pub(crate) scores: Scores,
    /// Numbers in the source, from 0.
    source: Vec<usize>,
    ids: Vec<String>,
    /// Labels, and what the model said, as they were written.
    labels: Vec<String>,
    said: Vec<String>,
}

/// Reads the rows of an evaluation; none where an older version kept none.
pub(crate) fn read(store: &Store, made: &Made) -> Result<Option<Rows>> {
    let Some(digest) = made.outputs.get("metrics") else { return Ok(None) };
    let (manifest, files) = artifact::files(store, digest)?;
    let Some(path) = files.get("scores.csv") else { return Ok(None) };
    let classes = manifest.meta["classes"].as_array().into_iter().flatten();
    let classes = classes.filter_map(|class| class.as_str().map(str::to_owned)).collect();
    parse(path, classes).map_err(|error| {
        Failure::new(Blame::Environment, format!("cannot read the scores of `{}`: {error}", made.stage.name))
    })
}

fn parse(path: &Path, classes: Vec<String>) -> std::result::Result<Option<Rows>, csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let is_tags = header.get(3).is_some_and(|name| name == "tags");
    let is_number = header.get(3).is_some_and(|name| name == "value");
    let is_several = header.len() > 4 && header.last().is_some_and(|name| name == "labels");
    // After row, id and label; a class stands last.
    let mut columns = 3..if is_tags {
        3
    } else if is_number {
        header.len()
    } else {
        header.len().saturating_sub(1)
    };
    if classes.len() == 2 && columns.len() == 2 && !is_several {
        columns.start += 1;
    }
    let (mut labels, mut predicted, mut numbers, mut truth) = (vec![], vec![], vec![], vec![]);
    let mut has: Vec<bool> = vec![];
    let mut offsets = vec![0];
    let [mut source, mut ids, mut names, mut said] = [vec![], vec![], vec![], vec![]];
    for record in reader.records() {
        let record = record?;
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let last = cell(header.len() - 1);
        let place = |name: &str| classes.iter().position(|class| class == name);
        if is_tags {
            for (tags, into) in [(cell(2), &mut labels), (last, &mut predicted)] {
                let known = tags.split_whitespace().map(|tag| place(tag).map(|tag| tag as u32));
                let Some(known) = known.collect::<Option<Vec<u32>>>() else { return Ok(None) };
                into.extend(known);
            }
            offsets.push(labels.len());
            if labels.len() != predicted.len() {
                return Ok(None);
            }
        } else if is_number {
            truth.push(cell(2).parse().unwrap_or(f64::NAN));
        } else if is_several {
            let own: Vec<&str> = cell(2).split(BETWEEN).collect();
            has.extend(classes.iter().map(|class| own.contains(&class.as_str())));
        } else {
            let (Some(label), Some(chosen)) = (place(cell(2)), place(last)) else { return Ok(None) };
            labels.push(label as u32);
            predicted.push(chosen as u32);
        }
        numbers.extend(columns.clone().map(|column| cell(column).parse().unwrap_or(f64::NAN)));
        source.push(cell(0).to_owned());
        ids.push(cell(1).to_owned());
        names.push(cell(2).to_owned());
        said.push(last.to_owned());
    }
    let scores = if is_tags {
        Scores::Tags(Tagging::chosen(TagSet::new(&classes), offsets, labels, predicted))
    } else if is_number {
        Scores::Numbers { labels: truth, values: numbers }
    } else if is_several {
        Scores::MultiLabel { names: classes, truth: has, scores: numbers }
    } else {
        Scores::Classes { classes, labels, predicted, scores: numbers }
    };
    let source = source.iter().map(|row| row.parse().unwrap_or(usize::MAX)).collect();
    Ok(Some(Rows { scores, source, ids, labels: names, said }))
}

/// Sources that have been read, by the `preprocess` stage that encoded them.
#[derive(Default)]
pub(crate) struct Sources(BTreeMap<String, Option<Source>>);

struct Source {
    table: Table,
    columns: Vec<usize>,
    id: Option<usize>,
    /// Of tags: the text whose words they are of.
    text: Option<usize>,
}

impl Sources {
    /// The worst mistakes of an evaluation.
    pub(crate) fn mistakes(
        &mut self,
        store: &Store,
        found: &Found,
        made: &Made,
        rows: &Rows,
    ) -> Vec<Mistake> {
        let stage = made.stage.inputs.iter().find_map(|input| match &input.origin {
            Origin::Stage { stage, .. } if input.port == "data" => Some(stage.as_str()),
            _ => None,
        });
        let encoded = stage.and_then(|stage| found.made(stage)).filter(|_| made.current);
        let source = encoded.and_then(|encoded| {
            let name = encoded.stage.name.clone();
            self.0.entry(name).or_insert_with(|| open(store, found, encoded)).as_ref()
        });
        let worst = rows.scores.worst(MISTAKES).into_iter();
        let mistake = worst.map(|(row, how)| {
            let (number, id) = (rows.source[row], &rows.ids[row]);
            let (label, said) = match &rows.scores {
                Scores::Tags(tagging) => {
                    let text = source.and_then(|source| source.tagged(number, id)).unwrap_or_default();
                    let Compared { missed, wrong, .. } = tagging.compared(row);
                    (entities(&missed, tagging.set(), text), entities(&wrong, tagging.set(), text))
                }
                _ => (rows.labels[row].clone(), rows.said[row].clone()),
            };
            let how = match rows.scores {
                Scores::Classes { .. } => format!("with {how:.4}"),
                Scores::MultiLabel { .. } => format!("off by {how:.4}"),
                Scores::Numbers { .. } => format!("off by {}", words::number(how)),
                Scores::Tags(_) => format!("{how} wrong"),
            };
            let cells = source.map_or_else(Vec::new, |source| source.cells(number, id));
            Mistake { id: id.clone(), label, said, how, cells }
        });
        mistake.collect()
    }
}

/// Entities in words: the type of each and its words, else where they stand.
fn entities(entities: &[Entity], set: &TagSet, text: &str) -> String {
    let pieces = data::words(text);
    let one = |entity: &Entity| {
        let kind = set.names().get(entity.kind).map_or("", String::as_str);
        let own: Vec<&str> =
            pieces.get(entity.words.clone()).unwrap_or_default().iter().map(|word| word.text).collect();
        match own.is_empty() {
            true => format!("{kind} at word {}", entity.words.start + 1),
            false => format!("{kind} {}", own.join(" ")),
        }
    };
    match entities {
        [] => "nothing".to_owned(),
        all => all.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// The table behind encoded rows. Mistakes are worth showing without it, so that what is wrong with it is only logged.
fn open(store: &Store, found: &Found, encoded: &Made) -> Option<Source> {
    let warn = |error: String| tracing::warn!(error, stage = encoded.stage.name, "its source is not shown");
    let name = encoded.stage.inputs.iter().find_map(|input| match &input.origin {
        Origin::Source(name) => Some(name),
        Origin::Stage { .. } => None,
    })?;
    let planned = found.compiled.plan.sources.get(name)?;
    let (reading, paths) = data::Source::planned(planned.reading.clone(), planned.paths.clone())
        .map_err(|error| warn(error.to_string()))
        .ok()?;
    let rename: BTreeMap<String, String> =
        serde_json::from_value(encoded.stage.params["rename"].clone()).unwrap_or_default();
    let table = Table::read_all(&paths, &reading).and_then(|table| table.renamed(&rename));
    let table = table.map_err(|error| warn(error.to_string())).ok()?;
    let artifact = store.artifact(encoded.outputs.get("dataset")?).ok()?;
    let description = store.blob_path(&artifact.files.get(DESCRIPTION_FILE)?.digest);
    let description: Description = artifact::json(&description).ok()?;
    let place = |name: &String| table.names().iter().position(|own| own == name);
    let columns = description.columns.keys().filter_map(place).collect();
    let text = description.label.as_ref().and_then(|label| place(label.of.as_ref()?));
    let id = reading.id.as_ref().map(|id| rename.get(id).unwrap_or(id)).and_then(place);
    Some(Source { table, columns, id, text })
}

impl Source {
    /// Whether a row is there, and has the id that was evaluated.
    fn is_same(&self, row: usize, id: &str) -> bool {
        row < self.table.rows() && self.id.is_none_or(|column| self.table.cell(row, column) == id)
    }

    /// The text whose words have tags.
    fn tagged(&self, row: usize, id: &str) -> Option<&str> {
        let column = self.text.filter(|_| self.is_same(row, id))?;
        Some(self.table.cell(row, column))
    }

    fn cells(&self, row: usize, id: &str) -> Vec<(String, String)> {
        if !self.is_same(row, id) {
            return vec![];
        }
        let cell = |&column: &usize| {
            let text = self.table.cell(row, column);
            let shown: String = text.chars().take(CELL).collect();
            let more = if shown.len() < text.len() { " …" } else { "" };
            (self.table.names()[column].clone(), shown + more)
        };
        self.columns.iter().map(cell).collect()
    }
}
