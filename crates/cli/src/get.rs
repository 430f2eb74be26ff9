//! `get`: a stage's files copied out of the store.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::{artifact, print_json, words};

pub(crate) fn get(
    context: &Context,
    recipe: &Path,
    stage: &str,
    dest: Option<PathBuf>,
    force: bool,
) -> Result {
    let store = context.store_to_read()?;
    let found = artifact::find(context, &store, recipe, stage)?;
    let dest = dest.unwrap_or_else(|| PathBuf::from(stage));
    let mut copies = vec![];
    for (port, digest) in &found.outputs {
        // One output lies in the folder itself, several in a folder each.
        let folder = if found.outputs.len() == 1 { dest.clone() } else { dest.join(port) };
        let (_, files) = artifact::files(&store, digest)?;
        copies.extend(files.into_iter().map(|(name, blob)| (blob, folder.join(name))));
    }
    if let Some((_, path)) = copies.iter().find(|(_, path)| !force && path.exists()) {
        return Err(Failure::usage(format!("`{}` is there already", path.display()))
            .hint("choose another folder, or replace the files with --force"));
    }
    let mut bytes = 0;
    for (blob, path) in &copies {
        bytes += copy(blob, path).map_err(|error| Failure::file("write", path, &error))?;
    }
    let paths: Vec<&PathBuf> = copies.iter().map(|(_, path)| path).collect();
    if context.json() {
        return print_json(&paths);
    }
    if let Some(note) = found.note {
        writeln!(io::stderr(), "note: {note}")?;
    }
    for path in &paths {
        writeln!(io::stdout(), "{}", path.display())?;
    }
    Ok(writeln!(io::stdout(), "{}, {}", words::count(paths.len(), "file"), words::bytes(bytes))?)
}

/// A copy that its owner may change, unlike the blob.
fn copy(blob: &Path, path: &Path) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut from = fs::File::open(blob)?;
    // A file of earlier may be a second name of something else: written anew, never into.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    io::copy(&mut from, &mut fs::File::create_new(path)?)
}
