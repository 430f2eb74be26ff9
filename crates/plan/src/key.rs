//! What a result means, as a visible document whose digest is the result's key.
//!
//! Every field is in by default. Left out, with the reason:
//! - the stage's name and the names of its inputs: equal work is shared whatever it is called, and the inputs'
//!   content stands in for their names;
//! - the seed, for kinds that draw nothing at random: a new seed must not rerun them;
//! - the numerics class, for stages that compute without libtorch, such as all on heads: their bytes are the same on
//!   every machine;
//! - the rows of a batch that `batch.size = "auto"` finds on a GPU: they follow from the params, the data and the
//!   GPU's model, which the numerics class names, as long as its memory is free; what was found is in the result's
//!   summary and in the checkpoint;
//! - the number of threads and jobs: they never change a result (see ARCHITECTURE.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The content that one input port receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// The port's name; a port that takes several inputs appears once for each, in the recipe's order.
    pub port: String,
    /// Hex digest of the content.
    pub digest: String,
}

/// Everything that decides a stage's result.
///
/// Format history: 1, the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDocument {
    /// Version of this format.
    pub format: u32,
    /// The stage's kind.
    pub kind: String,
    /// Version of the kind's implementation.
    pub version: u32,
    /// The checked params, defaults filled in, references to other stages left out.
    pub params: Value,
    /// The inputs' content in port order.
    pub inputs: Vec<InputDigest>,
    /// The seed, for kinds that draw at random.
    pub seed: Option<u64>,
    /// libtorch version, device architecture, dtype policy; for kinds that compute on libtorch.
    pub numerics: Option<String>,
}

impl KeyDocument {
    /// The dotted names of the fields in which two documents differ, with both values, oldest first.
    ///
    /// `params.optimizer.lr: 0.01 -> 0.003`
    pub fn changes(&self, newer: &KeyDocument) -> Vec<String> {
        let (old, new) = (document(self), document(newer));
        let mut changes = vec![];
        compare("", &old, &new, &mut changes);
        changes
    }
}

/// The document as JSON, inputs named by port so that a change names the port.
fn document(key: &KeyDocument) -> Value {
    let mut inputs = serde_json::Map::new();
    for input in &key.inputs {
        let many = key.inputs.iter().filter(|other| other.port == input.port).count() > 1;
        let nth = inputs.keys().filter(|name| name.split('[').next() == Some(&input.port)).count();
        let name = if many { format!("{}[{nth}]", input.port) } else { input.port.clone() };
        inputs.insert(name, Value::String(input.digest.chars().take(12).collect()));
    }
    serde_json::json!({
        "format": key.format, "kind": key.kind, "version": key.version, "params": key.params,
        "inputs": inputs, "seed": key.seed, "numerics": key.numerics,
    })
}

fn compare(path: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let absent = Value::Null;
                compare(&path, a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent), changes);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{i}]"), x, y, changes);
            }
        }
        _ if old != new => changes.push(format!("{path}: {} -> {}", short(old), short(new))),
        _ => {}
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() > 40 { text.chars().take(37).chain("...".chars()).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(params: Value, inputs: &[(&str, &str)]) -> KeyDocument {
        let inputs = inputs
            .iter()
            .map(|(port, digest)| InputDigest { port: (*port).into(), digest: (*digest).into() })
            .collect();
        KeyDocument {
            format: 1,
            kind: "train".into(),
            version: 1,
            params,
            inputs,
            seed: Some(7),
            numerics: None,
        }
    }

    #[test]
    fn a_change_names_its_field_and_both_values() {
        let old = key(
            serde_json::json!({"epochs": 5, "optimizer": {"lr": 0.01}}),
            &[("data", "aa"), ("features", "b"), ("features", "c")],
        );
        let mut new = key(
            serde_json::json!({"epochs": 5, "optimizer": {"lr": 0.003}, "clip": 1}),
            &[("data", "ab"), ("features", "b"), ("features", "d")],
        );
        new.seed = Some(8);
        assert_eq!(
            old.changes(&new),
            [
                "inputs.data: aa -> ab",
                "inputs.features[1]: c -> d",
                "params.clip: none -> 1",
                "params.optimizer.lr: 0.01 -> 0.003",
                "seed: 7 -> 8",
            ]
        );
        assert!(old.changes(&old).is_empty());
    }
}
