//! `cache`: the space that a store takes, and whether it is whole.

use std::io::{self, Write};

use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::{print_json, words};

pub(crate) fn du(context: &Context) -> Result {
    let usage = context.store_to_read()?.du()?;
    if context.json() {
        return print_json(&usage);
    }
    let mut table = Table::new(&["what", "count", "size"]).right(&[1, 2]);
    let kinds = usage.kinds.iter().map(|(kind, size)| (kind.as_str(), size));
    let others = [
        ("all files, each once", &usage.blobs),
        ("  of which no result needs", &usage.unreferenced),
        ("checkpoints", &usage.partials),
        ("last epochs, to train on from", &usage.kept),
        ("downloads", &usage.downloads),
        ("being written", &usage.temporary),
    ];
    for (what, size) in kinds.chain(others) {
        table.row([what.to_owned(), size.count.to_string(), words::bytes(size.bytes)]);
    }
    Ok(write!(io::stdout(), "{table}")?)
}

pub(crate) fn verify(context: &Context, repair: bool) -> Result {
    let store = if repair { context.store()? } else { context.store_to_read()? };
    let problems = store.verify(repair)?;
    let mut out = io::stdout().lock();
    if context.json() {
        drop(out);
        print_json(&json!({ "problems": problems, "repaired": repair }))?;
    } else if problems.is_empty() {
        writeln!(out, "everything in the store is as it was written")?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        let count = words::count(problems.len(), "damaged file");
        let what = if repair { "removed: the next run rebuilds them" } else { "repair with --repair" };
        writeln!(out, "{count}; {what}")?;
    }
    if problems.is_empty() || repair { Ok(()) } else { Err(Failure::Silent(3)) }
}
