//! What commands share: the options of all of them, checked, and the ways from a recipe's path to a plan and from
//! a plan to its results.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;

use exec::{Explanation, Workers};
use plan::{Group, Plan};
use store::Store;

use crate::args::{Global, Part};
use crate::failure::{Failure, Result};
use crate::{fetched, log_filter, no_stage, render, words};

/// The options of every command.
pub(crate) struct Context {
    pub(crate) global: Global,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Context { global }
    }

    pub(crate) fn json(&self) -> bool {
        self.global.json
    }

    /// The store for writing.
    pub(crate) fn store(&self) -> Result<Store> {
        Ok(Store::open(&self.global.store)?)
    }

    /// The store for reading; none is made where there is none.
    pub(crate) fn store_to_read(&self) -> Result<Store> {
        Ok(Store::open_read_only(&self.global.store)?)
    }

    pub(crate) fn compile(&self, recipe: &Path) -> Result<recipe::Compiled> {
        let mut options = recipe::Options {
            store: self.store_to_read().ok(),
            sets: self.global.set.clone(),
            data_dirs: self
                .global
                .data_dir
                .iter()
                .filter(|dir| !dir.as_os_str().is_empty())
                .cloned()
                .collect(),
        };
        let missing = recipe::missing(recipe, &options)?;
        if !missing.is_empty() {
            options.store = Some(self.store()?);
            fetched::fetch(self, &missing)?;
        }
        Ok(recipe::compile(recipe, &options)?)
    }

    /// The recipe's plan, cut down to the part that is meant. Tells what of the recipe is likely not meant.
    pub(crate) fn plan(&self, recipe: &Path, part: &Part) -> Result<Plan> {
        let recipe::Compiled { plan, warnings, .. } = self.compile(recipe)?;
        if !self.json() {
            render::warnings(&warnings)?;
        }
        cut(plan, part)
    }

    /// What a run of the plan would do.
    pub(crate) fn explain(&self, plan: &Plan, store: &Store) -> Result<Vec<Explanation>> {
        Ok(exec::explain(plan, store, &self.workers())?)
    }

    pub(crate) fn jobs(&self) -> usize {
        self.global.jobs.map_or_else(|| processors().min(4), usize::from)
    }

    pub(crate) fn workers(&self) -> Workers {
        Workers {
            on_networks: worker(),
            on_rows: own(),
            hint: workers_hint(),
            device: self.global.device.clone(),
            threads: self.global.threads.map_or_else(processors, usize::from),
            log: log_filter(&self.global),
        }
    }
}

/// The plan without the stages that are not meant.
fn cut(plan: Plan, part: &Part) -> Result<Plan> {
    let only = selected(&plan, &part.only)?;
    let until = selected(&plan, part.until.as_slice())?;
    let plan = if only.is_empty() { plan } else { plan.restrict(&plan.upstream(&only)) };
    if until.is_empty() {
        return Ok(plan);
    }
    let mut after = plan.downstream(&until);
    after.retain(|name| !until.contains(name));
    let keep = plan.stages().map(|stage| stage.name.clone()).filter(|name| !after.contains(name)).collect();
    Ok(plan.restrict(&keep))
}

/// The stages that names on the command line mean; one that a sweep has multiplied means all its variants.
pub(crate) fn selected(plan: &Plan, names: &[String]) -> Result<Vec<String>> {
    let mut selected = vec![];
    for name in names {
        let stages = plan.select(name);
        if stages.is_empty() {
            return Err(no_stage(plan, name));
        }
        selected.extend(stages.into_iter().map(|stage| stage.name.clone()));
    }
    Ok(selected)
}

/// The one stage that a name on the command line means.
pub(crate) fn selected_one(plan: &Plan, name: &str) -> Result<String> {
    match plan.select(name)[..] {
        [] => Err(no_stage(plan, name)),
        [stage] => Ok(stage.name.clone()),
        [first, .., _] => {
            let names: Vec<&str> = plan.select(name).iter().map(|stage| stage.name.as_str()).collect();
            let message = format!("`{name}` is {}", words::count(names.len(), "stage"));
            let axes: Vec<String> = Group::of_names(names).iter().map(words::axes).collect();
            let hint = format!("choose one, such as `{}`: {}", first.name, axes.join("; "));
            Err(Failure::usage(message).hint(hint))
        }
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What helps where a worker cannot be started.
pub(crate) fn workers_hint() -> &'static str {
    match env::var_os("PIPELINE_WORKER").is_some_and(|path| !path.is_empty()) {
        true => "PIPELINE_WORKER names it: name another one, or none",
        false => "build it with `cargo build --release`, or name it in PIPELINE_WORKER",
    }
}

/// This program, which runs stages on rows. Where the system knows a running program whatever became of its file, it is
/// named so: a build that replaces the file while it runs does no harm.
fn own() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { env::current_exe().unwrap_or_else(|_| "pipeline".into()) }
}

/// The program that runs stages on networks: named in the environment, else beside this one.
fn worker() -> PathBuf {
    if let Some(named) = env::var_os("PIPELINE_WORKER").filter(|path| !path.is_empty()) {
        let named = PathBuf::from(named);
        let is_bare = named.components().count() == 1 && !named.is_file();
        let folders = env::var_os("PATH").filter(|_| is_bare).unwrap_or_default();
        let found = env::split_paths(&folders).map(|folder| folder.join(&named)).find(|path| path.is_file());
        return found.unwrap_or_else(|| std::path::absolute(&named).unwrap_or(named));
    }
    let name = format!("pipeline-worker{}", env::consts::EXE_SUFFIX);
    env::current_exe().ok().and_then(|path| Some(path.parent()?.join(&name))).unwrap_or_else(|| name.into())
}
