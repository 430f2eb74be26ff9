//! What the classes of a network are called, and its head in the order of a label.

use data::{Dataset, FittedLabel, LABEL};
use network::Primitive;
use plan::StageError;
use rows::classes::places;
use rows::error::OrStage as _;
use torch::{Tensor, guard};

use crate::error::OrStage;
use crate::network::StoredNetwork;

impl StoredNetwork {
    /// What the classes are called that an output tells, in the order of its units; empty where that is not known. A label
    /// may name those of a pretrained head by their numbers, as the tables of `transformers` do.
    pub(crate) fn told(&self, output: &str, label: &[String]) -> Result<Vec<String>, StageError> {
        if let (true, named) = (output.is_empty(), &self.network.classes)
            && !named.is_empty()
        {
            let numbers: Vec<String> = (0..named.len()).map(|class| class.to_string()).collect();
            let all_of = |names: &[String]| label.iter().all(|class| names.contains(class));
            return Ok(if all_of(named) || !all_of(&numbers) { named.clone() } else { numbers });
        }
        let (Some(goal), Some(json)) = (self.goals.get(output), &self.transform) else { return Ok(vec![]) };
        let fitted = data::Transform::from_json(json).or_stage()?;
        let learnt = fitted.labels().get(goal.label.as_str()).map(|label| label.classes.clone());
        Ok(learnt.unwrap_or_default())
    }

    /// The network with the units of its outputs in the order of the data's labels, where it tells their classes and no
    /// others, and ends in a linear map.
    pub(crate) fn in_order_of(mut self, data: &Dataset) -> Result<Self, StageError> {
        let graph = self.graph()?;
        for (output, node) in graph.results() {
            let name = match self.goals.get(output) {
                Some(goal) => goal.label.as_str(),
                None if output.is_empty() => LABEL,
                None => output,
            };
            let labels = data.description().all_labels();
            let Some(FittedLabel { classes, .. }) = labels.get(name) else { continue };
            let told = self.told(output, classes)?;
            let Some(places) = places(&told, classes).filter(|_| told.len() == classes.len()) else {
                continue;
            };
            let node = &graph.nodes[node];
            if !matches!(node.op, Primitive::Linear { weight_norm: false }) || places.is_sorted() {
                continue;
            }
            for param in node.own_params() {
                let Some(tensor) = self.weights.get_mut(&param.name) else { continue };
                *tensor = guard(|| arranged(tensor, &places)).or_stage()?;
            }
        }
        Ok(self)
    }
}

/// The rows of a linear map, or the values of its bias, at `places`; of a single logit for two classes, which is of the
/// second, its opposite.
fn arranged(tensor: &Tensor, places: &[usize]) -> Tensor {
    match tensor.size().first() {
        Some(1) if places.len() == 2 => -tensor,
        _ => {
            let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
            tensor.index_select(0, &Tensor::from_slice(&places))
        }
    }
}
