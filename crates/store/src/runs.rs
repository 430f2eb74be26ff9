//! Run history: `runs/<id>/run.json` and `events.jsonl`. Invariant: a run holds its lock while it lives, so a run
//! without a summary whose lock is free was interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::canonical::canonical_json;
use crate::error::{Error, IoContext, Result};
use crate::layout;
use crate::locks::FileLock;
use crate::session;
use crate::store::Store;

const RUN: &str = "run.json";
const EVENTS: &str = "events.jsonl";
const LOCK: &str = "lock";

/// What a run was asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The recipe's name.
    pub recipe: String,
    /// The recipe's path as given.
    pub recipe_path: String,
    /// The command line after the program's name.
    pub args: Vec<String>,
    /// The recipe's text; of runs before it was kept, none.
    #[serde(default)]
    pub text: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Every stage asked for has its outputs.
    Succeeded,
    /// At least one stage failed.
    Failed,
    /// The user stopped it.
    Cancelled,
}

/// The numbers of a run that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Stages whose results were reused.
    pub hits: usize,
    /// Stages that ran and succeeded.
    pub executed: usize,
    /// Stages that failed.
    pub failed: usize,
    /// Stages that did not start, because an input failed or the run was stopped.
    pub skipped: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The first error, or nothing.
    #[serde(default)]
    pub message: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its process lives.
    Running,
    /// Its process died without a word.
    Interrupted,
    /// It came to its end.
    Finished(RunSummary),
}

/// A run of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; ids sort by the time of their start.
    pub id: String,
    /// What it was asked to do.
    pub info: RunInfo,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// Where it stands.
    pub state: RunState,
}

/// What `run.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RunFile {
    info: RunInfo,
    started: u64,
    summary: Option<RunSummary>,
}

/// A run that is being recorded. Shared by threads; dropped without [`RunLog::finish`] it counts as interrupted.
#[derive(Debug)]
pub struct RunLog {
    store: Store,
    id: String,
    file: RunFile,
    events: Mutex<File>,
    _lock: FileLock,
}

impl RunLog {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends an event as one line of JSON.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn event(&self, event: &impl Serialize) -> Result<()> {
        let line = canonical_json(event)? + "\n";
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.write_all(line.as_bytes()).at("write", &self.dir().join(EVENTS))
    }

    /// Records how the run ended.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn finish(mut self, summary: RunSummary) -> Result<()> {
        self.file.summary = Some(summary);
        self.write()
    }

    fn dir(&self) -> PathBuf {
        self.store.layout().runs().join(&self.id)
    }

    fn write(&self) -> Result<()> {
        let text = canonical_json(&self.file)?;
        self.store.session()?.write(&self.dir().join(RUN), text.as_bytes(), false)
    }
}

impl Store {
    /// Starts recording a run, after removing what dead processes left in `tmp/`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn begin_run(&self, info: RunInfo) -> Result<RunLog> {
        self.session()?;
        session::remove_stale(&self.layout().tmp())?;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let id = format!("{}-{}", utc(now), &session::unique()[..6]);
        let dir = self.layout().runs().join(&id);
        fs::create_dir(&dir).at("create", &dir)?;
        let lock = FileLock::acquire(&dir.join(LOCK))?;
        let path = dir.join(EVENTS);
        let events = OpenOptions::new().create_new(true).append(true).open(&path).at("create", &path)?;
        let file = RunFile { info, started: now.as_secs(), summary: None };
        let log = RunLog { store: self.clone(), id, file, events: Mutex::new(events), _lock: lock };
        log.write()?;
        Ok(log)
    }

    /// All runs, newest first. Records that cannot be read are left out.
    ///
    /// # Errors
    /// When the history cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        let dirs = layout::list(&self.layout().runs())?;
        Ok(dirs.iter().rev().filter_map(|dir| record(dir)).collect())
    }

    /// The events of a run in order; a last line that was cut off by a crash is left out.
    ///
    /// # Errors
    /// When the run does not exist, or an event other than the last is malformed.
    pub fn run_events(&self, id: &str) -> Result<Vec<serde_json::Value>> {
        let path = self.layout().runs().join(id).join(EVENTS);
        let text = fs::read_to_string(&path).at("read", &path)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parsed: std::result::Result<_, _> = whole.lines().map(serde_json::from_str).collect();
        parsed.map_err(|error| Error::Malformed { path, reason: error.to_string() })
    }
}

fn record(dir: &Path) -> Option<RunRecord> {
    let id = dir.file_name()?.to_str()?.to_owned();
    // Asked first: a run that ends in between has its summary by the time it is read.
    let alive = FileLock::is_held(&dir.join(LOCK));
    let file: RunFile = serde_json::from_slice(&fs::read(dir.join(RUN)).ok()?).ok()?;
    let state = match file.summary {
        Some(summary) => RunState::Finished(summary),
        None if alive => RunState::Running,
        None => RunState::Interrupted,
    };
    Some(RunRecord { id, info: file.info, started: file.started, state })
}

/// Date and time in UTC with microseconds, as a file name that sorts by time.
fn utc(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Civil date from days, after Howard Hinnant: years start in March, eras have 400 years.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let day = day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let micros = since_1970.subsec_micros();
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}-{micros:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts are those of `date -u -d @SECONDS +%Y%m%d-%H%M%S`.
    #[test]
    fn dates_are_civil() {
        for (seconds, text) in [
            (0, "19700101-000000-000000"),
            (951_782_399, "20000228-235959-000000"),
            (951_782_400, "20000229-000000-000000"),
            (1_709_251_200, "20240301-000000-000000"),
            (4_102_444_799, "20991231-235959-000000"),
        ] {
            assert_eq!(utc(Duration::from_secs(seconds)), text);
        }
    }
}
