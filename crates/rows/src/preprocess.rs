//! Runs `preprocess`: read, split, decode pictures, fit on the training rows, encode.

use std::collections::BTreeMap;
use std::path::Path;

use plan::{ArtifactKind, Outcome, Progress, StageError, Task};
use stages::Preprocess;

use crate::Report;
use crate::decoding;
use crate::error::OrStage;
use crate::files::{Outputs, TRANSFORM, write, write_csv};
use crate::inputs::{SourceInput, artifacts, outsides, source, transform};
use crate::leaks::{Chains, Comparison, Learnt, Rows};
use crate::sheets::write_samples;

/// Pictures that could not be read: rows of the source from 0, and why.
const BROKEN: &str = "broken.csv";
/// How many of them are told one by one.
const TOLD: usize = 10;

pub(crate) fn run(params: &Preprocess, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let params = &params.clone().located(outsides(task, "path"));
    let input = source(task, "data")?;
    step(report, "read", 0);
    let (table, parts) = read(&input, &params.rename)?;
    let id = input.source.id.as_ref().map(|id| params.rename.get(id).unwrap_or(id).as_str());
    let before = artifacts(task, "fitted").next().map(transform).transpose()?;
    let fitted = before.iter().flat_map(|before| before.columns().keys());
    let known =
        before.iter().flat_map(|before| before.labels().into_values()).flat_map(|label| label.columns());
    let declares = params.label_columns().next().is_some();
    let labels: Vec<String> = params.label_columns().chain(known.filter(|_| !declares)).cloned().collect();
    let taken = params.taken(&input.source, labels.iter().chain(fitted));
    let types = match params.needs_types() {
        true => data::cell_types(&input.paths, &input.source).or_stage()?,
        false => BTreeMap::new(),
    };
    let spec = data::Spec {
        columns: params.chains(table.names(), &types, &taken),
        label: params.label.clone(),
        label_kind: params.label_kind,
        labels: params.labels.clone(),
    };
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("dataset", ArtifactKind::Dataset, serde_json::json!({}))?;
    let fitted = before.iter().flat_map(|before| before.columns());
    let chains = fitted.map(|(name, column)| (name, &column.steps)).chain(&spec.columns);
    let chains: Chains<'_> = chains.collect();
    let mut rows = Rows::new(table, parts);
    let pictures = match artifacts(task, "pictures").next() {
        Some(decoded) => decoding::take(decoded, &folder)?,
        None => decoding::decode(&rows.table, &chains, input.source.on_error, &folder, report)?,
    };
    if let Some(pictures) = &pictures {
        write_broken(&folder, &rows.table, pictures, report)?;
        outputs.summary("broken pictures", pictures.broken().len() as f64);
        rows.keep(pictures.rows());
    }
    rows.pictures = pictures;
    let known = before.as_ref().map(data::Transform::labels).unwrap_or_default();
    let known = known.into_values().flat_map(|label| label.columns().to_vec());
    let learnt = learnt(params, task, known.collect())?;
    let by = Comparison { on_leak: params.on_leak, chains: &chains, labels: &labels, learnt };
    let left_out = rows.check_leaks(by, &folder, report)?;
    let Rows { table, parts, pictures, numbers } = rows;
    step(report, "fit", 1);
    let (fitted, mut encoded) = data::Transform::fit_apply(before, &table, &parts, &spec, id)
        .map_err(|error| without_leaks(error, left_out))?;
    tell_unplaced(&encoded, &table, report)?;
    tell_misspelt(&fitted, report);
    if let Some(weights) = &params.weights {
        encoded = encoded.weighted(&table, weights).or_stage()?;
    }
    let has_pictures = pictures.is_some();
    if let Some(pictures) = pictures {
        encoded = encoded.with_pictures(pictures);
    }
    let encoded = encoded.with_source_rows(&numbers);
    step(report, "write", 2);

    let (json, written) = rayon::join(|| fitted.to_json(), || encoded.write(&folder));
    let json = json.or_stage()?;
    written.or_stage()?;
    if has_pictures {
        write_samples(&folder, &data::Dataset::open(&folder).or_stage()?)?;
    }
    write(&folder, TRANSFORM, &json)?;
    let folder = outputs.port("transform", ArtifactKind::Transform, serde_json::json!({}))?;
    write(&folder, TRANSFORM, &json)?;
    let description = encoded.description();
    outputs.summary("rows", description.rows as f64);
    for (name, column) in &description.columns {
        if let Some(size) = column.vocabulary {
            outputs.summary(format!("{name} vocabulary"), size as f64);
        }
    }
    Ok(outputs.done())
}

/// An error of fitting and encoding, after so many training rows were left out because they leak.
fn without_leaks(error: data::Error, left_out: u64) -> StageError {
    let of_classes = matches!(error, data::Error::OneClass { .. } | data::Error::UnknownLabel { .. });
    let error = Err::<(), _>(error).or_stage().err();
    let mut error = error.expect("an error stays one");
    if of_classes && left_out > 0 {
        let rows =
            if left_out == 1 { "1 training row".to_owned() } else { format!("{left_out} training rows") };
        let because = format!(
            "on-leak = \"drop\" left out {rows}: if they were the last of a class, split the source otherwise or say \
             on-leak = \"warn\""
        );
        error.hint = Some(error.hint.map_or(because.clone(), |hint| format!("{hint}; {because}")));
    }
    error
}

fn step(report: Report<'_>, phase: &str, done: u64) {
    report(Progress::Step { phase: phase.into(), done, total: 3, unit: "steps".into() });
}

/// A source's rows under their new names, and the part of each.
fn read(
    input: &SourceInput,
    rename: &BTreeMap<String, String>,
) -> Result<(data::Table, Vec<Option<data::Part>>), StageError> {
    let table = data::Table::read_all(&input.paths, &input.source).or_stage()?;
    // The source names its columns as the file does, so the split comes before the renaming.
    let parts = data::assign(&table, &input.source, input.seed).or_stage()?;
    Ok((table.renamed(rename).or_stage()?, parts))
}

/// The rows of another source that `fitted` learnt from, where they are to be compared with these.
fn learnt(params: &Preprocess, task: &Task, labels: Vec<String>) -> Result<Option<Learnt>, StageError> {
    let Some(learnt) = &params.learnt else { return Ok(None) };
    let input = source(task, "learnt")?;
    let (table, parts) = read(&input, &learnt.rename)?;
    Ok(Some(Learnt { table, parts, labels }))
}

/// Tells of words that have tags and that no token stands for.
fn tell_unplaced(encoded: &data::Encoded, table: &data::Table, report: Report<'_>) -> Result<(), StageError> {
    for data::Unplaced { column, count, words, example, row } in encoded.unplaced() {
        let place = table.column(&column).and_then(|place| table.place(row, place)).or_stage()?;
        let text = format!(
            "no token stands for {count} of {words} words of `{column}`, the first `{example}` at {place}: cut off by a \
             length, or left out by the chain; they are not learnt, and metrics take `O`, else the first tag, for theirs"
        );
        report(Progress::Warning { text });
    }
    Ok(())
}

/// Tells of tags that spell no entity where most of their label do.
fn tell_misspelt(fitted: &data::Transform, report: Report<'_>) {
    let tags = fitted.labels().into_values().filter(|label| label.kind == data::LabelKind::Tags);
    for label in tags {
        let odd = metrics::misspelt(&label.classes);
        if !odd.is_empty() {
            let text = format!(
                "of the tags in `{}` {} spell no entity as the others do, so metrics count words and not entities",
                label.column,
                odd.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ")
            );
            report(Progress::Warning { text });
        }
    }
}

/// Tells of pictures that are skipped, and keeps the list of them.
fn write_broken(
    folder: &Path,
    table: &data::Table,
    pictures: &data::Pictures,
    report: Report<'_>,
) -> Result<(), StageError> {
    let broken = pictures.broken();
    for broken in broken.iter().take(TOLD) {
        report(Progress::Warning { text: format!("skipped: {}", broken.reason) });
    }
    if broken.len() > TOLD {
        let text =
            format!("skipped {} pictures of {} in all; {BROKEN} lists them", broken.len(), table.rows());
        report(Progress::Warning { text });
    }
    if broken.is_empty() {
        return Ok(());
    }
    let lines = broken.iter().map(|broken| vec![broken.row.to_string(), broken.reason.clone()]);
    write_csv(folder, BROKEN, &["row".to_owned(), "reason".to_owned()], lines)
}
