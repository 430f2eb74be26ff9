//! Tokenizers of others in the chains of a `preprocess`: where the recipe names their files, and where those lie.

use std::path::PathBuf;

use data::{Step, Tokenizer};
use plan::Segment;

use crate::preprocess::Preprocess;
use crate::table::OutsidePath;

impl Preprocess {
    /// Tokenizers of others, with the keys that lead to the step of each.
    pub fn tokenizers(&self) -> Vec<(Vec<Segment>, &Tokenizer)> {
        let columns =
            self.columns.iter().map(|(name, steps)| (vec!["columns".into(), name.as_str().into()], steps));
        let groups = self.group.iter().enumerate();
        let groups =
            groups.map(|(at, group)| (vec!["group".into(), at.into(), "steps".into()], &group.steps));
        let mut tokenizers = vec![];
        for (keys, steps) in columns.chain(groups) {
            for (at, step) in steps.iter().enumerate() {
                let own = step.tokenizer().map(|of| ([&keys[..], &[at.into()]].concat(), of));
                tokenizers.extend(own);
            }
        }
        tokenizers
    }

    /// Their files.
    pub(crate) fn files(&self) -> Vec<OutsidePath<'_>> {
        let mut files = vec![];
        for (keys, tokenizer) in self.tokenizers() {
            for (key, path) in tokenizer.files() {
                files.push(OutsidePath {
                    keys: [&keys[..], &["tokenizer".into(), key.into()]].concat(),
                    path,
                });
            }
        }
        files
    }

    /// The same stage with these files for its tokenizers, in the order in which it names them.
    #[must_use]
    pub fn located(mut self, files: &[PathBuf]) -> Self {
        let mut files = files.iter().map(|file| file.to_string_lossy());
        let of_groups = self.group.iter_mut().map(|group| &mut group.steps);
        for step in self.columns.values_mut().chain(of_groups).flatten() {
            if let Step::Tokenizer(tokenizer) = step {
                let path = files.next().unwrap_or_default();
                let merges = tokenizer.merges.is_some().then(|| files.next().unwrap_or_default());
                *tokenizer = tokenizer.located(&path, merges.as_deref());
            }
        }
        self
    }
}
