//! What `preprocess` says of labels: the only one, or several by name.

use std::collections::BTreeMap;

use data::{ColumnType, LABEL, Label, LabelColumn, LabelKind, Step};
use plan::{Diagnostic, Place};

use crate::check::{Context, column_hint};
use crate::fact::LabelFact;
use crate::preprocess::Preprocess;

/// Labels by name, the only one under [`LABEL`].
pub(crate) type Labels = BTreeMap<String, LabelFact>;

impl LabelFact {
    /// A label as it is declared; `kind` is that of a column that says no more.
    fn new(label: &Label, kind: LabelKind) -> Self {
        let width = matches!(label, Label::Columns(_)).then(|| label.columns().len());
        let of = label.of().map(str::to_owned);
        LabelFact { columns: label.columns().to_vec(), kind: label.kind(kind), width, of }
    }

    /// A label as it was fitted.
    pub fn fitted(label: &data::FittedLabel) -> Self {
        let columns = label.columns().to_vec();
        let width = (columns.len() > 1).then_some(columns.len());
        LabelFact { columns, kind: label.kind, width, of: label.of.clone() }
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
        let misplaced = self.label_kind != LabelKind::Class && !matches!(self.label, Some(Label::Column(_)));
        if misplaced {
            let message = "`label-kind` is of a `label` that is one column's name";
            let kind = serde_json::to_string(&self.label_kind).unwrap_or_default();
            let hint = format!("say it inside: {{ column = \"...\", kind = {kind} }}");
            context.report(Diagnostic::new("labels", context.place("label-kind"), message).hint(hint));
        }
        let mut labels = Labels::new();
        for (name, label, place) in self.declared(context) {
            let good = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
            let named = self.labels.contains_key(name);
            if named && (name.is_empty() || name == LABEL || !name.chars().all(good)) {
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
            check_classes(label, &place, context);
            if !misplaced {
                self.check_of(label, &place, context);
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
        for (name, label, place) in self.declared(context) {
            let (Some(own), of) = (declared.get_mut(name), fitted.get(name)) else { continue };
            match of {
                Some(of) if self.states_other(label, of.kind) => {
                    let message = format!("the fitted transform has {} here", of.kind.in_words());
                    let hint = "say no kind, or encode this label in a stage without `fitted`";
                    context.report(Diagnostic::new("labels", place, message).hint(hint));
                }
                Some(of) if own.columns.len() == of.columns.len() && form(own.kind) == form(of.kind) => {
                    own.kind = of.kind;
                    if own.of != of.of {
                        let column = of.of.clone().unwrap_or_default();
                        let message = format!("the fitted transform has tags of the words of `{column}`");
                        let hint =
                            format!("say of = \"{column}\": `rename` reads another column under this name");
                        let place = place.join("of");
                        context.report(Diagnostic::new("tags", place, message).hint(hint));
                    }
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

    /// Whether a label is said to be of another kind, and not only by default.
    fn states_other(&self, label: &Label, kind: LabelKind) -> bool {
        let stated = match label {
            Label::Read(column) => column.kind,
            Label::Column(_) => Some(self.label_kind).filter(|kind| *kind != LabelKind::default()),
            Label::Columns(_) => None,
        };
        stated.is_some_and(|stated| stated != kind)
    }

    /// Reports tags that do not say whose they are, and other labels that do.
    fn check_of(&self, label: &Label, place: &Place, context: &mut Context<'_>) {
        match (label.kind(self.label_kind), label.of()) {
            (LabelKind::Tags, None) => {
                let column = &label.columns()[0];
                let message = format!("`{column}` holds tags of words, and nothing says of which text's");
                let hint = format!("say it: {{ column = \"{column}\", kind = \"tags\", of = \"...\" }}");
                context.report(Diagnostic::new("tags", place.clone(), message).hint(hint));
            }
            (LabelKind::Tags, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                let message = "`of` is for tags, and this is another label";
                let hint = "add kind = \"tags\", or remove `of`";
                context.report(Diagnostic::new("tags", place.join("of"), message).hint(hint));
            }
        }
    }

    /// Reports tags of the words of columns that are not encoded, or as what has no steps. `last` is the last step of a
    /// chain that is declared here.
    pub(crate) fn check_words<'s>(
        &self,
        columns: &BTreeMap<String, ColumnType>,
        last: impl Fn(&str) -> Option<&'s Step>,
        context: &mut Context<'_>,
    ) {
        for (_, label, place) in self.declared(context) {
            let Some(of) = label.of().filter(|_| label.kind(self.label_kind) == LabelKind::Tags) else {
                continue;
            };
            let (message, hint) = match columns.get(of) {
                Some(ColumnType::Sequence { .. }) => continue,
                // A chain that is wrong has been told.
                None if last(of).is_some() => continue,
                None => {
                    let names: Vec<String> = columns.keys().cloned().collect();
                    (format!("`{of}` is no encoded column"), column_hint(of, &names))
                }
                Some(_) => {
                    let what = last(of).map_or_else(String::new, |step| format!(", `{}`,", step.name()));
                    let message =
                        format!("what the chain of `{of}` ends in{what} keeps no words in their places");
                    let hint = "tags need tokens: `tokenize` and `index`, or `tokenizer`".to_owned();
                    (message, hint)
                }
            };
            context.report(Diagnostic::new("tags", place.join("of"), message).hint(hint));
        }
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

/// Reports classes that are declared twice or without a name, and of what has none.
fn check_classes(label: &Label, place: &Place, context: &mut Context<'_>) {
    let (Label::Read(column), classes) = (label, label.classes()) else { return };
    if classes.is_empty() {
        return;
    }
    let place = place.join("classes");
    if column.kind == Some(LabelKind::Number) {
        let message = "a number has no classes";
        let diagnostic = Diagnostic::new("labels", place.clone(), message);
        context.report(diagnostic.hint("remove `classes`, or `kind`"));
    }
    for (at, class) in classes.iter().enumerate() {
        let message = match class {
            class if class.trim() != class || class.is_empty() => {
                "a class whose name no cell can hold".to_owned()
            }
            class if classes[..at].contains(class) => format!("`{class}` names two classes"),
            _ => continue,
        };
        let hint = "each class has a name of its own, in the order of the numbers that cells hold";
        context.report(Diagnostic::new("labels", place.join(at), message).hint(hint));
    }
}

/// What a label's kind asks of how it is declared.
fn form(kind: LabelKind) -> Option<LabelKind> {
    matches!(kind, LabelKind::MultiLabel | LabelKind::Tags).then_some(kind)
}
