//! The `pipeline` command: arguments, output for people and programs, exit codes.
//!
//! Invariants: this program never loads libtorch; it prints through writers that may fail, so that a reader who
//! goes away ends it quietly; every way to end has its exit code: 0, 2 the recipe or the arguments, 3 the
//! environment, 4 a stage, 70 a bug, 130 interrupted.

mod args;
mod artifact;
mod cache;
mod comparison;
mod context;
mod diff;
mod failure;
mod feature_names;
mod fetched;
mod figures;
mod get;
mod graph;
mod init;
mod inspect;
mod live;
mod predict;
mod query;
mod reference;
mod render;
mod report;
mod reporter;
mod run;
mod runs;
mod sample;
mod serve;
mod show;
mod show_leaks;
mod show_network;
mod table;
mod words;

use std::io::{self, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cache, Cli, Color, Command, Global};
use crate::context::Context;
use crate::failure::{Failure, Result};

fn main() -> ExitCode {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
        let words = info.payload_as_str().unwrap_or("without words");
        // Nothing is left to do when standard error is closed as well.
        let _ = writeln!(
            io::stderr(),
            "bug: {words}{place}\nhint: results in the store are safe; please report this"
        );
    }));
    let cli = Cli::parse();
    colors(&cli.global);
    start_log(&cli.global);
    let json = cli.global.json;
    match panic::catch_unwind(AssertUnwindSafe(|| dispatch(cli))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            let _ = render::failure(&failure, json);
            ExitCode::from(failure.code())
        }
        Err(_) => ExitCode::from(70),
    }
}

fn dispatch(cli: Cli) -> Result {
    let context = Context::new(cli.global);
    match cli.command {
        Command::Run(args) => run::run(&context, args),
        Command::Serve => serve::serve(rows::run).map_err(|_| Failure::Silent(3)),
        Command::Check { recipe } => inspect::check(&context, &recipe),
        Command::Plan { recipe, part } => inspect::plan(&context, &recipe, &part),
        Command::Graph { recipe, format } => graph::graph(&context, &recipe, format),
        Command::Show { recipe, stage, port } => show::show(&context, &recipe, &stage, port.as_deref()),
        Command::Get { recipe, stage, dest, force } => get::get(&context, &recipe, &stage, dest, force),
        Command::Predict { recipe, stage, input, output } => {
            predict::predict(&context, &recipe, &stage, &input, output.as_deref())
        }
        Command::Query { recipe, stage, positive, negative, layer, top } => {
            query::query(&context, &recipe, &stage, &query::Query { positive, negative, layer, top })
        }
        Command::Report { recipe, output, tensorboard, mlflow } => {
            let also = report::Also { tensorboard, mlflow };
            report::report(&context, &recipe, &output, &also)
        }
        Command::Diff { a, b } => diff::diff(&context, &a, &b),
        Command::Runs { last } => runs::runs(&context, last),
        Command::Schema => inspect::schema(),
        Command::Reference { name } => reference::reference(name.as_deref()),
        Command::Init { dir } => init::init(&context, &dir),
        Command::Sample { dir } => sample::sample(&dir),
        Command::Completions { shell } => completions(shell),
        Command::Cache { command: Cache::Du } => cache::du(&context),
        Command::Cache { command: Cache::Verify { repair } } => cache::verify(&context, repair),
    }
}

fn completions(shell: clap_complete::Shell) -> Result {
    // Into memory first: the generator panics when its writer fails.
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "pipeline", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

fn colors(global: &Global) {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let on = |terminal: bool| match global.color {
        Color::Auto => terminal && !plain,
        Color::Always => true,
        Color::Never => false,
    };
    console::set_colors_enabled(on(io::stdout().is_terminal()));
    console::set_colors_enabled_stderr(on(io::stderr().is_terminal()));
}

/// Logs only when asked to: a run without work to do has no time for it.
fn start_log(global: &Global) {
    if let Some(filter) = log_filter(global) {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(io::stderr)
            .with_ansi(console::colors_enabled_stderr())
            .init();
    }
}

/// What is logged, as a filter; PIPELINE_LOG goes before `-v`.
pub(crate) fn log_filter(global: &Global) -> Option<String> {
    let asked = std::env::var("PIPELINE_LOG").ok().filter(|filter| !filter.is_empty());
    asked.or(match global.verbose {
        0 => None,
        1 => Some("info".to_owned()),
        _ => Some("debug".to_owned()),
    })
}

/// One line of JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result {
    write_json(io::stdout().lock(), value)
}

/// One line of JSON.
pub(crate) fn write_json(mut out: impl io::Write, value: &impl serde::Serialize) -> Result {
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}

/// A failure that says that there is no such stage, with the nearest name.
pub(crate) fn no_stage(plan: &plan::Plan, name: &str) -> Failure {
    let groups = plan::Group::of_names(plan.stages().map(|stage| stage.name.as_str()));
    let declared = plan::Variant::parse(name).of;
    let of_it = groups.iter().find(|group| group.of == declared && group.is_swept());
    let names: Vec<&str> = groups.iter().map(|group| group.of).collect();
    let failure = Failure::usage(format!("there is no stage `{name}` in `{}`", plan.name));
    if let Some(group) = of_it {
        return failure.hint(format!("`{declared}` has {}", words::axes(group)));
    }
    match network::nearest(name, names.iter().copied()) {
        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
        None => failure.hint(format!("its stages are: {}", names.join(", "))),
    }
}
