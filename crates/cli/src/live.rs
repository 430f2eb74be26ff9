//! The live tree: a line for every stage, indented under the stage it waits for longest, with bars while they run.
//!
//! Invariant: nothing is drawn before a stage runs, so a run of hits prints its summary only.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use console::style;
use exec::What;
use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use plan::{Origin, Plan, Progress};

use crate::reporter::{note, numbers, skipped};
use crate::words;

/// Lines of the terminal that the tree leaves to what stands above it.
const SPARE: u16 = 3;

/// Columns that a line with a bar needs.
const NARROW: u16 = 120;

/// The tree of a run's stages.
pub(crate) struct Live {
    /// Stages in the order of the tree.
    rows: Vec<Row>,
    /// The bars, once a stage runs.
    tree: Option<Tree>,
    /// What stages said before that.
    early: BTreeMap<String, String>,
    /// The last finished epoch of stages that train.
    epochs: BTreeMap<String, String>,
}

/// A stage's line.
struct Row {
    stage: String,
    /// The name behind its branches: `├─ base`.
    label: String,
}

struct Tree {
    multi: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
    /// Whether the terminal has room for all stages at once; else only running ones have a line.
    whole: bool,
}

impl Live {
    pub(crate) fn new(plan: &Plan) -> Self {
        Live { rows: rows(plan), tree: None, early: BTreeMap::new(), epochs: BTreeMap::new() }
    }

    pub(crate) fn event(&mut self, what: &What) {
        match what {
            What::StageStarted { stage, .. } => self.start(stage),
            What::Progress { stage, progress } => self.progress(stage, progress),
            What::StageHit { stage, seconds, .. } => {
                self.end(stage, format!("{} hit (took {})", style("✓").green(), words::seconds(*seconds)));
            }
            What::StageDone { stage, seconds, summary, .. } => {
                let mark = style("✓").green().bold();
                self.end(stage, format!("{mark} {}  {}", words::seconds(*seconds), numbers(summary)));
            }
            What::StageFailed { stage, error } => {
                self.end(stage, format!("{} {}", style("✗").red().bold(), error.message));
            }
            What::StageSkipped { stage, because } => {
                self.end(stage, format!("{} {}", style("–").dim(), skipped(because)));
            }
            What::StageWaiting { stage } => self.say(stage, "waits for another run"),
            What::Damaged { stage: Some(stage), problem } => self.print(stage, problem),
            What::RunFinished { .. } => self.finish(),
            What::RunStarted { .. } | What::Damaged { stage: None, .. } => {}
        }
    }

    /// The tree, made when the first stage runs.
    fn tree(&mut self) -> &mut Tree {
        let (rows, early) = (&self.rows, &mut self.early);
        self.tree.get_or_insert_with(|| {
            let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let height = console::Term::stderr().size().0;
            let mut tree = Tree {
                multi,
                bars: BTreeMap::new(),
                whole: rows.len() + usize::from(SPARE) <= usize::from(height),
            };
            if tree.whole {
                for row in rows {
                    let bar = tree.multi.add(ProgressBar::no_length().with_style(plain()));
                    bar.set_prefix(row.label.clone());
                    match early.remove(&row.stage) {
                        Some(words) => bar.finish_with_message(words),
                        None => bar.set_message(style("·").dim().to_string()),
                    }
                    bar.tick();
                    tree.bars.insert(row.stage.clone(), bar);
                }
            }
            tree
        })
    }

    fn start(&mut self, stage: &str) {
        let label = self.label(stage);
        let tree = self.tree();
        let bar = tree.bars.entry(stage.to_owned()).or_insert_with(|| {
            let bar = tree.multi.add(ProgressBar::no_length());
            bar.set_prefix(label);
            bar
        });
        bar.set_style(spinner());
        bar.set_message("");
        bar.reset();
        bar.enable_steady_tick(Duration::from_millis(120));
    }

    fn progress(&mut self, stage: &str, progress: &Progress) {
        let Some(bar) = self.tree().bars.get(stage).cloned() else { return };
        match progress {
            Progress::Step { phase, done, total, unit } => {
                let known = *total > 0;
                if known && bar.length() != Some(*total) {
                    bar.set_length(*total);
                }
                if bar.position() > *done {
                    // A new phase: rates and the time left start anew.
                    bar.reset();
                }
                bar.set_style(if known { counted(unit) } else { spinner() });
                bar.set_position(*done);
                let last = self.epochs.get(stage).map_or_else(String::new, |last| format!("  ({last})"));
                bar.set_message(if known {
                    format!("{phase}{last}")
                } else {
                    format!("{phase}  {done} {unit}")
                });
            }
            Progress::Epoch { epoch, epochs, learning_rate, metrics, .. } => {
                let last = last_epoch(*epoch, *learning_rate, metrics);
                bar.set_message(format!("epoch {epoch}/{epochs}  ({last})"));
                self.epochs.insert(stage.to_owned(), last);
            }
            other => {
                if let Some(text) = note(other) {
                    self.print(stage, &text);
                }
            }
        }
    }

    /// A line above the tree that stays.
    fn print(&mut self, stage: &str, text: &str) {
        // The terminal may be gone; the run is not for it alone.
        let _ = self.tree().multi.println(format!("{}  {text}", style(stage).bold()));
    }

    fn say(&mut self, stage: &str, text: &str) {
        if let Some(bar) = self.tree().bars.get(stage) {
            bar.set_message(text.to_owned());
        }
    }

    fn end(&mut self, stage: &str, words: String) {
        let label = self.label(stage);
        let Some(tree) = &mut self.tree else {
            self.early.insert(stage.to_owned(), words);
            return;
        };
        if tree.whole {
            if let Some(bar) = tree.bars.get(stage) {
                bar.disable_steady_tick();
                bar.set_style(plain());
                bar.finish_with_message(words);
            }
            return;
        }
        if let Some(bar) = tree.bars.remove(stage) {
            bar.finish_and_clear();
        }
        let _ = tree.multi.println(format!("{label} {words}"));
    }

    /// Clears the tree: the summary table says it all again, and stays.
    fn finish(&mut self) {
        if let Some(tree) = &self.tree {
            let _ = tree.multi.clear();
        }
    }

    fn label(&self, stage: &str) -> String {
        self.rows
            .iter()
            .find(|row| row.stage == stage)
            .map_or_else(|| stage.to_owned(), |row| row.label.clone())
    }
}

/// `after 2: auc 0.9571 loss 0.2711`, on rows that were not trained on where there are any.
fn last_epoch(
    epoch: usize,
    learning_rate: Option<f64>,
    metrics: &BTreeMap<String, BTreeMap<String, f64>>,
) -> String {
    let part = metrics.get("valid").or_else(|| metrics.values().next());
    let values = part.into_iter().flatten().map(|(name, value)| format!(" {name} {}", words::number(*value)));
    let rate = learning_rate.map_or_else(String::new, |rate| format!(" lr {}", words::number(rate)));
    format!("after {epoch}:{}{rate}", values.collect::<String>())
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).expect("a template of this program").progress_chars("━╸─")
}

fn plain() -> ProgressStyle {
    template("{prefix} {wide_msg}")
}

fn spinner() -> ProgressStyle {
    template("{prefix} {spinner} {elapsed} {wide_msg}")
}

fn counted(unit: &str) -> ProgressStyle {
    // A unit comes from a worker: braces would be read as a field.
    let unit = unit.replace(['{', '}'], "");
    // A line that is wider than the terminal would break the tree: where it is narrow, there is no bar.
    let middle = if console::Term::stderr().size().1 < NARROW { "{wide_msg}" } else { "{msg} {wide_bar}" };
    let text = format!("{{prefix}} {{spinner}} {middle} {{pos}}/{{len}} {unit}{{pace}}");
    template(&text).with_key("pace", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let rate = state.per_sec();
        // Nothing is known yet of what has just begun.
        if rate >= 0.5 {
            // A writer in memory does not fail.
            let _ = write!(out, "  {rate:.0}/s  {:#}", HumanDuration(state.eta()));
        }
    })
}

/// The stages as a forest: each under the input that is deepest in it, in the plan's order.
fn rows(plan: &Plan) -> Vec<Row> {
    let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
    let mut children: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for stage in plan.stages() {
        let inputs = stage.inputs.iter().filter_map(|input| match &input.origin {
            Origin::Stage { stage, .. } => Some(stage.as_str()),
            Origin::Source(_) => None,
        });
        let parent = inputs.max_by_key(|input| depth.get(input).copied().unwrap_or_default());
        let deep = parent.map_or(0, |parent| depth.get(parent).copied().unwrap_or_default() + 1);
        depth.insert(&stage.name, deep);
        children.entry(parent).or_default().push(&stage.name);
    }
    let mut rows = vec![];
    branch(None, "", &children, &mut rows);
    let width = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    for row in &mut rows {
        row.label = format!("{:width$}", row.label);
    }
    rows
}

fn branch(
    parent: Option<&str>,
    indent: &str,
    children: &BTreeMap<Option<&str>, Vec<&str>>,
    rows: &mut Vec<Row>,
) {
    let names = children.get(&parent).map_or(&[][..], Vec::as_slice);
    for (i, name) in names.iter().enumerate() {
        let last = i + 1 == names.len();
        let (twig, below) = match (parent, last) {
            (None, _) => ("", ""),
            (_, true) => ("└─ ", "   "),
            (_, false) => ("├─ ", "│  "),
        };
        rows.push(Row { stage: (*name).to_owned(), label: format!("{indent}{twig}{name}") });
        branch(Some(name), &format!("{indent}{below}"), children, rows);
    }
}

#[cfg(test)]
mod tests {
    use plan::{ArtifactKind, Input, Port, Stage};

    use super::*;

    #[test]
    fn the_tree_hangs_stages_under_their_deepest_input() {
        let stage = |name: &str, needs: &[&str]| Stage {
            name: name.into(),
            kind: "train".into(),
            version: 1,
            params: serde_json::json!({}),
            inputs: needs
                .iter()
                .map(|stage| Input {
                    port: "in".into(),
                    origin: Origin::Stage { stage: (*stage).into(), port: "out".into() },
                })
                .collect(),
            outputs: vec![Port { name: "out".into(), kind: ArtifactKind::Network }],
            seed: None,
            extent: None,
            needs: vec![],
            numeric: false,
            note: None,
        };
        let stages = vec![
            stage("tokens", &[]),
            stage("base", &["tokens"]),
            stage("words", &["base"]),
            stage("hotel", &[]),
            stage("tuned", &["hotel", "base"]),
            stage("score", &["tuned"]),
        ];
        let plan = Plan::new("p".into(), 0, BTreeMap::new(), stages).unwrap();
        let labels: Vec<String> =
            rows(&plan).into_iter().map(|row| row.label.trim_end().to_owned()).collect();
        assert_eq!(labels, ["tokens", "└─ base", "   ├─ words", "   └─ tuned", "      └─ score", "hotel"]);
    }
}
