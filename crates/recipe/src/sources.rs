//! Sources and folders that a recipe names: where they lie, and what their headers say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data::{Format, Source, Subwords};
use network::Network;
use plan::{Diagnostic, Place};
use stages::{Imported, LabelFact, LoadNetwork, Outside, OutsidePath, Params, Preprocess, SourceFact};
use weights::WordVectors;

use crate::compile::Options;
use crate::load::reason;
use crate::pretrained;
use crate::references::OUTSIDE;
use crate::report::File;
use crate::set::SET_FILE;
use crate::tree::Node;

/// Where files are looked for: beside the recipe that names them, then in each data folder.
pub(crate) struct Search<'a> {
    pub(crate) root: &'a Node,
    pub(crate) files: &'a [File],
    pub(crate) options: &'a Options,
}

impl Search<'_> {
    /// Folders in which a file that is named at `place` is looked for.
    fn folders(&self, place: &Place) -> impl Iterator<Item = &Path> {
        let file = self.files.get(self.root.file_of(place));
        // What the command line sets is relative to the recipe itself.
        let file = file.filter(|file| file.path != Path::new(SET_FILE)).or_else(|| self.files.first());
        let beside = file.and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
        std::iter::once(beside).chain(self.options.data_dirs.iter().map(PathBuf::as_path))
    }

    /// Where a file that is named by address lies: beside the recipe, in a data folder, or in the store; none where it
    /// has yet to be fetched. Files of its name that are others come second.
    pub(crate) fn addressed(&self, place: &Place, source: &Source) -> (Option<PathBuf>, Vec<PathBuf>) {
        let sha256 = source.sha256.as_deref().unwrap_or_default().to_ascii_lowercase();
        let name = source.path.iter().next().unwrap_or_default();
        let mut others = vec![];
        let Some(store) = &self.options.store else { return (None, others) };
        for candidate in self.folders(place).map(|folder| folder.join(name)) {
            if !candidate.is_file() || others.contains(&candidate) {
                continue;
            }
            match store.sha256(&candidate) {
                Ok(found) if found == sha256 => {
                    return (Some(std::path::absolute(&candidate).unwrap_or(candidate)), others);
                }
                _ => others.push(candidate),
            }
        }
        (Some(store.download(&sha256, name)).filter(|path| path.is_file()), others)
    }

    /// The files or folders that the path or pattern at `place` means: one, or all that a pattern matches.
    fn find(&self, place: &Place, path: &str, folder: bool) -> Result<Vec<PathBuf>, Diagnostic> {
        let mut looked: Vec<PathBuf> = vec![];
        let mut other = None;
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        for dir in self.folders(place) {
            let candidate = dir.join(path);
            match std::fs::metadata(&candidate) {
                Ok(found) if found.is_dir() == folder => return Ok(vec![absolute(candidate)]),
                Ok(_) => other = Some(candidate),
                Err(_) if looked.contains(&candidate) => {}
                Err(_) => looked.push(candidate),
            }
            if data::is_pattern(path) {
                let found = data::matching(&data::pattern_in(dir, path)).into_iter();
                let found: Vec<PathBuf> =
                    found.filter(|path| path.is_dir() == folder).map(absolute).collect();
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
        let what = if folder { "folder" } else { "file" };
        Err(match other {
            Some(other) => {
                let is = if folder { "a file" } else { "a folder" };
                let message = format!("`{}` is {is}, not a {what}", other.display());
                let mut diagnostic = Diagnostic::new("file-not-found", place.clone(), message);
                if !folder {
                    let hint =
                        "a folder with one folder a class needs format = \"texts\" or format = \"pictures\"";
                    diagnostic = diagnostic.hint(hint);
                }
                diagnostic
            }
            None => {
                let looked: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
                let message = match data::is_pattern(path) {
                    true => format!("no {what} matches `{path}`"),
                    false => format!("there is no {what} `{path}`"),
                };
                let hint = format!(
                    "looked for {}; paths are relative to the recipe, then to each --data-dir and PIPELINE_DATA",
                    looked.join(", ")
                );
                Diagnostic::new("file-not-found", place.clone(), message).hint(hint)
            }
        })
    }

    /// What is known of a source, and where its files lie if they were all found: the tables in order, then the
    /// folder of a column's files.
    pub(crate) fn source(
        &self,
        name: &str,
        source: Source,
        seed: u64,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (SourceFact, Option<Vec<PathBuf>>) {
        let place = Place::source(name);
        let problems = source.problems();
        // A header can be read where nothing is wrong with how the file is to be read.
        let readable = problems
            .iter()
            .all(|problem| ["split", "where"].contains(&problem.field.split('.').next().unwrap_or("")));
        for problem in problems {
            let mut diagnostic = Diagnostic::new("source", inside(&place, &problem.field), problem.message);
            diagnostic.hint = problem.hint;
            diagnostics.push(diagnostic);
        }
        let file = source.path.iter().collect::<Vec<_>>().join("\n");
        let mut fact = SourceFact { file, columns: None, types: BTreeMap::new(), seed, source };
        if fact.source.path.is_empty() || !readable && fact.source.url.is_some() {
            return (fact, None);
        }
        let Some(mut paths) = self.tables(&place, &fact.source, diagnostics) else { return (fact, None) };
        let resolved = paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
        let resolved: Vec<String> = resolved.map(|path| path.to_string_lossy().into_owned()).collect();
        fact.file = resolved.join("\n");
        if readable {
            match data::header_of(&paths, &fact.source) {
                Ok(columns) => {
                    fact.columns = Some(columns);
                    // Rows that cannot be read are told where all of them are.
                    fact.types = data::cell_types(&paths, &fact.source).unwrap_or_default();
                }
                Err(error) => {
                    let at = inside(&place, &error.field());
                    let mut diagnostic = Diagnostic::new("unreadable-data", at, error.to_string());
                    diagnostic.hint = error.hint();
                    diagnostics.push(diagnostic);
                }
            }
        }
        named_columns(name, &fact, diagnostics);
        if let Some(files) = fact.source.files.as_ref().filter(|files| !files.folder.trim().is_empty()) {
            match self.find(&place.join("files").join("folder"), &files.folder, true) {
                Ok(folders) => paths.extend(folders.into_iter().take(1)),
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    return (fact, None);
                }
            }
        }
        (fact, Some(paths))
    }

    /// A source's tables, if all were found.
    fn tables(
        &self,
        place: &Place,
        source: &Source,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<PathBuf>> {
        if let Some(url) = &source.url {
            let (found, _) = self.addressed(place, source);
            if found.is_none() {
                let message = format!("`{url}` has not been fetched");
                diagnostics.push(Diagnostic::new("not-fetched", place.join("url"), message));
            }
            return found.map(|path| vec![path]);
        }
        let mut paths: Vec<PathBuf> = vec![];
        let mut all = true;
        for (at, path) in source.path.iter().enumerate() {
            let place = match source.path.len() {
                1 => place.join("path"),
                _ => place.join("path").join(at),
            };
            match self.find(&place, path, source.is_folder(path)) {
                Ok(found) => {
                    if let Some(again) = found.iter().find(|path| paths.contains(path)) {
                        let message = format!("`{}` is already among the files", again.display());
                        let hint = "its rows would count twice";
                        diagnostics.push(Diagnostic::new("source", place, message).hint(hint));
                        all = false;
                    }
                    paths.extend(found);
                }
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    all = false;
                }
            }
        }
        all.then_some(paths)
    }

    /// The folder that the path at `place` means, where it means one.
    pub(crate) fn folder(&self, place: &Place, path: &str) -> Option<PathBuf> {
        self.find(place, path, true).ok()?.pop()
    }

    /// Why a path at `place` that means no folder means no file either; none where it means one.
    pub(crate) fn nothing(&self, place: &Place, path: &str) -> Option<Diagnostic> {
        self.find(place, path, false).err()
    }

    /// The file or folder that the path at `place` means; of the folder of a known network, the file of its weights.
    fn taken_in(&self, params: &Params, place: &Place, path: &str) -> Result<PathBuf, Diagnostic> {
        let folder = self.folder(place, path).filter(|_| matches!(params, Params::LoadNetwork(_)));
        if let Some(folder) = folder {
            let found = pretrained::weights_file(&folder);
            return found.map_err(|message| Diagnostic::new("file-not-found", place.clone(), message));
        }
        Ok(self.find(place, path, matches!(params, Params::Import(_)))?.swap_remove(0))
    }

    /// What a stage takes in from outside, and where that lies.
    pub(crate) fn outside(
        &self,
        stage: &str,
        params: &Params,
    ) -> Result<(Outside, Vec<PathBuf>), Vec<Diagnostic>> {
        let (mut paths, mut diagnostics) = (vec![], vec![]);
        for OutsidePath { keys, path } in params.stage().outside() {
            match self.taken_in(params, &Place::stage(stage).extend(keys), path) {
                Ok(found) => paths.push(found),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        let Some(found) = paths.first().filter(|_| diagnostics.is_empty()) else { return Err(diagnostics) };
        let place = Place::stage(stage).join(OUTSIDE);
        let outside = match params {
            Params::Import(_) => import(&place, found).map(Outside::Network),
            Params::LoadNetwork(load) => self.weights(&place, load, found),
            Params::Preprocess(preprocess) => Ok(Outside::Tokenizers(tokenizers(stage, preprocess, &paths)?)),
            _ => vectors(&place, found).map(|width| Outside::Vectors { width }),
        };
        Ok((outside.map_err(|diagnostic| vec![diagnostic])?, paths))
    }

    /// What a `load-network` stage loads.
    fn weights(&self, place: &Place, load: &LoadNetwork, file: &Path) -> Result<Outside, Diagnostic> {
        let folder = load.path.as_deref().and_then(|path| self.folder(place, path));
        let classes = folder.map(|folder| pretrained::classes(&folder)).unwrap_or_default();
        Ok(Outside::Weights { shapes: pretrained::shapes(place, load, file)?, classes })
    }
}

/// How many tokens each tokenizer of a stage has, by the place of its step.
fn tokenizers(
    stage: &str,
    preprocess: &Preprocess,
    files: &[PathBuf],
) -> Result<BTreeMap<Place, usize>, Vec<Diagnostic>> {
    let (mut sizes, mut diagnostics) = (BTreeMap::new(), vec![]);
    for (keys, tokenizer) in preprocess.clone().located(files).tokenizers() {
        let place = Place::stage(stage).extend(keys);
        match Subwords::read(tokenizer) {
            Ok(subwords) => drop(sizes.insert(place, subwords.vocabulary())),
            Err(error) => {
                let at = place.extend(["tokenizer".into(), "path".into()]);
                let mut diagnostic = Diagnostic::new("unreadable-tokenizer", at, error.to_string());
                diagnostic.hint = error.hint();
                diagnostics.push(diagnostic);
            }
        }
    }
    if diagnostics.is_empty() { Ok(sizes) } else { Err(diagnostics) }
}

/// How wide the word vectors of a file are.
fn vectors(place: &Place, file: &Path) -> Result<usize, Diagnostic> {
    WordVectors::width_of(file).map_err(|error| {
        let hint = "word vectors are text or binary of GloVe, word2vec or fastText";
        Diagnostic::new("unreadable-vectors", place.clone(), error.to_string()).hint(hint)
    })
}

/// What an `import` stage takes in.
fn import(place: &Place, folder: &Path) -> Result<Imported, Diagnostic> {
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
            let kind = data::check_chain(&column.steps)
                .map_err(|_| wrong(format!("`transform.json` there is damaged: the chain of `{name}`")))?;
            columns.insert(name.clone(), kind);
        }
        let labels = fitted.labels().into_iter();
        let labels = labels.map(|(name, label)| (name.to_owned(), LabelFact::fitted(label))).collect();
        transform = Some((columns, labels));
    }
    Ok(Imported { network, transform })
}

/// A source as the plan has it: the format said in full, the seed taken out, so that equal reading looks equal.
///
/// # Errors
/// Serde's; a fraction that is not finite.
pub(crate) fn planned(
    name: &str,
    fact: &SourceFact,
    paths: Vec<PathBuf>,
) -> Result<plan::Source, serde_json::Error> {
    let mut source = fact.source.clone();
    source.format = source.format.or_else(|| paths.iter().find_map(|path| Format::of(path)));
    if let Some(files) = &mut source.files {
        // Where the folder lies is no part of how it is read.
        files.folder.clear();
    }
    let seed = match &mut source.split {
        Some(split) if split.draws() => Some(split.seed.take().unwrap_or(fact.seed)),
        _ => None,
    };
    let mut reading = serde_json::to_value(&source)?;
    if let Some(reading) = reading.as_object_mut() {
        for where_from in ["path", "url", "sha256"] {
            reading.remove(where_from);
        }
    }
    Ok(plan::Source { name: name.to_owned(), paths, reading, seed })
}

/// Columns that the declaration itself names.
fn named_columns(name: &str, fact: &SourceFact, diagnostics: &mut Vec<Diagnostic>) {
    let Some(columns) = &fact.columns else { return };
    let split = fact.source.split.as_ref();
    let mut named: Vec<(String, Option<&String>)> = vec![
        ("id".into(), fact.source.id.as_ref()),
        ("split.stratify".into(), split.and_then(|split| split.stratify.as_ref())),
        ("split.column".into(), split.and_then(|split| split.column.as_ref())),
        ("split.group".into(), split.and_then(|split| split.group.as_ref())),
        ("split.time".into(), split.and_then(|split| split.time.as_ref())),
        ("files.column".into(), fact.source.files.as_ref().map(|files| &files.column)),
    ];
    for (at, condition) in fact.source.filter.iter().enumerate() {
        named.push((format!("where.{at}.column"), Some(&condition.column)));
    }
    for (derived, condition) in &fact.source.derive {
        named.push((format!("derive.{derived}.column"), Some(&condition.column)));
    }
    for (joined, parts) in &fact.source.join {
        named.extend(parts.iter().enumerate().map(|(at, part)| (format!("join.{joined}.{at}"), Some(part))));
    }
    for (field, column) in named {
        let Some(column) = column.filter(|column| !columns.contains(column)) else { continue };
        let hint = stages::column_hint(column, columns);
        let message = format!("`{name}` has no column `{column}`");
        diagnostics.push(
            Diagnostic::new("missing-column", inside(&Place::source(name), &field), message).hint(hint),
        );
    }
}

/// A field of a declaration: its keys between points, numbers for elements of lists.
fn inside(place: &Place, field: &str) -> Place {
    place.extend(field.split('.').map(|key| match key.parse::<usize>() {
        Ok(index) => index.into(),
        Err(_) => key.into(),
    }))
}
