//! Readers of a run's events: JSON lines for programs, plain lines for logs, a live tree for terminals.

use std::io::{self, IsTerminal, Write};

use exec::{Event, What};
use plan::{Plan, Progress, StageError};

use crate::context::Context;
use crate::live::Live;
use crate::{render, words};

/// A reader of events.
pub(crate) enum Reporter {
    /// One event a line on standard output, or on standard error where that has results.
    Json { has_results: bool },
    /// Lines on standard error.
    Plain(Plain),
    /// A tree on standard error that is drawn again and again.
    Live(Box<Live>),
}

/// Lines that begin with the stage's name.
pub(crate) struct Plain {
    width: usize,
}

impl Reporter {
    pub(crate) fn new(context: &Context, plan: &Plan) -> Self {
        if context.json() {
            return Reporter::Json { has_results: false };
        }
        // A log that is written to the terminal would tear the tree apart.
        let logs = crate::log_filter(&context.global).is_some();
        if io::stderr().is_terminal() && !logs {
            return Reporter::Live(Box::new(Live::new(plan)));
        }
        Reporter::plain(plan)
    }

    fn plain(plan: &Plan) -> Self {
        let width = plan.stages().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
        Reporter::Plain(Plain { width })
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match self {
            // A reader that went away must not stop the work.
            Reporter::Json { has_results: false } => drop(crate::print_json(event)),
            Reporter::Json { has_results: true } => drop(crate::write_json(io::stderr().lock(), event)),
            Reporter::Plain(plain) => {
                for (stage, line) in lines(&event.what) {
                    let width = plain.width;
                    let _ = writeln!(io::stderr(), "{stage:width$}  {line}");
                }
            }
            Reporter::Live(live) => live.event(&event.what),
        }
    }
}

/// What an event says of which stage, line by line. Steps say nothing: there are too many.
pub(crate) fn lines(what: &What) -> Vec<(&str, String)> {
    let (stage, line) = match what {
        What::StageHit { stage, seconds, .. } => (stage, format!("hit (took {})", words::seconds(*seconds))),
        What::StageWaiting { stage } => (stage, "waits for another run that computes it".to_owned()),
        What::StageStarted { stage, reason, .. } => (stage, format!("runs: {}", reason.join(", "))),
        What::Progress { stage, progress } => match note(progress) {
            Some(line) => (stage, line),
            None => return vec![],
        },
        What::StageDone { stage, seconds, summary, .. } => {
            let numbers = numbers(summary);
            let comma = if numbers.is_empty() { "" } else { ": " };
            (stage, format!("done in {}{comma}{numbers}", words::seconds(*seconds)))
        }
        What::StageFailed { stage, error } => {
            (stage, format!("failed: {}", words::visible(&one_line(error))))
        }
        What::StageSkipped { stage, because } => (stage, skipped(because)),
        What::Damaged { stage: Some(stage), problem } => (stage, format!("will be rebuilt: {problem}")),
        What::Damaged { stage: None, .. } | What::RunStarted { .. } | What::RunFinished { .. } => {
            return vec![];
        }
    };
    vec![(stage.as_str(), line)]
}

/// Progress that is worth a line of its own.
pub(crate) fn note(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Step { .. } => None,
        Progress::Epoch { epoch, epochs, seconds, rate, learning_rate, metrics } => {
            let mut line = format!("epoch {epoch}/{epochs}");
            for (part, values) in metrics {
                let values: Vec<String> =
                    values.iter().map(|(name, value)| format!("{name} {}", words::number(*value))).collect();
                line += &format!("  {part} {}", values.join(" "));
            }
            if let Some(learning_rate) = learning_rate {
                line += &format!("  lr {}", words::number(*learning_rate));
            }
            if *epoch > 0 {
                line += &format!("  {}, {rate:.0} rows/s", words::seconds(*seconds));
            }
            Some(line)
        }
        Progress::Resumed { epoch } => Some(format!("goes on from epoch {epoch}")),
        Progress::Note { text } => Some(text.clone()),
        Progress::Warning { text } => Some(format!("warning: {text}")),
    }
}

pub(crate) fn skipped(because: &str) -> String {
    format!("skipped because `{because}` failed")
}

/// `valid auc 0.9571, epochs 5`; without the numbers of rows that a network was trained on, where there are others.
pub(crate) fn numbers(summary: &[(String, f64)]) -> String {
    let has_others = summary.iter().any(|(name, _)| name.starts_with("valid ") || name.starts_with("test "));
    let shown = summary.iter().filter(|(name, _)| !(has_others && name.starts_with("train ")));
    let texts: Vec<String> = shown.map(|(name, value)| format!("{name} {}", words::number(*value))).collect();
    texts.join(", ")
}

fn one_line(error: &StageError) -> String {
    match render::unsaid_place(error) {
        Some(place) => format!("{} ({place})", error.message),
        None => error.message.clone(),
    }
}

/// The errors of a run in full, after its events.
pub(crate) fn errors(summary: &exec::Summary) -> String {
    let failed = summary.stages.iter().filter_map(|report| match &report.end {
        exec::End::Failed { error } => Some(render::stage_error(&report.name, error)),
        _ => None,
    });
    failed.collect()
}
