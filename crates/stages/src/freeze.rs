//! `freeze` and `unfreeze`: which parameters later training leaves as they are.

use std::collections::BTreeMap;

use network::Selection;
use plan::{ArtifactKind, Diagnostic, Place};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, NetworkFact};
use crate::table::{Params, Reference, Stage};

/// Keeps parameters as they are in later training. A frozen batch norm uses and keeps its running statistics;
/// dropout between frozen layers is off.
///
/// Output: `network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Freeze {
    /// The network.
    pub network: String,
    /// Parameters whose full name this regex is found in: `token_embed|review_gru`; whole modules by their names,
    /// `layer1|layer2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<String>,
    /// The last so many layers that have parameters, instead of `layers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub last: Option<usize>,
    /// All layers but the last so many that have parameters, instead of `layers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub except_last: Option<usize>,
}

impl Stage for Freeze {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("network", &self.network, &[ArtifactKind::Network])]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        self.set(true, context)
    }
}

/// Lets frozen parameters train again.
///
/// Output: `network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Unfreeze(pub Freeze);

impl Stage for Unfreeze {
    fn references(&self, stages: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.0.references(stages)
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        self.0.set(false, context)
    }
}

impl Freeze {
    /// Checks the selection, and gives the network with it frozen or not.
    fn set(&self, frozen: bool, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let selection = match self.selection() {
            Ok(selection) => selection,
            Err((key, message, hint)) => {
                let place = if key.is_empty() { Place::stage(context.stage) } else { context.place(key) };
                context.report(Diagnostic::new("freeze-pattern", place, message).hint(hint));
                return vec![];
            }
        };
        let Some(fact) = context.network(&self.network) else { return vec![] };
        let network = match fact.network {
            None => None,
            Some(network) => {
                let Ok(graph) = network.lower() else { return vec![] };
                match selection.of(&graph) {
                    Ok(names) => Some((network, names)),
                    Err(none) => {
                        let (key, hint) = match (&self.layers, self.last) {
                            (Some(_), _) => {
                                ("layers", format!("the nearest are {}", none.nearest.join(", ")))
                            }
                            (None, Some(_)) => ("last", "the network has no parameters".to_owned()),
                            (None, None) => {
                                ("except-last", "the network has no more layers than that".to_owned())
                            }
                        };
                        let message = "this matches no parameter of the network";
                        context.report(
                            Diagnostic::new("freeze-matches-nothing", context.place(key), message).hint(hint),
                        );
                        return vec![];
                    }
                }
            }
        };
        let network = network.map(|(mut network, names)| {
            if frozen {
                network.frozen.extend(names);
            } else {
                network.frozen.retain(|name| !names.contains(name));
            }
            network
        });
        vec![("network", Fact::Network(NetworkFact { network, ..fact }))]
    }

    /// What is selected.
    ///
    /// # Errors
    /// The key that is wrong, a message and a hint.
    pub fn selection(&self) -> Result<Selection, (&'static str, String, String)> {
        let given = [self.layers.is_some(), self.last.is_some(), self.except_last.is_some()];
        match (given.iter().filter(|given| **given).count(), self.except_last) {
            (0, _) => Err((
                "",
                "neither `layers`, `last` nor `except-last` is given".into(),
                "add layers = \"regex\", last = N or except-last = N".into(),
            )),
            (1, Some(count)) => Ok(Selection::ExceptLast(count)),
            (1, None) => selection(self.layers.as_deref(), self.last),
            _ => {
                let key = if self.last.is_some() { "last" } else { "except-last" };
                let message = "`layers`, `last` and `except-last` exclude each other";
                Err((key, message.into(), "keep one of them".into()))
            }
        }
    }
}

/// What a pattern or a count of layers selects: one of them is given.
///
/// # Errors
/// The key that is wrong, a message and a hint.
pub(crate) fn selection(
    layers: Option<&str>,
    last: Option<usize>,
) -> Result<Selection, (&'static str, String, String)> {
    match (layers, last) {
        (Some(pattern), None) => Regex::new(pattern).map(Selection::Pattern).map_err(|error| {
            let hint = "for example `token_embed|review_gru`".into();
            ("layers", format!("not a regex: {}", last_line(&error)), hint)
        }),
        (None, Some(count)) => Ok(Selection::Last(count)),
        (Some(_), Some(_)) => {
            Err(("last", "`layers` and `last` exclude each other".into(), "keep one of them".into()))
        }
        (None, None) => Err((
            "",
            "neither `layers` nor `last` is given".into(),
            "add layers = \"regex\" or last = N".into(),
        )),
    }
}

pub(crate) fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
