//! Values of nodes that training leaves as they are: computed once for every row, read in every epoch.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, RowBatch, RowValues, RowValuesWriter};
use network::Dim;
use nn::{Column, Module};
use torch::{Device, Tensor, guard, values};

use crate::batch::Loader;
use crate::error::Error;
use crate::evaluate::each;

/// The tensor that holds a node's values.
const TENSOR: &str = "values";

/// Stored values by node.
#[derive(Debug, Default)]
pub struct Stored {
    nodes: BTreeMap<String, RowValues>,
}

impl Stored {
    /// Opens the files that [`store`] wrote, by node.
    ///
    /// # Errors
    /// When one cannot be read, or is damaged.
    pub fn open<'a>(files: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Result<Self, Error> {
        let open = |(node, path): (&str, &Path)| Ok((node.to_owned(), RowValues::open(path, TENSOR)?));
        Ok(Stored { nodes: files.into_iter().map(open).collect::<Result<_, Error>>()? })
    }

    /// Whether the values of the node are here.
    pub(crate) fn has(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// # Errors
    /// [`Error::Stored`] when the module has other nodes, or the data other rows.
    pub(crate) fn check(&self, module: &Module, dataset: &Dataset) -> Result<(), Error> {
        for (name, rows) in &self.nodes {
            let signal = module.graph().nodes.iter().find(|node| node.name == *name).map(|node| &node.signal);
            let shape = signal.and_then(|signal| shape(&signal.shape.0));
            let fits = shape.as_deref() == Some(rows.shape())
                && signal.is_some_and(|signal| signal.is_sequence() == rows.is_sequence())
                && rows.rows() == dataset.rows();
            if !fits {
                return Err(Error::Stored(name.clone()));
            }
        }
        Ok(())
    }

    /// The values of some rows by node, as a module takes them.
    pub(crate) fn batch(
        &self,
        rows: &[u32],
        device: Device,
    ) -> impl Iterator<Item = Result<(String, Column), Error>> {
        self.nodes.iter().map(move |(name, values)| {
            let RowBatch { values, shape, lengths } = values.batch(rows);
            let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
            let column = guard(|| Column::Values {
                values: Tensor::from_slice(&values).reshape(&shape).to_device(device),
                lengths: lengths.map(|lengths| Tensor::from_slice(&lengths)),
            })?;
            Ok((name.clone(), column))
        })
    }
}

/// Computes the values of `nodes` for every row of the data in one pass, and writes each to `folder/<node>.safetensors`
/// as 32-bit floats. `progress` hears how many rows are done.
///
/// # Errors
/// When the module has no such node, the data lacks a column, libtorch refuses, or a file cannot be written.
pub fn store(
    module: &Module,
    dataset: &Dataset,
    nodes: &[String],
    folder: &Path,
    progress: &mut dyn FnMut(usize),
) -> Result<(), Error> {
    let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
    let mut writers = vec![];
    for name in nodes {
        let node = module.graph().nodes.iter().find(|node| node.name == *name);
        let found = node.and_then(|node| Some((shape(&node.signal.shape.0)?, node.signal.is_sequence())));
        let (shape, sequence) = found.ok_or_else(|| Error::Stored(name.clone()))?;
        let path = folder.join(format!("{name}.safetensors"));
        writers.push(RowValuesWriter::create(&path, TENSOR, rows.len(), &shape, sequence)?);
    }
    let mut done = 0;
    each(
        &Loader::new(module, dataset, None)?,
        &rows,
        |inputs| module.forward_nodes(inputs, nodes),
        |batch, found| {
            for (writer, column) in writers.iter_mut().zip(found) {
                if let Column::Values { values, lengths } = column {
                    write(writer, batch, values, lengths.as_ref())?;
                }
            }
            done += batch.len();
            progress(done);
            Ok(())
        },
    )?;
    writers.into_iter().try_for_each(|writer| Ok(writer.finish()?))
}

fn write(
    writer: &mut RowValuesWriter,
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
        writer.write(row, own)?;
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
