//! What compiling gives back when it gives no plan: findings with the bytes that they are about.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use plan::Diagnostic;

/// A text that a finding may point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it lies; `--set` for what the command line sets.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Whether it came with the compiler.
    pub is_built_in: bool,
}

impl File {
    /// Line and column of a byte, from 1, the column in characters.
    pub fn position(&self, at: usize) -> (u64, u64) {
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() as u64 + 1, before[start..].chars().count() as u64 + 1)
    }
}

/// Bytes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Index into [`Report::files`].
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last; never before `start`.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(file: usize, range: Range<usize>) -> Self {
        Span { file, start: range.start, end: range.end.max(range.start) }
    }

    /// The bytes in their file.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// One mistake and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub diagnostic: Diagnostic,
    /// The bytes to underline.
    pub span: Span,
    /// Other bytes that explain it, each with a few words.
    pub related: Vec<(Span, String)>,
}

impl Finding {
    /// A mistake in a block, to which these uses led, innermost first.
    pub(crate) fn within(diagnostic: Diagnostic, span: Span, uses: &[Span]) -> Self {
        let related = uses.iter().map(|used| (used.clone(), "in this use of the block".to_owned())).collect();
        Finding { diagnostic, span, related }
    }

    /// The mistake where a person can correct it: one in a file of the compiler's own is in the use that led there.
    pub(crate) fn at_use(self, files: &[File]) -> Self {
        let is_built_in = |span: &Span| files.get(span.file).is_some_and(|file| file.is_built_in);
        match self.related.iter().map(|(span, _)| span).find(|span| !is_built_in(span)) {
            Some(used) if is_built_in(&self.span) => {
                let related = vec![(self.span.clone(), "it shows in this layer of the backbone".to_owned())];
                Finding { span: used.clone(), related, ..self }
            }
            _ => self,
        }
    }
}

/// Mistakes in blocks that have been reported, and the uses that showed them: other uses show the same again.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<(Span, &'static str), Vec<Span>>);

impl Seen {
    /// Whether a finding to which these uses led is to be reported.
    pub(crate) fn is_new(&mut self, finding: &Finding, uses: &[Span]) -> bool {
        let place = (finding.span.clone(), finding.diagnostic.code);
        uses.is_empty() || self.0.entry(place).or_insert_with(|| uses.to_vec()) == uses
    }
}

/// Every mistake of a recipe, in the order of its files and of their text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The recipe, then those it extends, nearest first, each with the files it includes, then what the command line
    /// sets, then the backbones that it names.
    pub files: Vec<File>,
    /// At least one where there is no plan.
    pub findings: Vec<Finding>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The recipe is wrong.
    #[error("the recipe has {} mistake{}", .0.findings.len(), if .0.findings.len() == 1 { "" } else { "s" })]
    Diagnostics(Report),
    /// The recipe itself cannot be read.
    #[error("cannot read `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
