//! Tables of picture files: a folder of pictures by class, or an archive of one.

use std::path::Path;

use regex::Regex;

use crate::builder::Builder;
use crate::error::Error;
use crate::packed;
use crate::source::{Source, is_archive};
use crate::texts;

/// The columns of pictures. A cell of the first stands for the picture itself.
pub(crate) const COLUMNS: [&str; 3] = ["image", "label", "file"];
/// The columns where nothing says a label.
const UNLABELLED: [&str; 2] = ["image", "file"];

/// The names of the columns of a folder of pictures, an archive of one, or a picture by itself. A folder without
/// folders in it, and a picture, say no label.
pub(crate) fn columns(path: &Path, source: &Source) -> Result<&'static [&'static str], Error> {
    if source.label_pattern.is_some() || is_archive(&path.to_string_lossy()) || !classes(path)?.is_empty() {
        return Ok(&COLUMNS);
    }
    Ok(&UNLABELLED)
}

/// Lists pictures: a row for each, in order of their names. No picture is read.
///
/// Files that are not called as pictures are, and hidden ones, are left out; where folders are classes, those that lie
/// in none, too.
pub(crate) fn read(path: &Path, source: &Source, table: &mut Builder) -> Result<(), Error> {
    let columns = columns(path, source)?;
    let pattern = source.label_pattern.as_deref().and_then(|pattern| label_pattern(pattern).ok());
    let archive = is_archive(&path.to_string_lossy());
    if !archive && path.is_file() && !images::is_picture(&path.to_string_lossy()) {
        return Err(Error::NotAPicture { path: path.into() });
    }
    let (root, all) = match (archive, path.parent(), path.file_name()) {
        (true, ..) => (path, packed::members(path, source)?),
        (false, Some(folder), Some(name)) if path.is_file() => {
            (folder, vec![name.to_string_lossy().into_owned()])
        }
        _ => (path, texts::names(path)?),
    };
    let mut names: Vec<&String> = all.iter().filter(|name| images::is_picture(name)).collect();
    names.dedup();
    if !archive && pattern.is_none() {
        no_empty_class(path, &names)?;
    }
    table.folder(root, columns)?;
    for name in names {
        let label = match (&pattern, name.split_once('/')) {
            (Some(pattern), _) => match pattern.captures(name).and_then(|found| found.get(1)) {
                Some(label) => Some(label.as_str()),
                None => return Err(Error::NoLabelInName { path: path.into(), name: name.clone() }),
            },
            (None, _) if columns == UNLABELLED => None,
            (None, Some((label, _))) => Some(label),
            (None, None) => continue,
        };
        table.row(0);
        let cells = [Some(name.as_str()), label, Some(name.as_str())].into_iter().flatten();
        cells.enumerate().for_each(|(at, cell)| table.cell(at, cell));
    }
    Ok(())
}

/// The folders in a folder, hidden ones left out; none where the path is a file.
fn classes(root: &Path) -> Result<Vec<String>, Error> {
    let mut classes = Vec::new();
    if root.is_file() {
        return Ok(classes);
    }
    for entry in std::fs::read_dir(root).map_err(|error| Error::io(root, error))? {
        let entry = entry.map_err(|error| Error::io(root, error))?;
        let is_folder = entry.file_type().map_err(|error| Error::io(root, error))?.is_dir();
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_folder && !packed::is_hidden(&name) {
            classes.push(name);
        }
    }
    classes.sort();
    Ok(classes)
}

/// A folder without a picture is a class that was forgotten.
fn no_empty_class(root: &Path, names: &[&String]) -> Result<(), Error> {
    let is_empty = |class: &String| {
        let prefix = format!("{class}/");
        !names.iter().any(|name| name.starts_with(&prefix))
    };
    match classes(root)?.into_iter().find(is_empty) {
        Some(class) => Err(Error::EmptyClass { path: root.join(class) }),
        None => Ok(()),
    }
}

/// A label's pattern, or why it cannot be one.
pub(crate) fn label_pattern(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("`{pattern}` is not a regular expression: {reason}")
    })?;
    match regex.captures_len() {
        1 => Err(format!("`{pattern}` has no group that would be the label")),
        _ => Ok(regex),
    }
}
