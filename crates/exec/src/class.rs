//! The numerics class: what besides its inputs decides a numeric stage's bytes.
//!
//! Only the worker knows it, because only the worker loads libtorch. Invariant: the answer is remembered in the
//! store for one worker file on one machine, so that a run without work to do starts no process.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plan::Plan;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::error::{Error, Result};
use crate::identity::digest;
use crate::options::Workers;

/// All that the answer depends on, as far as can be seen without asking.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Question {
    worker: PathBuf,
    size: u64,
    modified: (i64, i64),
    library_path: Option<String>,
    visible_devices: Option<String>,
    device: String,
    host: String,
    vectors: String,
    gpu: bool,
}

#[derive(Serialize, Deserialize)]
struct Known {
    question: Question,
    class: String,
}

/// The numerics class of a worker on a device, if a stage of the plan needs it. Where the worker cannot be asked, it is the class that the store heard of
/// last for such a device: results are still found, and a stage that must run fails with the worker's own error.
pub(crate) fn numerics_class(plan: &Plan, store: &Store, workers: &Workers) -> Result<Option<String>> {
    if !plan.stages().any(|stage| stage.numeric) {
        return Ok(None);
    }
    let class = asked(store, workers).or_else(|error| {
        let class = last_known(store, &workers.device).ok_or(error)?;
        tracing::warn!(class, "the worker does not tell its numerics class; the store's last one is used");
        Ok(class)
    });
    class.map(Some)
}

fn asked(store: &Store, workers: &Workers) -> Result<String> {
    let question = question(workers)?;
    let folder = store.root().join("class");
    let file = folder.join(format!("{}.json", digest(&question)?.short()));
    let known = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    if let Some(known) = known.filter(|known| known.question == question) {
        return Ok(known.class);
    }
    let class = ask(workers)?;
    // Not remembering only costs time, and a store that is open for reading must stay as it is.
    if let Err(error) = remember(store, &folder, &file, &Known { question, class: class.clone() }) {
        tracing::debug!(%error, "the numerics class was not remembered");
    }
    Ok(class)
}

fn last_known(store: &Store, device: &str) -> Option<String> {
    let files = fs::read_dir(store.root().join("class")).ok()?.flatten();
    let known = files.filter_map(|file| {
        let known: Known = serde_json::from_slice(&fs::read(file.path()).ok()?).ok()?;
        (known.question.device == device)
            .then(|| (file.metadata().and_then(|meta| meta.modified()).ok(), known.class))
    });
    known.max().map(|(_, class)| class)
}

fn question(workers: &Workers) -> Result<Question> {
    let path = &workers.on_networks;
    let meta = fs::metadata(path).map_err(|source| Error::Start { path: path.clone(), source })?;
    let text =
        |name: &str| std::env::var_os(name).map(|value: OsString| value.to_string_lossy().into_owned());
    Ok(Question {
        worker: path.clone(),
        size: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        library_path: text("LD_LIBRARY_PATH"),
        visible_devices: text("CUDA_VISIBLE_DEVICES"),
        device: workers.device.clone(),
        host: fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        vectors: vectors().to_owned(),
        gpu: Path::new("/dev/nvidiactl").exists(),
    })
}

/// The widest vector instructions of this processor.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") {
            return "avx2";
        }
    }
    std::env::consts::ARCH
}

fn ask(workers: &Workers) -> Result<String> {
    let path = &workers.on_networks;
    let output = Command::new(path)
        .args(["--class", "--device", &workers.device])
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Start { path: path.clone(), source })?;
    let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !words.is_empty() {
        return Ok(words);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    Err(Error::Class { path: path.clone(), reason: format!("{} ({})", last.trim(), output.status) })
}

fn remember(store: &Store, folder: &Path, file: &Path, known: &Known) -> Result<()> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| store::Error::io("write", path, error)
    };
    let staging = store.stage_dir()?;
    let fresh = staging.path().join("class.json");
    fs::write(&fresh, store::canonical_json(known)?).map_err(at(&fresh))?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    fs::rename(&fresh, file).map_err(at(file))?;
    Ok(())
}
