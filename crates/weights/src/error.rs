//! What can go wrong with a weight file; every error names the file.

use std::io;
use std::path::PathBuf;

/// What is wrong with a weight file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a weight file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The system refused to read.
    #[error("{0}")]
    Io(io::Error),
    /// The content is of no known format.
    #[error("no weight file: it starts as neither safetensors nor a file of `torch.save` does")]
    Format,
    /// The file asks for something that is neither a tensor nor a container; nothing of it was run.
    #[error(
        "it asks for `{0}`, which is neither a tensor nor a container of them; code in a weight file is never run \
         (save `model.state_dict()` instead)"
    )]
    Forbidden(String),
    /// The file breaks its format.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file is sound, and holds what cannot be read.
    #[error("{0}")]
    Unsupported(String),
    /// The file asks for more than a limit allows.
    #[error("it asks for more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// There is no tensor where tensors were looked for.
    #[error("it holds no tensors{}", .found.as_ref().map(|found| format!(": {found}")).unwrap_or_default())]
    Empty {
        /// What is there instead.
        found: Option<String>,
    },
    /// The entry that the caller named is not there.
    #[error("it has no entry `{root}`; at the top are {known}")]
    Root {
        /// The entry.
        root: String,
        /// The entries at the top.
        known: String,
    },
}

impl Reason {
    pub(crate) fn damaged(text: impl Into<String>) -> Self {
        Self::Damaged(text.into())
    }
}
