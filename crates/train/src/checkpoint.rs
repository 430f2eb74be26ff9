//! The state of a training after its last whole epoch, on disk.
//!
//! Invariant: a checkpoint is a folder `epoch-N` that was complete before it got its name, so a crash at any moment
//! leaves the one before whole. Waiting for the disk takes longer than a short epoch: it is waited for every few seconds,
//! and a checkpoint that has reached it stays until the next one has, for when the machine itself goes down. What does
//! not match its own digest, or belongs to another training, is not used.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use torch::{Device, Tensor, weights};

use crate::error::Error;
use crate::fit::EpochRecord;
use crate::scaler::Scaler;
use crate::schedule::Plateau;
use crate::stopping::Stopping;

/// The form of a checkpoint. 1: the first. 2: what training leaves as it is is left out.
const VERSION: u32 = 2;
const TENSORS: &str = "tensors.safetensors";
const STATE: &str = "state.json";
const PREFIX: &str = "epoch-";
/// Time between two checkpoints that are known to have reached the disk.
const SYNC: Duration = Duration::from_secs(5);

/// Named tensors.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// All that going on needs.
pub(crate) struct Checkpoint {
    /// The last whole epoch.
    pub(crate) epoch: usize,
    /// Every epoch from 0.
    pub(crate) history: Vec<EpochRecord>,
    pub(crate) stopping: Stopping,
    pub(crate) plateau: Plateau,
    /// Those that training moves.
    pub(crate) weights: Tensors,
    pub(crate) optimizer: Tensors,
    /// Weights of the best epoch, where they are to be restored.
    pub(crate) best: Option<Tensors>,
    /// How many weights are in the average, and the average.
    pub(crate) average: (u64, Tensors),
    /// Of 16-bit floats.
    pub(crate) scaler: Option<Scaler>,
    /// The learning rate that was found before training, where it was.
    pub(crate) rate: Option<crate::find::FoundRate>,
    /// Rows of a batch.
    pub(crate) size: Option<usize>,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    /// Which training this is of.
    training: String,
    epoch: usize,
    history: Vec<EpochRecord>,
    stopping: Stopping,
    #[serde(default)]
    averaged: u64,
    #[serde(default)]
    scaler: Option<Scaler>,
    #[serde(default)]
    rate: Option<crate::find::FoundRate>,
    #[serde(default)]
    size: Option<usize>,
    #[serde(default)]
    plateau: Plateau,
    /// BLAKE3 of the tensors' file.
    tensors: String,
}

/// What was found in a checkpoint folder.
pub(crate) enum Found {
    Nothing,
    /// Why it cannot be used.
    Unusable(String),
    Usable(Box<Checkpoint>),
}

/// The checkpoints of one training.
pub(crate) struct Checkpoints<'a> {
    folder: &'a Path,
    /// Which training they are of.
    training: String,
    /// The last that is known to have reached the disk, and when.
    synced: Option<(usize, Instant)>,
}

impl<'a> Checkpoints<'a> {
    pub(crate) fn new(folder: &'a Path, training: String) -> Self {
        Checkpoints { folder, training, synced: None }
    }

    /// Writes the checkpoint, then drops older ones.
    pub(crate) fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let folder = self.folder;
        let due = self.synced.is_none_or(|(_, at)| at.elapsed() >= SYNC);
        let settle = |path: &Path| if due { sync(path) } else { Ok(()) };
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(folder).map_err(Error::io(folder))?;
        let mut tensors = Tensors::new();
        let groups = [
            ("weights", Some(&checkpoint.weights)),
            ("optimizer", Some(&checkpoint.optimizer)),
            ("best", checkpoint.best.as_ref()),
            ("average", Some(&checkpoint.average.1)),
        ];
        for (group, own) in groups {
            for (name, tensor) in own.into_iter().flatten() {
                tensors.insert(format!("{group}/{name}"), tensor.shallow_clone());
            }
        }
        let path = new.path().join(TENSORS);
        weights::save(&path, &tensors)?;
        let state = State {
            version: VERSION,
            training: self.training.clone(),
            epoch: checkpoint.epoch,
            history: checkpoint.history.clone(),
            stopping: checkpoint.stopping.clone(),
            averaged: checkpoint.average.0,
            scaler: checkpoint.scaler,
            rate: checkpoint.rate.clone(),
            size: checkpoint.size,
            plateau: checkpoint.plateau.clone(),
            tensors: digest(&path)?,
        };
        settle(&path)?;
        let path = new.path().join(STATE);
        let text = serde_json::to_vec(&state).map_err(|error| Error::io(&path)(io::Error::other(error)))?;
        fs::write(&path, text).map_err(Error::io(&path))?;
        settle(&path)?;
        settle(new.path())?;
        let named = folder.join(format!("{PREFIX}{}", checkpoint.epoch));
        if named.exists() {
            fs::remove_dir_all(&named).map_err(Error::io(&named))?;
        }
        fs::rename(new.keep(), &named).map_err(Error::io(&named))?;
        settle(folder)?;
        if due {
            self.synced = Some((checkpoint.epoch, Instant::now()));
        }
        let synced = self.synced.map(|(epoch, _)| epoch);
        for (epoch, path) in folders(folder)? {
            if epoch != Some(checkpoint.epoch) && (epoch.is_none() || epoch != synced) {
                fs::remove_dir_all(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(())
    }
}

impl Checkpoint {
    /// The newest checkpoint under `folder` that is whole and of this `training`.
    pub(crate) fn read(folder: &Path, training: &str) -> Result<Found, Error> {
        let mut epochs: Vec<(usize, PathBuf)> =
            folders(folder)?.into_iter().filter_map(|(epoch, path)| Some((epoch?, path))).collect();
        epochs.sort();
        let mut reason = None;
        for (_, path) in epochs.iter().rev() {
            match read_one(path, training) {
                Ok(checkpoint) => return Ok(Found::Usable(Box::new(checkpoint))),
                Err(error) => reason = Some(error),
            }
        }
        Ok(reason.map_or(Found::Nothing, Found::Unusable))
    }
}

/// Reads a checkpoint, or says why not.
fn read_one(folder: &Path, training: &str) -> Result<Checkpoint, String> {
    let state = fs::read(folder.join(STATE)).map_err(|error| error.to_string())?;
    let state: State = serde_json::from_slice(&state).map_err(|error| error.to_string())?;
    if state.version != VERSION || state.training != training {
        return Err("it belongs to another training".to_owned());
    }
    let path = folder.join(TENSORS);
    if digest(&path).map_err(|error| error.to_string())? != state.tensors {
        return Err("its tensors are damaged".to_owned());
    }
    let [mut weights, mut optimizer, mut best, mut average] = [const { Tensors::new() }; 4];
    for (name, tensor) in weights::load(&path, Device::Cpu).map_err(|error| error.to_string())? {
        let Some((group, name)) = name.split_once('/') else {
            return Err(format!("tensor `{name}` has no group"));
        };
        let group = match group {
            "weights" => &mut weights,
            "optimizer" => &mut optimizer,
            "best" => &mut best,
            "average" => &mut average,
            _ => return Err(format!("there is no group `{group}`")),
        };
        group.insert(name.to_owned(), tensor);
    }
    let best = (!best.is_empty()).then_some(best);
    let State { epoch, history, stopping, plateau, averaged, scaler, rate, size, .. } = state;
    let average = (averaged, average);
    Ok(Checkpoint {
        epoch,
        history,
        stopping,
        plateau,
        weights,
        optimizer,
        best,
        average,
        scaler,
        rate,
        size,
    })
}

/// Folders of checkpoints with their epochs; unfinished ones have none.
fn folders(folder: &Path) -> Result<Vec<(Option<usize>, PathBuf)>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.map_err(Error::io(folder))?,
    };
    let mut found = vec![];
    for entry in entries {
        let entry = entry.map_err(Error::io(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_prefix(PREFIX) {
            Some(epoch) => found.push((epoch.parse().ok(), entry.path())),
            None if name.starts_with(".new-") => found.push((None, entry.path())),
            None => {}
        }
    }
    Ok(found)
}

fn digest(path: &Path) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_mmap(path).map_err(Error::io(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io(path))
}
