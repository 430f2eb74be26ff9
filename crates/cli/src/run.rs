//! `run`: the recipe's stages, then what came of them.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use console::style;
use exec::{End, Force, Options, Summary};
use plan::{Blame, Plan};
use store::{RunInfo, Store};

use crate::args::Run;
use crate::artifact;
use crate::context::{Context, selected};
use crate::failure::{Failure, Result, code};
use crate::figures::{self, Figures};
use crate::reporter::{self, Reporter, numbers};
use crate::table::Table;
use crate::words;

/// Set by the first Ctrl-C; the second ends the program.
static STOP: AtomicBool = AtomicBool::new(false);

pub(crate) fn run(context: &Context, mut args: Run) -> Result {
    let Some(recipe) = args.take_recipe() else {
        return Err(Failure::usage("no recipe is given").hint("pipeline run RECIPE.toml"));
    };
    let plan = context.plan(&recipe, &args.part)?;
    let force = match &args.force {
        None => Force::None,
        Some(names) if names.is_empty() => Force::All,
        Some(names) => Force::Stages(selected(&plan, names)?.into_iter().collect()),
    };
    let store = context.store()?;
    let reporter = Reporter::new(context, &plan);
    let summary = execute(context, &plan, &store, &recipe, force, reporter)?;
    let figures = figures::refresh(&store, &plan.name, &summary)?;
    if !context.json() {
        let mut text = table(&summary);
        for report in summary.stages.iter().filter(|report| report.kind == "compare") {
            let _ = write!(text, "\n{}", style(&report.name).bold());
            for table in artifact::comparisons(&store, report.outputs.values())? {
                let _ = write!(text, "\n{table}");
            }
        }
        text += &pictures(&figures);
        let _ = write!(text, "\n{}", last_line(&summary));
        io::stdout().write_all(text.as_bytes())?;
    }
    verdict(context, &summary)
}

/// Runs a plan under the eyes of the user.
pub(crate) fn execute(
    context: &Context,
    plan: &Plan,
    store: &Store,
    recipe: &Path,
    force: Force,
    mut reporter: Reporter,
) -> Result<Summary> {
    let handled = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    handled.map_err(|error| Failure::new(Blame::Environment, format!("cannot watch for Ctrl-C: {error}")))?;
    let options = Options {
        jobs: context.jobs(),
        workers: context.workers(),
        force,
        stop: &STOP,
        info: RunInfo {
            recipe: plan.name.clone(),
            recipe_path: recipe.display().to_string(),
            args: std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
            // It was there a moment ago; without it the history only knows less.
            text: fs::read_to_string(recipe).unwrap_or_default(),
        },
    };
    Ok(exec::run(plan, store, &options, &mut |event| reporter.event(event))?)
}

/// The errors of a run on standard error, and its exit code.
pub(crate) fn verdict(context: &Context, summary: &Summary) -> Result {
    if !context.json() {
        write!(io::stderr(), "{}", reporter::errors(summary))?;
    }
    match (&summary.error, summary.interrupted) {
        (_, true) => Err(Failure::Silent(130)),
        (Some((_, error)), false) => Err(Failure::Silent(code(error.blame))),
        (None, false) => Ok(()),
    }
}

/// Where the pictures are.
fn pictures(figures: &Figures) -> String {
    let mut lines: Vec<String> = figures.main.iter().map(|path| path.display().to_string()).collect();
    if figures.others > 0 {
        let noun = if lines.is_empty() { "figure" } else { "more figure" };
        lines.push(format!("{} in {}", words::count(figures.others, noun), figures.folder.display()));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n{}\n", style("figures").bold(), lines.join("\n"))
}

fn table(summary: &Summary) -> String {
    let mut table = Table::new(&["stage", "result", "time", ""]).right(&[2]);
    for report in &summary.stages {
        let (result, time) = match &report.end {
            End::Hit { seconds } => (style("hit").dim(), style(words::seconds(*seconds)).dim().to_string()),
            End::Ran { seconds } => (style("ran").green(), words::seconds(*seconds)),
            End::Failed { .. } => (style("failed").red(), String::new()),
            End::Skipped { .. } => (style("skipped").yellow(), String::new()),
            End::Stopped => (style("stopped").yellow(), String::new()),
        };
        let words = match &report.end {
            End::Skipped { because } => format!("`{because}` failed"),
            // Its table stands below.
            _ if report.kind == "compare" => String::new(),
            _ => numbers(&report.summary),
        };
        table.row([report.name.clone(), result.to_string(), time, words]);
    }
    table.to_string()
}

fn last_line(summary: &Summary) -> String {
    let saved: f64 = summary
        .stages
        .iter()
        .map(|report| if let End::Hit { seconds } = report.end { seconds } else { 0.0 })
        .sum();
    let mut line = words::count(summary.stages.len(), "stage");
    for (count, what) in [
        (summary.hits(), "from the store"),
        (summary.ran(), "ran"),
        (summary.failed(), "failed"),
        (summary.skipped(), "not run"),
    ] {
        if count > 0 {
            let _ = write!(line, ", {count} {what}");
        }
    }
    let _ = write!(line, " in {}", words::seconds(summary.seconds));
    if saved > summary.seconds {
        let _ = write!(line, ", {} saved", words::seconds(saved));
    }
    if summary.interrupted {
        line += "; interrupted: run again to go on";
    }
    line + "\n"
}
