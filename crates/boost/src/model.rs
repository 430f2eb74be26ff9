//! A fitted model: its bytes, its predictions, what its columns are worth.
//!
//! Invariant: LightGBM is handed a model text only after its digest was checked, and a model predicts from
//! the text that its bytes hold, never from state that they do not.

use serde::{Deserialize, Serialize};

use crate::encode::{self, Encoded, Encoder};
use crate::error::Error;
use crate::ffi::Booster;
use crate::{Objective, Table};

/// Version of the bytes. 1: first.
const FORMAT: u32 = 1;

/// What a model is. Fields in the order of their names: their serialized form has sorted keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) best_round: usize,
    /// LightGBM's model text up to the best round, without its parameters.
    pub(crate) booster: String,
    pub(crate) encoders: Vec<Encoder>,
    /// Names of the numeric columns.
    pub(crate) numeric: Vec<String>,
    pub(crate) objective: Objective,
    /// Mean target of the training rows, `[outputs]`.
    pub(crate) prior: Vec<f64>,
}

impl Content {
    /// Encodes rows that took no part in training.
    pub(crate) fn encode(&self, table: &Table) -> Result<Encoded, Error> {
        check_names("numeric columns", &self.numeric, table.numeric_names())?;
        let categories: Vec<String> = self.encoders.iter().map(|encoder| encoder.name.clone()).collect();
        check_names("categorical columns", &categories, table.category_names())?;
        Ok(encode::apply(table, &self.encoders, &self.prior))
    }

    fn digest(&self) -> Result<String, Error> {
        let mut hasher = blake3::Hasher::new();
        serde_json::to_writer(&mut hasher, self).map_err(|error| Error::damaged(error.to_string()))?;
        Ok(hasher.finalize().to_hex().to_string())
    }
}

fn check_names(what: &str, expected: &[String], found: &[String]) -> Result<(), Error> {
    if expected.len() != found.len() {
        return Err(Error::Shape { what: what.to_owned(), expected: expected.len(), found: found.len() });
    }
    match (0..expected.len()).find(|at| expected[*at] != found[*at]) {
        None => Ok(()),
        Some(position) => {
            let (expected, found) = (expected[position].clone(), found[position].clone());
            Err(Error::Column { position, expected, found })
        }
    }
}

/// The bytes: the content, and the digest of its canonical form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    digest: String,
    format: u32,
    model: C,
}

/// What a column of the table is worth to the trees.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Name of the column.
    pub column: String,
    /// Reduction of the training loss by the splits that use it.
    pub gain: f64,
    /// Number of splits that use it.
    pub splits: u64,
}

/// A fitted model.
pub struct Model {
    content: Content,
    booster: Booster,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Model").field(&self.content).finish()
    }
}

impl Model {
    pub(crate) fn of(content: Content) -> Result<Self, Error> {
        let booster = Booster::from_text(&content.booster)?;
        let outputs = content.objective.outputs();
        let columns = encode::origins(content.numeric.len(), &content.encoders, outputs).len();
        if booster.shape()? != (outputs, columns) {
            return Err(Error::damaged("its trees are not over its columns"));
        }
        Ok(Self { content, booster })
    }

    /// The model's bytes: canonical JSON, the same for the same model.
    ///
    /// # Errors
    /// None that a fitted model gives rise to.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let file = File { digest: self.content.digest()?, format: FORMAT, model: &self.content };
        serde_json::to_vec(&file).map_err(|error| Error::damaged(error.to_string()))
    }

    /// The model of bytes that [`Model::to_bytes`] gave. The digest guards against damage, not against
    /// malice: load models from sources you trust.
    ///
    /// # Errors
    /// [`Error::Damaged`] for any other bytes; the library missing or unusable.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let file: File<Content> =
            serde_json::from_slice(bytes).map_err(|error| Error::damaged(error.to_string()))?;
        let File { digest, format, model } = file;
        if format != FORMAT {
            return Err(Error::damaged(format!("its format is {format}, this program reads {FORMAT}")));
        }
        if digest != model.digest()? {
            return Err(Error::damaged("its digest is not that of its content"));
        }
        let outputs = model.objective.outputs();
        if model.prior.len() != outputs || !model.encoders.iter().all(|e| e.is_consistent(outputs)) {
            return Err(Error::damaged("its encoders do not fit its objective"));
        }
        Self::of(model)
    }

    /// What it predicts.
    pub fn objective(&self) -> Objective {
        self.content.objective
    }

    /// The round it was cut at, from 1: the best by early stopping, or the last.
    pub fn best_round(&self) -> usize {
        self.content.best_round
    }

    /// Names of the numeric columns it needs, in order.
    pub fn numeric_names(&self) -> &[String] {
        &self.content.numeric
    }

    /// Names of the categorical columns it needs, in order.
    pub fn category_names(&self) -> impl Iterator<Item = &str> {
        self.content.encoders.iter().map(|encoder| encoder.name.as_str())
    }

    /// Predictions, row-major `[rows, outputs]` with [`Objective::outputs`]: probabilities, or the mean.
    /// The number of threads changes the time and nothing else.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Column`] when the table's columns are not the model's.
    pub fn predict(&self, table: &Table, threads: usize) -> Result<Vec<f64>, Error> {
        let encoded = self.content.encode(table)?;
        self.booster.predict(&encoded.values, threads.max(1))
    }

    /// What each column of the table is worth, by falling gain, then by name. A categorical column counts
    /// all that was derived from it.
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub fn importances(&self) -> Result<Vec<Importance>, Error> {
        let (splits, gains) = self.booster.importances()?;
        let names = self.content.numeric.iter().map(String::as_str).chain(self.category_names());
        let mut importances: Vec<Importance> =
            names.map(|name| Importance { column: name.to_owned(), gain: 0.0, splits: 0 }).collect();
        let numbers = self.content.numeric.len();
        let origins = encode::origins(numbers, &self.content.encoders, self.objective().outputs());
        for (at, origin) in origins.into_iter().enumerate() {
            importances[origin].gain += gains[at];
            importances[origin].splits += splits[at] as u64;
        }
        importances.sort_by(|a, b| b.gain.total_cmp(&a.gain).then_with(|| a.column.cmp(&b.column)));
        Ok(importances)
    }
}
