//! `predict`: what a recipe's `predict` or `evaluate` stage makes of a new file.

use std::fs;
use std::io;
use std::path::Path;

use exec::Force;

use crate::context::{Context, selected_one};
use crate::failure::{Failure, Result};
use crate::{artifact, run};

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
    let summary = run::execute(context, &plan, &store, recipe, Force::None)?;
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
            // With --json standard output is the events'.
            None if context.json() => {}
            None => {
                io::copy(&mut from, &mut io::stdout().lock())?;
            }
        }
    }
    Ok(())
}
