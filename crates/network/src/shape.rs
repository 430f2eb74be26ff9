//! Shapes that may hold sizes not known before the data is read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The description of a size that is the number of the data's classes.
pub(crate) const CLASSES: &str = "classes of the label";

/// One dimension of a shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dim {
    /// Rows of the batch.
    Batch,
    /// Steps of a sequence.
    Time,
    /// Steps of a sequence whose number the named layer changes.
    After(String),
    /// A known size.
    Size(usize),
    /// A size that the data will tell, by its description: `vocabulary of review`.
    Named(String),
}

impl Dim {
    /// The size, where it is known.
    pub fn size(&self) -> Option<usize> {
        match self {
            Dim::Size(size) => Some(*size),
            _ => None,
        }
    }

    /// Whether it is the number of the data's classes, which only the data will tell.
    pub fn is_classes(&self) -> bool {
        matches!(self, Dim::Named(name) if name == CLASSES)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Batch => f.write_str("batch"),
            Dim::Time => f.write_str("time"),
            Dim::After(layer) => write!(f, "time after {layer}"),
            Dim::Size(size) => write!(f, "{size}"),
            Dim::Named(name) => f.write_str(name),
        }
    }
}

/// Dimensions, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape(pub Vec<Dim>);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// What flows out of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Its shape.
    pub shape: Shape,
    /// For indices into a table, the table's rows; `None` for real numbers.
    pub ids: Option<Dim>,
    /// 2 where the last dimension is the forward and the backward half of a bidirectional layer, else 1.
    pub directions: usize,
}

impl Signal {
    /// Real numbers of this shape.
    pub fn values(shape: Vec<Dim>) -> Self {
        Signal { shape: Shape(shape), ids: None, directions: 1 }
    }

    /// Whether there is a step dimension.
    pub fn is_sequence(&self) -> bool {
        matches!(self.shape.0.get(1), Some(Dim::Time | Dim::After(_)))
    }

    /// Which dimension holds the features of a vector or a step, the channels of an image.
    pub fn channel_axis(&self) -> usize {
        match self.shape.0.len() {
            rank if rank > 2 && !self.is_sequence() => 1,
            rank => rank.saturating_sub(1),
        }
    }

    /// The features of a vector or a step, the channels of an image.
    pub fn channels(&self) -> &Dim {
        self.shape.0.get(self.channel_axis()).unwrap_or(&Dim::Batch)
    }

    /// The last dimension.
    pub fn width(&self) -> &Dim {
        self.shape.0.last().unwrap_or(&Dim::Batch)
    }
}

/// A column that feeds a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Input {
    /// Token indices, `[batch, time]`.
    Sequence {
        /// Rows of the vocabulary; `None` until the data is read.
        vocabulary: Option<usize>,
    },
    /// A category index, `[batch]`.
    Category {
        /// Entries of the dictionary; `None` until the data is read.
        categories: Option<usize>,
    },
    /// A number, `[batch, 1]`.
    Number,
    /// Several numbers, `[batch, width]`.
    Vector {
        /// How many; `None` until the data is read.
        width: Option<usize>,
    },
    /// A picture, `[batch, channels, height, width]`.
    Image {
        /// Colours; `None` until the data is read.
        channels: Option<usize>,
        /// Rows of pixels; `None` until the data is read.
        height: Option<usize>,
        /// Columns of pixels; `None` until the data is read.
        width: Option<usize>,
    },
}

impl Input {
    /// What flows out of the column `name`.
    pub fn signal(&self, name: &str) -> Signal {
        let dim = |size: &Option<usize>, what: &str| match size {
            Some(size) => Dim::Size(*size),
            None => Dim::Named(format!("{what} of {name}")),
        };
        match self {
            Input::Sequence { vocabulary } => Signal {
                shape: Shape(vec![Dim::Batch, Dim::Time]),
                ids: Some(dim(vocabulary, "vocabulary")),
                directions: 1,
            },
            Input::Category { categories } => Signal {
                shape: Shape(vec![Dim::Batch]),
                ids: Some(dim(categories, "categories")),
                directions: 1,
            },
            Input::Number => Signal::values(vec![Dim::Batch, Dim::Size(1)]),
            Input::Vector { width } => Signal::values(vec![Dim::Batch, dim(width, "width")]),
            Input::Image { channels, height, width } => Signal::values(vec![
                Dim::Batch,
                dim(channels, "channels"),
                dim(height, "height"),
                dim(width, "width"),
            ]),
        }
    }
}
