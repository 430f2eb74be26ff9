//! Runs that are broken off: what the user is told, and that going on ends in the same bytes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::session::Session;

/// A run of so many epochs; 40 are long enough to be broken off three times.
fn run(epochs: usize) -> String {
    format!("run recipe.toml --json --jobs 1 --set stages.net.epochs={epochs}")
}

/// A run whose events are read as they come.
struct Running {
    child: Child,
    events: Box<dyn Iterator<Item = Value>>,
}

impl Running {
    fn start(session: &Session) -> Self {
        let mut child =
            session.command(&run(40)).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = lines.map_while(|line| serde_json::from_str(&line.ok()?).ok());
        Running { child, events: Box::new(events) }
    }

    /// Reads on until the network has been trained for so many epochs; gives the worker's process id.
    fn trained(&mut self, epochs: u64) -> i32 {
        let mut worker = 0;
        for event in &mut self.events {
            if event["event"] == "stage-started" {
                worker = i32::try_from(event["worker"].as_u64().unwrap()).unwrap();
            }
            if event["progress"]["epoch"].as_u64().is_some_and(|epoch| epoch >= epochs) {
                return worker;
            }
        }
        panic!("the run ended before epoch {epochs}");
    }

    fn code(mut self) -> Option<i32> {
        // Read to the end: a full pipe would block the run.
        self.events.by_ref().for_each(drop);
        self.child.wait().unwrap().code()
    }
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The events of a run to the end.
fn events(session: &Session, epochs: usize) -> Vec<Value> {
    let answer = session.command(&run(epochs)).output().unwrap();
    assert_eq!(answer.status.code(), Some(0));
    let text = String::from_utf8(answer.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Artifacts of every stage, by name.
fn outputs(events: &[Value]) -> Vec<(String, Value)> {
    let mut outputs: Vec<(String, Value)> = events
        .iter()
        .filter(|event| event["outputs"].is_object())
        .map(|event| (event["stage"].as_str().unwrap().to_owned(), event["outputs"].clone()))
        .collect();
    outputs.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(outputs.len(), 4);
    outputs
}

#[test]
fn killed_at_three_moments_it_ends_in_the_same_bytes() {
    let session = Session::started();
    let mut run = Running::start(&session);
    let worker = run.trained(3);
    signal(worker, Signal::KILL);
    assert_eq!(run.code(), Some(3), "a killed worker is the environment's fault");

    let mut run = Running::start(&session);
    run.trained(9);
    signal(i32::try_from(run.child.id()).unwrap(), Signal::KILL);
    assert_eq!(run.code(), None);

    let mut run = Running::start(&session);
    run.trained(15);
    signal(i32::try_from(run.child.id()).unwrap(), Signal::INT);
    assert_eq!(run.code(), Some(130));

    let plan = session.call("plan recipe.toml --set stages.net.epochs=40");
    assert!(plan.stdout.contains("goes on from its checkpoint"), "{}", plan.stdout);
    assert_eq!(outputs(&events(&session, 40)), outputs(&events(&Session::started(), 40)));
}

#[test]
fn more_epochs_continue_and_end_in_the_bytes_of_a_training_from_the_start() {
    let session = Session::started();
    let trained = |events: &[Value]| -> Vec<u64> {
        let epochs = events.iter().filter(|event| event["progress"]["what"] == "epoch");
        epochs.map(|event| event["progress"]["epoch"].as_u64().unwrap()).collect()
    };
    assert_eq!(trained(&events(&session, 2)), [0, 1, 2]);
    let plan = session.call("plan recipe.toml --set stages.net.epochs=4");
    assert!(plan.stdout.contains("continues from epoch 2"), "{}", plan.stdout);
    let continued = events(&session, 4);
    assert_eq!(trained(&continued), [3, 4]);
    assert_eq!(outputs(&continued), outputs(&events(&Session::started(), 4)));
}
