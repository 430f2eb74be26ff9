//! What can go wrong while training.

use std::io;
use std::path::PathBuf;

use data::{LabelKind, Part};

/// What can go wrong while training, evaluating and predicting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The loss became NaN or infinite.
    #[error("the loss became {value} in epoch {epoch}, step {step}, at a learning rate of {rate:?}")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The step in the epoch, from 1.
        step: usize,
        /// The step's learning rate.
        rate: f64,
        /// What it became.
        value: f64,
    },
    /// A device that takes no row.
    #[error("not even one row fits the device's memory")]
    NoRoom,
    /// A range test without a result.
    #[error("no learning rate was found: the loss falls at none of those tried")]
    NoRate,
    /// 16-bit floats where only GPUs have them.
    #[error("training in float16 needs a GPU")]
    Half,
    /// Whoever watches asked to stop; the last epoch's checkpoint stays.
    #[error("stopped")]
    Stopped,
    /// Frozen tensors changed.
    #[error("training changed what is frozen: {}", .0.join(", "))]
    FrozenMoved(Vec<String>),
    /// Layers stayed as they were that are not frozen; their parameters.
    #[error("training left unfrozen layers as they were: {}", .0.join(", "))]
    NotMoved(Vec<String>),
    /// All parameters are frozen.
    #[error("every parameter is frozen: there is nothing to train")]
    NothingToTrain,
    /// A part has no rows.
    #[error("the data has no rows in part `{}`", .0.name())]
    NoRows(Part),
    /// What early stopping watches had a value in no epoch.
    #[error(
        "early stopping watches `{metric}`, which the rows of part `{}` did not define in any epoch: is a class \
         missing from them?",
        .part.name()
    )]
    NeverDefined {
        /// The metric, with the output that it is of.
        metric: String,
        /// The part that it is measured on.
        part: Part,
    },
    /// The rows have no label.
    #[error("the data has no label to train on")]
    NoLabel,
    /// An output learns nothing.
    #[error("nothing says what the output `{0}` of the network learns")]
    NoGoal(String),
    /// The loss is for another kind of label.
    #[error("{loss} is not for {}", .label.in_words())]
    OtherLabel {
        /// The loss.
        loss: &'static str,
        /// What the label is.
        label: LabelKind,
    },
    /// The network's result does not fit the loss.
    #[error("{loss} does not take a network result of shape {shape:?}")]
    Width {
        /// The loss.
        loss: &'static str,
        /// Shape of the result for one batch.
        shape: Vec<i64>,
    },
    /// A label is beyond the network's classes.
    #[error("the labels have {classes} classes, but the network's result has room for {room}")]
    Classes {
        /// Classes of the labels.
        classes: usize,
        /// Classes that the network tells apart.
        room: usize,
    },
    /// A weight for a class that the labels do not have.
    #[error(transparent)]
    UnknownClass(#[from] stages::UnknownClass),
    /// The data has no column that the network reads, or one of another type.
    #[error("the data has no {wanted} column `{name}`")]
    Column {
        /// The column.
        name: String,
        /// What the network wants there.
        wanted: &'static str,
    },
    /// Features were asked for that are not one vector a row.
    #[error("features of a row must be one vector, the network gives a shape of {0:?} for a batch")]
    Features(Vec<i64>),
    /// Stored values of a node that are not of this network and these rows.
    #[error("the stored values of `{0}` do not fit the network and the data")]
    Stored(String),
    /// A number in the optimiser's settings that makes no step possible.
    #[error("{0}")]
    Setting(String),
    /// Saved optimiser state that does not belong to the network.
    #[error("the optimiser's state does not fit the network: {0}")]
    State(String),
    /// The system refused to read or write.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Rows or stored values cannot be read or written.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The module refused.
    #[error(transparent)]
    Module(#[from] nn::Error),
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] torch::Error),
}

impl Error {
    /// Whether a device has too little memory free.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let (Error::Torch(error) | Error::Module(nn::Error::Torch(error))) = self else { return false };
        matches!(error, torch::Error::Libtorch(text) if text.contains("out of memory"))
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}
