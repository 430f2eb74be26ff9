//! `preprocess`: columns encoded by chains of steps, fitted on the training rows only.

use std::collections::{BTreeMap, BTreeSet};

use data::{ColumnType, LABEL, Label, LabelKind, Part, Step, check_chain};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, Outside, SourceFact};
use crate::fact::{DatasetFact, Fact};
use crate::group::Group;
use crate::label::Labels;
use crate::learnt::Learnt;
use crate::rows::RowSet;
use crate::table::{OutsidePath, Params, Reference, Stage};

/// Encodes columns by chains of steps, each fitted on the training rows only, and applies them to all rows.
///
/// Outputs: `dataset`, the encoded rows; `transform`, what was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Preprocess {
    /// The source.
    pub data: String,
    /// A stage whose fitted transform is applied as it is; `columns` may add more, fitted here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<String>,
    /// Columns of the source read under another name: `{ Description = "review" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// What is predicted: a column, columns of 0 and 1 of which a row may have any number, or a table that says how a
    /// column is read; by default what `fitted` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Whether a label that is one column's name names classes or is a number.
    #[serde(default)]
    pub label_kind: LabelKind,
    /// Several labels by name, each in a form that `label` may have: for networks with several outputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Label>,
    /// A column whose number, 0 or more, is how much a row weighs in the loss of what trains on it, and in metrics
    /// that an `evaluate` stage asks for with `weighted`; all others count rows alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// A chain of steps for each column.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<Step>>,
    /// Chains that several columns share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<Group>,
    /// What happens where rows of one part are those of another, or nearly; by default `"warn"` where a text or a
    /// picture is among the columns, else `"ignore"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_leak: Option<OnLeak>,
    /// Where the rows lie that `fitted` learnt from, if they are to be compared with these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub learnt: Option<Learnt>,
}

/// What happens where the valid or test part has rows that an earlier part has too, or that the rows of another source
/// had which `fitted` learnt from. Rows are the same where the cells of all encoded columns are equal before any step (of
/// pictures: what they are decoded to); texts also count where they are nearly the same: the sets of their shingles of
/// three words, and of the other cells, are alike to at least 0.8 (Jaccard).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnLeak {
    /// The stage counts them and shows some.
    Warn,
    /// The stage fails.
    Fail,
    /// Such rows of train are left out, and those of valid that test has: what is measured on stays as it is. What
    /// `fitted` learnt cannot be undone: rows of valid and test that it learnt from are left out themselves.
    Drop,
    /// Nobody looks for them.
    Ignore,
}

/// A column's chain, and where the recipe declares it.
pub(crate) struct Chain<'a> {
    pub(crate) steps: &'a [Step],
    /// Where the column is named.
    pub(crate) named: Place,
    /// Whether it is named by a key.
    pub(crate) key: bool,
    /// Where the steps are.
    pub(crate) place: Place,
    /// Whether no column before has the same steps: a mistake in them is reported once.
    pub(crate) first: bool,
}

impl Chain<'_> {
    /// The diagnostic at the column's name.
    pub(crate) fn at_name(&self, diagnostic: Diagnostic) -> Diagnostic {
        if self.key { diagnostic.at_key() } else { diagnostic }
    }
}

/// Types of chains; a wrong chain is reported and left out.
fn types(
    own: &BTreeMap<String, Chain<'_>>,
    labels: &Labels,
    context: &mut Context<'_>,
) -> BTreeMap<String, ColumnType> {
    let mut types = BTreeMap::new();
    for (name, chain) in own {
        let taken = matches!(name.as_str(), "" | "label" | "part" | "row" | "id");
        if taken || name.contains('.') {
            let message = format!("`{name}` cannot name an encoded column");
            let hint = "label, part, row, id and names with a dot are taken: use `rename`";
            let diagnostic = Diagnostic::new("column-name", chain.named.clone(), message).hint(hint);
            context.report(chain.at_name(diagnostic));
        }
        let learns = |step: &Step| matches!(step, Step::Target(_) | Step::NaiveBayes(_));
        let learns = chain.steps.iter().position(learns);
        if let Some(at) = learns.filter(|_| !labels.contains_key(LABEL) && chain.first) {
            let many = if labels.is_empty() { "none" } else { "more than one" };
            let message = format!("`{}` learns from the label, and there is {many}", chain.steps[at].name());
            let hint = "say which column it is: label = \"...\"";
            context.report(Diagnostic::new("chain", chain.place.join(at), message).hint(hint));
        }
        let of_tags = labels.get(LABEL).is_some_and(|label| label.kind == LabelKind::Tags);
        if let Some(at) = learns.filter(|_| of_tags && chain.first) {
            let name = chain.steps[at].name();
            let message = format!("`{name}` learns from one label a row, and the label is of tags of words");
            let hint = "encode the column without the label";
            context.report(Diagnostic::new("chain", chain.place.join(at), message).hint(hint));
        }
        let bayes = chain.steps.iter().position(|step| matches!(step, Step::NaiveBayes(_)));
        let several = labels.get(LABEL).is_some_and(|label| label.kind == LabelKind::MultiLabel);
        if let Some(at) = bayes.filter(|_| several && chain.first) {
            let message =
                "`naive-bayes` learns from one class or number a row, and a row may have several labels";
            let hint = "use `tf-idf`";
            context.report(Diagnostic::new("chain", chain.place.join(at), message).hint(hint));
        }
        match check_chain(chain.steps) {
            Ok(kind) => drop(types.insert(name.clone(), kind)),
            Err(_) if !chain.first => {}
            Err(problems) => {
                for problem in problems {
                    let inside = problem.step < chain.steps.len();
                    let at = if inside { chain.place.join(problem.step) } else { chain.place.clone() };
                    let mut diagnostic = Diagnostic::new("chain", at, problem.message);
                    diagnostic.hint = problem.hint;
                    context.report(diagnostic);
                }
            }
        }
    }
    types
}

/// Sizes of vocabularies that files say, by column.
fn vocabularies(own: &BTreeMap<String, Chain<'_>>, context: &Context<'_>) -> BTreeMap<String, usize> {
    let Some(Outside::Tokenizers(sizes)) = context.outside.get(context.stage) else { return BTreeMap::new() };
    let size = |(name, chain): (&String, &Chain<'_>)| {
        let at = chain.steps.iter().position(|step| step.tokenizer().is_some())?;
        Some((name.clone(), *sizes.get(&chain.place.join(at))?))
    };
    own.iter().filter_map(size).collect()
}

impl Stage for Preprocess {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        let fitted =
            self.fitted.iter().map(|name| Reference::new("fitted", name, &[ArtifactKind::Transform]));
        let outside = self.outside().into_iter().take(1).map(|of| Reference::new("path", of.path, &[]));
        let key = ("fitted", None);
        let learnt = self.learnt.iter().map(|learnt| &learnt.data).cloned();
        let learnt = learnt.map(|name| Reference { port: "learnt", key, name, accepts: &[] });
        let data = std::iter::once(Reference::new("data", &self.data, &[]));
        data.chain(fitted).chain(outside).chain(learnt).collect()
    }

    fn outside(&self) -> Vec<OutsidePath<'_>> {
        self.files()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(source) = context.sources.get(&self.data) else { return vec![] };
        let fitted = match &self.fitted {
            None => None,
            Some(stage) => match context.transform(stage) {
                None => return vec![],
                fact => fact,
            },
        };
        let found = context.diagnostics.len();
        let declared = self.declared_labels(context);
        let mut sound = context.diagnostics.len() == found;
        let known = fitted.as_ref().map(|fitted| &fitted.labels).filter(|_| declared.is_empty());
        let known = known.unwrap_or(&declared);
        let fitted_columns = fitted.iter().flat_map(|fitted| fitted.columns.keys());
        let label_columns = known.values().flat_map(|label| &label.columns);
        let taken = self.taken(&source.source, label_columns.chain(fitted_columns));
        let own = self.own(source, &taken, context);
        let mut columns = types(&own, known, context);
        sound &= columns.len() == own.len() && !(own.is_empty() && fitted.is_none());
        let mut vocabularies = vocabularies(&own, context);
        if self.columns.is_empty() && self.group.is_empty() && fitted.is_none() {
            let place = Place::stage(context.stage);
            let hint = "for example columns.review = [\"lowercase\", { tokenize = \"punctuation\" }, { index = {} }]";
            context.report(Diagnostic::new("no-columns", place, "no column is encoded").hint(hint));
        }
        let mut labels = declared;
        let mut rows = RowSet::default();
        if let Some(fitted) = &fitted {
            let header = source.columns.as_ref().map(|_| self.header(source));
            let found = context.diagnostics.len();
            labels = self.labels_as(labels, &fitted.labels, header.as_deref(), context);
            sound &= context.diagnostics.len() == found;
            for (name, column) in &fitted.columns {
                if let Some(chain) = own.get(name) {
                    let place = chain.named.clone();
                    let message = format!("`{name}` is already encoded by the fitted transform");
                    let hint = "remove the chain here, or give the column another name with `rename`";
                    context.report(
                        chain.at_name(Diagnostic::new("column-fitted-twice", place, message).hint(hint)),
                    );
                }
                columns.insert(name.clone(), *column);
            }
            vocabularies.extend(fitted.vocabularies.clone());
            rows = fitted.fitted.clone();
        }
        let last = |name: &str| own.get(name)?.steps.last();
        let found = context.diagnostics.len();
        self.check_words(&columns, last, context);
        sound &= context.diagnostics.len() == found;
        self.check_header(source, &columns, &own, context);
        let all = source.rows(&self.data);
        let parts = source.parts();
        if !own.is_empty() || !labels.is_empty() && fitted.is_none() {
            let part = parts.contains(&Part::Train).then_some(Part::Train);
            if !parts.is_empty() && part.is_none() {
                let message = format!("`{}` has no train part to fit on", self.data);
                let hint = "add `train` to its split, or use `fitted` alone";
                context.report(Diagnostic::new("nothing-to-fit", context.place("data"), message).hint(hint));
            }
            let fitted_on = crate::Rows { parts: part.into_iter().collect(), ..all.clone() };
            rows = rows.union(&RowSet([fitted_on].into()));
        }
        self.check_leaks(&parts, context);
        let mut longest = fitted.map(|fitted| fitted.longest).unwrap_or_default();
        longest.extend(own.iter().filter_map(|(name, chain)| {
            let limits = chain.steps.iter().filter_map(Step::most_tokens);
            Some((name.clone(), limits.min()?))
        }));
        if !sound {
            // What a label or a column is that is wrongly declared, nobody can know: stages that take it would be reported
            // too.
            return vec![];
        }
        let weighted = self.weights.is_some();
        let fact =
            DatasetFact { rows: all, parts, columns, vocabularies, longest, labels, weighted, fitted: rows };
        vec![("dataset", Fact::Dataset(fact.clone())), ("transform", Fact::Transform(fact))]
    }
}

impl Preprocess {
    /// Reports a question about parts that are not there.
    fn check_leaks(&self, parts: &[Part], context: &mut Context<'_>) {
        let asks = self.on_leak.is_some_and(|on_leak| on_leak != OnLeak::Ignore);
        if asks && parts.len() < 2 && self.learnt.is_none() {
            let message = format!("`{}` has no two parts that could share rows", self.data);
            let hint = "give the source a `split`, or leave `on-leak` out";
            context.report(Diagnostic::new("nothing-leaks", context.place("on-leak"), message).hint(hint));
        }
    }

    /// Columns that a pattern does not take: the label, what names the rows, splits or weighs them, and what is fitted
    /// already.
    pub fn taken<'a>(
        &self,
        source: &data::Source,
        others: impl Iterator<Item = &'a String>,
    ) -> BTreeSet<String> {
        let split = source.split.as_ref().and_then(|split| split.column.as_ref());
        let named = source.id.iter().chain(split);
        let mut taken: BTreeSet<String> =
            named.map(|name| self.rename.get(name).unwrap_or(name).clone()).collect();
        taken.extend(self.weights.clone());
        taken.extend(others.cloned());
        taken
    }

    /// This stage's own chains by column; mistakes of groups are reported.
    fn own<'a>(
        &'a self,
        source: &SourceFact,
        taken: &BTreeSet<String>,
        context: &mut Context<'_>,
    ) -> BTreeMap<String, Chain<'a>> {
        let mut own = BTreeMap::new();
        for (name, steps) in &self.columns {
            let place = context.inside(["columns".into(), name.as_str().into()]);
            let chain = Chain { steps, named: place.clone(), key: true, place, first: true };
            own.insert(name.clone(), chain);
        }
        self.add_groups(&mut own, source, taken, context);
        own
    }
}
