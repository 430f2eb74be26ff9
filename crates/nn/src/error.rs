//! What can go wrong with a module.

use std::fmt;

/// A weight of another shape than the network's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// The parameter's full name.
    pub name: String,
    /// What the network declares.
    pub expected: Vec<i64>,
    /// What was given.
    pub found: Vec<i64>,
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {:?}, expected {:?}", self.name, self.found, self.expected)
    }
}

/// What can go wrong with a module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The declaration does not lower to a graph; its first problem.
    #[error("the network is not valid: {0}")]
    Network(String),
    /// A size that only the data can tell was never told.
    #[error("the size of `{param}` is not known: {dim} is missing from the network's inputs")]
    Unsized {
        /// The parameter.
        param: String,
        /// The size in words.
        dim: String,
    },
    /// Weights that do not belong to the network.
    #[error("the weights do not fit the network: {}", mismatch(missing, unexpected, misshapen))]
    Weights {
        /// Parameters that have no weights.
        missing: Vec<String>,
        /// Weights that are no parameter.
        unexpected: Vec<String>,
        /// Weights of another shape.
        misshapen: Vec<Misshapen>,
    },
    /// A column that the network reads is not in the batch, or is of another kind.
    #[error("the batch has no {wanted} column `{name}`")]
    Column {
        /// The column.
        name: String,
        /// What the network wants there.
        wanted: &'static str,
    },
    /// Two sequences of different lengths meet in one layer.
    #[error("`{node}` joins sequences of different lengths")]
    Lengths {
        /// The node where they meet.
        node: String,
    },
    /// A sequence with more steps than a table has positions.
    #[error("a row has {steps} tokens, and `{node}` has positions for {most}")]
    TooLong {
        /// The node with the table.
        node: String,
        /// Valid steps of the longest row.
        steps: i64,
        /// How many it may have.
        most: i64,
    },
    /// There is no such node.
    #[error("the network has no node `{0}`")]
    Node(String),
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] torch::Error),
}

fn mismatch(missing: &[String], unexpected: &[String], misshapen: &[Misshapen]) -> String {
    let mut parts = vec![];
    if !missing.is_empty() {
        parts.push(format!("missing {}", missing.join(", ")));
    }
    if !unexpected.is_empty() {
        parts.push(format!("unexpected {}", unexpected.join(", ")));
    }
    parts.extend(misshapen.iter().map(ToString::to_string));
    parts.join("; ")
}
