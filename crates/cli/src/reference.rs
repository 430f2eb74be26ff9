//! `pipeline reference`: what a recipe may say, by kind.

use std::io::{self, Write};

use crate::failure::{Failure, Result};

/// Prints the section called `name`; without a name, the list of all.
pub(crate) fn reference(name: Option<&str>) -> Result {
    let pages = recipe::reference();
    let mut out = io::stdout().lock();
    let Some(name) = name else {
        for page in pages.iter().filter(|page| !page.sections.is_empty()) {
            let names: Vec<&str> = page.sections.iter().map(|section| section.name.as_str()).collect();
            writeln!(out, "{}: {}\n", page.title, names.join(", "))?;
        }
        return Ok(writeln!(out, "`pipeline reference NAME` prints one of them.")?);
    };
    let sections = || pages.iter().flat_map(|page| &page.sections);
    let found: Vec<_> = sections().filter(|section| section.name == name).collect();
    if found.is_empty() {
        let failure = Failure::usage(format!("the reference has no `{name}`"));
        let nearest = network::nearest(name, sections().map(|section| section.name.as_str()));
        return Err(match nearest {
            Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
            None => failure.hint("`pipeline reference` lists all names"),
        });
    }
    for section in found {
        writeln!(out, "# {}\n\n{}", section.name, section.text.trim_end())?;
    }
    Ok(())
}
