//! Mistakes in a recipe as data: where, what, and what to do about it. Only the command line renders them.

use std::fmt;

use serde::Serialize;

/// One step into the merged recipe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Segment {
    /// A key of a table.
    Key(String),
    /// An element of an array, counted from 0.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Segment::Key(key.to_owned())
    }
}

impl From<String> for Segment {
    fn from(key: String) -> Self {
        Segment::Key(key)
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Segment::Index(index)
    }
}

/// A path into the merged recipe, such as `stages.base.network.layers[2].units`.
///
/// A checker names places; the recipe crate knows which file and bytes each place came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place(pub Vec<Segment>);

impl Place {
    /// The place of a stage's table.
    pub fn stage(name: &str) -> Self {
        Place(vec!["stages".into(), name.into()])
    }

    /// The place of a source's table.
    pub fn source(name: &str) -> Self {
        Place(vec!["data".into(), name.into()])
    }

    /// This place, one step further in.
    #[must_use]
    pub fn join(&self, segment: impl Into<Segment>) -> Self {
        let mut path = self.0.clone();
        path.push(segment.into());
        Place(path)
    }

    /// This place, several steps further in.
    #[must_use]
    pub fn extend(&self, segments: impl IntoIterator<Item = Segment>) -> Self {
        let mut path = self.0.clone();
        path.extend(segments);
        Place(path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if i == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Which part of a `key = value` line a diagnostic underlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// The key itself: an unknown or misplaced key.
    Key,
    /// The value.
    Value,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    /// A stable short name, such as `unknown-key`.
    pub code: &'static str,
    /// Where it is.
    pub place: Place,
    /// What of that place is underlined.
    pub anchor: Anchor,
    /// What is wrong, in one sentence without a period.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that explain it, each with a few words.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// A mistake in the value at `place`.
    pub fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            place,
            anchor: Anchor::Value,
            message: message.into(),
            hint: None,
            related: vec![],
        }
    }

    /// Underlines the key instead of the value.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.anchor = Anchor::Key;
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(mut self, place: Place, words: impl Into<String>) -> Self {
        self.related.push((place, words.into()));
        self
    }
}
