//! A process that runs stages: takes tasks as JSON lines on standard input, says how they go on standard output.
//!
//! Invariants: standard output carries this module's lines and nothing else, whatever native libraries print; the
//! process is gone as soon as its input ends, in the middle of a task too, so that no engine leaves one behind.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use plan::{Blame, FromWorker, Outcome, Progress, StageError, Task, ToWorker};
use rustix::process::{Signal, getpid, kill_process};

/// How a stage is run.
type Run = fn(&Task, &mut dyn FnMut(Progress)) -> Result<Outcome, StageError>;

/// Runs stages until there are no more.
///
/// # Errors
/// When nobody listens any more.
pub(crate) fn serve(run: Run) -> io::Result<()> {
    let mut voice = private_stdout()?;
    say(&mut voice, &FromWorker::Ready { pid: std::process::id() })?;
    for task in tasks() {
        let mut broken = None;
        let answer = {
            let mut tell = |progress| {
                if let Err(error) = say(&mut voice, &FromWorker::Progress(finite_progress(progress))) {
                    broken.get_or_insert(error);
                }
            };
            perform(run, &task, &mut tell)
        };
        if let Some(error) = broken {
            return Err(error);
        }
        say(&mut voice, &answer)?;
    }
    Ok(())
}

/// Standard output for ourselves; what else writes to it goes to standard error from now on.
fn private_stdout() -> io::Result<File> {
    let voice = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    Ok(File::from(voice))
}

/// Tasks as they come. The thread that reads them ends the process when there will be no more.
fn tasks() -> Receiver<Task> {
    let (sender, tasks) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(ToWorker::Run(task)) => drop(sender.send(*task)),
                Err(error) => tracing::error!(%error, "this is no task: {line}"),
            }
        }
        // Not `exit`: it would run destructors of libraries that another thread is in the middle of.
        let _ = kill_process(getpid(), Signal::KILL);
    });
    tasks
}

fn perform(run: Run, task: &Task, tell: &mut dyn FnMut(Progress)) -> FromWorker {
    let done = panic::catch_unwind(AssertUnwindSafe(|| run(task, tell)));
    match done {
        Ok(Ok(outcome)) => FromWorker::Done(Outcome { summary: finite(outcome.summary), ..outcome }),
        Ok(Err(error)) => FromWorker::Failed(error),
        Err(panic) => {
            let message = format!("the stage's implementation broke down: {}", payload(panic.as_ref()));
            FromWorker::Failed(StageError::new(Blame::Bug, message).hint("please report this"))
        }
    }
}

fn payload(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// JSON has no numbers that are not finite: a metric that has no value is left out.
fn finite(numbers: Vec<(String, f64)>) -> Vec<(String, f64)> {
    numbers.into_iter().filter(|(_, value)| value.is_finite()).collect()
}

fn finite_progress(progress: Progress) -> Progress {
    match progress {
        Progress::Epoch { epoch, epochs, seconds, rate, learning_rate, metrics } => {
            let keep = |values: BTreeMap<String, f64>| {
                values.into_iter().filter(|(_, value)| value.is_finite()).collect()
            };
            let metrics = metrics.into_iter().map(|(part, values)| (part, keep(values))).collect();
            let rate = if rate.is_finite() { rate } else { 0.0 };
            Progress::Epoch { epoch, epochs, seconds, rate, learning_rate, metrics }
        }
        other => other,
    }
}

fn say(voice: &mut File, words: &FromWorker) -> io::Result<()> {
    // In one write, so that a process that dies leaves whole lines.
    let line = serde_json::to_string(words)? + "\n";
    voice.write_all(line.as_bytes())
}
