//! A worker process: started, spoken to in JSON lines, and read out when it dies.
//!
//! Invariant: a worker is its own process group, so a Ctrl-C on the terminal reaches the engine only, which then
//! stops its workers in order; a worker whose engine is gone sees its input end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use plan::{Blame, FromWorker, StageError, ToWorker};

use crate::engine::Message;
use crate::error::{Error, Result};
use crate::options::Workers;

/// Lines of a worker's standard error that are kept.
const TAIL: usize = 40;

/// A running worker.
pub(crate) struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    /// The program that it runs.
    pub(crate) program: PathBuf,
    /// Whether it has said that it is up.
    pub(crate) ready: bool,
    /// The stage that it works on.
    pub(crate) stage: Option<usize>,
}

impl Worker {
    /// Starts a worker whose words arrive in `inbox` under the number `id`.
    pub(crate) fn start(
        id: usize,
        program: &Path,
        workers: &Workers,
        threads: usize,
        inbox: Sender<Message>,
    ) -> Result<Worker> {
        let failed = |source| Error::Start { path: program.to_owned(), source };
        let mut command = Command::new(program);
        command
            .arg("--serve")
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("OMP_WAIT_POLICY", "passive")
            // The last line that a dying worker writes says why, not where.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(log) = &workers.log {
            command.env("PIPELINE_LOG", log);
        }
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&tail);
        let pid = child.id();
        let listener = thread::spawn(move || {
            for line in
                stderr.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(|line| line.ok())
            {
                tracing::info!(target: "pipeline_worker", pid, "{line}");
                let mut tail = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
        });
        thread::spawn(move || {
            for line in
                stdout.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(|line| line.ok())
            {
                match hear(&line) {
                    Some(words) => drop(inbox.send(Message::Said { worker: id, words: Box::new(words) })),
                    None => tracing::debug!(target: "pipeline_worker", pid, "{line}"),
                }
            }
            // Last words are complete only when both streams have ended.
            drop(listener.join());
            drop(inbox.send(Message::Closed { worker: id }));
        });
        let program = program.to_owned();
        Ok(Worker { child, stdin, stderr: tail, program, ready: false, stage: None })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line. A worker that died meanwhile is not an error here: its end is on the way as a message.
    pub(crate) fn send(&mut self, words: &ToWorker) {
        let line = serde_json::to_string(words).expect("a task has string keys only");
        if let Some(stdin) = &mut self.stdin {
            let sent = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
            if let Err(error) = sent {
                tracing::debug!(pid = self.child.id(), %error, "the worker does not listen");
            }
        }
    }

    /// Asks the worker to stop.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Stops the worker at once.
    pub(crate) fn kill(&mut self) {
        self.stdin = None;
        // Fails only when the process is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// How the process ended; one that does not end in time is killed.
    pub(crate) fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(Some(status)) => return Some(status),
                Err(_) => return None,
            }
        }
        self.kill();
        None
    }

    /// Why the worker died, for the stage that it worked on.
    pub(crate) fn autopsy(&self, status: Option<ExitStatus>) -> StageError {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let last = tail.iter().rev().find(|line| !line.trim().is_empty());
        let words = last.map_or_else(String::new, |line| format!(": {}", line.trim()));
        let Some(status) = status else {
            return StageError::new(Blame::Stage, format!("the worker stopped answering{words}"));
        };
        match status.signal() {
            Some(signal @ (libc::SIGKILL | libc::SIGTERM | libc::SIGINT)) => {
                let error = StageError::new(
                    Blame::Environment,
                    format!("the worker was killed by {}{words}", name(signal)),
                );
                if signal == libc::SIGKILL {
                    error.hint("if nobody killed it, memory ran out: try fewer --jobs or a smaller batch")
                } else {
                    error
                }
            }
            Some(_) if words.contains("memory allocation of") => {
                StageError::new(Blame::Environment, format!("the worker ran out of memory{words}"))
                    .hint("try fewer --jobs, a smaller batch or a smaller network")
            }
            Some(signal) => {
                StageError::new(Blame::Stage, format!("the worker crashed with {}{words}", name(signal)))
            }
            None => {
                // A worker that never came up lacks something of its machine, a shared library for example.
                let blame = if self.ready { Blame::Stage } else { Blame::Environment };
                let code = status.code().unwrap_or(-1);
                StageError::new(blame, format!("the worker ended with exit code {code}{words}"))
            }
        }
    }
}

/// What a line of a worker's output means. A native library that prints is not the worker speaking.
fn hear(line: &str) -> Option<FromWorker> {
    match serde_json::from_str(line) {
        Ok(words) => Some(words),
        Err(error) if line.starts_with("{\"say\":") => {
            let message = format!("the worker says what the engine does not understand: {error}");
            Some(FromWorker::Failed(StageError::new(Blame::Bug, message)))
        }
        Err(_) => None,
    }
}

/// A signal's usual name.
fn name(signal: i32) -> String {
    let name = match signal {
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGINT => "SIGINT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}
