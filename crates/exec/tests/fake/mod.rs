//! A worker whose stages do what their params say.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use plan::{Blame, FromWorker, Outcome, Output, Progress, StageError, Task, ToWorker, Value};
use serde::Deserialize;

/// What a fake stage does, in this order.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Script {
    /// Appends a line to this file.
    log: Option<PathBuf>,
    /// Leaves a checkpoint of this epoch.
    checkpoint: Option<usize>,
    /// Makes a file of its own name in this folder and waits until there are so many.
    meet: Option<(PathBuf, usize)>,
    /// Waits until this file is there.
    until: Option<PathBuf>,
    /// Fails, with this blame.
    fail: Option<Blame>,
    /// `abort`, `kill`, `exit`: how the process ends.
    die: Option<String>,
    /// Writes this; else a digest of the inputs.
    text: Option<String>,
    /// Makes no output.
    forget: bool,
    /// What the output is, instead of a data set.
    kind: Option<String>,
}

pub(crate) fn serve() -> ExitCode {
    let (sender, tasks) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let ToWorker::Run(task) = serde_json::from_str(&line.unwrap()).unwrap();
            sender.send(task).unwrap();
        }
        std::process::exit(0);
    });
    say(&FromWorker::Ready { pid: std::process::id() });
    println!("a native library prints this");
    for task in tasks {
        match perform(&task) {
            Ok(outcome) => say(&FromWorker::Done(outcome)),
            Err(error) => say(&FromWorker::Failed(error)),
        }
    }
    ExitCode::SUCCESS
}

fn say(words: &FromWorker) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(words).unwrap()).unwrap();
    stdout.flush().unwrap();
}

fn wait(mut there: impl FnMut() -> bool) {
    while !there() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn perform(task: &Task) -> Result<Outcome, StageError> {
    let script: Script = serde_json::from_value(task.params.clone()).unwrap();
    if let Some(log) = &script.log {
        let mut log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        writeln!(log, "{}", task.stage).unwrap();
    }
    let kept = task.checkpoint.join("epoch");
    if let Some(folder) = &task.kept {
        fs::write(&kept, fs::read_to_string(folder.join("epoch")).unwrap()).unwrap();
    }
    if let Ok(epoch) = fs::read_to_string(&kept) {
        say(&FromWorker::Progress(Progress::Resumed { epoch: epoch.parse().unwrap() }));
    } else if let Some(epoch) = script.checkpoint {
        fs::write(&kept, epoch.to_string()).unwrap();
        let metrics = BTreeMap::new();
        say(&FromWorker::Progress(Progress::Epoch {
            epoch,
            epochs: 9,
            seconds: 0.5,
            rate: 10.0,
            learning_rate: None,
            metrics,
        }));
    }
    if let Some((folder, count)) = &script.meet {
        fs::write(folder.join(&task.stage), "").unwrap();
        wait(|| fs::read_dir(folder).unwrap().count() >= *count);
    }
    if let Some(file) = &script.until {
        wait(|| file.exists());
    }
    if let Some(blame) = script.fail {
        return Err(StageError::new(blame, "it was told to fail").hint("tell it otherwise"));
    }
    match script.die.as_deref() {
        Some("abort") => {
            eprintln!("what():  a tensor is not what it should be");
            std::process::abort();
        }
        Some("kill") => {
            let pid = std::process::id().to_string();
            std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
            wait(|| false);
        }
        Some("exit") => std::process::exit(3),
        _ => {}
    }
    let text = script.text.unwrap_or_else(|| inputs(task));
    let mut outputs = BTreeMap::new();
    if !script.forget {
        write(&task.out.join("out"), &text);
        let kind = script.kind.unwrap_or_else(|| "dataset".to_owned());
        outputs.insert("out".to_owned(), Output { kind, meta: serde_json::json!({}) });
    }
    Ok(Outcome { outputs, summary: vec![("length".into(), text.len() as f64)] })
}

fn write(folder: &Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("text"), text).unwrap();
}

/// All that a stage gets, as text.
fn inputs(task: &Task) -> String {
    let mut text = format!("{} {}", task.kind, task.seed);
    for input in &task.inputs {
        let content = match &input.value {
            Value::Source { paths, .. } => fs::read_to_string(&paths[0]).unwrap(),
            Value::Artifact(artifact) => fs::read_to_string(&artifact.files["text"]).unwrap(),
        };
        text += &format!("\n{}={content}", input.port);
    }
    text
}
