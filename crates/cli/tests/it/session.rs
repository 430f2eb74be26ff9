//! A folder in which commands are called, and their answers in a form that is the same on every machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which commands are called.
pub(crate) struct Session {
    folder: TempDir,
}

/// What a command answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        Session { folder: TempDir::new().unwrap() }
    }

    /// A folder with the starter recipe and its data.
    pub(crate) fn started() -> Self {
        let session = Session::new();
        assert_eq!(session.call("init").code, Some(0));
        session
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Copies a folder into this one.
    pub(crate) fn copy(&self, name: &str, from: &Path) {
        fs::create_dir_all(self.path(name)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                self.copy(&to, &path);
            } else {
                fs::copy(&path, self.path(&to)).unwrap();
            }
        }
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(args.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["PIPELINE_STORE", "PIPELINE_DATA", "PIPELINE_LOG", "NO_COLOR", "PIPELINE_WORKER"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn call(&self, args: &str) -> Answer {
        self.answer(self.command(args).output().unwrap())
    }

    pub(crate) fn answer(&self, output: Output) -> Answer {
        let text = |bytes: Vec<u8>| plain(&String::from_utf8(bytes).unwrap(), self.folder.path());
        Answer { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// All that a command answers, for a snapshot.
    /// The documents of what a stage made first, by file.
    pub(crate) fn documents(&self, recipe: &str, stage: &str) -> Value {
        let shown = self.call(&format!("show {recipe} {stage} --json")).stdout;
        serde_json::from_str::<Value>(&shown).unwrap()[0]["documents"].clone()
    }

    /// The metrics that a stage of `recipe.toml` measured.
    pub(crate) fn metrics(&self, stage: &str) -> BTreeMap<String, f64> {
        let documents = self.documents("recipe.toml", stage);
        serde_json::from_value(documents["metrics.json"]["metrics"].clone()).unwrap()
    }

    pub(crate) fn transcript(&self, args: &str) -> String {
        let answer = self.call(args);
        let mut text = format!("$ pipeline {args}\n{}", answer.stdout);
        if !answer.stderr.is_empty() {
            text += &format!("--- stderr\n{}", answer.stderr);
        }
        text + &format!("--- exit code {}\n", answer.code.unwrap_or(-1))
    }
}

/// The text without what differs between two calls: the folder, durations, digests, run ids.
fn plain(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(word).collect();
        out += &words.join(" ");
        out.push('\n');
    }
    let out = merge_durations(&out);
    // Durations are of different lengths, and columns as wide as they are.
    if out.contains("TIME") { squeeze(&out) } else { out }
}

/// The text with two spaces wherever there were more.
fn squeeze(text: &str) -> String {
    let mut text = text.to_owned();
    while text.contains("   ") {
        text = text.replace("   ", "  ");
    }
    text
}

/// Twelve or more hexadecimal digits are a digest, eight digits and two dashes a run's id.
fn word(word: &str) -> String {
    let is_hex = word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let is_run = word.len() > 20 && word.split('-').count() == 4 && word.starts_with("20");
    match (is_hex, is_run) {
        (true, _) => "DIGEST".to_owned(),
        (_, true) => "RUN".to_owned(),
        _ => word.to_owned(),
    }
}

/// `0.3 s`, `12 ms` and `1 min 3 s` become `TIME`, with what spaces went before them.
fn merge_durations(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = vec![];
        for word in line.split(' ') {
            let unit = matches!(word.trim_end_matches([',', ')', ';', ':']), "ms" | "s" | "min" | "h");
            let number = words.last().is_some_and(|last| {
                let digits = last.trim_start_matches('(');
                digits == "TIME" || (!digits.is_empty() && digits.parse::<f64>().is_ok())
            });
            if unit && number {
                let open = if words.pop().is_some_and(|number| number.starts_with('(')) { "(" } else { "" };
                let tail = word.trim_start_matches(|c: char| c.is_ascii_lowercase());
                while words.last().is_some_and(|last| last == "TIME" || last.is_empty()) {
                    words.pop();
                }
                words.push(format!("{open}TIME{tail}"));
            } else {
                words.push(word.to_owned());
            }
        }
        out += words.join(" ").trim_end();
        out.push('\n');
    }
    out
}
