//! `check`, `plan` and `schema`: what can be said without running anything.

use std::io::{self, Write};
use std::path::Path;

use console::style;
use exec::{Explanation, Verdict};
use serde_json::json;

use crate::args::Part;
use crate::context::Context;
use crate::failure::Result;
use crate::table::Table;
use crate::{print_json, words};

pub(crate) fn check(context: &Context, recipe: &Path) -> Result {
    let plan = context.compile(recipe)?.plan;
    let stages = plan.stages().count();
    if context.json() {
        return print_json(&json!({ "mistakes": [], "stages": stages, "sources": plan.sources.len() }));
    }
    let (stages, sources) = (words::count(stages, "stage"), words::count(plan.sources.len(), "source"));
    Ok(writeln!(io::stdout(), "{}: no mistakes, {stages}, {sources}", recipe.display())?)
}

pub(crate) fn schema() -> Result {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &recipe::schema())?;
    Ok(writeln!(out)?)
}

pub(crate) fn plan(context: &Context, recipe: &Path, part: &Part) -> Result {
    let plan = context.plan(recipe, part)?;
    let store = context.store_to_read()?;
    let explanations = context.explain(&plan, &store)?;
    if context.json() {
        return print_json(&explanations);
    }
    let mut table = Table::new(&["stage", "kind", "", "took", "why"]).right(&[3]);
    for explanation in &explanations {
        let took = explanation.estimate.map_or_else(String::new, words::seconds);
        let (verdict, mut reasons) = verdict(explanation);
        let first = if reasons.is_empty() { String::new() } else { reasons.remove(0) };
        table.row([explanation.stage.clone(), explanation.kind.clone(), verdict, took, first]);
        for reason in reasons {
            table.row([String::new(), String::new(), String::new(), String::new(), reason]);
        }
    }
    Ok(write!(io::stdout(), "{table}\n{}\n", last_line(&explanations))?)
}

/// What will happen to a stage, and why.
fn verdict(explanation: &Explanation) -> (String, Vec<String>) {
    match &explanation.verdict {
        Verdict::Hit => (style("hit").dim().to_string(), vec![]),
        Verdict::Miss { changes, resumes, continues } => {
            let mut reasons = changes.clone();
            if *resumes {
                reasons.push("goes on from its checkpoint".to_owned());
            }
            if let Some(epoch) = continues {
                reasons.push(format!("continues from epoch {epoch}"));
            }
            (style("runs").green().to_string(), reasons)
        }
        Verdict::Unknown { because, changes } if changes.is_empty() => {
            (style("may run").yellow().to_string(), vec![format!("if `{because}` yields something new")])
        }
        Verdict::Unknown { changes, .. } => (style("runs").green().to_string(), changes.clone()),
    }
}

fn last_line(explanations: &[Explanation]) -> String {
    let count = |which: fn(&Verdict) -> bool| {
        explanations.iter().filter(|explanation| which(&explanation.verdict)).count()
    };
    let hits = count(|verdict| matches!(verdict, Verdict::Hit));
    let work = explanations.iter().filter(|explanation| explanation.verdict != Verdict::Hit);
    let known: f64 = work.clone().filter_map(|explanation| explanation.estimate).sum();
    let unknown = work.clone().filter(|explanation| explanation.estimate.is_none()).count();
    let mut line = format!("{}, {hits} from the store", words::count(explanations.len(), "stage"));
    let todo = work.count();
    if todo > 0 {
        line += &format!(", {todo} to run");
        if known > 0.0 {
            line += &format!(": about {} at most", words::seconds(known));
        }
        if unknown > 0 {
            line += &format!("{}{unknown} of unknown length", if known > 0.0 { " and " } else { ": " });
        }
    }
    line
}
