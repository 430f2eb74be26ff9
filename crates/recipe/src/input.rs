//! The plan for predicting on a file that the recipe does not know.
//!
//! Whatever was trained stays as it is in the plan, so that it comes out of the store. The rows of the new file are
//! encoded by the fitted transforms of the recipe, never fitted anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data::{LabelKind, Source};
use network::nearest;
use plan::Plan;
use stages::{Context, Fact, Params, Predict, Preprocess, SourceFact};

use crate::compile::{Compiled, Facts, inputs, planned};
use crate::sources;

/// Why there is no prediction on a new file.
#[derive(Debug, thiserror::Error)]
pub enum InputFailure {
    /// The recipe has no such stage.
    #[error("the recipe has no stage `{stage}`{}", .nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownStage {
        /// The name.
        stage: String,
        /// The nearest that it has.
        nearest: Option<String>,
    },
    /// The stage applies no model.
    #[error("`{stage}` is a stage of kind \"{kind}\", and only predict and evaluate stages apply a model{}", can(.others))]
    NoModel {
        /// The stage.
        stage: String,
        /// Its kind.
        kind: &'static str,
        /// Stages of the recipe that do.
        others: Vec<String>,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The file has not the columns that the model needs.
    #[error("`{file}` has no column {}; it has {}", quoted(.missing), quoted(.has))]
    MissingColumns {
        /// The file.
        file: String,
        /// What it lacks, as the recipe's own file calls it.
        missing: Vec<String>,
        /// What it has.
        has: Vec<String>,
    },
    /// The stage's data cannot be made from another file.
    #[error("cannot apply `{stage}` to another file: {reason}")]
    Unfit {
        /// The stage.
        stage: String,
        /// Why.
        reason: String,
    },
}

/// The plan whose stage of the same name predicts on the rows of `file` instead of the recipe's.
///
/// It holds that stage and what it needs, no more.
///
/// # Errors
/// See [`InputFailure`].
pub fn for_input(compiled: &Compiled, stage: &str, file: &Path) -> Result<Plan, InputFailure> {
    let Some(params) = compiled.params.get(stage) else {
        let nearest = nearest(stage, compiled.params.keys().map(String::as_str)).map(ToOwned::to_owned);
        return Err(InputFailure::UnknownStage { stage: stage.to_owned(), nearest });
    };
    let (mut top, mut classes) = (None, None);
    let (model, evaluation) = match params {
        Params::Predict(predict) => {
            (top, classes) = (predict.top, predict.classes.clone());
            (predict.model.clone(), predict.evaluation.clone())
        }
        Params::Evaluate(evaluate) if evaluate.threshold.is_none() && evaluate.calibrate.is_none() => {
            (evaluate.model.clone(), None)
        }
        Params::Evaluate(_) => {
            let stage = stage.to_owned();
            let reason =
                "it has a threshold or a calibration; add a predict stage with `evaluation`".to_owned();
            return Err(InputFailure::Unfit { stage, reason });
        }
        other => {
            let applies = |params: &Params| matches!(params, Params::Predict(_) | Params::Evaluate(_));
            let others = compiled.params.iter().filter(|(_, params)| applies(params));
            let others = others.map(|(name, _)| name.clone()).collect();
            return Err(InputFailure::NoModel { stage: stage.to_owned(), kind: other.kind(), others });
        }
    };
    let references = params.stage().references(&compiled.params);
    let mut rewrite =
        Rewrite { compiled, stage, file, params: compiled.params.clone(), new: vec![], sources: vec![] };
    let (mut data, mut features) = (None, vec![]);
    for reference in &references {
        match reference.port {
            "data" => data = Some(rewrite.encoded(&reference.name)?),
            "features" => features.push(rewrite.features(&reference.name)?),
            _ => {}
        }
    }
    let features = (!features.is_empty()).then_some(features);
    let predict = Params::Predict(Predict { model, data, features, part: None, evaluation, top, classes });
    rewrite.params.insert(stage.to_owned(), predict);
    rewrite.new.push(stage.to_owned());
    rewrite.plan()
}

struct Rewrite<'a> {
    compiled: &'a Compiled,
    stage: &'a str,
    file: &'a Path,
    params: BTreeMap<String, Params>,
    /// Stages that are new or changed, each after those it needs.
    new: Vec<String>,
    /// Sources that read the file.
    sources: Vec<(String, SourceFact)>,
}

impl Rewrite<'_> {
    fn file_path(&self) -> PathBuf {
        std::path::absolute(self.file).unwrap_or_else(|_| self.file.to_owned())
    }

    fn unfit(&self, reason: impl Into<String>) -> InputFailure {
        InputFailure::Unfit { stage: self.stage.to_owned(), reason: reason.into() }
    }

    /// A name that no stage or source of a recipe can have.
    fn renamed(&self, name: &str) -> String {
        let file = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        format!("{name}@{file}")
    }

    /// A stage that encodes the file as `stage` encodes the recipe's rows.
    fn encoded(&mut self, stage: &str) -> Result<String, InputFailure> {
        let Some(Params::Preprocess(preprocess)) = self.compiled.params.get(stage) else {
            return Err(self.unfit(format!("`{stage}` is not a preprocess stage")));
        };
        let name = self.renamed(stage);
        if self.new.contains(&name) {
            return Ok(name);
        }
        let data = self.source(stage, preprocess)?;
        let mut rename = preprocess.rename.clone();
        // Nobody asks for the label: folders of new pictures need not be classes, and where a table has its column, what
        // stands there may be empty or a class of its own.
        let source = self.sources.iter().find(|(name, _)| *name == data).map(|(_, fact)| fact);
        let has = source.iter().flat_map(|fact| fact.columns.iter().flatten());
        let labels: Vec<&String> =
            has.filter(|column| self.is_only_label(stage, rename.get(*column).unwrap_or(column))).collect();
        for column in labels {
            rename.insert(column.clone(), self.renamed(column));
        }
        let encoded = Preprocess {
            data,
            fitted: Some(stage.to_owned()),
            rename,
            label: None,
            label_kind: LabelKind::default(),
            labels: BTreeMap::new(),
            weights: None,
            columns: BTreeMap::new(),
            group: vec![],
            on_leak: None,
            learnt: None,
        };
        self.params.insert(name.clone(), Params::Preprocess(encoded));
        self.new.push(name.clone());
        Ok(name)
    }

    /// Whether a column of `stage` is a label's and nothing else.
    fn is_only_label(&self, stage: &str, column: &String) -> bool {
        let facts = self.compiled.facts.get(stage).into_iter().flatten();
        facts.into_iter().any(|(_, fact)| match fact {
            Fact::Transform(fact) => {
                !fact.columns.contains_key(column)
                    && fact.labels.values().any(|label| label.columns.contains(column))
            }
            _ => false,
        })
    }

    /// The file as the source that `stage` encodes, without its split, and with every column that is needed.
    fn source(&mut self, stage: &str, preprocess: &Preprocess) -> Result<String, InputFailure> {
        let declared = &self.compiled.sources[&preprocess.data].source;
        let path = self.file_path();
        let format = data::Format::of(&path).or(declared.format);
        let format = format.or_else(|| declared.declared_format());
        let text = path.to_string_lossy().into_owned();
        // Every row is wanted. How a file is written is the recipe's to say only of files of its own format.
        let mut source = Source { format, id: declared.id.clone(), ..Source::new(text.clone()) };
        if format == declared.declared_format() {
            let none =
                Source { split: None, filter: vec![], member: None, label_pattern: None, ..declared.clone() };
            source = Source { path: source.path, format, id: source.id, ..none };
        }
        let derive = std::mem::take(&mut source.derive);
        let join = std::mem::take(&mut source.join);
        let mut header = data::header(&path, &source)?;
        // What a label is derived from may be what nobody knows yet.
        source.derive = derive.into_iter().filter(|(_, from)| header.contains(&from.column)).collect();
        source.join = join;
        source.join.retain(|_, columns| columns.iter().all(|column| header.contains(column)));
        header.extend(source.made().map(|(_, name)| name.to_owned()));
        let original = |name: &String| {
            preprocess.rename.iter().find(|(_, new)| *new == name).map_or(name, |(old, _)| old).clone()
        };
        let facts = self.compiled.facts.get(stage).into_iter().flatten();
        let columns = facts.filter_map(|(_, fact)| match fact {
            Fact::Transform(fact) => Some(fact.columns.keys().map(original)),
            _ => None,
        });
        let needed = columns.flatten().chain(declared.id.clone());
        let missing: Vec<String> = needed.filter(|name| !header.contains(name)).collect();
        if !missing.is_empty() {
            let file = self.file.display().to_string();
            return Err(InputFailure::MissingColumns { file, missing, has: header });
        }
        let name = self.renamed(&preprocess.data);
        let (columns, seed) = (Some(header), self.compiled.plan.seed);
        let fact = SourceFact { source, file: text, columns, types: BTreeMap::new(), seed };
        self.sources.push((name.clone(), fact));
        Ok(name)
    }

    /// A stage that makes the features of the file's rows as `stage` makes those of the recipe's.
    fn features(&mut self, stage: &str) -> Result<String, InputFailure> {
        let Some(Params::ExtractFeatures(extract)) = self.compiled.params.get(stage) else {
            return Err(self.unfit(format!("`{stage}` is not an extract-features stage")));
        };
        let name = self.renamed(stage);
        if !self.new.contains(&name) {
            let data = self.encoded(&extract.data)?;
            let copy = stages::ExtractFeatures { data, ..extract.clone() };
            self.params.insert(name.clone(), Params::ExtractFeatures(copy));
            self.new.push(name.clone());
        }
        Ok(name)
    }

    fn plan(self) -> Result<Plan, InputFailure> {
        let plan = &self.compiled.plan;
        let mut facts: Facts = self.compiled.facts.clone();
        facts.remove(self.stage);
        let mut known = self.compiled.sources.clone();
        let mut planned_sources = plan.sources.clone();
        for (name, fact) in &self.sources {
            known.insert(name.clone(), fact.clone());
            let mut paths = vec![self.file_path()];
            if fact.source.files.is_some() {
                let declared = plan.sources.keys().find(|declared| self.renamed(declared) == *name);
                let declared = declared.and_then(|declared| plan.sources.get(declared));
                paths.extend(declared.and_then(|source| source.paths.last().cloned()));
            }
            let source = sources::planned(name, fact, paths);
            let source = source.map_err(|error| self.unfit(error.to_string()))?;
            planned_sources.insert(name.clone(), source);
        }
        let mut stages: Vec<plan::Stage> =
            plan.stages().filter(|old| old.name != self.stage).cloned().collect();
        for name in &self.new {
            let params = &self.params[name];
            let references = params.stage().references(&self.params);
            let outside = BTreeMap::new();
            let mut context = Context {
                stage: name,
                inputs: inputs(&references),
                facts: &facts,
                sources: &known,
                outside: &outside,
                diagnostics: vec![],
                warnings: vec![],
                needs: vec![],
            };
            let outputs = params.stage().check(&mut context);
            if let Some(diagnostic) = context.diagnostics.first() {
                return Err(self.unfit(diagnostic.message.clone()));
            }
            facts.insert(name.clone(), outputs);
            let stage = planned(name, params, &references, &facts, plan.seed);
            stages.push(stage.ok_or_else(|| self.unfit("an input is missing"))?);
        }
        // Stages that took the old one as input are not needed here, and would not fit.
        let changed = plan.downstream(&[self.stage.to_owned()]);
        stages.retain(|stage| stage.name == self.stage || !changed.contains(&stage.name));
        let whole = Plan::new(plan.name.clone(), plan.seed, planned_sources, stages);
        let whole = whole.map_err(|path| self.unfit(path.join(" -> ")))?;
        let needed = whole.upstream(&[self.stage.to_owned()]);
        Ok(whole.restrict(&needed))
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn can(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!(": {}", quoted(others)) }
}
