//! From rows of a data set to what a module takes.
//!
//! Invariant: only the rows of the batch are read; nothing here grows with the data set but four bytes a row.

use std::collections::BTreeMap;

use data::{Augment, Dataset, ImageBatch, Labels, Tags};
use network::Input;
use nn::{Column, Inputs, Module};
use torch::{Device, Kind, Tensor, guard};

use crate::error::Error;
use crate::stored::Stored;

/// The pictures of a batch by column.
pub(crate) type Pictures = BTreeMap<String, ImageBatch>;

/// Columns of pictures, of which batches are made without libtorch: on any thread.
pub(crate) struct PictureColumns<'a> {
    dataset: &'a Dataset,
    names: Vec<String>,
}

impl PictureColumns<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The pictures of some rows.
    pub(crate) fn batch(&self, rows: &[u32], augment: Option<Augment<'_>>) -> Result<Pictures, data::Error> {
        let mut pictures = Pictures::new();
        for name in &self.names {
            if let Some(batch) = self.dataset.image_batch(name, rows, augment)? {
                pictures.insert(name.clone(), batch);
            }
        }
        Ok(pictures)
    }
}

/// Makes the batches that a module reads.
pub(crate) struct Loader<'a> {
    dataset: &'a Dataset,
    inputs: BTreeMap<String, Input>,
    stored: Option<&'a Stored>,
    device: Device,
    /// By row: the steps of its longest sequence.
    pub(crate) lengths: Vec<u32>,
    /// Floats of one row at the largest node that is computed.
    pub(crate) largest: u64,
}

impl<'a> Loader<'a> {
    /// With `stored` values of some nodes, columns that only these need are not read.
    ///
    /// # Errors
    /// [`Error::Column`] when the data lacks a column that the module reads, [`Error::Stored`] when the values are not
    /// of this module and these rows.
    pub(crate) fn new(
        module: &Module,
        dataset: &'a Dataset,
        stored: Option<&'a Stored>,
    ) -> Result<Self, Error> {
        let mut lengths = vec![0; dataset.rows()];
        let mut inputs = BTreeMap::new();
        let graph = module.graph();
        let given = |index: usize| stored.is_some_and(|stored| stored.has(&graph.nodes[index].name));
        let results: Vec<usize> = graph.results().into_iter().map(|(_, node)| node).collect();
        let needed = graph.needed(&results, given);
        let mut largest = 1;
        for (node, needed) in graph.nodes.iter().zip(needed) {
            let name = &node.name;
            if needed {
                largest = node.values().max(largest);
            }
            let Some(input) = module.network().inputs.get(name) else { continue };
            if matches!(input, Input::Sequence { .. }) {
                for (most, length) in lengths.iter_mut().zip(dataset.lengths(name)) {
                    *most = length.max(*most);
                }
            }
            // Which rows go together must not depend on what is stored: lengths are those of every column.
            if needed {
                inputs.insert(name.clone(), input.clone());
            }
        }
        if let Some(stored) = stored {
            stored.check(module)?;
        }
        let loader = Loader { dataset, inputs, stored, device: module.device(), lengths, largest };
        loader.inputs(&[])?;
        Ok(loader)
    }

    /// The columns of pictures that the module reads, in order.
    pub(crate) fn pictures(&self) -> PictureColumns<'a> {
        let pictures = self.inputs.iter().filter(|(_, input)| matches!(input, Input::Image { .. }));
        PictureColumns { dataset: self.dataset, names: pictures.map(|(name, _)| name.clone()).collect() }
    }

    /// The rows' columns and stored values.
    pub(crate) fn inputs(&self, rows: &[u32]) -> Result<Inputs, Error> {
        self.augmented(rows, None)
    }

    /// The rows' columns and stored values, pictures augmented.
    pub(crate) fn augmented(&self, rows: &[u32], augment: Option<Augment<'_>>) -> Result<Inputs, Error> {
        self.assemble(rows, self.pictures().batch(rows, augment)?, augment)
    }

    /// The rows' columns and stored values, with these pictures, which were made with `augment`.
    pub(crate) fn assemble(
        &self,
        rows: &[u32],
        mut pictures: Pictures,
        augment: Option<Augment<'_>>,
    ) -> Result<Inputs, Error> {
        let view = augment.map(|augment| augment.epoch);
        let stored = self.stored.into_iter().flat_map(|stored| stored.batch(rows, view, self.device));
        let mut inputs: Inputs = stored.collect::<Result<_, _>>()?;
        for (name, input) in &self.inputs {
            let missing = |wanted| Error::Column { name: name.clone(), wanted };
            let column = match input {
                Input::Sequence { .. } => {
                    let batch = self.dataset.sequence_batch(name, rows).ok_or_else(|| missing("sequence"))?;
                    let longest = batch.lengths.iter().copied().max().unwrap_or(0);
                    let shape = [rows.len() as i64, batch.width as i64];
                    guard(|| {
                        let ids = Tensor::from_slice(&batch.ids).reshape(shape);
                        // A chain may pad all rows to one width; steps that no row has need no work.
                        let ids = ids.narrow(1, 0, longest.min(shape[1])).to_device(self.device).contiguous();
                        Column::Sequence { ids, lengths: Tensor::from_slice(&batch.lengths) }
                    })?
                }
                Input::Category { .. } => {
                    let ids = self.dataset.category_batch(name, rows).ok_or_else(|| missing("category"))?;
                    guard(|| Column::Category(Tensor::from_slice(&ids).to_device(self.device)))?
                }
                Input::Number => {
                    let numbers = self.dataset.number_batch(name, rows).ok_or_else(|| missing("number"))?;
                    guard(|| {
                        Column::Number(Tensor::from_slice(&numbers).reshape([-1, 1]).to_device(self.device))
                    })?
                }
                Input::Vector { .. } => {
                    let (numbers, width) =
                        self.dataset.vector_batch(name, rows).ok_or_else(|| missing("vector"))?;
                    guard(|| {
                        let numbers = Tensor::from_slice(&numbers).reshape([rows.len() as i64, width as i64]);
                        Column::Number(numbers.to_device(self.device))
                    })?
                }
                Input::Image { .. } => {
                    let ImageBatch { values, shape } =
                        pictures.remove(name).ok_or_else(|| missing("image"))?;
                    let [channels, height, width] = shape.map(|side| side as i64);
                    guard(|| {
                        let shape = [rows.len() as i64, channels, height, width];
                        Column::Number(Tensor::from_slice(&values).reshape(shape).to_device(self.device))
                    })?
                }
            };
            inputs.insert(name.clone(), column);
        }
        Ok(inputs)
    }

    /// A label of the rows.
    ///
    /// # Errors
    /// [`Error::NoLabel`] when there is none.
    pub(crate) fn labels(&self, label: &str, rows: &[u32]) -> Result<Labels, Error> {
        self.dataset.label_batch(label, rows).ok_or(Error::NoLabel)
    }

    /// How much each of what a label's loss is of weighs, `[rows]`, of tags `[words that a token stands for]`, `Float`;
    /// none where all weigh the same.
    pub(crate) fn weights(&self, label: &str, rows: &[u32]) -> Result<Option<Tensor>, Error> {
        let Some(mut weights) = self.dataset.weight_batch(rows) else { return Ok(None) };
        if let Labels::Tags(tags) = self.labels(label, rows)? {
            weights = tags.words.standing().map(|(row, ..)| weights[row]).collect();
        }
        Ok(Some(guard(|| Tensor::from_slice(&weights).to_device(self.device))?))
    }

    /// Of values for each step, `[rows, steps, width]`, those of the words that a token stands for: `[words, width]`, row
    /// after row.
    ///
    /// # Errors
    /// [`Error::NoLabel`] when the words of the column have no tags.
    pub(crate) fn of_words(&self, column: &str, rows: &[u32], values: &Tensor) -> Result<Tensor, Error> {
        let words = self.dataset.words(column, rows).ok_or(Error::NoLabel)?;
        Ok(guard(|| {
            let size = values.size();
            let (steps, width) = (size[1], size[2]);
            let places: Vec<i64> =
                words.standing().map(|(row, _, step)| row as i64 * steps + i64::from(step)).collect();
            let places = Tensor::from_slice(&places).to_device(self.device);
            values.reshape([-1, width]).index_select(0, &places)
        })?)
    }

    /// The dataset whose rows are loaded.
    pub(crate) fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// A label of the rows as a loss takes it: class indices `[rows]`, or of tags `[words that a token stands for]`,
    /// `Int64`; numbers `[rows]` or whether a row has a label `[rows, labels]`, `Float`.
    pub(crate) fn truth(&self, label: &str, rows: &[u32]) -> Result<Tensor, Error> {
        let labels = self.labels(label, rows)?;
        Ok(guard(|| {
            let tensor = match &labels {
                Labels::Class(classes) => Tensor::from_slice(classes).to_kind(Kind::Int64),
                Labels::MultiLabel { width, flags } => {
                    Tensor::from_slice(flags).reshape([-1, *width as i64]).to_kind(Kind::Float)
                }
                Labels::Number(numbers) => Tensor::from_slice(numbers),
                Labels::Tags(Tags { words, tags }) => {
                    let own: Vec<i32> = words.standing().map(|(_, word, _)| tags[word]).collect();
                    Tensor::from_slice(&own).to_kind(Kind::Int64)
                }
            };
            tensor.to_device(self.device)
        })?)
    }
}
