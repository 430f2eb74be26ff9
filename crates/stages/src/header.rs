//! What a `preprocess` stage asks of its source's columns.

use std::collections::BTreeMap;

use data::ColumnType;
use plan::{Diagnostic, Place};

use crate::check::{Context, SourceFact, column_hint};
use crate::preprocess::{Chain, Preprocess};

/// A column that the source does not have.
pub(crate) fn missing(place: Place, name: &str, header: &[String], source: &str) -> Diagnostic {
    let message = format!("`{source}` has no column `{name}`");
    Diagnostic::new("missing-column", place, message).hint(column_hint(name, header))
}

impl Preprocess {
    /// The source's columns under their new names.
    pub(crate) fn header(&self, source: &SourceFact) -> Vec<String> {
        let names = source.columns.clone().unwrap_or_default();
        names.into_iter().map(|name| self.rename.get(&name).cloned().unwrap_or(name)).collect()
    }

    /// The name in the source of a column under its new name.
    pub(crate) fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.rename.iter().find(|(_, new)| *new == name).map_or(name, |(old, _)| old.as_str())
    }

    /// Reports columns that the source does not have, and chains of pictures for columns that hold none; `columns` are
    /// those that are encoded, `own` the chains of this stage.
    pub(crate) fn check_header(
        &self,
        source: &SourceFact,
        columns: &BTreeMap<String, ColumnType>,
        own: &BTreeMap<String, Chain<'_>>,
        context: &mut Context<'_>,
    ) {
        let Some(original) = &source.columns else { return };
        for old in self.rename.keys().filter(|old| !original.contains(old)) {
            let place = context.inside(["rename".into(), old.as_str().into()]);
            context.report(missing(place, old, original, &self.data).at_key());
        }
        let header = self.header(source);
        for (name, kind) in columns {
            let diagnostic = match (own.get(name), kind) {
                (Some(chain), _) if !header.contains(name) => {
                    missing(chain.named.clone(), name, &header, &self.data)
                }
                (None, _) if !header.contains(name) => self.lacks(name, &header, columns, context),
                (chain, ColumnType::Image { .. }) if !self.has_pictures(name, source) => {
                    let place = chain.map_or_else(|| context.place("fitted"), |chain| chain.named.clone());
                    self.no_pictures(name, source, place)
                }
                _ => continue,
            };
            context.report(match own.get(name) {
                Some(chain) => chain.at_name(diagnostic),
                None => diagnostic,
            });
        }
        if let Some(weights) = self.weights.as_ref().filter(|weights| !header.contains(weights)) {
            context.report(missing(context.place("weights"), weights, &header, &self.data));
        }
        self.check_label_columns(&header, |column| columns.contains_key(column), context);
    }

    /// A column that the fitted transform needs is not there.
    fn lacks(
        &self,
        name: &str,
        header: &[String],
        columns: &BTreeMap<String, ColumnType>,
        context: &Context<'_>,
    ) -> Diagnostic {
        let message =
            format!("the fitted transform needs a column `{name}`, which `{}` does not have", self.data);
        let unused = header.iter().find(|own| !columns.contains_key(*own)).map_or("its-name", String::as_str);
        let hint = format!("say which column it is: rename = {{ {unused} = \"{name}\" }}");
        Diagnostic::new("missing-column", context.place("fitted"), message).hint(hint)
    }

    /// Whether the source has pictures in a column.
    fn has_pictures(&self, name: &str, source: &SourceFact) -> bool {
        let original = self.original(name);
        let copied = source.source.join.get(original).and_then(|parts| parts.first());
        source.source.picture_column() == Some(copied.map_or(original, String::as_str))
    }

    fn no_pictures(&self, name: &str, source: &SourceFact, place: Place) -> Diagnostic {
        let message = format!("`{}` has no pictures in its column `{name}`", self.data);
        let hint = match source.source.picture_column() {
            Some(pictures) => format!("they are in `{pictures}`"),
            None => "pictures come from a source of format = \"pictures\", or from `files` with content = \"picture\"".to_owned(),
        };
        Diagnostic::new("no-pictures", place, message).hint(hint)
    }
}
