//! What heads, clusters and projections are fitted on: features of any number of stages, and columns of the data.

use data::{ColumnType, LabelKind, Part};
use network::nearest;
use plan::{ArtifactKind, Diagnostic};

use crate::check::Context;
use crate::fact::{DatasetFact, HeadFact, LabelFact};
use crate::rows::RowSet;
use crate::table::Reference;
use crate::train::trained_on;

/// Rows of numbers: features by stage, then columns of the data.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The encoded rows.
    pub data: &'a str,
    /// Stages whose features are joined, row by row.
    pub features: &'a [String],
    /// Columns of the data; all that are no sequences where none are named.
    pub columns: Option<&'a [String]>,
}

impl Inputs<'_> {
    pub(crate) fn references(&self) -> Vec<Reference> {
        let data = Reference::new("data", self.data, &[ArtifactKind::Dataset]);
        let features = Reference::list("features", self.features, &[ArtifactKind::Features]);
        std::iter::once(data).chain(features).collect()
    }

    /// Reports mistakes of inputs; gives the data.
    pub(crate) fn check(&self, context: &mut Context<'_>) -> Option<DatasetFact> {
        let data = context.dataset(self.data)?;
        self.check_columns(&data, context);
        joined(self.features, &data, context)?;
        Some(data)
    }

    /// Reports mistakes of inputs and label; gives the data and what is known of a head fitted on its training rows.
    pub(crate) fn check_head(&self, context: &mut Context<'_>) -> Option<(DatasetFact, HeadFact)> {
        let data = context.dataset(self.data)?;
        let columns = self.check_columns(&data, context);
        let learnt = |label: &&LabelFact| matches!(label.kind, LabelKind::Class | LabelKind::Number);
        let Some(label) = data.label().filter(learnt).cloned() else {
            let message = match (data.label(), data.labels.is_empty()) {
                (None, true) => "the data has no label to train on",
                (None, false) => "a head learns one label, and the data has several",
                (Some(LabelFact { kind: LabelKind::Tags, .. }), _) => {
                    "a head learns one class or number a row, and the label is of tags of words"
                }
                (Some(_), _) => "a head learns one class or number a row, and a row may have several labels",
            };
            let hint = match data.label() {
                Some(LabelFact { kind: LabelKind::Tags, .. }) => {
                    "train a network that ends in logits for every step, such as bidirectional recurrent layers"
                }
                _ => "add `label = \"...\"` to the preprocess stage",
            };
            context.report(Diagnostic::new("no-label", context.place("data"), message).hint(hint));
            return None;
        };
        let (widths, fitted) = joined(self.features, &data, context)?;
        let fitted = fitted.union(&trained_on(&data));
        if data.parts.contains(&Part::Train) {
            context.need(&[Part::Train], &data, "the stage trains on", context.place("data"));
        }
        Some((data, HeadFact { widths, columns, label: label.kind, fitted }))
    }

    /// Reports columns that cannot be used; gives those that are meant.
    fn check_columns(&self, data: &DatasetFact, context: &mut Context<'_>) -> Vec<String> {
        let usable = |name: &String| {
            !matches!(data.columns[name], ColumnType::Sequence { .. } | ColumnType::Image { .. })
        };
        let all: Vec<String> = data.columns.keys().filter(|name| usable(name)).cloned().collect();
        for (index, name) in self.columns.into_iter().flatten().enumerate() {
            if all.contains(name) {
                continue;
            }
            let place = context.inside(["columns".into(), index.into()]);
            let diagnostic = if let Some(kind) = data.columns.get(name) {
                let what = if matches!(kind, ColumnType::Image { .. }) { "picture" } else { "sequence" };
                let message =
                    format!("`{name}` is a {what}, and a head takes numbers, vectors and categories");
                Diagnostic::new("column-type", place, message).hint("extract features from it with a network")
            } else {
                let hint = match nearest(name, all.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "encode it in the preprocess stage as \"category\" or \"number\"".to_owned(),
                };
                Diagnostic::new("missing-column", place, format!("the data has no encoded column `{name}`"))
                    .hint(hint)
            };
            context.report(diagnostic);
        }
        let columns = self.columns.map_or(all, <[String]>::to_vec);
        if columns.is_empty() && self.features.is_empty() {
            let message = "there is nothing to fit on";
            let hint = "name `features` of a stage, or encode some columns as category or number";
            context.report(Diagnostic::new("no-columns", context.place("data"), message).hint(hint));
        }
        columns
    }
}

/// Widths of features and the rows they were fitted on; reports features of other rows than the data's.
pub(crate) fn joined(
    features: &[String],
    data: &DatasetFact,
    context: &mut Context<'_>,
) -> Option<(Vec<Option<usize>>, RowSet)> {
    let facts: Option<Vec<_>> = features.iter().map(|stage| context.features(stage)).collect();
    let facts = facts?;
    let mut fitted = data.fitted.clone();
    for (index, fact) in facts.iter().enumerate() {
        if (&fact.rows.file, &fact.rows.split) != (&data.rows.file, &data.rows.split) {
            let place = context.inside(["features".into(), index.into()]);
            let message = format!(
                "`{}` holds features of `{}`, but the data's rows are of `{}`",
                features[index], fact.rows.source, data.rows.source
            );
            let hint = "extract the features from the same rows";
            context.report(Diagnostic::new("other-rows", place, message).hint(hint));
        }
        fitted = fitted.union(&fact.fitted);
    }
    Some((facts.iter().map(|fact| fact.width).collect(), fitted))
}
