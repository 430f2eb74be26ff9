//! What there is to report: the plan, the latest results of its stages, and how the latest run went.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use exec::Verdict;
use plan::{Blame, Stage};
use recipe::Compiled;
use serde_json::Value;
use store::{Digest, ResultRecord, RunRecord, Store};

use crate::artifact;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// A recipe and what it has made.
pub(crate) struct Found {
    pub(crate) compiled: Compiled,
    pub(crate) stages: Vec<Made>,
    /// The latest run of the recipe.
    pub(crate) run: Option<RunRecord>,
}

/// A stage and what it has made.
pub(crate) struct Made {
    pub(crate) stage: Stage,
    /// Artifacts by port; none where it has no result.
    pub(crate) outputs: BTreeMap<String, Digest>,
    pub(crate) record: Option<ResultRecord>,
    /// Whether this is what the recipe as it is now makes.
    pub(crate) current: bool,
    /// Whether the latest run made it.
    pub(crate) ran: bool,
}

pub(crate) fn find(context: &Context, store: &Store, recipe: &Path) -> Result<Found> {
    let compiled = context.compile(recipe)?;
    let plan = &compiled.plan;
    let run = store.runs()?.into_iter().find(|run| run.info.recipe == plan.name);
    let mut ended: BTreeMap<String, (bool, BTreeMap<String, Digest>)> = BTreeMap::new();
    for event in run.as_ref().map_or(Ok(vec![]), |run| store.run_events(&run.id))? {
        let ran = match event["event"].as_str() {
            Some("stage-hit") => false,
            Some("stage-done") => true,
            _ => continue,
        };
        let name = event["stage"].as_str().unwrap_or_default().to_owned();
        ended.insert(name, (ran, serde_json::from_value(event["outputs"].clone()).unwrap_or_default()));
    }
    let explanations = context.explain(plan, store)?;
    let made = |stage: &Stage| {
        let explanation = explanations.iter().find(|explanation| explanation.stage == stage.name);
        let hit = explanation.filter(|explanation| explanation.verdict == Verdict::Hit);
        let record = match hit.and_then(|hit| hit.key) {
            Some(key) => store.lookup(&key)?,
            None => store
                .history_for(&stage.name, &plan.name)
                .filter(|record| record.outputs.values().all(|digest| store.artifact(digest).is_ok())),
        };
        let outputs = record.as_ref().map_or_else(BTreeMap::new, |record| record.outputs.clone());
        // The latest run may have been of other settings.
        let ran = ended.get(&stage.name).is_some_and(|(ran, made)| *ran && *made == outputs);
        Ok(Made { stage: stage.clone(), outputs, record, current: hit.is_some(), ran })
    };
    let stages: Vec<Made> = plan.stages().map(made).collect::<Result<_>>()?;
    if stages.iter().all(|made| made.outputs.is_empty()) {
        let message = format!("`{}` has no results yet", plan.name);
        let hint = format!("pipeline run {}", recipe.display());
        return Err(Failure::new(Blame::Environment, message).hint(hint));
    }
    Ok(Found { compiled, stages, run })
}

impl Found {
    /// What is not as the recipe says, in a sentence.
    pub(crate) fn note(&self) -> Option<String> {
        let names = |which: fn(&Made) -> bool| -> Vec<&str> {
            self.stages.iter().filter(|made| which(made)).map(|made| made.stage.name.as_str()).collect()
        };
        let older = names(|made| !made.current && !made.outputs.is_empty());
        let none = names(|made| made.outputs.is_empty());
        let mut parts = vec![];
        if !older.is_empty() {
            let what = "last results, from before the recipe or its data changed";
            parts.push(format!("{what}: {}", older.join(", ")));
        }
        if !none.is_empty() {
            parts.push(format!("no results yet: {}", none.join(", ")));
        }
        if parts.is_empty() { None } else { Some(parts.join("; ")) }
    }

    /// A stage by name.
    pub(crate) fn made(&self, name: &str) -> Option<&Made> {
        self.stages.iter().find(|made| made.stage.name == name)
    }

    /// What `compare` stages call evaluations, else the stages' own names.
    pub(crate) fn label(&self, stage: &str) -> String {
        let compares = self.stages.iter().filter(|made| made.stage.kind == "compare");
        let label = compares.flat_map(|made| {
            let inputs = made.stage.inputs.iter().filter(|input| input.port == "stages").enumerate();
            inputs.filter_map(|(nth, input)| {
                let plan::Origin::Stage { stage, .. } = &input.origin else { return None };
                Some((stage.as_str(), made.stage.params["labels"][nth].as_str()?))
            })
        });
        let mut labels = label.filter(|(of, _)| *of == stage);
        labels.next().map_or_else(|| stage.to_owned(), |(_, label)| label.to_owned())
    }
}

impl Made {
    /// The verified files of the output of a kind.
    pub(crate) fn files(&self, store: &Store, port: &str) -> Result<BTreeMap<String, PathBuf>> {
        match self.outputs.get(port) {
            Some(digest) => Ok(artifact::files(store, digest)?.1),
            None => Ok(BTreeMap::new()),
        }
    }

    /// A JSON file of an output, where the stage has made one.
    pub(crate) fn json(&self, store: &Store, port: &str, name: &str) -> Result<Option<Value>> {
        self.files(store, port)?.get(name).map(|path| artifact::json(path)).transpose()
    }

    /// A file of one of its artifacts.
    pub(crate) fn bytes(&self, store: &Store, port: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| Failure::file("read", path, &error));
        self.files(store, port)?.get(name).map(read).transpose()
    }

    /// Training's numbers as (part, metric, values by epoch), and the epoch that was kept.
    pub(crate) fn history(&self, store: &Store) -> Result<Option<History>> {
        let Some(document) = self.json(store, "history", "history.json")? else { return Ok(None) };
        let mut history = History { kept: document["kept"].as_i64(), curves: vec![] };
        for record in document["epochs"].as_array().into_iter().flatten() {
            let epoch = record["epoch"].as_i64().unwrap_or_default();
            for (part, metrics) in record["metrics"].as_object().into_iter().flatten() {
                for (metric, value) in metrics.as_object().into_iter().flatten() {
                    history.enter(part, metric, epoch, value.as_f64());
                }
            }
            history.enter("train", "learning-rate", epoch, record["learning-rate"].as_f64());
        }
        Ok(Some(history))
    }

    /// What `evaluate` measured, loss last.
    pub(crate) fn metrics(&self, store: &Store) -> Result<Vec<(String, f64)>> {
        let document = self.json(store, "metrics", "metrics.json")?.unwrap_or_default();
        let mut metrics: Vec<(String, f64)> = document["metrics"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .collect();
        metrics.sort_by_key(|(name, _)| (name == "loss", name.clone()));
        Ok(metrics)
    }
}

/// How training went.
pub(crate) struct History {
    pub(crate) kept: Option<i64>,
    pub(crate) curves: Vec<Curve>,
}

/// A metric of a part by epoch.
pub(crate) struct Curve {
    pub(crate) part: String,
    pub(crate) metric: String,
    pub(crate) values: Vec<(i64, f64)>,
}

impl History {
    /// One more point of a curve.
    fn enter(&mut self, part: &str, metric: &str, epoch: i64, value: Option<f64>) {
        let Some(value) = value else { return };
        match self.curves.iter_mut().find(|curve| curve.part == part && curve.metric == metric) {
            Some(curve) => curve.values.push((epoch, value)),
            None => {
                let (part, metric) = (part.to_owned(), metric.to_owned());
                self.curves.push(Curve { part, metric, values: vec![(epoch, value)] });
            }
        }
    }
}
