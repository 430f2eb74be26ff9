//! What a run would do, without running: hit or miss for each stage, and why.

use std::collections::BTreeMap;

use plan::{InputDigest, KeyDocument, Origin, Plan, Stage};
use serde::Serialize;
use store::{Digest, Store};

use crate::class::numerics_class;
use crate::error::Result;
use crate::identity::{Identity, Key, Outputs, changes};
use crate::options::Workers;
use crate::task::has_checkpoint;

/// What a run would do with one stage.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The stage.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// What would happen.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Its key, of a hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// What the compiler did with the stage or could not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long it took the last time, in seconds, where that is known.
    pub estimate: Option<f64>,
    /// Artifacts by port, of a hit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Digest>,
}

/// What a run would do with one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Its result is in the store.
    Hit,
    /// It would run.
    Miss {
        /// The fields that changed since its last result, or one phrase.
        changes: Vec<String>,
        /// Whether a checkpoint of an earlier, broken run is there to go on from.
        resumes: bool,
        /// The epoch of an ended stage that went the same way, from which it goes on.
        #[serde(skip_serializing_if = "Option::is_none")]
        continues: Option<usize>,
    },
    /// That depends on what a stage before it yields.
    Unknown {
        /// The first stage in its way that must run.
        because: String,
        /// The fields of its own that changed, so that it would run in any case.
        changes: Vec<String>,
    },
}

/// Finds out what a run of the plan would do, every stage after the ones it needs.
///
/// # Errors
/// When the store or a source cannot be read, or the worker does not tell its numerics class.
pub fn explain(plan: &Plan, store: &Store, workers: &Workers) -> Result<Vec<Explanation>> {
    let identity = Identity::new(plan, store, numerics_class(plan, store, workers)?);
    let mut outputs: BTreeMap<String, Outputs> = BTreeMap::new();
    let mut explanations: Vec<Explanation> = vec![];
    for stage in plan.stages() {
        let key = identity.key(stage, |name| outputs.get(name))?;
        let last = store.history_for(&stage.name, &plan.name);
        let mut hit = None;
        let (verdict, estimate) = match key {
            Some(key) => match store.lookup(&key.digest)? {
                Some(record) => {
                    hit = Some(key.digest);
                    outputs.insert(stage.name.clone(), record.outputs);
                    (Verdict::Hit, Some(record.seconds))
                }
                None => {
                    let changes = changes(store, &plan.name, stage, &key.document);
                    let resumes = has_checkpoint(store, &key.digest);
                    let continues = if resumes { None } else { continued(store, stage, &key) };
                    (Verdict::Miss { changes, resumes, continues }, last.map(|record| record.seconds))
                }
            },
            None => {
                let older = last.as_ref().map(|record| &record.key_document);
                let changes = older.map_or_else(Vec::new, |older| own_changes(&identity, stage, older));
                let because = blocker(stage, &explanations).unwrap_or_default();
                (Verdict::Unknown { because, changes }, last.map(|record| record.seconds))
            }
        };
        let found = outputs.get(&stage.name).cloned().unwrap_or_default();
        let (stage, kind, note) = (stage.name.clone(), stage.kind.clone(), stage.note.clone());
        explanations.push(Explanation { stage, kind, verdict, key: hit, note, estimate, outputs: found });
    }
    Ok(explanations)
}

/// The epoch that a stage goes on from because another ended there.
fn continued(store: &Store, stage: &Stage, key: &Key) -> Option<usize> {
    let kept = store.kept(key.way.as_ref()?)?;
    let epochs = stage.extent.as_ref()?.epochs;
    (kept.epoch <= epochs).then_some(kept.epoch)
}

/// The changes of a stage whose inputs are not known: as if they were the last ones.
fn own_changes(identity: &Identity<'_>, stage: &Stage, older: &serde_json::Value) -> Vec<String> {
    let Ok(older) = serde_json::from_value::<KeyDocument>(older.clone()) else {
        return vec![];
    };
    let ports = |inputs: &[InputDigest]| inputs.iter().map(|input| input.port.clone()).collect::<Vec<_>>();
    let newer = identity.document(stage, older.inputs.clone());
    let mut changes = older.changes(&newer);
    if ports(&older.inputs) != stage.inputs.iter().map(|input| input.port.clone()).collect::<Vec<_>>() {
        changes.push("inputs: other ports".to_owned());
    }
    changes
}

/// The first stage that must run before this one's key is known.
fn blocker(stage: &Stage, before: &[Explanation]) -> Option<String> {
    stage.inputs.iter().find_map(|input| {
        let Origin::Stage { stage, .. } = &input.origin else { return None };
        let explanation = before.iter().find(|explanation| explanation.stage == *stage)?;
        match &explanation.verdict {
            Verdict::Hit => None,
            Verdict::Miss { .. } => Some(stage.clone()),
            Verdict::Unknown { because, .. } => Some(because.clone()),
        }
    })
}
