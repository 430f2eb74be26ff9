//! Rows of a data set on their way to be encoded, and those of them that one part shares with another.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Found, LEAKS_FILE, LeakRows, Likeness, Part, RowGroup, Step};
use plan::{Blame, Location, Progress, StageError};
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

    /// Does what is to be done where parts share rows, and writes down what was found.
    pub(crate) fn check_leaks(
        &mut self,
        on_leak: Option<OnLeak>,
        chains: &Chains<'_>,
        labels: &[String],
        folder: &Path,
        report: Report<'_>,
    ) -> Result<(), StageError> {
        let by_default = data::tells_rows_apart(chains.values().copied());
        let on_leak = on_leak.unwrap_or(if by_default { OnLeak::Warn } else { OnLeak::Ignore });
        if on_leak == OnLeak::Ignore {
            return Ok(());
        }
        let (table, parts, pictures) = (&self.table, self.parts.as_slice(), self.pictures.as_ref());
        let own = LeakRows { table, parts, pictures, labels };
        let mut found =
            data::leaks(&own, None, chains.iter().map(|(name, steps)| (*name, *steps))).or_stage()?;
        if found.leaks.pairs.is_empty() {
            return Ok(());
        }
        if on_leak == OnLeak::Fail {
            return Err(self.failure(&found)?);
        }
        let examples = self.examples(&found)?;
        if on_leak == OnLeak::Drop {
            let kept = self.without(&mut found)?;
            report(Progress::Note { text: found.leaks.to_string() });
            self.number(&mut found);
            self.keep(&kept);
        } else {
            let advice = "on-leak = \"drop\" leaves the earlier ones out";
            report(Progress::Warning { text: format!("{} ({advice})", found.leaks) });
            self.number(&mut found);
        }
        examples.into_iter().for_each(|text| report(Progress::Note { text }));
        write_json(folder, LEAKS_FILE, &found.leaks)
    }

    /// The rows that are left without those of train and valid that leak; counts these.
    fn without(&self, found: &mut Found) -> Result<Vec<usize>, StageError> {
        let leaks = |row: &usize| found.leaking.binary_search(row).is_ok();
        let kept: Vec<usize> = (0..self.parts.len()).filter(|row| !leaks(row)).collect();
        for (group, part) in [(RowGroup::Train, Part::Train), (RowGroup::Valid, Part::Valid)] {
            let has = |rows: &[usize]| rows.iter().filter(|row| self.parts[**row] == Some(part)).count();
            let dropped = has(&found.leaking);
            if dropped > 0 && has(&kept) == 0 {
                let name = part.name();
                let message = format!(
                    "every {name} row is in a later part too, so none would be left: {}",
                    found.leaks
                );
                let hint = "split the source otherwise, or say on-leak = \"warn\"";
                return Err(StageError::new(Blame::Input, message).hint(hint));
            }
            if dropped > 0 {
                found.leaks.dropped.insert(group, dropped as u64);
            }
        }
        Ok(kept)
    }

    /// Names the rows of examples as the source counts them.
    fn number(&self, found: &mut Found) {
        for example in found.leaks.pairs.iter_mut().flat_map(|leak| &mut leak.examples) {
            for shown in [&mut example.row, &mut example.like] {
                shown.row = self.numbers[shown.row as usize] as u64;
            }
        }
    }

    /// Where a row is.
    fn location(&self, row: u64) -> Result<Location, StageError> {
        let place = self.table.place(row as usize, 0).or_stage()?;
        Ok(Location { file: place.path, line: place.line, column: 0 })
    }

    fn failure(&self, found: &Found) -> Result<StageError, StageError> {
        let mut message = found.leaks.to_string();
        if let Some(example) = self.examples(found)?.first() {
            message += &format!("; for example {example}");
        }
        let hint = "on-leak = \"drop\" leaves such rows out of train, and out of valid where test has them; \
                    \"warn\" goes on with all";
        Ok(StageError::new(Blame::Input, message).hint(hint))
    }

    /// Some of what was found, of each pair of groups some, each in a line.
    fn examples(&self, found: &Found) -> Result<Vec<String>, StageError> {
        let pairs = &found.leaks.pairs;
        let each = TOLD.div_ceil(pairs.len().max(1));
        let some =
            pairs.iter().flat_map(|leak| leak.examples.iter().take(each).map(move |example| (leak, example)));
        some.take(TOLD).map(|(leak, example)| self.example(leak, example)).collect()
    }

    fn example(&self, leak: &data::Leak, example: &Likeness) -> Result<String, StageError> {
        let Likeness { similarity, row, like } = example;
        let named = |shown: &data::Shown, group: RowGroup| -> Result<String, StageError> {
            let Location { file, line, .. } = self.location(shown.row)?;
            let label = shown.label.as_ref().map_or_else(String::new, |label| format!(", label {label}"));
            Ok(format!("{}:{line} ({}{label})", file.display(), group.name()))
        };
        let (of, among) = (named(row, leak.of)?, named(like, leak.among)?);
        let how = similarity.map_or("equals".to_owned(), |similarity| format!("is {similarity:.2} like"));
        let other = if row.text == like.text { String::new() } else { format!(", \"{}\"", like.text) };
        Ok(format!("{of} {how} {among}: \"{}\"{other}", row.text))
    }
}
