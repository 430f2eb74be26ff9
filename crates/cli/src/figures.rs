//! Pictures of a run under names that people can find: `<store>/figures/<recipe>/<stage>.svg`.
//!
//! Invariant: a figure's file is the stored blob itself (a second name of it) where the file system can do that,
//! so that a run that changes nothing only compares names.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use exec::Summary;
use store::{Digest, Store};

use crate::failure::{Failure, Result};

/// Where the pictures of a run are.
pub(crate) struct Figures {
    /// All of them.
    pub(crate) folder: PathBuf,
    /// Drawings of the stages that are there for their picture, and sheets of predictions.
    pub(crate) main: Vec<PathBuf>,
    /// Those of the others: training curves, importances, samples of pictures.
    pub(crate) others: usize,
}

/// Puts the pictures of all finished stages in their places.
pub(crate) fn refresh(store: &Store, recipe: &str, summary: &Summary) -> Result<Figures> {
    let folder = folder(store, recipe);
    let mut figures = Figures { folder: folder.clone(), main: vec![], others: 0 };
    for report in &summary.stages {
        let paths = of_stage(store, &folder, &report.name, report.outputs.values())?;
        // A drawing is there as SVG and as PNG; a sheet of pictures only as PNG.
        let is_sheet = |path: &PathBuf| !paths.contains(&path.with_extension("svg"));
        for path in &paths {
            let is_svg = path.extension().is_some_and(|kind| kind == "svg");
            match report.kind.as_str() {
                "tsne" | "compare" if is_svg => figures.main.push(path.clone()),
                "predict" if is_sheet(path) => figures.main.push(path.clone()),
                _ if is_svg || is_sheet(path) => figures.others += 1,
                _ => {}
            }
        }
    }
    Ok(figures)
}

/// Where the pictures of a recipe are.
pub(crate) fn folder(store: &Store, recipe: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let root = store.root().strip_prefix(&here).unwrap_or(store.root());
    root.join("figures").join(store::file_name(recipe))
}

/// Puts the pictures of one stage's artifacts in their places.
pub(crate) fn of_stage<'a>(
    store: &Store,
    folder: &Path,
    stage: &str,
    artifacts: impl Iterator<Item = &'a Digest>,
) -> Result<Vec<PathBuf>> {
    let mut pictures = vec![];
    for digest in artifacts {
        let artifact = store.artifact(digest)?;
        for (name, entry) in artifact.files {
            if let Some(kind @ ("svg" | "png")) = Path::new(&name).extension().and_then(|kind| kind.to_str())
            {
                pictures.push((name.clone(), kind.to_owned(), store.blob_path(&entry.digest)));
            }
        }
    }
    let mut paths = vec![];
    for (name, kind, blob) in &pictures {
        let alone = pictures.iter().filter(|(_, other, _)| other == kind).count() == 1;
        let stem = Path::new(name).with_extension("").to_string_lossy().replace(['/', '\\'], "-");
        let stage = store::file_name(stage);
        let file = if alone { format!("{stage}.{kind}") } else { format!("{stage}-{stem}.{kind}") };
        let path = folder.join(file);
        place(blob, &path).map_err(|error| Failure::file("write", &path, &error))?;
        paths.push(path);
    }
    Ok(paths)
}

fn place(blob: &Path, path: &Path) -> io::Result<()> {
    let stored = fs::metadata(blob)?;
    match fs::symlink_metadata(path) {
        Ok(there) if (there.ino(), there.dev()) == (stored.ino(), stored.dev()) => return Ok(()),
        Ok(there) if there.is_file() && there.len() == stored.len() && fs::read(path)? == fs::read(blob)? => {
            return Ok(());
        }
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
        }
        Err(error) => return Err(error),
    }
    fs::hard_link(blob, path).or_else(|_| fs::copy(blob, path).map(drop))
}
