//! The files that a source is made of, as a recipe names them: one, or a list, with or without patterns.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One path or several, in the order in which their rows follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<String>);

impl Paths {
    /// Every path and pattern, as written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many paths and patterns there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is not even an empty name.
    pub(crate) fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|path| path.trim().is_empty())
    }
}

/// Whether a path is a pattern: `*`, `?` and `[...]` stand for what they do in a shell.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files and folders that a pattern matches, in order of their names; hidden ones only where the pattern says so.
pub fn matching(pattern: &Path) -> Vec<PathBuf> {
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = pattern.to_str().and_then(|pattern| glob::glob_with(pattern, options).ok());
    let mut paths: Vec<PathBuf> = found.into_iter().flatten().filter_map(Result::ok).collect();
    paths.sort();
    paths
}

/// A folder and a pattern below it as one pattern, in which the folder's own name means nothing but itself.
pub fn pattern_in(folder: &Path, pattern: &str) -> PathBuf {
    Path::new(&glob::Pattern::escape(&folder.to_string_lossy())).join(pattern)
}

impl<T: Into<String>> From<T> for Paths {
    fn from(path: T) -> Self {
        Self(vec![path.into()])
    }
}

impl FromIterator<String> for Paths {
    fn from_iter<T: IntoIterator<Item = String>>(paths: T) -> Self {
        Self(paths.into_iter().collect())
    }
}

impl fmt::Display for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [path] => serializer.serialize_str(path),
            paths => serializer.collect_seq(paths),
        }
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Paths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Paths, E> {
                Ok(path.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut paths: A) -> Result<Paths, A::Error> {
                let mut all = Vec::new();
                while let Some(path) = paths.next_element()? {
                    all.push(path);
                }
                Ok(Paths(all))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Paths {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        })
    }
}
