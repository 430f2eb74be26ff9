//! What a head sees of rows: features, numbers and vectors side by side, then sparse vectors and categories one-hot.
//!
//! Invariant: a layout names every column of the matrix in order, so rows with another layout are refused.

use data::{ColumnType, Dataset, LABEL, Labels, Part};
use heads::{Matrix, Sparse};
use plan::{Blame, StageError, Task};
use serde::{Deserialize, Serialize};

use crate::error::OrStage;
use crate::features::Features;
use crate::inputs::{artifact, named_artifacts, transform};
use crate::scores::Scores;

/// What lies side by side in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Values of all features together.
    pub(crate) features: usize,
    /// Columns of the data: dense ones, then sparse ones.
    pub(crate) columns: Vec<Column>,
}

/// A column of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// Its numbers; of a category one for each index, `<unk>` among them.
    pub(crate) width: usize,
    /// Whether only numbers that are not 0 are kept.
    pub(crate) sparse: bool,
}

impl Layout {
    /// The layout of features and columns; by default all columns that are no sequences.
    pub(crate) fn of(
        task: &Task,
        data: &Dataset,
        columns: Option<&[String]>,
    ) -> Result<(Self, Vec<Features>), StageError> {
        let features = features(task, data)?;
        let known = &data.description().columns;
        let usable = known.iter().filter(|(_, column)| {
            !matches!(column.kind, ColumnType::Sequence { .. } | ColumnType::Image { .. })
        });
        let wanted: Vec<&String> = match columns {
            Some(columns) => columns.iter().collect(),
            None => usable.map(|(name, _)| name).collect(),
        };
        let mut laid = vec![];
        for name in wanted {
            let missing = || {
                let message = format!("the data has no encoded column `{name}` that a head can take");
                StageError::new(Blame::Input, message)
            };
            let column = known.get(name).ok_or_else(missing)?;
            let (width, sparse) = match column.kind {
                ColumnType::Number => (1, false),
                ColumnType::Vector { width } => (width.unwrap_or(0), false),
                ColumnType::Sparse { width } => (width.unwrap_or(0), true),
                ColumnType::Category => (column.vocabulary.unwrap_or(0) as usize, true),
                ColumnType::Sequence { .. } | ColumnType::Image { .. } => return Err(missing()),
            };
            laid.push(Column { name: name.clone(), width, sparse });
        }
        laid.sort_by_key(|column| column.sparse);
        Ok((Layout { features: features.iter().map(|of| of.width).sum(), columns: laid }, features))
    }

    /// What each number of a row is called.
    pub(crate) fn names(&self, task: &Task) -> Result<Vec<String>, StageError> {
        let mut names: Vec<String> = (0..self.features).map(|index| format!("feature {index}")).collect();
        if self.columns.is_empty() {
            return Ok(names);
        }
        let fitted = transform(artifact(task, "data")?)?;
        for column in &self.columns {
            let own = fitted.columns().get(&column.name).map(data::FittedColumn::names).transpose();
            match own.or_stage()?.flatten() {
                Some(own) => names.extend(own.iter().map(|name| format!("{} {name}", column.name))),
                None => names.push(column.name.clone()),
            }
        }
        Ok(names)
    }

    /// The numbers of some rows.
    pub(crate) fn matrix(
        &self,
        data: &Dataset,
        features: &[Features],
        rows: &[u32],
    ) -> Result<Matrix, StageError> {
        let (dense, sparse): (Vec<&Column>, Vec<&Column>) =
            self.columns.iter().partition(|column| !column.sparse);
        let dense: Vec<(Vec<f32>, usize)> = dense
            .into_iter()
            .map(|column| match data.number_batch(&column.name, rows) {
                Some(values) => (values, 1),
                None => data.vector_batch(&column.name, rows).unwrap_or_default(),
            })
            .collect();
        let width = self.features + dense.iter().map(|(_, width)| width).sum::<usize>();
        let mut values = Vec::with_capacity(rows.len() * width);
        for (at, &row) in rows.iter().enumerate() {
            features.iter().for_each(|of| values.extend_from_slice(of.row(row)));
            dense
                .iter()
                .for_each(|(own, width)| values.extend_from_slice(&own[at * width..(at + 1) * width]));
        }
        let sparse = beside(data, &sparse, rows);
        Matrix::new(rows.len(), width, values, sparse).map_err(|error| self.explain(error))
    }

    /// The numbers of some rows for a head that was fitted on rows of this layout.
    pub(crate) fn matrix_of(&self, task: &Task, data: &Dataset, rows: &[u32]) -> Result<Matrix, StageError> {
        let columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let (layout, features) = Layout::of(task, data, Some(&columns))?;
        if layout != *self {
            let message = format!("the head was fitted on rows of {self}, these are of {layout}");
            let hint = "encode the data with `fitted`, the transform that the head was trained with";
            return Err(StageError::new(Blame::Input, message).hint(hint));
        }
        self.matrix(data, &features, rows)
    }

    /// An error with the column's name.
    fn explain(&self, error: heads::Error) -> StageError {
        let heads::Error::NotFinite { column, ref value, .. } = error else {
            return StageError::new(Blame::Input, error.to_string());
        };
        let mut start = self.features;
        let holder = self.columns.iter().find(|own| {
            start += own.width;
            column < start && column >= self.features
        });
        let message = match holder {
            Some(holder) => {
                format!("column `{}` holds {value}, and only finite numbers can be fitted", holder.name)
            }
            None => format!("feature {column} is {value}, and only finite numbers can be fitted"),
        };
        StageError::new(Blame::Input, message)
            .hint("fill missing numbers in the preprocess stage: { impute = { with = \"mean\" } }")
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} features", self.features)?;
        self.columns.iter().try_for_each(|column| write!(f, ", `{}` ({})", column.name, column.width))
    }
}

/// Sparse columns side by side.
fn beside(data: &Dataset, columns: &[&Column], rows: &[u32]) -> Sparse {
    enum Own<'a> {
        Category(Vec<i64>),
        Vector(data::SparseRows<'a>),
    }
    let own: Vec<(usize, Own<'_>)> = columns
        .iter()
        .filter_map(|column| {
            let own = match data.category_batch(&column.name, rows) {
                Some(codes) => Own::Category(codes),
                None => Own::Vector(data.sparse_rows(&column.name)?),
            };
            Some((column.width, own))
        })
        .collect();
    let mut sparse = Sparse { offsets: vec![0], ..Sparse::none(0) };
    for (at, row) in rows.iter().enumerate() {
        let mut start = 0;
        for (width, own) in &own {
            match own {
                Own::Category(codes) => {
                    sparse.indices.push((start + codes[at] as usize) as u32);
                    sparse.values.push(1.0);
                }
                Own::Vector(vectors) => {
                    let (places, values) = vectors.row(*row);
                    sparse.indices.extend(places.iter().map(|place| (start + *place as usize) as u32));
                    sparse.values.extend_from_slice(values);
                }
            }
            start += width;
        }
        sparse.offsets.push(sparse.values.len());
    }
    sparse.width = own.iter().map(|(width, _)| width).sum();
    sparse
}

/// The features of a task, each of as many rows as the data has.
pub(crate) fn features(task: &Task, data: &Dataset) -> Result<Vec<Features>, StageError> {
    let mut features = vec![];
    for (stage, artifact) in named_artifacts(task, "features") {
        let of = Features::open(artifact)?;
        if of.rows != data.rows() {
            let message =
                format!("`{stage}` holds features of {} rows, and the data has {}", of.rows, data.rows());
            return Err(
                StageError::new(Blame::Input, message).hint("extract the features from the same rows")
            );
        }
        features.push(of);
    }
    Ok(features)
}

/// The rows that heads are fitted on: the train part, all rows where there is no split.
pub(crate) fn training_rows(data: &Dataset) -> Vec<u32> {
    match data.description().parts.contains_key(&Part::Train) {
        true => data.rows_of(Some(Part::Train)),
        false => (0..data.rows() as u32).collect(),
    }
}

/// What a head is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Goal {
    /// One of several classes.
    Classes(usize),
    /// A number.
    Number,
}

impl Goal {
    /// What values mean: logits, one a row for two classes, or numbers.
    pub(crate) fn scores(self, values: Vec<f64>) -> Scores {
        let logits = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        match self {
            Goal::Number => Scores::Numbers(values),
            Goal::Classes(2) => Scores::Classes { width: 1, logits: logits(values) },
            Goal::Classes(width) => Scores::Classes { width, logits: logits(values) },
        }
    }

    /// What shares of classes mean, `[rows, classes]`: their logits, never endless.
    pub(crate) fn of_shares(self, shares: &[f64]) -> Scores {
        let kept = |share: f64| share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        match self {
            Goal::Classes(2) => {
                let second = shares.iter().skip(1).step_by(2).map(|share| kept(*share));
                self.scores(second.map(|share| (share / (1.0 - share)).ln()).collect())
            }
            _ => self.scores(shares.iter().map(|share| kept(*share).ln()).collect()),
        }
    }
}

/// Labels of some rows, and what is to be told.
pub(crate) fn labels(data: &Dataset, rows: &[u32]) -> Result<(Vec<f64>, Goal), StageError> {
    let classes = data.description().label.as_ref().map_or(0, |label| label.classes.len());
    match data.label_batch(LABEL, rows) {
        None => Err(StageError::new(Blame::Input, "the data has no label to train on")),
        Some(Labels::Number(values)) => Ok((values.iter().map(|&v| f64::from(v)).collect(), Goal::Number)),
        Some(Labels::MultiLabel { .. } | Labels::Tags(_)) => {
            let message = "a head learns one class or number a row, and the label may have several";
            Err(StageError::new(Blame::Input, message))
        }
        Some(Labels::Class(_)) if classes < 2 => {
            let message = "all training rows have the same label: there is nothing to tell apart";
            Err(StageError::new(Blame::Input, message))
        }
        Some(Labels::Class(values)) => {
            Ok((values.iter().map(|&v| f64::from(v)).collect(), Goal::Classes(classes)))
        }
    }
}
