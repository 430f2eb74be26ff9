//! Sources and folders that a recipe names: where they lie, and what their headers say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data::{Format, Source};
use network::{Network, nearest};
use plan::{Diagnostic, Place};
use stages::{Imported, LabelFact, SourceFact};

use crate::load::reason;
use crate::report::File;
use crate::set::SET_FILE;
use crate::tree::Node;

/// Where files are looked for: beside the recipe that names them, then in each data folder.
pub(crate) struct Search<'a> {
    pub(crate) root: &'a Node,
    pub(crate) files: &'a [File],
    pub(crate) data_dirs: &'a [PathBuf],
}

impl Search<'_> {
    /// The file or folder that the path at `place` means.
    fn find(&self, place: &Place, path: &str, folder: bool) -> Result<PathBuf, Diagnostic> {
        let file = self.files.get(self.root.file_of(place));
        // What the command line sets is relative to the recipe itself.
        let file = file.filter(|file| file.path != Path::new(SET_FILE)).or_else(|| self.files.first());
        let beside = file.and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
        let mut looked: Vec<PathBuf> = vec![];
        let mut other = None;
        for dir in std::iter::once(beside).chain(self.data_dirs.iter().map(PathBuf::as_path)) {
            let candidate = dir.join(path);
            match std::fs::metadata(&candidate) {
                Ok(found) if found.is_dir() == folder => {
                    return Ok(std::path::absolute(&candidate).unwrap_or(candidate));
                }
                Ok(_) => other = Some(candidate),
                Err(_) if looked.contains(&candidate) => {}
                Err(_) => looked.push(candidate),
            }
        }
        let what = if folder { "folder" } else { "file" };
        Err(match other {
            Some(other) => {
                let is = if folder { "a file" } else { "a folder" };
                let message = format!("`{}` is {is}, not a {what}", other.display());
                Diagnostic::new("file-not-found", place.clone(), message)
            }
            None => {
                let looked: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
                let message = format!("there is no {what} `{path}`");
                let hint = format!(
                    "looked for {}; paths are relative to the recipe, then to each --data-dir and PIPELINE_DATA",
                    looked.join(", ")
                );
                Diagnostic::new("file-not-found", place.clone(), message).hint(hint)
            }
        })
    }

    /// What is known of a source, and where it lies if it was found.
    pub(crate) fn source(
        &self,
        name: &str,
        source: Source,
        seed: u64,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (SourceFact, Option<PathBuf>) {
        let place = Place::source(name);
        let problems = source.problems();
        let readable = problems.iter().all(|problem| problem.field != "path");
        for problem in problems {
            let mut diagnostic = Diagnostic::new("source", inside(&place, &problem.field), problem.message);
            diagnostic.hint = problem.hint;
            diagnostics.push(diagnostic);
        }
        let mut fact = SourceFact { file: source.path.clone(), columns: None, seed, source };
        if fact.source.path.trim().is_empty() {
            return (fact, None);
        }
        match self.find(&place.join("path"), &fact.source.path, false) {
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                (fact, None)
            }
            Ok(path) => {
                let resolved = path.canonicalize().unwrap_or_else(|_| path.clone());
                fact.file = resolved.to_string_lossy().into_owned();
                if readable {
                    match data::header(&path, &fact.source) {
                        Ok(columns) => fact.columns = Some(columns),
                        Err(error) => {
                            diagnostics.push(Diagnostic::new(
                                "unreadable-data",
                                place.join("path"),
                                error.to_string(),
                            ));
                        }
                    }
                }
                named_columns(name, &fact, diagnostics);
                (fact, Some(path))
            }
        }
    }

    /// What an `import` stage takes in, and its folder.
    pub(crate) fn import(&self, stage: &str, path: &str) -> Result<(Imported, PathBuf), Diagnostic> {
        let place = Place::stage(stage).join("path");
        let folder = self.find(&place, path, true)?;
        let read = |name: &str| {
            std::fs::read(folder.join(name))
                .map_err(|error| format!("cannot read `{name}` there: {}", reason(&error)))
        };
        let wrong = |message: String| {
            let hint = "an import takes the folder that an export stage wrote";
            Diagnostic::new("unreadable-import", place.clone(), message).hint(hint)
        };
        let bytes = read("network.json").map_err(wrong)?;
        let network: Network = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("`network.json` there is damaged: {error}")))?;
        let mut transform = None;
        if folder.join("transform.json").exists() {
            let bytes = read("transform.json").map_err(wrong)?;
            let fitted = data::Transform::from_json(&bytes)
                .map_err(|error| wrong(format!("`transform.json` there is damaged: {error}")))?;
            let mut columns = BTreeMap::new();
            for (name, column) in fitted.columns() {
                let kind = data::check_chain(&column.steps).map_err(|_| {
                    wrong(format!("`transform.json` there is damaged: the chain of `{name}`"))
                })?;
                columns.insert(name.clone(), kind);
            }
            let label =
                fitted.label().map(|label| LabelFact { column: label.column.clone(), kind: label.kind });
            transform = Some((columns, label));
        }
        Ok((Imported { network, transform }, folder))
    }
}

/// A source as the plan has it: the format said in full, the seed taken out, so that equal reading looks equal.
///
/// # Errors
/// Serde's; a fraction that is not finite.
pub(crate) fn planned(
    name: &str,
    fact: &SourceFact,
    path: PathBuf,
) -> Result<plan::Source, serde_json::Error> {
    let mut source = fact.source.clone();
    source.format = source.format.or_else(|| Format::of(&path));
    let seed = match &mut source.split {
        Some(split) if split.column.is_none() => Some(split.seed.take().unwrap_or(fact.seed)),
        _ => None,
    };
    let mut reading = serde_json::to_value(&source)?;
    if let Some(reading) = reading.as_object_mut() {
        reading.remove("path");
    }
    Ok(plan::Source { name: name.to_owned(), path, reading, seed })
}

/// Columns that the declaration itself names.
fn named_columns(name: &str, fact: &SourceFact, diagnostics: &mut Vec<Diagnostic>) {
    let Some(columns) = &fact.columns else { return };
    let split = fact.source.split.as_ref();
    let named = [
        ("id", fact.source.id.as_ref()),
        ("split.stratify", split.and_then(|split| split.stratify.as_ref())),
        ("split.column", split.and_then(|split| split.column.as_ref())),
    ];
    for (field, column) in named {
        let Some(column) = column.filter(|column| !columns.contains(column)) else { continue };
        let hint = match nearest(column, columns.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", columns.join(", ")),
        };
        let message = format!("`{name}` has no column `{column}`");
        diagnostics
            .push(Diagnostic::new("missing-column", inside(&Place::source(name), field), message).hint(hint));
    }
}

fn inside(place: &Place, field: &str) -> Place {
    place.extend(field.split('.').map(Into::into))
}
