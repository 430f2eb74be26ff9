//! `init`: a small recipe that works, and its data.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::print_json;

/// What is written, by name.
const FILES: [(&str, &str); 2] = [
    ("recipe.toml", include_str!("../templates/recipe.toml")),
    ("reviews.csv", include_str!("../templates/reviews.csv")),
];

pub(crate) fn init(context: &Context, dir: &Path) -> Result {
    let failed = |action: &'static str| move |error| Failure::file(action, dir, &error);
    fs::create_dir_all(dir).map_err(failed("create"))?;
    let mut entries = fs::read_dir(dir).map_err(failed("read"))?;
    // Hidden files are no work of anybody's: `.git`, a store.
    let taken = entries.find_map(|entry| {
        let name = entry.ok()?.file_name();
        (!name.as_encoded_bytes().starts_with(b".")).then_some(name)
    });
    if let Some(name) = taken {
        let message = format!("`{}` is not empty: it has `{}`", dir.display(), name.to_string_lossy());
        return Err(Failure::usage(message).hint("name a new folder"));
    }
    for (name, text) in FILES {
        let path = dir.join(name);
        fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))?;
    }
    // `recipe.toml` reads better than `./recipe.toml`.
    let here = dir == Path::new(".");
    let paths = FILES.map(|(name, _)| if here { PathBuf::from(name) } else { dir.join(name) });
    if context.json() {
        return print_json(&paths);
    }
    let mut out = io::stdout().lock();
    for path in &paths {
        writeln!(out, "{}", path.display())?;
    }
    Ok(writeln!(out, "\nnow: pipeline run {}", paths[0].display())?)
}
