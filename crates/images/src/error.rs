//! What can go wrong with a picture; every error names it.

/// What is wrong with a picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused to read.
    #[error("{name}: {source}")]
    Io {
        /// The picture.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content is of no format that is read.
    #[error("{name}: no picture: JPEG, PNG, GIF, BMP and WebP are read{}", hint(.found))]
    Format {
        /// The picture.
        name: String,
        /// What the content is instead, where that is known.
        found: Option<&'static str>,
    },
    /// The content breaks its format.
    #[error("{name}: the picture is damaged: {reason}")]
    Damaged {
        /// The picture.
        name: String,
        /// What the decoder said.
        reason: String,
    },
    /// The picture is larger than the limit.
    #[error("{name}: {found} {unit}, more than the limit of {limit}")]
    Limit {
        /// The picture.
        name: String,
        /// How many there are.
        found: u64,
        /// Of what.
        unit: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// A file of pixels is not what it should be.
    #[error("{name}: {reason}")]
    Pixels {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sheet cannot be drawn.
    #[error("the sheet cannot be drawn: {0}")]
    Sheet(String),
}

fn hint(found: &Option<&'static str>) -> String {
    found.map(|found| format!(", this is {found}")).unwrap_or_default()
}
