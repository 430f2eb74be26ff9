//! `preprocess`: columns encoded by chains of steps, fitted on the training rows only.

use std::collections::BTreeMap;

use data::{ColumnType, LabelKind, Part, Step, check_chain};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, SourceFact, column_hint};
use crate::fact::{DatasetFact, Fact, LabelFact};
use crate::rows::RowSet;
use crate::table::{Params, Reference, Stage};

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
    /// The column to predict; by default the one that `fitted` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the label names classes or is a number.
    #[serde(default)]
    pub label_kind: LabelKind,
    /// A chain of steps for each column.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<Step>>,
}

impl Stage for Preprocess {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        let fitted =
            self.fitted.iter().map(|name| Reference::new("fitted", name, &[ArtifactKind::Transform]));
        std::iter::once(Reference::new("data", &self.data, &[])).chain(fitted).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let mut columns = self.chains(context);
        let Some(source) = context.sources.get(&self.data) else { return vec![] };
        let fitted = match &self.fitted {
            None => None,
            Some(stage) => match context.transform(stage) {
                None => return vec![],
                fact => fact,
            },
        };
        if self.columns.is_empty() && fitted.is_none() {
            let place = Place::stage(context.stage);
            let hint = "for example columns.review = [\"lowercase\", { tokenize = \"punctuation\" }, { index = {} }]";
            context.report(Diagnostic::new("no-columns", place, "no column is encoded").hint(hint));
        }
        let mut label = self.label.clone().map(|column| LabelFact { column, kind: self.label_kind });
        let mut rows = RowSet::default();
        if let Some(fitted) = &fitted {
            label = match (label, &fitted.label) {
                (Some(label), Some(of)) => Some(LabelFact { kind: of.kind, ..label }),
                (None, Some(of)) => self.header(source, context).contains(&of.column).then(|| of.clone()),
                (label, None) => label,
            };
            for (name, column) in &fitted.columns {
                if self.columns.contains_key(name) {
                    let place = context.inside(["columns".into(), name.as_str().into()]);
                    let message = format!("`{name}` is already encoded by the fitted transform");
                    let hint = "remove the chain here, or give the column another name with `rename`";
                    context
                        .report(Diagnostic::new("column-fitted-twice", place, message).at_key().hint(hint));
                }
                columns.insert(name.clone(), *column);
            }
            rows = fitted.fitted.clone();
        }
        self.check_header(source, &columns, fitted.is_some(), context);
        let all = source.rows(&self.data);
        let parts = source.parts();
        if !self.columns.is_empty() || self.label.is_some() && fitted.is_none() {
            let part = parts.contains(&Part::Train).then_some(Part::Train);
            if !parts.is_empty() && part.is_none() {
                let message = format!("`{}` has no train part to fit on", self.data);
                let hint = "add `train` to its split, or use `fitted` alone";
                context.report(Diagnostic::new("nothing-to-fit", context.place("data"), message).hint(hint));
            }
            let fitted_on = crate::Rows { parts: part.into_iter().collect(), ..all.clone() };
            rows = rows.union(&RowSet([fitted_on].into()));
        }
        let fact = DatasetFact { rows: all, parts, columns, label, fitted: rows };
        vec![("dataset", Fact::Dataset(fact.clone())), ("transform", Fact::Transform(fact))]
    }
}

impl Preprocess {
    /// Types of this stage's own chains; a wrong chain is reported and left out.
    fn chains(&self, context: &mut Context<'_>) -> BTreeMap<String, ColumnType> {
        let mut types = BTreeMap::new();
        for (name, steps) in &self.columns {
            let place = context.inside(["columns".into(), name.as_str().into()]);
            if name.is_empty()
                || name == "label"
                || name == "part"
                || name == "row"
                || name == "id"
                || name.contains('.')
            {
                let message = format!("`{name}` cannot name an encoded column");
                let hint = "label, part, row, id and names with a dot are taken: use `rename`";
                context.report(Diagnostic::new("column-name", place.clone(), message).at_key().hint(hint));
            }
            match check_chain(steps) {
                Ok(kind) => drop(types.insert(name.clone(), kind)),
                Err(problems) => {
                    for problem in problems {
                        let at =
                            if problem.step < steps.len() { place.join(problem.step) } else { place.clone() };
                        let mut diagnostic = Diagnostic::new("chain", at, problem.message);
                        diagnostic.hint = problem.hint;
                        context.report(diagnostic);
                    }
                }
            }
        }
        types
    }

    /// The source's columns under their new names.
    fn header(&self, source: &SourceFact, _: &Context<'_>) -> Vec<String> {
        let names = source.columns.clone().unwrap_or_default();
        names.into_iter().map(|name| self.rename.get(&name).cloned().unwrap_or(name)).collect()
    }

    fn check_header(
        &self,
        source: &SourceFact,
        columns: &BTreeMap<String, ColumnType>,
        fitted: bool,
        context: &mut Context<'_>,
    ) {
        let Some(original) = &source.columns else { return };
        for old in self.rename.keys().filter(|old| !original.contains(old)) {
            let place = context.inside(["rename".into(), old.as_str().into()]);
            context.report(missing(place, old, original, &self.data).at_key());
        }
        let header = self.header(source, context);
        for name in columns.keys().filter(|name| !header.contains(name)) {
            if self.columns.contains_key(name) {
                let place = context.inside(["columns".into(), name.as_str().into()]);
                context.report(missing(place, name, &header, &self.data).at_key());
            } else if fitted {
                let place = context.place("fitted");
                let message = format!(
                    "the fitted transform needs a column `{name}`, which `{}` does not have",
                    self.data
                );
                let hint = format!(
                    "say which column it is: rename = {{ {} = \"{name}\" }}",
                    guess(&header, columns)
                );
                context.report(Diagnostic::new("missing-column", place, message).hint(hint));
            }
        }
        if let Some(label) = self.label.as_ref().filter(|label| !header.contains(label)) {
            context.report(missing(context.place("label"), label, &header, &self.data));
        }
        if let Some(label) = self.label.as_ref().filter(|label| columns.contains_key(*label)) {
            let message = format!("the label `{label}` is also an input column");
            let hint = "a network that sees the label learns nothing else: remove the column";
            context.report(Diagnostic::new("label-is-input", context.place("label"), message).hint(hint));
        }
    }
}

fn missing(place: Place, name: &str, header: &[String], source: &str) -> Diagnostic {
    let message = format!("`{source}` has no column `{name}`");
    Diagnostic::new("missing-column", place, message).hint(column_hint(name, header))
}

/// A column that is not used yet, as an example for a hint.
fn guess(header: &[String], columns: &BTreeMap<String, ColumnType>) -> String {
    header.iter().find(|name| !columns.contains_key(*name)).cloned().unwrap_or_else(|| "its-name".into())
}
