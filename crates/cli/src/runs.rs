//! `runs`: the latest runs on a store.

use std::io::{self, Write};
use std::time::SystemTime;

use store::{RunOutcome, RunRecord, RunState};

use crate::context::Context;
use crate::failure::Result;
use crate::table::Table;
use crate::{print_json, words};

pub(crate) fn runs(context: &Context, last: usize) -> Result {
    let mut runs = context.store_to_read()?.runs()?;
    runs.truncate(last);
    if context.json() {
        return print_json(&runs);
    }
    if runs.is_empty() {
        return Ok(writeln!(io::stdout(), "no runs yet in `{}`", context.global.store.display())?);
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |past| past.as_secs());
    let head = ["run", "recipe", "started", "outcome", "hits", "ran", "failed", "time", "error"];
    let mut table = Table::new(&head).right(&[4, 5, 6, 7]);
    for run in &runs {
        table.row(row(run, now));
    }
    Ok(write!(io::stdout(), "{table}")?)
}

fn row(run: &RunRecord, now: u64) -> Vec<String> {
    let ago = match now.saturating_sub(run.started) {
        0 => "now".to_owned(),
        past => format!("{} ago", words::seconds(past as f64)),
    };
    let mut cells = vec![run.id.clone(), run.info.recipe.clone(), ago];
    match &run.state {
        RunState::Running => cells.push("running".to_owned()),
        RunState::Interrupted => cells.push("killed".to_owned()),
        RunState::Finished(summary) => {
            let outcome = match summary.outcome {
                RunOutcome::Succeeded => "succeeded",
                RunOutcome::Failed => "failed",
                RunOutcome::Cancelled => "interrupted",
            };
            cells.push(outcome.to_owned());
            cells.extend([summary.hits, summary.executed, summary.failed].map(|count| count.to_string()));
            cells.push(words::seconds(summary.seconds));
            cells.push(summary.message.clone().unwrap_or_default());
        }
    }
    cells
}
