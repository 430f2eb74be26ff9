//! `decode-pictures`: pictures decoded once for all stages that read them under other splits or with other columns.

use std::collections::BTreeMap;

use data::Step;
use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::table::{Params, Reference, Stage};

/// Decodes the pictures of a source and brings them through the part of their chains that comes before augmentation. The
/// compiler puts it in front of `preprocess` stages that read the same pictures; a recipe cannot.
///
/// Output: `pictures`, the levels of all pictures that can be read, and why the others cannot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DecodePictures {
    /// The source; its split is not looked at.
    pub data: String,
    /// Columns of the source read under another name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// The chain of each column of pictures.
    pub columns: BTreeMap<String, Vec<Step>>,
}

impl Stage for DecodePictures {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("data", &self.data, &[])]
    }

    /// The compiler has checked the stages that read the pictures.
    fn check(&self, _: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        vec![("pictures", Fact::Plain(ArtifactKind::Pictures))]
    }
}
