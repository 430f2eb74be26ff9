//! How classes follow from logits: a temperature and a threshold, fitted on rows that are not evaluated.

use data::{Labels, Part};
use plan::{Blame, Progress, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::{BestThreshold, Evaluate, Threshold};

use crate::Report;
use crate::scores::{Networks, Said, Scores, score};

/// How logits are read; part of `metrics.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// What logits are divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<Setting>,
    /// The probability from which on the second of two classes is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<Setting>,
}

/// A number, and where it comes from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// The number.
    pub(crate) value: f64,
    /// The rows that it was fitted on; absent where the recipe says the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<String>,
    /// The metric that is best there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximizes: Option<String>,
    /// The metric's value there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<f64>,
}

/// What `evaluate` says of reading logits, fitted where it says no numbers.
pub(crate) fn fit(
    params: &Evaluate,
    task: &Task,
    networks: &dyn Networks,
    report: Report<'_>,
) -> Result<Reading, StageError> {
    let mut reading = Reading::default();
    if let Some(part) = params.calibrate.map(stages::Calibrate::part) {
        reading.temperature = temperature(task, networks, params.output.as_deref(), part)?;
        if reading.temperature.is_none() {
            let text = format!(
                "no temperature fits the {} part: the model is right in every row, or no better than chance",
                part.name()
            );
            report(Progress::Warning { text });
        }
    }
    reading.threshold = match params.threshold {
        None => None,
        Some(Threshold::At(value)) => Some(Setting { value, ..Setting::default() }),
        Some(Threshold::Best(best)) => {
            Some(threshold(task, networks, params.output.as_deref(), best, reading.clone())?)
        }
    };
    Ok(reading)
}

fn temperature(
    task: &Task,
    networks: &dyn Networks,
    output: Option<&str>,
    part: Part,
) -> Result<Option<Setting>, StageError> {
    let (said, labels) = labelled(task, networks, output, part)?;
    let Scores::Classes { logits, width } = &said.scores else { return Ok(None) };
    let part = Some(part.name().to_owned());
    let value = metrics::temperature(logits, *width, &labels);
    Ok(value.map(|value| Setting { value, part, ..Setting::default() }))
}

fn threshold(
    task: &Task,
    networks: &dyn Networks,
    output: Option<&str>,
    best: BestThreshold,
    reading: Reading,
) -> Result<Setting, StageError> {
    let BestThreshold { maximize, part } = best;
    let (mut said, labels) = labelled(task, networks, output, part)?;
    said.reading = reading;
    let found = said.two_classes(&labels)?;
    let found = metrics::best_threshold(maximize, found.probabilities(), &found.positive());
    let (value, reached) = found.ok_or_else(|| {
        let message = format!("{maximize} is not defined for the {} rows at any threshold", part.name());
        StageError::new(Blame::Input, message).hint("a part of both classes has one")
    })?;
    let (part, maximizes) = (Some(part.name().to_owned()), Some(maximize.name()));
    Ok(Setting { value, part, maximizes, reached: Some(reached) })
}

/// What an output of the model says of a part, and the part's classes.
fn labelled(
    task: &Task,
    networks: &dyn Networks,
    output: Option<&str>,
    part: Part,
) -> Result<(Said, Vec<u32>), StageError> {
    let mut scored = score(task, networks, |_| Some(part), &[])?;
    let name = scored.output(output)?.output.clone();
    let at = scored.outputs.iter().position(|said| said.output == name).unwrap_or(0);
    let said = scored.outputs.swap_remove(at);
    match said.truth(&scored.data, &scored.rows)? {
        Labels::Class(labels) => Ok((said, labels.iter().map(|&label| label as u32).collect())),
        _ => Err(StageError::new(
            Blame::Input,
            "the data has no label of classes to fit a threshold or calibration",
        )),
    }
}
