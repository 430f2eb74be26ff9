//! The rows that a fitted transform learnt from, where they are another source's: rows that it encodes are compared with
//! them.

use std::collections::{BTreeMap, BTreeSet};

use data::Step;
use serde::{Deserialize, Serialize};

use crate::preprocess::{OnLeak, Preprocess};
use crate::table::Params;

/// The source of the rows that `fitted` learnt from. The compiler says it; a recipe cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Learnt {
    /// Its name, which is no part of a document: its content stands in for it.
    #[serde(skip)]
    pub(crate) data: String,
    /// Columns of it that are read under another name.
    pub rename: BTreeMap<String, String>,
}

impl Preprocess {
    /// The stage with what the compiler has to say of `fitted`.
    #[must_use]
    pub fn with_learnt(self, stages: &BTreeMap<String, Params>) -> Self {
        Self { learnt: self.learnt(stages), ..self }
    }

    /// The first stage on the way that `fitted` leads back whose source is another.
    fn learnt(&self, stages: &BTreeMap<String, Params>) -> Option<Learnt> {
        let (mut stage, mut passed) = (self, BTreeSet::new());
        while stage.data == self.data {
            let name = stage.fitted.as_ref()?;
            let Params::Preprocess(before) = stages.get(name)? else { return None };
            if !passed.insert(name) {
                return None;
            }
            stage = before;
        }
        let compares = match self.on_leak {
            None => stage.reads_texts(),
            Some(on_leak) => on_leak != OnLeak::Ignore,
        };
        compares.then(|| Learnt { data: stage.data.clone(), rename: stage.rename.clone() })
    }

    fn reads_texts(&self) -> bool {
        let groups = self.group.iter().map(|group| &group.steps);
        self.columns.values().chain(groups).any(|steps| steps.iter().any(Step::reads_text))
    }
}
