//! Runs `predict`.

use plan::{ArtifactKind, Blame, Outcome, StageError, Task};
use stages::Predict;

use crate::Report;
use crate::compare::Measured;
use crate::files::{METRICS, Outputs, read_json, write_csv};
use crate::inputs::artifact;
use crate::scores::{Scored, Scores, score};
use crate::sheets::write_predictions;

pub(crate) fn run(params: &Predict, task: &Task, _: Report<'_>) -> Result<Outcome, StageError> {
    let mut scored = score(task, |_| params.part)?;
    if params.evaluation.is_some() {
        scored.reading = read_json::<Measured>(artifact(task, "evaluation")?, METRICS)?.reading;
        if scored.reading.threshold.is_some() {
            scored.two_classes(&[])?;
        }
    }
    if let (Some(names), Scores::Classes { width, .. }) = (params.classes, &scored.scores) {
        let names = names.names();
        if names.len() != *width {
            let message = format!("`classes` names {} classes, and the model tells {width}", names.len());
            return Err(StageError::new(Blame::Input, message).hint("remove `classes`"));
        }
        scored.classes = names;
    }
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("predictions", ArtifactKind::Predictions, serde_json::json!({}))?;
    let (mut header, values) = match params.top {
        Some(top) => likeliest(&scored, top)?,
        None => columns(&scored),
    };
    header.insert(0, "id".to_owned());
    let lines = scored
        .rows
        .iter()
        .zip(values)
        .map(|(&row, values)| std::iter::once(scored.id(row)).chain(values).collect::<Vec<_>>());
    write_csv(&folder, "predictions.csv", &header, lines)?;
    write_predictions(&folder, &scored)?;
    outputs.summary("rows", scored.rows.len() as f64);
    Ok(outputs.done())
}

/// Header and values of each row: the likeliest classes, each with its probability.
fn likeliest(scored: &Scored, top: usize) -> Result<(Vec<String>, Vec<Vec<String>>), StageError> {
    let Scores::Classes { width, logits, .. } = &scored.scores else {
        let message = "the model tells a number, and `top` is for classes";
        return Err(StageError::new(Blame::Input, message).hint("remove `top`"));
    };
    let said = scored.said(logits, *width, &[]);
    let (classes, top) = (said.classes(), top.min(said.classes()));
    let header = (1..=top).flat_map(|nth| [format!("class {nth}"), format!("probability {nth}")]).collect();
    let probabilities = said.probabilities();
    let rows = (0..scored.rows.len()).map(|row| {
        let of = |class: usize| match (classes, class) {
            // One number a row for two classes, that of the second.
            (2, 0) => 1.0 - probabilities[row],
            (2, _) => probabilities[row],
            _ => probabilities[row * classes + class],
        };
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&left, &right| of(right).total_cmp(&of(left)).then(left.cmp(&right)));
        let named = |class: usize| scored.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        order.into_iter().take(top).flat_map(|class| [named(class), of(class).to_string()]).collect()
    });
    Ok((header, rows.collect()))
}

/// Header and values of each row: one score for two classes, one a class for more, then the class; or the number.
pub(crate) fn columns(scored: &Scored) -> (Vec<String>, Vec<Vec<String>>) {
    let mut header = vec![];
    match &scored.scores {
        Scores::Numbers(values) => {
            header.push("value".into());
            (header, values.iter().map(|value| vec![value.to_string()]).collect())
        }
        Scores::Classes { width, logits, .. } => {
            let said = scored.said(logits, *width, &[]);
            let names = &scored.classes;
            match said.classes() {
                2 => header.push("score".into()),
                _ => header.extend(names.iter().map(|class| format!("score {class}"))),
            }
            header.push("class".into());
            let (shown, width) = (header.len() - 1, if said.classes() == 2 { 1 } else { *width });
            let rows = said.probabilities().chunks_exact(width).zip(said.chosen()).map(|(scores, class)| {
                let mut line: Vec<String> = scores.iter().take(shown).map(f64::to_string).collect();
                line.push(names.get(class as usize).cloned().unwrap_or_else(|| class.to_string()));
                line
            });
            (header, rows.collect())
        }
    }
}
