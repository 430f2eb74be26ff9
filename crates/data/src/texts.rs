//! Tables of whole text files: a folder of texts by class, and files that a column names.

use std::path::{Path, PathBuf};

use crate::builder::Builder;
use crate::decode::{self, Undecodable};
use crate::error::{Error, Place};
use crate::packed::{self, is_hidden};
use crate::source::{Source, is_archive};

/// The columns of a folder of texts.
pub(crate) const COLUMNS: [&str; 3] = ["text", "label", "file"];

/// Reads a folder of texts, or an archive of such folders: a row for each file, in order of their names.
///
/// Files that lie in no class's folder and hidden ones are left out.
pub(crate) fn read(path: &Path, source: &Source, table: &mut Builder) -> Result<(), Error> {
    table.folder(path, &COLUMNS)?;
    let mut row = |name: &str, bytes: Vec<u8>| {
        let (label, _) = name.split_once('/').unwrap_or_default();
        let text = text(&path.join(name), bytes, source)?;
        table.row(0);
        [text.as_str(), label, name].iter().enumerate().for_each(|(at, cell)| table.cell(at, cell));
        Ok(())
    };
    if is_archive(&path.to_string_lossy()) {
        for (name, bytes) in
            packed::contents(path, source)?.into_iter().filter(|(name, _)| name.contains('/'))
        {
            row(&name, bytes)?;
        }
        return Ok(());
    }
    for name in names(path)?.into_iter().filter(|name| name.contains('/')) {
        let file = path.join(&name);
        row(&name, std::fs::read(&file).map_err(|error| Error::io(&file, error))?)?;
    }
    Ok(())
}

/// The files below `root`, as paths from it with `/` between, in order.
pub(crate) fn names(root: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut folders: Vec<(PathBuf, String)> = vec![(root.into(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&folder, error))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(Error::FileName { path });
            };
            if is_hidden(&name) {
                continue;
            }
            // A link could lead out of the folder, or in a circle.
            let kind = entry.file_type().map_err(|error| Error::io(&path, error))?;
            let name = format!("{prefix}{name}");
            if kind.is_symlink() {
                continue;
            } else if kind.is_dir() {
                folders.push((path, format!("{name}/")));
            } else {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
}

/// The text of the file that a cell names, and why it cannot be read.
pub(crate) fn named(folder: &Path, name: &str, source: &Source) -> Result<String, String> {
    let bytes = std::fs::read(resolved(folder, name)?).map_err(|error| reason(&error))?;
    text(&folder.join(name), bytes, source).map_err(|error| match error {
        Error::NotUtf8 { place, .. } => format!("line {} is not UTF-8", place.line),
        Error::Encoding { place, encoding } => format!("line {} is not {encoding}", place.line),
        other => other.to_string(),
    })
}

/// Where the file lies that a cell names, links followed, and why it cannot be read.
pub(crate) fn resolved(folder: &Path, name: &str) -> Result<PathBuf, String> {
    const OUT: &str = "the name leads out of the folder";
    if !packed::within(name) {
        return Err(OUT.into());
    }
    let resolved = folder.join(name).canonicalize().map_err(|error| reason(&error))?;
    let root = folder.canonicalize().map_err(|error| reason(&error))?;
    if !resolved.starts_with(&root) {
        return Err(OUT.into());
    }
    Ok(resolved)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::IsADirectory => "that is a folder".into(),
        _ => error.to_string(),
    }
}

/// A file's text without its byte-order mark.
fn text(path: &Path, bytes: Vec<u8>, source: &Source) -> Result<String, Error> {
    let looks_like = decode::announced(&bytes);
    let text =
        decode::decode(bytes, source.encoding.as_deref(), true).map_err(|Undecodable { before }| {
            let place = Place::of(path, &before, before.len());
            match &source.encoding {
                Some(label) if !decode::is_utf8(Some(label)) => {
                    Error::Encoding { place, encoding: label.clone() }
                }
                _ => Error::NotUtf8 { place, looks_like },
            }
        })?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}
