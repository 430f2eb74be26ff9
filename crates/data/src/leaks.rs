//! Rows that one part of a data set shares with another: what a model has seen, it is not measured on.
//!
//! Invariant: what is found depends on the rows and their order alone.

mod search;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::part::Part;
use crate::spool::Pictures;
use crate::step::Step;
use crate::table::Table;
use search::{Compared, Doc, Like, Search};

/// The file of what was found; a data set in which nothing leaks has none.
pub const LEAKS_FILE: &str = "leaks.json";

/// The similarity from which two rows are nearly the same.
pub const NEAR: f64 = 0.8;

/// Examples of each pair of groups.
const EXAMPLES: usize = 3;

/// Characters of a text that an example shows.
const SHOWN: usize = 60;

/// Rows that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowGroup {
    /// The training rows of another source, which the transform was fitted on.
    Fitted,
    /// The training rows.
    Train,
    /// The rows that decide when to stop.
    Valid,
    /// The rows that only an evaluation sees.
    Test,
    /// Rows of no part.
    All,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Leaks {
    /// Pairs of groups that share rows, what most depends on first.
    pub pairs: Vec<Leak>,
    /// Rows of each group that were left out for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<RowGroup, u64>,
}

/// Rows of a group that an earlier one has too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Leak {
    /// The group that something is measured on.
    pub of: RowGroup,
    /// The group in which its rows stand already.
    pub among: RowGroup,
    /// The rows of `of`.
    pub rows: u64,
    /// How many of them have all inputs of a row in `among`.
    pub same: u64,
    /// How many others have nearly those.
    pub near: u64,
    /// How many of both have another label than the row that they are like.
    pub other_label: u64,
    /// The rows of `among` that they are like.
    pub among_rows: u64,
    /// Some of them.
    pub examples: Vec<Likeness>,
}

/// A row and one that it is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Likeness {
    /// The Jaccard similarity of what they hold; none where all inputs are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// The row that leaks.
    pub row: Shown,
    /// The earlier one.
    pub like: Shown,
}

/// A row, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shown {
    /// Its number in its source, from 0.
    pub row: u64,
    /// The start of its text.
    pub text: String,
    /// Its label, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Rows of a table, ready to be compared.
#[derive(Clone, Copy, Debug)]
pub struct LeakRows<'a> {
    /// The table.
    pub table: &'a Table,
    /// One a row.
    pub parts: &'a [Option<Part>],
    /// What its pictures were decoded to, where inputs are pictures.
    pub pictures: Option<&'a Pictures>,
    /// Columns of its labels.
    pub labels: &'a [String],
}

/// What was found, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The numbers and examples.
    pub leaks: Leaks,
    /// Rows that are to be left out so that nothing leaks, in order: those of train and valid that are like one of a later
    /// part, and those that are like one that was fitted on.
    pub left_out: Vec<usize>,
}

impl RowGroup {
    /// The group of rows of a part.
    pub fn of(part: Option<Part>) -> Self {
        match part {
            Some(Part::Train) => Self::Train,
            Some(Part::Valid) => Self::Valid,
            Some(Part::Test) => Self::Test,
            None => Self::All,
        }
    }

    /// How many there are.
    const COUNT: usize = 5;

    /// Its place in a set of groups.
    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// What stands before `rows`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Fitted => "fitted ",
            Self::Train => "train ",
            Self::Valid => "valid ",
            Self::Test => "test ",
            Self::All => "",
        }
    }

    /// `train`, or what else the rows are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
            Self::All => "all",
        }
    }
}

/// Groups whose rows must not stand in an earlier one.
const PAIRS: [(RowGroup, RowGroup); 6] = [
    (RowGroup::Test, RowGroup::Train),
    (RowGroup::Valid, RowGroup::Train),
    (RowGroup::Test, RowGroup::Valid),
    (RowGroup::Test, RowGroup::Fitted),
    (RowGroup::Valid, RowGroup::Fitted),
    (RowGroup::All, RowGroup::Fitted),
];

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * (self.same + self.near) as f64 / self.rows.max(1) as f64;
        let (like, of) = (self.same + self.near, self.of.prefix());
        write!(f, "{like} of {} {of}rows ({share:.2} %)", self.rows)?;
        match self.among {
            RowGroup::Fitted => f.write_str(" are among the rows that `fitted` learnt from")?,
            among => write!(f, " are in {} too", among.name())?,
        }
        let kinds = [(self.same, "exactly"), (self.near, "nearly"), (self.other_label, "with another label")];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}"));
        write!(f, ": {}", kinds.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.dropped.is_empty() {
            let dropped = self.dropped.iter().map(|(group, rows)| format!("{rows} {}rows", group.prefix()));
            write!(f, "dropped {}: ", dropped.collect::<Vec<_>>().join(" and "))?;
        }
        let sentences: Vec<String> = self.pairs.iter().map(ToString::to_string).collect();
        f.write_str(&sentences.join("; "))
    }
}

/// Whether rows of these inputs are worth a comparison where nobody asks for one: equal rows of a few numbers and
/// categories are no news, equal texts and pictures are.
pub fn tells_rows_apart<'a>(mut chains: impl Iterator<Item = &'a Vec<Step>>) -> bool {
    chains.any(|steps| search::is_text(steps) || crate::spool::transforms(steps).is_some())
}

/// Finds rows that are like one of an earlier group. Rows are the same where their cells of all input columns are equal
/// before any step (of pictures: what they were decoded to), and nearly the same where the sets of what they hold have a
/// Jaccard similarity of at least [`NEAR`]: the shingles of three words of their texts, and each other cell. Of rows with
/// texts and no pictures, those without a word are left out. `fitted` are the rows of another source that the transform
/// was fitted on.
pub fn leaks<'a>(
    own: &LeakRows<'a>,
    fitted: Option<&LeakRows<'a>>,
    chains: impl Iterator<Item = (&'a String, &'a Vec<Step>)>,
) -> Found {
    let search = Search::new(own, fitted, chains);
    let sizes = search.sizes();
    let size = |group: RowGroup| sizes[group as usize];
    let pairs = PAIRS.into_iter().filter(|(of, among)| size(*of) > 0 && size(*among) > 0);
    let pairs: Vec<(RowGroup, RowGroup)> = pairs.collect();
    let mut found = Found::default();
    if pairs.is_empty() {
        return found;
    }
    let rows = search.compare(&pairs);
    for (of, among) in pairs {
        let likes = rows.like(of, among);
        if likes.is_empty() {
            continue;
        }
        let (out, other) = if among == RowGroup::Fitted { (of, among) } else { (among, of) };
        for (content, _) in rows.like(out, other) {
            found.left_out.extend(rows.of(content, out).map(|doc| doc.row as usize));
        }
        found.leaks.pairs.push(leak(&search, &rows, (of, among), &likes, size(of)));
    }
    found.left_out.sort_unstable();
    found.left_out.dedup();
    found
}

/// What is told of two groups, of which the first is `size` rows.
fn leak(
    search: &Search<'_>,
    rows: &Compared,
    (of, among): (RowGroup, RowGroup),
    likes: &[(usize, Like)],
    size: u64,
) -> Leak {
    let among_rows =
        rows.like(among, of).iter().map(|(content, _)| rows.of(*content, among).count() as u64).sum();
    let mut leak =
        Leak { of, among, rows: size, same: 0, near: 0, other_label: 0, among_rows, examples: vec![] };
    let mut known = vec![];
    for (content, like) in likes {
        let Some(first) = rows.of(like.content, among).next() else { continue };
        for row in rows.of(*content, of) {
            let differ = search.labels_differ(row, first);
            leak.other_label += u64::from(differ);
            *(if like.near.is_none() { &mut leak.same } else { &mut leak.near }) += 1;
            known.push((!differ, row, first, like.near));
        }
    }
    known.sort_by_key(|(agree, row, ..)| (*agree, row.row));
    let (same, near): (Vec<_>, Vec<_>) = known.into_iter().partition(|(.., near)| near.is_none());
    let mixed = same.iter().take(if near.is_empty() { EXAMPLES } else { EXAMPLES - 1 }).chain(&near);
    let show = |(_, row, like, near): &(bool, Doc, Doc, Option<f64>)| Likeness {
        similarity: *near,
        row: search.shown(*row),
        like: search.shown(*like),
    };
    leak.examples = mixed.take(EXAMPLES).map(show).collect();
    leak
}
