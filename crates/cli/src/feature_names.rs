//! What the numbers of a head's features are called.
//!
//! A head numbers them through, whatever the stages that made them are called; people want to know which stage each is of.

use plan::Origin;
use recipe::Compiled;
use stages::Fact;

/// What a head calls a number of its features, before the number.
const NUMBERED: &str = "feature ";

/// The stages that made a head's features, in order, each with how many numbers a row.
#[derive(Default)]
pub(crate) struct FeatureNames(Vec<(String, usize)>);

impl FeatureNames {
    /// Those of a head of the recipe; none where it takes one stage's, or it is not known how many there are.
    pub(crate) fn of(compiled: &Compiled, head: &str) -> Self {
        let inputs = compiled.plan.stage(head).into_iter().flat_map(|stage| &stage.inputs);
        let stages =
            inputs.filter(|input| input.port == "features").filter_map(|input| match &input.origin {
                Origin::Stage { stage, .. } => Some(stage),
                Origin::Source(_) => None,
            });
        let sized = stages.map(|stage| {
            let width = compiled.facts.get(stage)?.iter().find_map(|(_, fact)| match fact {
                Fact::Features(fact) => fact.width,
                _ => None,
            });
            Some((stage.clone(), width?))
        });
        let sized: Option<Vec<_>> = sized.collect();
        FeatureNames(sized.filter(|sized| sized.len() > 1).unwrap_or_default())
    }

    /// The name that people read: `words 3` for `feature 12`, where nine numbers come before those of `words`.
    pub(crate) fn shown(&self, name: &str) -> String {
        let number = name.strip_prefix(NUMBERED).and_then(|number| number.parse::<usize>().ok());
        let Some(mut number) = number else { return name.to_owned() };
        for (stage, width) in &self.0 {
            if number < *width {
                return format!("{stage} {number}");
            }
            number -= width;
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::FeatureNames;

    #[test]
    fn features_are_called_by_their_stages() {
        let names = FeatureNames(vec![("eye".to_owned(), 9), ("words".to_owned(), 4)]);
        let shown = ["feature 0", "feature 8", "feature 9", "feature 12", "feature 13", "stars"]
            .map(|name| names.shown(name));
        assert_eq!(shown, ["eye 0", "eye 8", "words 0", "words 3", "feature 13", "stars"]);
        assert_eq!(FeatureNames::default().shown("feature 3"), "feature 3");
    }
}
