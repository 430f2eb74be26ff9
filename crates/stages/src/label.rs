//! What `preprocess` says of labels: the only one, or several by name.

use std::collections::BTreeMap;

use data::{LABEL, Label, LabelColumn, LabelKind};
use plan::{Diagnostic, Place};

use crate::check::Context;
use crate::fact::LabelFact;
use crate::preprocess::Preprocess;

/// Labels by name, the only one under [`LABEL`].
pub(crate) type Labels = BTreeMap<String, LabelFact>;

impl LabelFact {
    /// A label as it is declared; `kind` is that of a column that says no more.
    fn new(label: &Label, kind: LabelKind) -> Self {
        let width = matches!(label, Label::Columns(_)).then(|| label.columns().len());
        LabelFact { columns: label.columns().to_vec(), kind: label.kind(kind), width }
    }

    /// A label as it was fitted.
    pub fn fitted(label: &data::FittedLabel) -> Self {
        let columns = label.columns().to_vec();
        let width = (columns.len() > 1).then_some(columns.len());
        LabelFact { columns, kind: label.kind, width }
    }

    /// The label's column, of several their names.
    pub fn name(&self) -> String {
        self.columns.join(", ")
    }
}

impl Preprocess {
    /// Labels that this stage declares, each with its name and its place.
    fn declared<'a>(&'a self, context: &Context<'_>) -> Vec<(&'a str, &'a Label, Place)> {
        let only = self.label.iter().map(|label| (LABEL, label, context.place("label")));
        let named = self.labels.iter().map(|(name, label)| {
            (name.as_str(), label, context.inside(["labels".into(), name.as_str().into()]))
        });
        only.chain(named).collect()
    }

    /// Columns that hold labels which this stage declares.
    pub fn label_columns(&self) -> impl Iterator<Item = &String> {
        self.label.iter().chain(self.labels.values()).flat_map(Label::columns)
    }

    /// The labels that this stage declares; reports what is wrong with them.
    pub(crate) fn declared_labels(&self, context: &mut Context<'_>) -> Labels {
        if self.label.is_some() && !self.labels.is_empty() {
            let message = "the stage has both `label` and `labels`";
            let hint = "name all of them in `labels`";
            context.report(Diagnostic::new("labels", context.place("label"), message).hint(hint));
        }
        if self.label_kind != LabelKind::Class && !matches!(self.label, Some(Label::Column(_))) {
            let message = "`label-kind` is of a `label` that is one column's name";
            let hint = "say it inside: { column = \"...\", kind = \"number\" }";
            context.report(Diagnostic::new("labels", context.place("label-kind"), message).hint(hint));
        }
        let mut labels = Labels::new();
        for (name, label, place) in self.declared(context) {
            let good = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
            if !self.labels.is_empty() && (name.is_empty() || name == LABEL || !name.chars().all(good)) {
                let message = format!("`{name}` cannot name one of several labels");
                let hint = "use letters, digits, `_` and `-`; `label` is the name of an only one";
                context.report(Diagnostic::new("labels", place.clone(), message).hint(hint).at_key());
            }
            if let Label::Read(LabelColumn { kind: Some(LabelKind::Number), separator: Some(_), .. }) = label
            {
                let message = "a number has no separator";
                let hint = "remove `separator`, or `kind`";
                context.report(Diagnostic::new("labels", place.join("separator"), message).hint(hint));
            }
            let columns = label.columns();
            let twice = columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column));
            if let Some((at, column)) = twice {
                let message = format!("`{column}` is named twice");
                context.report(Diagnostic::new("labels", place.join(at), message).hint("name it once"));
            }
            labels.insert(name.to_owned(), LabelFact::new(label, self.label_kind));
        }
        labels
    }

    /// The labels that the rows have: declared ones, read as `fitted` reads them; else those of `fitted` whose columns
    /// are in the header, as long as that is not known.
    pub(crate) fn labels_as(
        &self,
        mut declared: Labels,
        fitted: &Labels,
        header: Option<&[String]>,
        context: &mut Context<'_>,
    ) -> Labels {
        if declared.is_empty() {
            let holds = |column: &String| header.is_none_or(|header| header.contains(column));
            let has = |label: &LabelFact| label.columns.iter().all(holds);
            return if fitted.values().all(has) { fitted.clone() } else { Labels::new() };
        }
        if fitted.is_empty() {
            return declared;
        }
        for (name, _, place) in self.declared(context) {
            let (Some(own), of) = (declared.get_mut(name), fitted.get(name)) else { continue };
            match of {
                Some(of)
                    if (own.columns.len(), own.kind == LabelKind::MultiLabel)
                        == (of.columns.len(), of.kind == LabelKind::MultiLabel) =>
                {
                    own.kind = of.kind;
                }
                of => {
                    let message = match of {
                        Some(of) => format!(
                            "the fitted transform reads {} from {}",
                            of.kind.in_words(),
                            if of.columns.len() > 1 { "several columns" } else { "one column" }
                        ),
                        None => format!("the fitted transform has no label `{name}`"),
                    };
                    let names: Vec<&str> = fitted.keys().map(String::as_str).collect();
                    let hint = match of {
                        Some(_) => "declare the label in the same form".to_owned(),
                        None => format!("it has {}", names.join(", ")),
                    };
                    context.report(Diagnostic::new("labels", place, message).hint(hint));
                }
            }
        }
        declared
    }

    /// Reports columns of labels that are not in the header, or are inputs too.
    pub(crate) fn check_label_columns(
        &self,
        header: &[String],
        is_input: impl Fn(&String) -> bool,
        context: &mut Context<'_>,
    ) {
        for (_, label, place) in self.declared(context) {
            for (at, column) in label.columns().iter().enumerate() {
                let place = match label {
                    Label::Column(_) => place.clone(),
                    Label::Columns(_) => place.join(at),
                    Label::Read(_) => place.join("column"),
                };
                if !header.contains(column) {
                    context.report(crate::header::missing(place, column, header, &self.data));
                } else if is_input(column) {
                    let message = format!("the label `{column}` is also an input column");
                    let hint = "a network that sees the label learns nothing else: remove the column";
                    context.report(Diagnostic::new("label-is-input", place, message).hint(hint));
                }
            }
        }
    }
}
