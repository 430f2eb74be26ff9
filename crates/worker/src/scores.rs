//! What networks say of rows: for `evaluate` and `predict`.

use std::collections::BTreeMap;

use data::{Dataset, LABEL, LabelKind};
use plan::{Blame, StageError, Task};
use rows::inputs::artifact;
use rows::scores::{Networks, Scores, Told};
use stages::Target;
use train::Predicted;

use crate::error::OrStage;
use crate::frozen;
use crate::network::StoredNetwork;

/// Networks on libtorch.
pub(crate) struct OnLibtorch;

impl Networks for OnLibtorch {
    fn said(&self, task: &Task, data: &Dataset, rows: &[u32]) -> Result<Vec<Told>, StageError> {
        let stored = StoredNetwork::open(artifact(task, "model")?)?.reading(artifact(task, "data")?)?;
        let module = stored.module(torch::device(&task.device).or_stage()?)?;
        let given = frozen::stored(task, data)?;
        let labels = data.description().all_labels();
        let results: BTreeMap<&str, usize> = module.graph().results().into_iter().collect();
        let said = |Predicted { output, values, width, words }: Predicted| {
            let goal = stored.goals.get(&output);
            let own = if output.is_empty() { LABEL } else { &output };
            let label = goal.map_or(own, |goal| &goal.label);
            let kind = labels.get(label).map_or(LabelKind::Class, |label| label.kind);
            let target = goal.map_or_else(|| Target::of(kind, width), |goal| goal.loss.target(width));
            let column = results.get(output.as_str()).and_then(|node| module.graph().steps_of(*node));
            let scores = match target {
                Target::Tags => match (column, words) {
                    (Some(column), Some(words)) => {
                        Scores::Tags { width, logits: values, column: column.to_owned(), words }
                    }
                    _ => return Err(no_steps()),
                },
                _ if words.is_some() => return Err(steps()),
                Target::Number => Scores::Numbers(values.into_iter().map(f64::from).collect()),
                Target::MultiLabel => Scores::MultiLabel { width, logits: values },
                Target::Binary | Target::Multiclass => Scores::Classes { width, logits: values },
            };
            let classes = labels.get(label).map_or(&[][..], |label| &label.classes);
            let classes = stored.told(&output, classes)?;
            Ok(Told { label: label.to_owned(), output, scores, classes })
        };
        train::predict_all(&module, data, rows, given.as_ref()).or_stage()?.into_iter().map(said).collect()
    }
}

/// A network that tells tags without steps.
fn no_steps() -> StageError {
    let message = "the data has tags of words, and the network tells one thing of a whole text";
    StageError::new(Blame::Input, message).hint("end it in logits for every step")
}

/// A network that tells of steps what is of rows.
fn steps() -> StageError {
    let message = "the network tells something of every step, and the label that it learnt is of whole rows";
    StageError::new(Blame::Input, message).hint("pool the steps, or let it learn a label of tags")
}
