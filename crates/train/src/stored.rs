//! Values of nodes that training leaves as they are: computed once for every row, read in every epoch.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Augment, Dataset, RowBatch, RowValues, RowValuesWriter};
use images::Chain;
use network::Dim;
use nn::{Column, Module};
use stages::Training;
use torch::{Device, Tensor, guard, values};

use crate::batch::Loader;
use crate::error::Error;
use crate::evaluate::each;

/// The tensor that holds a node's values.
const TENSOR: &str = "values";

/// Augmented views of the training rows that are stored beside all rows as they are.
#[derive(Clone, Copy, Debug)]
pub struct Views<'a> {
    /// What is done to the pictures.
    pub chain: &'a Chain,
    /// The seed of the training that takes the views.
    pub seed: u64,
    /// How many, numbered from 1.
    pub count: u64,
}

/// Stored values by node: of all rows, then of the training rows in each view.
#[derive(Debug)]
pub struct Stored {
    nodes: BTreeMap<String, RowValues>,
    /// Rows of the data.
    rows: usize,
    /// The training rows.
    training: Vec<u32>,
    views: u64,
}

impl Stored {
    /// Opens the files that [`store`] wrote of these data, by node.
    ///
    /// # Errors
    /// When one cannot be read, or is damaged; [`Error::Stored`] when it has other rows.
    pub fn open<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a Path)>,
        dataset: &Dataset,
    ) -> Result<Self, Error> {
        let open = |(node, path): (&str, &Path)| Ok((node.to_owned(), RowValues::open(path, TENSOR)?));
        let nodes: BTreeMap<String, RowValues> = files.into_iter().map(open).collect::<Result<_, Error>>()?;
        let (rows, training) = (dataset.rows(), dataset.training_rows());
        let viewed = nodes.values().next().map_or(0, |first| first.rows().saturating_sub(rows));
        let views = viewed.checked_div(training.len()).unwrap_or(0);
        let wrong = nodes.iter().find(|(_, own)| own.rows() != rows + views * training.len());
        match wrong {
            Some((node, _)) => Err(Error::Stored(node.clone())),
            None => Ok(Stored { nodes, rows, training, views: views as u64 }),
        }
    }

    /// Whether the values of the node are here.
    pub(crate) fn has(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// # Errors
    /// [`Error::Stored`] when the module has other nodes.
    pub(crate) fn check(&self, module: &Module) -> Result<(), Error> {
        for (name, rows) in &self.nodes {
            let signal = module.graph().nodes.iter().find(|node| node.name == *name).map(|node| &node.signal);
            let shape = signal.and_then(|signal| shape(&signal.shape.0));
            let fits = shape.as_deref() == Some(rows.shape())
                && signal.is_some_and(|signal| signal.is_sequence() == rows.is_sequence());
            if !fits {
                return Err(Error::Stored(name.clone()));
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Stored`] when these are not the views that the training takes.
    pub(crate) fn check_views(&self, training: &Training) -> Result<(), Error> {
        let wanted = if training.augment.is_empty() { Some(0) } else { training.views };
        match self.nodes.keys().next() {
            Some(node) if wanted != Some(self.views) => Err(Error::Stored(node.clone())),
            _ => Ok(()),
        }
    }

    /// The values of some rows by node, as a module takes them: of the rows as they are, or of training rows in a view.
    pub(crate) fn batch(
        &self,
        rows: &[u32],
        view: Option<u64>,
        device: Device,
    ) -> impl Iterator<Item = Result<(String, Column), Error>> {
        let place = |row: &u32| match view {
            None => *row,
            Some(view) => {
                let nth = self.training.binary_search(row).unwrap_or_default();
                first_of(view, self.rows, self.training.len()) as u32 + nth as u32
            }
        };
        let places: Vec<u32> = rows.iter().map(place).collect();
        self.nodes.iter().map(move |(name, values)| {
            let RowBatch { values, shape, lengths } = values.batch(&places);
            let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
            let column = guard(|| Column::Values {
                values: Tensor::from_slice(&values).reshape(&shape).to_device(device),
                lengths: lengths.map(|lengths| Tensor::from_slice(&lengths)),
            })?;
            Ok((name.clone(), column))
        })
    }
}

/// Where the values of a view begin: behind those of all rows and of the views before.
fn first_of(view: u64, rows: usize, training: usize) -> usize {
    rows + (view as usize).saturating_sub(1) * training
}

/// Computes the values of `nodes` for every row of the data, and for the training rows in every view, in one pass each,
/// and writes them to `folder/<node>.safetensors` as 32-bit floats. `progress` hears how many rows are done, and of how
/// many.
///
/// # Errors
/// When the module has no such node, the data lacks a column, libtorch refuses, or a file cannot be written.
pub fn store(
    module: &Module,
    dataset: &Dataset,
    nodes: &[String],
    views: Option<Views<'_>>,
    folder: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), Error> {
    let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
    let training = dataset.training_rows();
    let count = views.map_or(0, |views| views.count);
    let total = first_of(count + 1, rows.len(), training.len());
    let mut writers = vec![];
    for name in nodes {
        let node = module.graph().nodes.iter().find(|node| node.name == *name);
        let found = node.and_then(|node| Some((shape(&node.signal.shape.0)?, node.signal.is_sequence())));
        let (shape, sequence) = found.ok_or_else(|| Error::Stored(name.clone()))?;
        let path = folder.join(format!("{name}.safetensors"));
        writers.push(RowValuesWriter::create(&path, TENSOR, total, &shape, sequence)?);
    }
    let loader = Loader::new(module, dataset, None)?;
    let viewed = (1..=count).map(|view| {
        let augment = views.map(|Views { chain, seed, .. }| Augment { chain, seed, epoch: view });
        (&training, augment, first_of(view, rows.len(), training.len()))
    });
    let mut done = 0;
    for (rows, augment, first) in std::iter::once((&rows, None, 0)).chain(viewed) {
        each(
            &loader,
            rows,
            augment,
            |inputs| module.forward_nodes(inputs, nodes),
            |batch, found| {
                for (writer, column) in writers.iter_mut().zip(found) {
                    if let Column::Values { values, lengths } = column {
                        write(writer, first, batch, values, lengths.as_ref())?;
                    }
                }
                done += batch.len();
                progress(done, total);
                Ok(())
            },
        )?;
    }
    writers.into_iter().try_for_each(|writer| Ok(writer.finish()?))
}

/// Writes the values of a batch, of which `rows` are the places behind `first`.
fn write(
    writer: &mut RowValuesWriter,
    first: usize,
    rows: &[usize],
    found: &Tensor,
    lengths: Option<&Tensor>,
) -> Result<(), Error> {
    let floats = values::floats(found)?;
    let each = floats.len() / rows.len().max(1);
    let lengths = lengths.map(values::int64s).transpose()?;
    for (at, &row) in rows.iter().enumerate() {
        let steps = lengths.as_ref().map_or(1, |lengths| lengths[at] as usize);
        let own = &floats[at * each..][..steps * writer.width()];
        writer.write(first + row, own)?;
    }
    Ok(())
}

/// The shape of a row, or of a step of a sequence; `None` where a size is not known.
fn shape(dims: &[Dim]) -> Option<Vec<usize>> {
    let own = match dims.get(1) {
        Some(Dim::Time | Dim::After(_)) => &dims[2..],
        _ => &dims[1.min(dims.len())..],
    };
    own.iter().map(Dim::size).collect()
}
