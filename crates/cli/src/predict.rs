//! `predict`: what a recipe's `predict` or `evaluate` stage makes of a new file.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use exec::Force;
use plan::Blame;
use serde_json::{Map, Value};

use crate::context::{Context, selected_one};
use crate::failure::{Failure, Result};
use crate::reporter::Reporter;
use crate::{artifact, run, write_json};

/// The file that the stage's artifact holds.
const PREDICTIONS: &str = "predictions.csv";

pub(crate) fn predict(
    context: &Context,
    recipe: &Path,
    stage: &str,
    input: &Path,
    output: Option<&Path>,
) -> Result {
    let compiled = context.compile(recipe)?;
    if !input.exists() {
        return Err(Failure::usage(format!("there is no file `{}`", input.display())));
    }
    let known = !compiled.plan.select(stage).is_empty();
    let stage = &if known { selected_one(&compiled.plan, stage)? } else { stage.to_owned() };
    let mut plan = recipe::for_input(&compiled, stage, input)?;
    // A history of its own: what the recipe's stage was made of last is another matter.
    plan.name = format!("{} (predict)", plan.name);
    let store = context.store()?;
    let reporter = match (context.json(), output) {
        (true, None) => Reporter::Json { has_results: true },
        _ => Reporter::new(context, &plan),
    };
    let summary = run::execute(context, &plan, &store, recipe, Force::None, reporter)?;
    run::verdict(context, &summary)?;
    let made = summary.stages.iter().find(|report| report.name == *stage);
    for digest in made.into_iter().flat_map(|report| report.outputs.values()) {
        let (_, files) = artifact::files(&store, digest)?;
        let Some(path) = files.get(PREDICTIONS) else { continue };
        let mut from = fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        match output {
            Some(output) => {
                let mut to =
                    fs::File::create(output).map_err(|error| Failure::file("write", output, &error))?;
                io::copy(&mut from, &mut to).map_err(|error| Failure::file("write", output, &error))?;
            }
            None if context.json() => print(path)?,
            None => {
                io::copy(&mut from, &mut io::stdout().lock())?;
            }
        }
    }
    Ok(())
}

/// Columns of numbers, alone or behind the name of an output or before that of a class.
const NUMBERS: [&str; 5] = ["score", "probability", "value", "start", "end"];

/// Predictions as JSON on standard output, an object a line.
fn print(path: &Path) -> Result {
    let damaged = |error: csv::Error| {
        Failure::new(Blame::Environment, format!("cannot read `{}`: {error}", path.display()))
    };
    let mut reader = csv::Reader::from_path(path).map_err(damaged)?;
    let header = reader.headers().map_err(damaged)?.clone();
    let is_number = |name: &str| name.split(' ').any(|word| NUMBERS.contains(&word));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for record in reader.records() {
        let record = record.map_err(damaged)?;
        let cells = header.iter().zip(&record).map(|(name, cell)| {
            let number = cell.parse::<serde_json::Number>().ok().filter(|_| is_number(name));
            (name.to_owned(), number.map_or_else(|| Value::from(cell), Value::Number))
        });
        write_json(&mut out, &cells.collect::<Map<String, Value>>())?;
    }
    Ok(out.flush()?)
}
