//! Runs `predict`.

use metrics::TagSet;
use plan::{ArtifactKind, Blame, Outcome, StageError, Task};
use stages::{ClassNames, Predict};

use crate::compare::Measured;
use crate::files::{METRICS, Outputs, read_json, write_csv};
use crate::inputs::artifact;
use crate::scores::{Networks, Said, Scores, score};
use crate::sheets::write_predictions;
use crate::tagged;

pub(crate) fn run(params: &Predict, task: &Task, networks: &dyn Networks) -> Result<Outcome, StageError> {
    let classes = params.classes.as_ref().map(ClassNames::names).unwrap_or_default();
    let mut scored = score(task, networks, |_| params.part, &classes)?;
    if params.evaluation.is_some() {
        let measured = read_json::<Measured>(artifact(task, "evaluation")?, METRICS)?;
        let output = measured.output.as_deref();
        let name = scored.output(output)?.output.clone();
        for said in scored.outputs.iter_mut().filter(|said| said.output == name) {
            said.reading = measured.reading.clone();
            if said.reading.threshold.is_some() {
                said.two_classes(&[])?;
            }
        }
    }
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("predictions", ArtifactKind::Predictions, serde_json::json!({}))?;
    if let [Said { scores: Scores::Tags { .. }, .. }] = &scored.outputs[..] {
        let (header, lines) = tagged::found(&scored, &scored.outputs[0])?;
        outputs.summary("rows", scored.rows.len() as f64);
        let [_, what] = TagSet::new(&scored.outputs[0].classes).counted();
        outputs.summary(what, lines.len() as f64);
        write_csv(&folder, PREDICTIONS, &header, lines)?;
        return Ok(outputs.done());
    }
    let mut header = vec!["id".to_owned()];
    let mut values: Vec<Vec<String>> = vec![vec![]; scored.rows.len()];
    for said in &scored.outputs {
        let (names, own) = match params.top {
            Some(top) => likeliest(said, top)?,
            None => columns(said),
        };
        let prefix = if said.output.is_empty() { String::new() } else { format!("{} ", said.output) };
        header.extend(names.into_iter().map(|name| format!("{prefix}{name}")));
        values.iter_mut().zip(own).for_each(|(line, own)| line.extend(own));
    }
    let lines = scored
        .rows
        .iter()
        .zip(values)
        .map(|(&row, values)| std::iter::once(scored.id(row)).chain(values).collect::<Vec<_>>());
    write_csv(&folder, PREDICTIONS, &header, lines)?;
    write_predictions(&folder, &scored)?;
    outputs.summary("rows", scored.rows.len() as f64);
    Ok(outputs.done())
}

/// Header and values of each row: the likeliest classes, each with its probability.
fn likeliest(said: &Said, top: usize) -> Result<(Vec<String>, Vec<Vec<String>>), StageError> {
    let Scores::Classes { width, logits, .. } = &said.scores else {
        let message = "the model tells a number, and `top` is for classes";
        return Err(StageError::new(Blame::Input, message).hint("remove `top`"));
    };
    let read = said.said(logits, *width, &[]);
    let (classes, top) = (read.classes(), top.min(read.classes()));
    let header = (1..=top).flat_map(|nth| [format!("class {nth}"), format!("probability {nth}")]).collect();
    let probabilities = read.probabilities();
    let rows = (0..logits.len() / width).map(|row| {
        let of = |class: usize| match (classes, class) {
            // One number a row for two classes, that of the second.
            (2, 0) => 1.0 - probabilities[row],
            (2, _) => probabilities[row],
            _ => probabilities[row * classes + class],
        };
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&left, &right| of(right).total_cmp(&of(left)).then(left.cmp(&right)));
        let named = |class: usize| [said.class(class as u32), of(class).to_string()];
        order.into_iter().take(top).flat_map(named).collect()
    });
    Ok((header, rows.collect()))
}

/// What is said of each row.
const PREDICTIONS: &str = "predictions.csv";
/// Between the labels of a row that may have several.
const BETWEEN: &str = ";";

/// Header and values of each row: one score for two classes, one a class for more, then the class; one a label, then
/// those above a half; the tags of a text; or the number.
pub(crate) fn columns(said: &Said) -> (Vec<String>, Vec<Vec<String>>) {
    let mut header = vec![];
    match &said.scores {
        Scores::Numbers(values) => {
            header.push("value".into());
            (header, values.iter().map(|value| vec![value.to_string()]).collect())
        }
        Scores::Tags { width, logits, words, .. } => {
            let set = TagSet::new(&said.classes);
            let cells = tagged::cells(&set, words, &metrics::choose(logits, *width, &set, words));
            (vec!["tags".into()], cells.into_iter().map(|cell| vec![cell]).collect())
        }
        Scores::MultiLabel { width, logits } => {
            let names = &said.classes;
            header.extend(names.iter().map(|label| format!("score {label}")));
            header.push("labels".into());
            let rows = logits.chunks_exact(*width).map(|logits| {
                let mut line: Vec<String> =
                    logits.iter().map(|&logit| metrics::sigmoid(f64::from(logit)).to_string()).collect();
                line.push(chosen(names, logits.iter().map(|&logit| logit > 0.0)));
                line
            });
            (header, rows.collect())
        }
        Scores::Classes { width, logits } => {
            let read = said.said(logits, *width, &[]);
            let names = &said.classes;
            match read.classes() {
                2 => header.push("score".into()),
                _ => header.extend(names.iter().map(|class| format!("score {class}"))),
            }
            header.push("class".into());
            let (shown, width) = (header.len() - 1, if read.classes() == 2 { 1 } else { *width });
            let rows = read.probabilities().chunks_exact(width).zip(read.chosen()).map(|(scores, class)| {
                let mut line: Vec<String> = scores.iter().take(shown).map(f64::to_string).collect();
                line.push(said.class(class));
                line
            });
            (header, rows.collect())
        }
    }
}

/// The names of the labels that a row has.
pub(crate) fn chosen(names: &[String], has: impl Iterator<Item = bool>) -> String {
    let own = names.iter().zip(has).filter(|(_, has)| *has).map(|(name, _)| name.as_str());
    own.collect::<Vec<_>>().join(BETWEEN)
}
