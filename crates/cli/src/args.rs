//! The command line as declared. Invariant: help texts are the only documentation of options, and every option is
//! declared once.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Transfer learning as one recipe: runs what changed, takes the rest from the store.
#[derive(Debug, Parser)]
#[command(
    name = "pipeline",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 2 a mistake in the recipe or the arguments, 3 in the environment, 4 in a stage, \
                  70 in this program, 130 interrupted"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Where results are kept
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PIPELINE_STORE",
        hide_env_values = true,
        default_value = STORE,
        value_parser = folder(STORE)
    )]
    pub(crate) store: PathBuf,
    /// Where to look for data files after the recipe's own folder; may be repeated
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PIPELINE_DATA",
        hide_env_values = true,
        value_delimiter = ':',
        value_parser = folder("")
    )]
    pub(crate) data_dir: Vec<PathBuf>,
    /// Overrides a value of the recipe, such as `stages.base.epochs=2`; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Stages that run at the same time, at most [default: processors, up to 4]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Threads of all running stages together; never changes a result [default: processors]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Where networks run: auto, cpu, cuda or cuda:N
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto", value_parser = device)]
    pub(crate) device: String,
    /// Prints for programs instead of for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Whether to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Logs to standard error; twice for more. PIPELINE_LOG takes a filter such as `exec=debug`
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The store where none is named.
const STORE: &str = ".pipeline";

/// A folder's name; a variable of the environment may be empty, which is as good as none.
fn folder(none: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|name| if name.is_empty() { none.into() } else { name.into() })
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a recipe: what changed, and what needs it
    Run(Run),
    /// Run stages that need no network, for another `pipeline` that starts this one
    #[command(long_flag = "serve", hide = true)]
    Serve,
    /// Find every mistake of a recipe without running it
    Check {
        /// The recipe
        recipe: PathBuf,
    },
    /// Say what a run would do, and why
    Plan {
        /// The recipe
        recipe: PathBuf,
        #[command(flatten)]
        part: Part,
    },
    /// Draw the stages of a recipe as text for Mermaid or Graphviz
    Graph {
        /// The recipe
        recipe: PathBuf,
        /// The language of the drawing
        #[arg(long, default_value = "mermaid")]
        format: Format,
    },
    /// Show what a stage has made: nodes of a network, vocabulary, metrics
    Show {
        /// The recipe
        recipe: PathBuf,
        /// The stage
        stage: String,
        /// One output of the stage instead of all
        #[arg(long)]
        port: Option<String>,
    },
    /// Copy what a stage has made into a folder
    Get {
        /// The recipe
        recipe: PathBuf,
        /// The stage
        stage: String,
        /// The folder [default: the stage's name]
        dest: Option<PathBuf>,
        /// Replaces files that are there
        #[arg(long)]
        force: bool,
    },
    /// Predict for a new file with a `predict` or `evaluate` stage of a recipe
    Predict {
        /// The recipe
        recipe: PathBuf,
        /// The stage
        stage: String,
        /// The new file, with the columns of the stage's data
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Where to write the predictions [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Find the words whose vectors are nearest to some, and far from others
    Query {
        /// The recipe
        recipe: PathBuf,
        /// A stage whose network has an embedding layer
        stage: String,
        /// Words to be near to
        #[arg(long, value_name = "WORD", num_args = 1.., required_unless_present = "negative")]
        positive: Vec<String>,
        /// Words to be far from
        #[arg(long, value_name = "WORD", num_args = 1..)]
        negative: Vec<String>,
        /// The embedding layer, where there are several
        #[arg(long)]
        layer: Option<String>,
        /// How many words
        #[arg(short = 'n', long, default_value_t = 10)]
        top: usize,
    },
    /// Write what a recipe has made as one HTML page
    Report {
        /// The recipe
        recipe: PathBuf,
        /// The page; an earlier page is replaced, no other file is
        #[arg(short, long, value_name = "FILE", default_value = "report.html")]
        output: PathBuf,
        /// Writes the numbers as TensorBoard event files, too
        #[arg(long, value_name = "DIR")]
        tensorboard: Option<PathBuf>,
        /// Writes the numbers in the layout of MLflow's folder `mlruns`, too
        #[arg(long, value_name = "DIR")]
        mlflow: Option<PathBuf>,
    },
    /// Say what two runs or two recipes differ in: texts, fields of keys, numbers
    Diff {
        /// A recipe, a run's id or the beginning of one, `latest`, or `latest~1` for the one before
        a: String,
        /// The other
        b: String,
    },
    /// List the latest runs on a store
    Runs {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        last: usize,
    },
    /// Print the JSON schema of recipes
    Schema,
    /// Print what a recipe may say of a kind of stage, layer, step or value
    Reference {
        /// Its name, such as `gru`; without one, all names are listed
        name: Option<String>,
    },
    /// Write a small recipe and its data into an empty folder
    Init {
        /// The folder
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Write the reviews that recipes/quickstart.toml reads: films.csv and hotels.csv
    Sample {
        /// The folder, made if it is not there
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Look after the store
    Cache {
        #[command(subcommand)]
        command: Cache,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The recipe
    pub(crate) recipe: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Runs these stages (without names: all) although the store has their results
    #[arg(long, value_name = "STAGE", num_args = 0.., value_delimiter = ',')]
    pub(crate) force: Option<Vec<String>>,
}

/// Which part of a recipe is meant.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Only these stages and what they need
    #[arg(long, value_name = "STAGE", num_args = 1.., value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Everything but what needs this stage
    #[arg(long, value_name = "STAGE")]
    pub(crate) until: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Say what takes the space
    Du,
    /// Read everything again and name what is damaged
    Verify {
        /// Removes what is damaged, so that the next run rebuilds it
        #[arg(long)]
        repair: bool,
    },
}

impl Run {
    /// The recipe; of `run --force a.toml` too, where the option has swallowed it.
    pub(crate) fn take_recipe(&mut self) -> Option<PathBuf> {
        let swallowed = |names: &mut Vec<String>| {
            let last = names.last().is_some_and(|name| name.ends_with(".toml"));
            if last { names.pop().map(PathBuf::from) } else { None }
        };
        self.recipe
            .take()
            .or_else(|| self.force.as_mut().and_then(swallowed))
            .or_else(|| swallowed(&mut self.part.only))
    }
}

fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:").is_some_and(|number| number.parse::<u8>().is_ok());
    if number || matches!(text, "auto" | "cpu" | "cuda") {
        Ok(text.to_owned())
    } else {
        Err("expected auto, cpu, cuda or cuda:N".to_owned())
    }
}
