//! `report`: what a recipe has made as one HTML page, and its numbers for TensorBoard and MLflow.

mod exports;
mod found;
mod page;
mod rows;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::{print_json, words};

/// What every page says of itself, so that no other file is taken for one.
const MARK: &str = "<meta name=\"generator\" content=\"pipeline report\">";

/// What is written beside the page.
pub(crate) struct Also {
    /// The folder of event files.
    pub(crate) tensorboard: Option<PathBuf>,
    /// MLflow's folder.
    pub(crate) mlflow: Option<PathBuf>,
}

pub(crate) fn report(context: &Context, recipe: &Path, output: &Path, also: &Also) -> Result {
    replaceable(output)?;
    let store = context.store_to_read()?;
    let found = found::find(context, &store, recipe)?;
    let page = page::page(context, &store, &found)?;
    let html = page.render().map_err(|error| Failure::new(plan::Blame::Bug, error.to_string()))?;
    write(output, html.as_bytes())?;
    let mut written = vec![output.to_owned()];
    if let Some(folder) = &also.tensorboard {
        written.extend(exports::tensorboard(&store, &found, folder)?);
    }
    if let Some(folder) = &also.mlflow {
        written.extend(exports::mlflow(&store, &found, folder)?);
    }
    if context.json() {
        return print_json(&written);
    }
    if let Some(note) = found.note() {
        writeln!(io::stderr(), "note: {note}")?;
    }
    for path in &written {
        let size = fs::metadata(path).map_or(0, |meta| meta.len());
        let size = if path.is_dir() { String::new() } else { format!("  {}", words::bytes(size)) };
        writeln!(io::stdout(), "{}{size}", path.display())?;
    }
    Ok(())
}

/// Fails when there is something at the path that is no earlier page.
fn replaceable(output: &Path) -> Result {
    match fs::read(output) {
        Ok(bytes) if bytes.is_empty() || String::from_utf8_lossy(&bytes).contains(MARK) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => {
            let message =
                format!("`{}` is there already and is no page of `pipeline report`", output.display());
            Err(Failure::usage(message).hint("choose another file with --output"))
        }
        Err(error) => Err(Failure::file("read", output, &error)),
    }
}

/// Writes a file, and the folders that it needs.
fn write(path: &Path, content: &[u8]) -> Result {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, content)).map_err(|error| Failure::file("write", path, &error))
}
