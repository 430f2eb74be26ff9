//! Rows of a data set on their way to be encoded, and those of them that one part shares with another.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Found, LEAKS_FILE, Leak, LeakRows, Likeness, Part, Place, RowGroup, Shown, Step};
use plan::{Blame, Progress, StageError};
use stages::OnLeak;

use crate::Report;
use crate::error::OrStage;
use crate::files::write_json;

/// Examples that are told.
const TOLD: usize = 3;

/// Rows of a source.
pub(crate) struct Rows {
    pub(crate) table: data::Table,
    /// One a row.
    pub(crate) parts: Vec<Option<Part>>,
    /// What the pictures of these rows were decoded to, where there are any.
    pub(crate) pictures: Option<data::Pictures>,
    /// Of each row, which it was in the source.
    pub(crate) numbers: Vec<usize>,
}

/// Rows of another source that the transform was fitted on.
pub(crate) struct Learnt {
    pub(crate) table: data::Table,
    pub(crate) parts: Vec<Option<Part>>,
    /// Columns of its labels.
    pub(crate) labels: Vec<String>,
}

/// What rows are compared by.
pub(crate) struct Comparison<'a> {
    pub(crate) on_leak: Option<OnLeak>,
    pub(crate) chains: &'a Chains<'a>,
    /// Columns of the labels.
    pub(crate) labels: &'a [String],
    pub(crate) learnt: Option<Learnt>,
}

/// How the columns are encoded.
pub(crate) type Chains<'a> = BTreeMap<&'a String, &'a Vec<Step>>;

impl Rows {
    pub(crate) fn new(table: data::Table, parts: Vec<Option<Part>>) -> Self {
        let numbers = (0..table.rows()).collect();
        Self { table, parts, pictures: None, numbers }
    }

    /// Leaves these rows, which rise.
    pub(crate) fn keep(&mut self, kept: &[usize]) {
        self.table.keep(kept);
        self.parts = kept.iter().map(|row| self.parts[*row]).collect();
        self.numbers = kept.iter().map(|row| self.numbers[*row]).collect();
        if let Some(pictures) = &mut self.pictures {
            pictures.keep(kept);
        }
    }

    /// Does what is to be done where parts share rows, and writes down what was found. Gives the number of training rows
    /// that were left out.
    pub(crate) fn check_leaks(
        &mut self,
        by: Comparison<'_>,
        folder: &Path,
        report: Report<'_>,
    ) -> Result<u64, StageError> {
        let chains = by.chains.iter().map(|(name, steps)| (*name, *steps));
        let by_default = data::tells_rows_apart(by.chains.values().copied());
        let on_leak = by.on_leak.unwrap_or(if by_default { OnLeak::Warn } else { OnLeak::Ignore });
        if on_leak == OnLeak::Ignore {
            return Ok(0);
        }
        let (table, parts, pictures) = (&self.table, self.parts.as_slice(), self.pictures.as_ref());
        let own = LeakRows { table, parts, pictures, labels: by.labels };
        let learnt = by.learnt.as_ref();
        let learnt_rows =
            learnt.map(|Learnt { table, parts, labels }| LeakRows { table, parts, pictures: None, labels });
        let mut found = data::leaks(&own, learnt_rows.as_ref(), chains);
        if found.leaks.pairs.is_empty() {
            return Ok(0);
        }
        let examples = self.examples(&found, learnt)?;
        if on_leak == OnLeak::Fail {
            return Err(failure(&found, &examples));
        }
        self.number(&mut found);
        if on_leak == OnLeak::Drop {
            let kept = self.without(&mut found)?;
            self.keep(&kept);
            report(Progress::Note { text: found.leaks.to_string() });
        } else {
            let advice = "on-leak = \"drop\" leaves out what leaks";
            report(Progress::Warning { text: format!("{} ({advice})", found.leaks) });
        }
        examples.into_iter().for_each(|text| report(Progress::Note { text }));
        write_json(folder, LEAKS_FILE, &found.leaks)?;
        Ok(found.leaks.dropped.get(&RowGroup::of(Some(Part::Train))).copied().unwrap_or(0))
    }

    /// The rows that are left without those that are to be left out; counts these.
    fn without(&self, found: &mut Found) -> Result<Vec<usize>, StageError> {
        let is_out = |row: &usize| found.left_out.binary_search(row).is_ok();
        let kept: Vec<usize> = (0..self.parts.len()).filter(|row| !is_out(row)).collect();
        for part in [Some(Part::Train), Some(Part::Valid), Some(Part::Test), None] {
            let count = |rows: &[usize]| rows.iter().filter(|row| self.parts[**row] == part).count();
            let (group, out) = (RowGroup::of(part), count(&found.left_out));
            if out > 0 && count(&kept) == 0 {
                let message =
                    format!("all {}rows leak, so none would be left: {}", group.prefix(), found.leaks);
                let hint = "split the source otherwise, or say on-leak = \"warn\"";
                return Err(StageError::new(Blame::Input, message).hint(hint));
            }
            if out > 0 {
                found.leaks.dropped.insert(group, out as u64);
            }
        }
        Ok(kept)
    }

    /// Names the own rows of examples as the source counts them.
    fn number(&self, found: &mut Found) {
        for leak in &mut found.leaks.pairs {
            let own = leak.among != RowGroup::Fitted;
            for example in &mut leak.examples {
                let like = Some(&mut example.like).filter(|_| own);
                for shown in [Some(&mut example.row), like].into_iter().flatten() {
                    shown.row = self.numbers[shown.row as usize] as u64;
                }
            }
        }
    }

    /// Some of what was found, of each pair of groups some, each in a line.
    fn examples(&self, found: &Found, learnt: Option<&Learnt>) -> Result<Vec<String>, StageError> {
        let pairs = &found.leaks.pairs;
        let each = TOLD.div_ceil(pairs.len().max(1));
        let some = pairs.iter().flat_map(|leak| leak.examples.iter().take(each).map(move |of| (leak, of)));
        let some: Vec<(&Leak, &Likeness)> = some.take(TOLD).collect();
        // A file is read once for all of its rows that are told.
        let is_fitted = |leak: &Leak| leak.among == RowGroup::Fitted;
        let likes = |fitted: bool| {
            let of_table = some.iter().filter(move |(leak, _)| is_fitted(leak) == fitted);
            of_table.map(|(_, example)| example.like.row as usize)
        };
        let rows = some.iter().map(|(_, example)| example.row.row as usize);
        let rows: Vec<usize> = rows.chain(likes(false)).collect();
        let mut own = self.table.places(&rows, 0).or_stage()?.into_iter();
        let of: Vec<Place> = own.by_ref().take(some.len()).collect();
        let rows: Vec<usize> = likes(true).collect();
        let fitted = learnt.map(|learnt| learnt.table.places(&rows, 0)).transpose().or_stage()?;
        let mut fitted = fitted.into_iter().flatten();
        let line = |((leak, example), of): (&(&Leak, &Likeness), Place)| {
            let like = if is_fitted(leak) { fitted.next() } else { own.next() };
            let Likeness { similarity, row, like: other } = example;
            let how = similarity.map_or("equals".to_owned(), |similarity| format!("is {similarity:.2} like"));
            let (of, among) = (named(row, leak.of, Some(of)), named(other, leak.among, like));
            let text = if row.text == other.text { String::new() } else { format!(", \"{}\"", other.text) };
            format!("{of} {how} {among}: \"{}\"{text}", row.text)
        };
        Ok(some.iter().zip(of).map(line).collect())
    }
}

/// `reviews.csv:7 (test, label 1)`.
fn named(shown: &Shown, group: RowGroup, place: Option<Place>) -> String {
    let place = place.map_or_else(String::new, |place| format!("{}:{} ", place.path.display(), place.line));
    let group = Some(group.name().to_owned()).filter(|_| group != RowGroup::All);
    let label = shown.label.as_ref().map(|label| format!("label {label}"));
    format!("{place}({})", group.into_iter().chain(label).collect::<Vec<_>>().join(", "))
}

fn failure(found: &Found, examples: &[String]) -> StageError {
    let example = examples.first().map_or_else(String::new, |example| format!("; for example {example}"));
    let hint = "on-leak = \"drop\" leaves out what leaks, \"warn\" goes on with all rows";
    StageError::new(Blame::Input, format!("{}{example}", found.leaks)).hint(hint)
}
