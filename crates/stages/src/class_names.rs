//! What the classes of a network are called, where no label of the data says so.

use std::collections::BTreeSet;

use network::Network;
use plan::{Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;

/// Names of the classes that a network tells, in the order of its units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClassNames {
    /// Those of a known data set.
    Known(KnownClasses),
    /// Each by its name.
    Listed(#[schemars(length(min = 2))] Vec<String>),
}

/// Classes that pretrained networks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownClasses {
    /// The 1000 classes of ImageNet's challenge of 2012 (Russakovsky et al., 2015), called as torchvision calls them.
    Imagenet,
}

impl ClassNames {
    /// The names in the order of the classes.
    pub fn names(&self) -> Vec<String> {
        match self {
            // torchvision 0.26, `torchvision.models._meta._IMAGENET_CATEGORIES`, one a line.
            Self::Known(KnownClasses::Imagenet) => {
                include_str!("imagenet.txt").lines().map(str::to_owned).collect()
            }
            Self::Listed(names) => names.clone(),
        }
    }

    /// Reports names of other classes than `network` tells, which a message calls `whose`, and names that say nothing;
    /// whether they fit.
    pub(crate) fn check(
        &self,
        network: &Network,
        whose: &str,
        place: &Place,
        context: &mut Context<'_>,
    ) -> bool {
        let names = self.names();
        let mut seen = BTreeSet::new();
        let twice = names.iter().position(|name| name.trim().is_empty() || !seen.insert(name));
        if let Some(at) = twice {
            let message = match names[at].trim().is_empty() {
                true => "a class without a name".to_owned(),
                false => format!("`{}` names two classes", names[at]),
            };
            let hint = "each class has a name of its own, in the order of the network's units";
            context.report(Diagnostic::new("classes", place.join(at), message).hint(hint));
        }
        let units = told(network);
        let is_other = units.is_some_and(|units| units != names.len());
        if let (Some(units), true) = (units, is_other) {
            let message = format!("`classes` names {} classes, and {whose} tells {units}", names.len());
            let hint = "name each class that the network tells, or remove `classes`";
            context.report(Diagnostic::new("classes", place.clone(), message).hint(hint));
        }
        twice.is_none() && !is_other
    }
}

/// How many classes the only output of a network tells, where that is known: one logit tells two.
pub(crate) fn told(network: &Network) -> Option<usize> {
    let graph = network.lower().ok()?;
    match graph.results()[..] {
        [("", node)] => graph.nodes[node].signal.width().size().map(|units| units.max(2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ClassNames, KnownClasses};

    #[test]
    fn imagenet_has_its_classes_in_order() {
        let names = ClassNames::Known(KnownClasses::Imagenet).names();
        assert_eq!(names.len(), 1000);
        // As in the challenge's synset list: n01440764, n02099601, n03063599, n15075141.
        for (class, name) in
            [(0, "tench"), (207, "golden retriever"), (504, "coffee mug"), (999, "toilet tissue")]
        {
            assert_eq!(names[class], name);
        }
    }
}
