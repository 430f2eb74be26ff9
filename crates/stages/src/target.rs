//! What a network's output means.

use data::LabelKind;

/// What a network's output means: how it becomes a prediction, and which metrics fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One logit a row, of the second of two classes.
    Binary,
    /// One logit a class; the classes of a row exclude each other.
    Multiclass,
    /// One logit a label, of which a row may have any number.
    MultiLabel,
    /// One number a row.
    Number,
    /// One logit a tag at each step; the tags of a word exclude each other.
    Tags,
}

impl Target {
    /// What an output of `width` values a row means where nothing but the label is known of it.
    pub fn of(label: LabelKind, width: usize) -> Target {
        match label {
            LabelKind::Class if width == 1 => Target::Binary,
            LabelKind::Class => Target::Multiclass,
            LabelKind::MultiLabel => Target::MultiLabel,
            LabelKind::Number => Target::Number,
            LabelKind::Tags => Target::Tags,
        }
    }

    /// The label that such an output speaks of.
    pub fn label(self) -> LabelKind {
        match self {
            Target::Binary | Target::Multiclass => LabelKind::Class,
            Target::MultiLabel => LabelKind::MultiLabel,
            Target::Number => LabelKind::Number,
            Target::Tags => LabelKind::Tags,
        }
    }

    /// The shape that such an output has, in words.
    pub fn wants(self) -> &'static str {
        match self {
            Target::Binary => "[batch, 1]: one logit a row",
            Target::Multiclass => "[batch, classes]: one logit a class, at least 2",
            Target::MultiLabel => "[batch, labels]: one logit a label, at least 2",
            Target::Number => "[batch, 1]: one number a row",
            Target::Tags => "[batch, time, tags]: one logit a tag at each step, at least 2",
        }
    }

    /// Whether such an output may have this many values a row.
    pub fn fits(self, width: usize) -> bool {
        match self {
            Target::Binary | Target::Number => width == 1,
            Target::Multiclass | Target::MultiLabel | Target::Tags => width > 1,
        }
    }
}
