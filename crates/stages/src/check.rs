//! What a stage's check sees, and how it reports.

use std::collections::BTreeMap;

use data::{CellType, ColumnType, Part, Source};
use network::{Network, nearest};
use plan::{ArtifactKind, Blame, Diagnostic, Need, Place, Segment, StageError, Variant};

use crate::fact::{DatasetFact, Fact, FeaturesFact, HeadFact, LabelFact, NetworkFact};
use crate::fit::Shapes;
use crate::metric::Measure;
use crate::rows::{RowSet, Rows};

/// What is known of a source before its rows are read.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFact {
    /// Its declaration.
    pub source: Source,
    /// The files, resolved, one a line; the paths as written where they were not found.
    pub file: String,
    /// Its header; `None` where it could not be read, which has been reported.
    pub columns: Option<Vec<String>>,
    /// What its columns hold, as far as the start of its first file tells.
    pub types: BTreeMap<String, CellType>,
    /// The seed of its split.
    pub seed: u64,
}

impl SourceFact {
    /// All rows of the source called `name`.
    pub fn rows(&self, name: &str) -> Rows {
        let split = match &self.source.split {
            Some(split) => format!("{split:?} seed {}", split.seed.unwrap_or(self.seed)),
            None => String::new(),
        };
        // Rows that a filter left out were in no part.
        let split = if self.source.filter.is_empty() {
            split
        } else {
            format!("{split} where {:?} {:?}", self.source.filter, self.source.derive)
        };
        Rows { source: name.into(), file: self.file.clone(), split, parts: [].into() }
    }

    /// Parts that the split makes; a split column may make all.
    pub fn parts(&self) -> Vec<Part> {
        self.source.split.as_ref().map(data::Split::parts).unwrap_or_default()
    }
}

/// What is known of a folder that an `import` stage takes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Its `network.json`.
    pub network: Network,
    /// The columns and labels of its `transform.json`, where it has one.
    pub transform: Option<(BTreeMap<String, ColumnType>, BTreeMap<String, LabelFact>)>,
}

/// What is known of a file or folder of others that a stage takes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Outside {
    /// What `import` takes in.
    Network(Imported),
    /// What `word-vectors` reads.
    Vectors {
        /// Numbers in a vector.
        width: usize,
    },
    /// What `load-network` loads.
    Weights {
        /// Sizes of the tensors by name.
        shapes: Shapes,
        /// What the folder calls the classes of its own head; empty where it does not.
        classes: Vec<String>,
    },
    /// How many tokens each tokenizer of a `preprocess` has, by the place of its step.
    Tokenizers(BTreeMap<Place, usize>),
}

/// What one stage's check sees. Facts of stages that are themselves wrong are absent: they have been reported.
pub struct Context<'a> {
    /// The stage being checked.
    pub stage: &'a str,
    /// Inputs of the stage as (port, stage or source), in port order, those that follow from other stages included.
    pub inputs: Vec<(&'static str, String)>,
    /// Facts by stage, one for each output port.
    pub facts: &'a BTreeMap<String, Vec<(&'static str, Fact)>>,
    /// Sources by name.
    pub sources: &'a BTreeMap<String, SourceFact>,
    /// What stages take in from outside, by stage; absent where it could not be read, which has been reported.
    pub outside: &'a BTreeMap<String, Outside>,
    /// Mistakes that have been found.
    pub diagnostics: Vec<Diagnostic>,
    /// What is no mistake, and yet not likely meant.
    pub warnings: Vec<Diagnostic>,
    /// What inputs must hold when they are made, each with the place that asks for it.
    pub needs: Vec<(Place, Need)>,
}

impl Context<'_> {
    /// The place of a key of this stage.
    pub fn place(&self, key: &str) -> Place {
        Place::stage(self.stage).join(key)
    }

    /// The place further inside a key of this stage.
    pub fn inside<const N: usize>(&self, segments: [Segment; N]) -> Place {
        Place::stage(self.stage).extend(segments)
    }

    /// Reports a mistake.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports what is no mistake, and yet not likely meant.
    pub fn warn(&mut self, diagnostic: Diagnostic) {
        self.warnings.push(diagnostic);
    }

    fn fact(&self, stage: &str, kind: ArtifactKind) -> Option<&Fact> {
        self.facts.get(stage)?.iter().map(|(_, fact)| fact).find(|fact| fact.kind() == kind)
    }

    /// The data set that a stage makes.
    pub fn dataset(&self, stage: &str) -> Option<DatasetFact> {
        match self.fact(stage, ArtifactKind::Dataset)? {
            Fact::Dataset(fact) => Some(fact.clone()),
            _ => None,
        }
    }

    /// The transform that a stage makes.
    pub fn transform(&self, stage: &str) -> Option<DatasetFact> {
        match self.fact(stage, ArtifactKind::Transform)? {
            Fact::Transform(fact) => Some(fact.clone()),
            _ => None,
        }
    }

    /// The network that a stage makes.
    pub fn network(&self, stage: &str) -> Option<NetworkFact> {
        match self.fact(stage, ArtifactKind::Network)? {
            Fact::Network(fact) => Some(fact.clone()),
            _ => None,
        }
    }

    /// The features that a stage makes.
    pub fn features(&self, stage: &str) -> Option<FeaturesFact> {
        match self.fact(stage, ArtifactKind::Features)? {
            Fact::Features(fact) => Some(fact.clone()),
            _ => None,
        }
    }

    /// The head that a stage makes.
    pub fn head(&self, stage: &str) -> Option<HeadFact> {
        match self.fact(stage, ArtifactKind::Head)? {
            Fact::Head(fact) => Some(fact.clone()),
            _ => None,
        }
    }

    /// Metrics that a stage measures.
    pub fn metrics(&self, stage: &str) -> Option<Vec<Measure>> {
        match self.fact(stage, ArtifactKind::Metrics)? {
            Fact::Metrics(metrics) => Some(metrics.clone()),
            _ => None,
        }
    }

    /// Asks for rows in one of these parts of the data, before anything runs that they are for. `who` asks for them.
    pub(crate) fn need(&mut self, parts: &[Part], data: &DatasetFact, who: &str, place: Place) {
        let source = &data.rows.source;
        let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
        let split = self.sources.get(source).and_then(|fact| fact.source.split.as_ref());
        let hint = match split.and_then(|split| split.column.as_ref()) {
            Some(column) => {
                format!("no cell of `{column}`, which says the part of each row, is `{}`", names[0])
            }
            None => "the data has too few rows for such a share: make it larger".to_owned(),
        };
        let error = StageError::new(
            Blame::Input,
            format!("{who} the {} part, and no row of `{source}` is in it", names.join(" or ")),
        );
        let need = Need {
            port: "data".to_owned(),
            file: data::DESCRIPTION_FILE.to_owned(),
            any_of: names.iter().map(|part| format!("/parts/{part}/rows")).collect(),
            error: error.hint(hint),
        };
        self.needs.push((place, need));
    }

    /// Reports a part that the data set's split does not make; gives the part that is meant.
    ///
    /// Without a wish it is the test part, else the validation part, else all rows.
    pub fn part(&mut self, wish: Option<Part>, data: &DatasetFact) -> Option<Part> {
        if let Some(part) = wish {
            if !data.parts.contains(&part) {
                let names: Vec<&str> = data.parts.iter().map(|part| part.name()).collect();
                let hint = match names.is_empty() {
                    true => {
                        format!("give `{}` a `split`, or leave `part` out to use all rows", data.rows.source)
                    }
                    false => format!("it has {}", names.join(", ")),
                };
                let message = format!("the data has no {} part", part.name());
                self.report(Diagnostic::new("unknown-part", self.place("part"), message).hint(hint));
            } else {
                self.need(&[part], data, "the stage reads", self.place("part"));
            }
            return Some(part);
        }
        [Part::Test, Part::Valid].into_iter().find(|part| data.parts.contains(part))
    }

    /// How rows come to have a part that the data does not have.
    pub(crate) fn part_hint(&self, part: Part, data: &DatasetFact) -> String {
        let (name, source) = (part.name(), &data.rows.source);
        let split = self.sources.get(source).and_then(|fact| fact.source.split.as_ref());
        let of_folds = Variant::parse(source).axes.iter().any(|(axis, _)| *axis == "fold");
        match split {
            None => format!("give `{source}` a split with it, such as {{ train = 0.8, {name} = 0.2 }}"),
            Some(split) if split.folds.is_none() => "add it to the source's split".to_owned(),
            Some(_) if of_folds => format!("add it to the folds: `{name} = 0.1` in [folds]"),
            Some(_) => format!("add it to the folds: `{name} = 0.1` in the split"),
        }
    }

    /// Reports measuring on rows that were trained or fitted on.
    pub fn unseen(&mut self, fitted: &RowSet, rows: &Rows, key: &str) {
        if let Some(why) = fitted.overlap(rows) {
            let message = format!("this evaluates on rows that were trained or fitted on: {why}");
            let hint = "evaluate on a part that nothing was fitted on: `part = \"valid\"` or `part = \"test\"`, with a `split` on the source";
            let place = if key.is_empty() { Place::stage(self.stage) } else { self.place(key) };
            self.report(Diagnostic::new("evaluates-on-training-rows", place, message).hint(hint));
        }
    }
}

/// Columns that a hint names at most.
const MOST: usize = 20;

/// Characters of a column's name in a hint.
const LONGEST: usize = 40;

/// Advice to one who asks a file with this header for a column that it does not have.
pub fn column_hint(name: &str, header: &[String]) -> String {
    if let [only] = header {
        let separator = ['\t', ';', '|'].into_iter().find(|separator| only.contains(*separator));
        match separator {
            Some('\t') => return "its columns are separated by tabs: add format = \"tsv\"".to_owned(),
            Some(separator) => {
                return format!(
                    "its columns are separated by `{separator}`: add delimiter = \"{separator}\""
                );
            }
            None => {}
        }
    }
    match nearest(name, header.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", abridged(header)),
    }
}

/// Names as far as a reader wants to see them: a file that is no table may have a header of any length.
fn abridged(names: &[String]) -> String {
    let short = |name: &String| match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.clone(),
    };
    let shown: Vec<String> = names.iter().take(MOST).map(short).collect();
    let rest = names.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_know_other_separators() {
        let hint = |header: &[&str]| {
            column_hint("label", &header.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(hint(&["text;label"]), "its columns are separated by `;`: add delimiter = \";\"");
        assert_eq!(hint(&["text\tlabel"]), "its columns are separated by tabs: add format = \"tsv\"");
        assert_eq!(hint(&["text", "lable"]), "did you mean `lable`?");
        assert_eq!(hint(&["text", "y"]), "it has text, y");
        assert_eq!(hint(&["é".repeat(41).as_str()]), format!("it has {}…", "é".repeat(40)));
        assert!(hint(&["column"; 22]).ends_with("column and 2 more"));
    }
}
