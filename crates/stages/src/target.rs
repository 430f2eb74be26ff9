//! What a network's output means.

use data::LabelKind;

/// What a network's output means: how it becomes a prediction, and which metrics fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One logit a row, of the second of two classes.
    Binary,
    /// One logit a class; the classes of a row exclude each other.
    Multiclass,
}

impl Target {
    /// What an output of `width` values a row means where nothing but the label is known of it.
    pub fn of(_: LabelKind, width: usize) -> Target {
        if width == 1 { Target::Binary } else { Target::Multiclass }
    }
}
