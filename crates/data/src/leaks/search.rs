//! Which rows are like which: equal cells by sorting, alike sets by MinHash and a comparison of what it proposes.

use std::hash::Hasher;
use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHasher;

use super::{LeakRows, NEAR, RowGroup, SHOWN, Shown};
use crate::minhash::{self, BANDS, MinHash};
use crate::part::Part;
use crate::spool;
use crate::step::Step;
use crate::table::Table;

/// Of rows that share a band, so many of the other group are compared with each. Templates can put a whole table into one
/// band, and comparing all pairs of it would take hours.
const COMPARED: usize = 16;

/// A row of one of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doc {
    pub(super) group: RowGroup,
    pub(super) row: u32,
}

/// The rows that are compared, and what of them.
pub(super) struct Search<'a> {
    own: Side<'a>,
    fitted: Option<Side<'a>>,
    /// Whether each input is a text.
    texts: Vec<bool>,
}

/// A table with its columns by input; none for pictures.
struct Side<'a> {
    table: &'a Table,
    /// None where the table lacks one, which says as much as an empty cell.
    columns: Vec<Option<usize>>,
    pictures: Option<&'a [u128]>,
    picture_column: Option<usize>,
    /// Empty where the table lacks one.
    labels: Vec<usize>,
    label_names: &'a [String],
    docs: Vec<Doc>,
}

/// Rows by content, and which contents are nearly the same.
pub(super) struct Compared {
    /// Rows of equal content lie together.
    docs: Vec<Doc>,
    contents: Vec<Range<usize>>,
    /// The groups that have each content, as a set of bits.
    groups: Vec<u8>,
    /// Both ways, sorted by the first, then by falling similarity.
    near: Vec<(u32, f64, u32)>,
}

/// What a content is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Like {
    pub(super) content: usize,
    /// How similar it is, where it is not the same.
    pub(super) near: Option<f64>,
}

/// Whether a chain reads its cells as texts.
pub(super) fn is_text(steps: &[Step]) -> bool {
    steps.iter().any(Step::reads_text)
}

impl Doc {
    /// Whether the row is of the data set's own source.
    pub(super) fn is_own(&self) -> bool {
        self.group != RowGroup::Fitted
    }
}

impl<'a> Side<'a> {
    fn new(rows: &LeakRows<'a>, names: &[&String], group: impl Fn(usize) -> Option<RowGroup>) -> Self {
        let LeakRows { table, pictures, labels: label_names, .. } = *rows;
        let labels: Option<Vec<usize>> = label_names.iter().map(|name| table.column(name).ok()).collect();
        let doc = |row: usize| Some(Doc { group: group(row)?, row: row as u32 });
        Self {
            table,
            columns: names.iter().map(|name| table.column(name).ok()).collect(),
            pictures: pictures.map(|pictures| pictures.digests()),
            picture_column: table.pictures(),
            labels: labels.unwrap_or_default(),
            label_names,
            docs: (0..table.rows()).filter_map(doc).collect(),
        }
    }

    fn label(&self, row: usize) -> Option<String> {
        let cells: Vec<&str> = self.labels.iter().map(|column| self.table.cell(row, *column)).collect();
        (!cells.is_empty()).then(|| cells.join(", "))
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(
        own: &LeakRows<'a>,
        fitted: Option<&LeakRows<'a>>,
        chains: impl Iterator<Item = (&'a String, &'a Vec<Step>)>,
    ) -> Self {
        let chains = chains.filter(|(_, steps)| spool::transforms(steps).is_none());
        let (names, texts): (Vec<&String>, Vec<bool>) =
            chains.map(|(name, steps)| (name, is_text(steps))).unzip();
        let part = |rows: &LeakRows<'_>, row: usize| rows.parts.get(row).copied().flatten();
        let own = Side::new(own, &names, |row| Some(RowGroup::of(part(own, row))));
        let learnt = |rows: &LeakRows<'_>, row: usize| {
            let split = rows.parts.iter().any(Option::is_some);
            (!split || part(rows, row) == Some(Part::Train)).then_some(RowGroup::Fitted)
        };
        let fitted = fitted.map(|rows| Side::new(rows, &names, |row| learnt(rows, row)));
        Self { own, fitted, texts }
    }

    fn docs(&self) -> impl Iterator<Item = Doc> {
        self.own.docs.iter().chain(self.fitted.iter().flat_map(|side| &side.docs)).copied()
    }

    /// How many rows each group has.
    pub(super) fn sizes(&self) -> [u64; RowGroup::COUNT] {
        let mut sizes = [0; RowGroup::COUNT];
        self.docs().for_each(|doc| sizes[doc.group as usize] += 1);
        sizes
    }

    fn side(&self, doc: Doc) -> &Side<'a> {
        match (&self.fitted, doc.is_own()) {
            (Some(fitted), false) => fitted,
            _ => &self.own,
        }
    }

    fn cells(&self, doc: Doc) -> impl Iterator<Item = &'a str> {
        let (side, row) = (self.side(doc), doc.row as usize);
        let cell = move |column: usize| side.table.cell(row, column);
        side.columns.iter().map(move |column| column.map_or("", cell))
    }

    fn picture(&self, doc: Doc) -> Option<u128> {
        self.side(doc).pictures.map(|digests| digests[doc.row as usize])
    }

    /// Whether there is anything in a row that a model could know it by.
    fn says_something(&self, doc: Doc) -> bool {
        let mut texts = self.cells(doc).zip(&self.texts).filter(|(_, text)| **text).map(|(cell, _)| cell);
        self.side(doc).pictures.is_some() || !self.texts.contains(&true) || texts.any(minhash::has_words)
    }

    fn hash(&self, doc: Doc) -> u64 {
        let mut hasher = FxHasher::default();
        for cell in self.cells(doc) {
            hasher.write_usize(cell.len());
            hasher.write(cell.as_bytes());
        }
        hasher.write_u128(self.picture(doc).unwrap_or_default());
        hasher.finish()
    }

    fn are_same(&self, one: Doc, other: Doc) -> bool {
        self.picture(one) == self.picture(other) && self.cells(one).eq(self.cells(other))
    }

    /// The elements of the set that a row is, some perhaps more than once.
    fn elements(&self, doc: Doc, mut each: impl FnMut(u64)) {
        for (input, (cell, text)) in self.cells(doc).zip(&self.texts).enumerate() {
            match text {
                true => minhash::shingles(cell, input as u64, &mut each),
                false if cell.is_empty() => {}
                false => each(minhash::mix(minhash::fnv(cell.as_bytes()) ^ minhash::mix(input as u64))),
            }
        }
        if let Some(digest) = self.picture(doc) {
            each(minhash::mix(digest as u64));
        }
    }

    fn set(&self, doc: Doc) -> Vec<u64> {
        let mut set = Vec::new();
        self.elements(doc, |element| set.push(element));
        set.sort_unstable();
        set.dedup();
        set
    }

    /// Puts equal rows together, and finds those that are nearly the same in two groups of a pair.
    pub(super) fn compare(&self, pairs: &[(RowGroup, RowGroup)]) -> Compared {
        let docs: Vec<Doc> = self.docs().collect();
        let hashed = |doc: Doc| self.says_something(doc).then(|| (self.hash(doc), doc));
        let mut hashed: Vec<(u64, Doc)> = docs.into_par_iter().filter_map(hashed).collect();
        hashed.par_sort_unstable_by_key(|(hash, doc)| (*hash, doc.group, doc.row));
        let mut contents: Vec<Range<usize>> = Vec::new();
        for (at, (hash, doc)) in hashed.iter().enumerate() {
            match contents.last_mut() {
                Some(last) if hashed[last.start].0 == *hash && self.are_same(hashed[last.start].1, *doc) => {
                    last.end = at + 1;
                }
                _ => contents.push(at..at + 1),
            }
        }
        let docs: Vec<Doc> = hashed.into_iter().map(|(_, doc)| doc).collect();
        let groups_of =
            |content: &Range<usize>| docs[content.clone()].iter().fold(0, |set, doc| set | doc.group.bit());
        let groups = contents.iter().map(groups_of).collect();
        let mut compared = Compared { docs, contents, groups, near: vec![] };
        if self.texts.contains(&true) {
            compared.near = self.near(&compared, pairs);
        }
        compared
    }

    fn near(&self, rows: &Compared, pairs: &[(RowGroup, RowGroup)]) -> Vec<(u32, f64, u32)> {
        let first = |content: usize| rows.docs[rows.contents[content].start];
        let bands: Vec<[u32; BANDS]> = (0..rows.contents.len())
            .into_par_iter()
            .map(|content| {
                let mut signature = MinHash::default();
                self.elements(first(content), |element| signature.add(element));
                signature.bands()
            })
            .collect();
        let mut proposed: Vec<(u32, u32)> =
            (0..BANDS).into_par_iter().flat_map_iter(|band| rows.proposed(band, &bands, pairs)).collect();
        proposed.par_sort_unstable();
        proposed.dedup();
        let compare = |pairs: &[(u32, u32)]| {
            let one = self.set(first(pairs[0].0 as usize));
            let similarity = |other: u32| minhash::similarity(&one, &self.set(first(other as usize)));
            let compared = pairs.iter().map(|(one, other)| (*one, similarity(*other), *other));
            compared.filter(|(_, similarity, _)| *similarity >= NEAR).collect::<Vec<_>>()
        };
        let near: Vec<(u32, f64, u32)> =
            proposed.par_chunk_by(|one, other| one.0 == other.0).flat_map_iter(compare).collect();
        let back = near.iter().map(|(one, similarity, other)| (*other, *similarity, *one));
        let mut both: Vec<(u32, f64, u32)> = near.iter().copied().chain(back).collect();
        both.sort_by(|one, other| {
            one.0.cmp(&other.0).then(other.1.total_cmp(&one.1)).then(one.2.cmp(&other.2))
        });
        both
    }

    /// Whether both rows have labels that can be compared, and other ones.
    pub(super) fn labels_differ(&self, one: Doc, other: Doc) -> bool {
        let (left, right) = (self.side(one), self.side(other));
        left.label_names == right.label_names
            && left.label(one.row as usize) != right.label(other.row as usize)
    }

    /// A row for people.
    pub(super) fn shown(&self, doc: Doc) -> Shown {
        let (side, row) = (self.side(doc), doc.row as usize);
        let mut cells = self.cells(doc).zip(&self.texts);
        let text = cells.find(|(cell, text)| **text && minhash::has_words(cell)).map(|(cell, _)| cell);
        let picture = side.picture_column.filter(|_| side.pictures.is_some());
        let text = text.or(picture.map(|column| side.table.cell(row, column)));
        let text = text.map_or_else(|| self.cells(doc).collect::<Vec<_>>().join(", "), str::to_owned);
        Shown { row: row as u64, text: start(&text), label: side.label(row) }
    }
}

/// The start of a text on one line.
fn start(text: &str) -> String {
    let white = |letter: char| if letter.is_control() { ' ' } else { letter };
    let line: String = text.chars().take(4 * SHOWN).map(white).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

impl Compared {
    /// The rows of a content in a group, in order.
    pub(super) fn of(&self, content: usize, group: RowGroup) -> impl Iterator<Item = Doc> {
        self.docs[self.contents[content].clone()].iter().filter(move |doc| doc.group == group).copied()
    }

    fn has(&self, content: usize, group: RowGroup) -> bool {
        self.groups[content] & group.bit() != 0
    }

    /// The contents of a group that another has too, or nearly, each with the likest of that.
    pub(super) fn like(&self, of: RowGroup, among: RowGroup) -> Vec<(usize, Like)> {
        let like = |content: usize| {
            if self.has(content, among) {
                return Some((content, Like { content, near: None }));
            }
            let from = self.near.partition_point(|(one, ..)| (*one as usize) < content);
            let own = self.near[from..].iter().take_while(|(one, ..)| *one as usize == content);
            let mut alike = own.filter(|(.., other)| self.has(*other as usize, among));
            alike.next().map(|(_, similarity, other)| {
                (content, Like { content: *other as usize, near: Some(*similarity) })
            })
        };
        (0..self.contents.len()).filter(|content| self.has(*content, of)).filter_map(like).collect()
    }

    /// Contents of two groups of a pair whose signatures agree on a band, the lesser first.
    fn proposed(
        &self,
        band: usize,
        bands: &[[u32; BANDS]],
        pairs: &[(RowGroup, RowGroup)],
    ) -> Vec<(u32, u32)> {
        let mut sorted: Vec<(u32, u32)> =
            (0..).zip(bands).map(|(content, bands)| (bands[band], content)).collect();
        sorted.sort_unstable();
        let mut proposed = Vec::new();
        for run in sorted.chunk_by(|one, other| one.0 == other.0).filter(|run| run.len() > 1) {
            for (of, among) in pairs {
                let in_group = |group: RowGroup| {
                    let contents = run.iter().map(|(_, content)| *content);
                    contents.filter(|content| self.has(*content as usize, group)).collect::<Vec<u32>>()
                };
                let (left, right) = (in_group(*of), in_group(*among));
                let all = |one: &[u32], other: &[u32]| {
                    let few = &other[..other.len().min(COMPARED)];
                    let pairs = one.iter().flat_map(|one| few.iter().map(move |other| (*one, *other)));
                    pairs
                        .filter(|(one, other)| one != other)
                        .map(|(one, other)| (one.min(other), one.max(other)))
                        .collect::<Vec<_>>()
                };
                proposed.extend(all(&left, &right));
                proposed.extend(all(&right, &left));
            }
        }
        proposed
    }
}
