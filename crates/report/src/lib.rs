//! Recorded numbers to pictures: scatter, bars, curves as SVG and PNG; all of a recipe as one HTML page.
//!
//! Every picture is laid out once, as a list of marks, and drawn twice: as SVG text, and as pixels with a
//! font that is part of this crate (DejaVu Sans, cut to Latin, Greek, Cyrillic, Hebrew, Arabic letters and
//! mathematical signs). No system font, no clock, no random draw.
//!
//! Invariant: the same numbers and texts give the same bytes; text from data never becomes markup.

mod axis;
mod bars;
mod canvas;
mod curves;
mod font;
mod labels;
mod legend;
pub mod mlflow;
pub mod page;
mod palette;
mod png;
pub mod quality;
mod scatter;
mod svg;
pub mod tensorboard;

pub use bars::{Bars, bars, importances};
pub use curves::{Series, curves};
pub use page::Page;
pub use quality::Scores;
pub use scatter::{Groups, scatter};

/// A drawn picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A self-contained SVG document.
    pub svg: String,
    /// The same as a PNG file, two pixels for each unit of the SVG.
    pub png: Vec<u8>,
}

/// Why a picture cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to draw.
    #[error("the picture `{title}` has no {what}")]
    Empty {
        /// Title of the picture.
        title: String,
        /// What it lacks.
        what: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("the picture `{title}` has {found} {what}, expected {expected}")]
    Length {
        /// Title of the picture.
        title: String,
        /// What was counted.
        what: &'static str,
        /// The count required.
        expected: usize,
        /// The count found.
        found: usize,
    },
    /// A point is not at a finite place.
    #[error("point {point} of the picture `{title}` is not finite")]
    NotFinite {
        /// Title of the picture.
        title: String,
        /// Position, from 0.
        point: usize,
    },
    /// The pixels could not be made.
    #[error("the PNG of the picture `{title}` cannot be made: {why}")]
    Png {
        /// Title of the picture.
        title: String,
        /// What the rasteriser said.
        why: String,
    },
}

/// Fails unless there are `expected` of `what`.
fn check_length(title: &str, what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Length { title: title.to_owned(), what, expected, found })
    }
}
