//! `check`, `plan` and `schema`: what can be said without running anything.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use console::style;
use exec::{Explanation, Verdict};
use plan::{Group, Variant};
use serde_json::json;

use crate::args::Part;
use crate::context::Context;
use crate::failure::Result;
use crate::table::Table;
use crate::{print_json, render, words};

pub(crate) fn check(context: &Context, recipe: &Path) -> Result {
    let recipe::Compiled { plan, warnings, .. } = context.compile(recipe)?;
    let stages = plan.stages().count();
    if context.json() {
        let warnings = render::findings_json(&warnings);
        let sources = plan.sources.len();
        return print_json(
            &json!({ "mistakes": [], "warnings": warnings, "stages": stages, "sources": sources }),
        );
    }
    render::warnings(&warnings)?;
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
    let names = explanations.iter().map(|explanation| explanation.stage.as_str());
    for group in Group::of_names(names) {
        let of_it =
            explanations.iter().filter(|explanation| group.names.contains(&explanation.stage.as_str()));
        let (cells, reasons) = row(&group, &of_it.collect::<Vec<_>>());
        let mut reasons = reasons.into_iter();
        table.row(cells.into_iter().chain([reasons.next().unwrap_or_default()]));
        for reason in reasons {
            table.row([String::new(), String::new(), String::new(), String::new(), reason]);
        }
    }
    Ok(write!(io::stdout(), "{table}\n{}\n", last_line(&explanations))?)
}

/// Names of variants that are written out.
const NAMES: usize = 3;

/// A line of the plan, and the reasons beside it: of a stage, or of all its variants.
fn row(group: &Group<'_>, explanations: &[&Explanation]) -> ([String; 4], Vec<String>) {
    let seconds: f64 = explanations.iter().filter_map(|explanation| explanation.estimate).sum();
    let known = explanations.iter().any(|explanation| explanation.estimate.is_some());
    let took = if known { words::seconds(seconds) } else { String::new() };
    let kind = explanations.first().map(|explanation| explanation.kind.clone()).unwrap_or_default();
    let mut words: Vec<(String, usize)> = vec![];
    let mut reasons: Vec<String> = vec![];
    for explanation in explanations {
        let (word, why) = verdict(explanation);
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
        reasons.extend(why);
        reasons.extend(explanation.note.as_ref().map(|note| style(note).dim().to_string()));
    }
    let mut seen = BTreeSet::new();
    reasons.retain(|reason| seen.insert(reason.clone()));
    if !group.is_swept() {
        let word = words.first().map(|(word, _)| word.clone()).unwrap_or_default();
        return ([group.of.to_owned(), kind, word, took], reasons);
    }
    let todo: Vec<&str> = (explanations.iter())
        .filter(|explanation| explanation.verdict != Verdict::Hit)
        .map(|explanation| explanation.stage.as_str())
        .collect();
    if todo.len() < explanations.len() && !todo.is_empty() {
        let more =
            if todo.len() > NAMES { format!(" and {} more", todo.len() - NAMES) } else { String::new() };
        reasons.insert(0, format!("not yet: {}{more}", todo[..todo.len().min(NAMES)].join(", ")));
    }
    reasons.insert(0, words::axes(group));
    let word = match &words[..] {
        [(word, _)] => word.clone(),
        several => {
            let counted =
                several.iter().map(|(word, count)| format!("{count} {}", word.replace("runs", "run")));
            counted.collect::<Vec<_>>().join(", ")
        }
    };
    ([words::group(group), kind, word, took], reasons)
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
            let because = Variant::parse(because).of;
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
