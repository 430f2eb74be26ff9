//! Files that a recipe names by address and that have yet to be fetched.

use std::path::{Path, PathBuf};

use plan::Place;

use crate::compile::{Checker, Options};
use crate::load;
use crate::report::Failure;
use crate::sources::Search;
use crate::sweep;

/// A file that has to be fetched before a recipe can be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The first source that reads it.
    pub source: String,
    /// Its address.
    pub url: String,
    /// Its digest, in hexadecimal.
    pub sha256: String,
    /// Where in the store it belongs.
    pub to: PathBuf,
    /// Files of its name, beside the recipe and in data folders, that are others.
    pub others: Vec<PathBuf>,
}

/// What the recipe at `path` names by address and that is neither beside it, nor in a data folder, nor in the store.
///
/// Mistakes of the recipe are left to [`crate::compile`].
///
/// # Errors
/// [`Failure::Io`] when the recipe cannot be read.
pub fn missing(path: &Path, options: &Options) -> Result<Vec<Remote>, Failure> {
    let Some(store) = &options.store else { return Ok(vec![]) };
    let mut loaded = load::load(path, load::read(path)?, &options.sets);
    // Most recipes name files by path, and are not worth a second look.
    if !loaded.files.iter().any(|file| file.text.contains("sha256")) {
        return Ok(vec![]);
    }
    let (axes, mut diagnostics) = sweep::expand(&mut loaded.root);
    let warnings = &mut vec![];
    let diagnostics = &mut diagnostics;
    let sources = Checker { loaded: &loaded, axes: &axes, options, diagnostics, warnings }.declared_sources();
    let search = Search { root: &loaded.root, files: &loaded.files, options };
    let mut missing: Vec<Remote> = vec![];
    for (name, source) in sources {
        let (Some(url), Some(sha256)) = (&source.url, &source.sha256) else { continue };
        let (found, others) = search.addressed(&Place::source(&name), &source);
        let to = store.download(sha256, source.path.iter().next().unwrap_or_default());
        if source.problems().is_empty() && found.is_none() && !missing.iter().any(|known| known.to == to) {
            missing.push(Remote { source: name, url: url.clone(), sha256: sha256.clone(), to, others });
        }
    }
    Ok(missing)
}
