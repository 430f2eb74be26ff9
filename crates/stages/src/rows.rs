//! Which rows a thing has seen: so that evaluating on rows that training has seen is an error, not a footnote.

use std::collections::BTreeSet;

use data::Part;

/// Rows of one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rows {
    /// The source's name, for messages.
    pub source: String,
    /// The files, resolved, one a line: two sources with a file in common share rows.
    pub file: String,
    /// The split, seed included, as text; empty where there is none.
    pub split: String,
    /// The parts; every row where empty.
    pub parts: BTreeSet<Part>,
}

/// Rows of any number of sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet(pub BTreeSet<Rows>);

impl RowSet {
    /// Both together.
    #[must_use]
    pub fn union(&self, other: &RowSet) -> RowSet {
        RowSet(self.0.union(&other.0).cloned().collect())
    }

    /// Why some of `rows` may be among these; `None` when none can be.
    ///
    /// Two different splits of one file are taken to share rows.
    pub fn overlap(&self, rows: &Rows) -> Option<String> {
        let shares = |seen: &&Rows| seen.file.lines().any(|file| rows.file.lines().any(|own| own == file));
        self.0.iter().filter(shares).find_map(|seen| {
            if seen.file != rows.file {
                return Some(format!(
                    "`{}` and `{}` have a file in common, so rows may be shared",
                    seen.source, rows.source
                ));
            }
            if seen.split != rows.split {
                return Some(format!(
                    "`{}` and `{}` read the same file with different splits, so rows may be shared",
                    seen.source, rows.source
                ));
            }
            if seen.parts.is_empty() || rows.parts.is_empty() {
                return Some(format!("all rows of `{}` have been seen", seen.source));
            }
            let shared: Vec<&str> = seen.parts.intersection(&rows.parts).map(|part| part.name()).collect();
            (!shared.is_empty())
                .then(|| format!("the {} rows of `{}` have been seen", shared.join(" and "), seen.source))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(source: &str, file: &str, split: &str, parts: &[Part]) -> Rows {
        Rows {
            source: source.into(),
            file: file.into(),
            split: split.into(),
            parts: parts.iter().copied().collect(),
        }
    }

    #[test]
    fn rows_overlap_by_file_split_and_part() {
        let seen = RowSet([rows("a", "a.csv", "s", &[Part::Train])].into());
        assert_eq!(seen.overlap(&rows("a", "a.csv", "s", &[Part::Valid])), None);
        assert_eq!(seen.overlap(&rows("b", "b.csv", "s", &[Part::Train])), None);
        let train = seen.overlap(&rows("a", "a.csv", "s", &[Part::Train])).unwrap();
        assert_eq!(train, "the train rows of `a` have been seen");
        let other = seen.overlap(&rows("b", "a.csv", "t", &[Part::Valid])).unwrap();
        assert!(other.contains("different splits"), "{other}");
        assert!(seen.overlap(&rows("a", "a.csv", "s", &[])).is_some());
        let common = seen.overlap(&rows("c", "b.csv\na.csv", "s", &[Part::Valid])).unwrap();
        assert_eq!(common, "`a` and `c` have a file in common, so rows may be shared");
    }
}
