//! Some columns of a data set by themselves.

use std::path::Path;

use safetensors::tensor::{TensorView, serialize_to_file};
use safetensors::{Dtype, SafeTensors};

use crate::dataset::Dataset;
use crate::encoded::{DESCRIPTION_FILE, Description, NO_PART, PartDescription, TENSORS_FILE, tensor_name};
use crate::error::Error;
use crate::transform::canonical_json;

/// Fields of the tensors that networks read.
const FIELDS: [&str; 7] = ["values", "offsets", "indices", "numbers", "vectors", "starts", "sizes"];

impl Dataset {
    /// Writes `columns` of all rows as a data set without parts, labels, names and weights: its bytes are the same however
    /// the rows are split, where the columns are encoded in the same way. The levels of pictures are not copied.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write_columns(&self, columns: &[&str], folder: &Path) -> Result<(), Error> {
        let known = self.description();
        let own = known.columns.iter().filter(|(name, _)| columns.contains(&name.as_str()));
        let description = Description {
            columns: own.map(|(name, column)| (name.clone(), column.clone())).collect(),
            label: None,
            labels: [].into(),
            has_label: false,
            has_id: false,
            has_weights: false,
            parts: [].into(),
            no_part: PartDescription { rows: known.rows, ..PartDescription::default() },
            ..*known
        };
        let path = folder.join(DESCRIPTION_FILE);
        let json = canonical_json(&path, &description)?;
        std::fs::write(&path, json).map_err(|error| Error::io(&path, error))?;

        let path = folder.join(TENSORS_FILE);
        let damaged = |error| match error {
            safetensors::SafeTensorError::IoError(error) => Error::io(&path, error),
            error => Error::damaged(&path, error),
        };
        let file = SafeTensors::deserialize(self.map()).map_err(damaged)?;
        let wanted = |name: &str| {
            let of = |column: &&str| FIELDS.iter().any(|field| name == tensor_name(column, field));
            name == "row" || columns.iter().any(of)
        };
        let mut tensors: Vec<(String, TensorView<'_>)> =
            file.tensors().into_iter().filter(|(name, _)| wanted(name)).collect();
        let parts = vec![NO_PART; self.rows()];
        let part = TensorView::new(Dtype::U8, vec![parts.len()], &parts).map_err(damaged)?;
        tensors.push(("part".to_owned(), part));
        serialize_to_file(tensors, None, &path).map_err(damaged)
    }
}
