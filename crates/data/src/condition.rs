//! Tests on one cell of a row: what a filter keeps, and what a derived column says.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::Problem;

/// A test of one column; where several are given, all must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Condition {
    /// The column whose cell is tested.
    pub column: String,
    /// The cell, as a number, is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// The cell, as a number, is greater or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The cell, as a number, is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// The cell, as a number, is less or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The cell is one of these texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<String>>,
    /// The cell is none of these texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub none_of: Option<Vec<String>>,
    /// A regular expression that matches somewhere in the cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Whether the cell is empty. Every other test fails on an empty cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
}

/// A cell that is no number where a number is compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotANumber;

/// A condition ready to test cells.
pub(crate) struct Test<'a> {
    condition: &'a Condition,
    matches: Option<Regex>,
}

impl Condition {
    /// Everything wrong with the declaration, fields named from the condition on.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let bounds = self.bounds();
        for (field, bound) in &bounds {
            if !bound.is_finite() {
                problems.push(Problem::new(
                    field,
                    "this must be a finite number",
                    "leave it out for no bound",
                ));
            }
        }
        let texts = [self.one_of.is_some(), self.none_of.is_some(), self.matches.is_some()];
        let compares = !bounds.is_empty() || texts.contains(&true);
        match self.empty {
            None if !compares => problems.push(Problem::new(
                "column",
                format!("nothing is said of `{}`", self.column),
                "for example above = 3, one-of = [\"a\", \"b\"] or empty = false",
            )),
            Some(true) if compares => problems.push(Problem::new(
                "empty",
                "an empty cell passes no other test",
                "remove `empty` or the other tests",
            )),
            _ => {}
        }
        let least = [self.above, self.at_least].into_iter().flatten().reduce(f64::max);
        let most = [self.below, self.at_most].into_iter().flatten().reduce(f64::min);
        if let (Some(least), Some(most)) = (least, most) {
            let strict = self.above == Some(least) || self.below == Some(most);
            if least > most || (strict && least == most) {
                let field = if self.below == Some(most) { "below" } else { "at-most" };
                problems.push(Problem::new(
                    field,
                    format!("no number is above {least} and below {most}, as the bounds say"),
                    "swap the bounds, or drop one",
                ));
            }
        }
        if let Some(Err(error)) = self.matches.as_deref().map(Regex::new) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            problems.push(Problem::new(
                "matches",
                format!("the regular expression is wrong: {reason}"),
                "write it in single quotes, so that backslashes stay",
            ));
        }
        problems
    }

    fn bounds(&self) -> Vec<(&'static str, f64)> {
        let bounds = [
            ("above", self.above),
            ("at-least", self.at_least),
            ("below", self.below),
            ("at-most", self.at_most),
        ];
        bounds.into_iter().filter_map(|(field, bound)| Some((field, bound?))).collect()
    }

    /// The test; none where the regular expression is wrong, which `problems` reports.
    pub(crate) fn test(&self) -> Option<Test<'_>> {
        let matches = match &self.matches {
            Some(pattern) => Some(Regex::new(pattern).ok()?),
            None => None,
        };
        Some(Test { condition: self, matches })
    }
}

impl Test<'_> {
    /// Whether the cell passes; `None` for an empty cell where the test is not about emptiness.
    pub(crate) fn holds(&self, cell: &str) -> Result<Option<bool>, NotANumber> {
        let condition = self.condition;
        if cell.is_empty() {
            let listed = condition.one_of.iter().flatten().any(String::is_empty);
            return Ok(if listed { Some(true) } else { condition.empty });
        }
        if condition.empty == Some(true) {
            return Ok(Some(false));
        }
        let mut holds = true;
        if !condition.bounds().is_empty() {
            let number: f64 = cell.trim().parse().map_err(|_| NotANumber)?;
            if number.is_nan() {
                return Err(NotANumber);
            }
            holds &= condition.above.is_none_or(|bound| number > bound)
                && condition.at_least.is_none_or(|bound| number >= bound)
                && condition.below.is_none_or(|bound| number < bound)
                && condition.at_most.is_none_or(|bound| number <= bound);
        }
        let listed =
            |list: &Option<Vec<String>>| list.as_ref().map(|list| list.iter().any(|own| own == cell));
        holds &= listed(&condition.one_of).unwrap_or(true) && !listed(&condition.none_of).unwrap_or(false);
        Ok(Some(holds && self.matches.as_ref().is_none_or(|regex| regex.is_match(cell))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn cells_pass_or_not() {
        let holds = |text: &str, cell: &str| condition(text).test().unwrap().holds(cell);
        let rating = r#"{"column":"r","above":5,"at-most":9}"#;
        assert_eq!(
            ["5", " 5.1", "9", "10", ""].map(|cell| holds(rating, cell).unwrap()),
            [Some(false), Some(true), Some(true), Some(false), None]
        );
        assert_eq!(holds(rating, "many"), Err(NotANumber));
        assert_eq!(holds(rating, "nan"), Err(NotANumber));
        let listed = r#"{"column":"r","one-of":["a",""],"matches":"^a"}"#;
        assert_eq!(
            ["a", "b", ""].map(|cell| holds(listed, cell).unwrap()),
            [Some(true), Some(false), Some(true)]
        );
        assert_eq!(holds(r#"{"column":"r","none-of":["a"]}"#, "b"), Ok(Some(true)));
        assert_eq!(holds(r#"{"column":"r","empty":true}"#, ""), Ok(Some(true)));
        assert_eq!(holds(r#"{"column":"r","empty":false}"#, ""), Ok(Some(false)));
        assert_eq!(holds(r#"{"column":"r","empty":false}"#, "a"), Ok(Some(true)));
        assert_eq!(holds(r#"{"column":"r","empty":true}"#, "a"), Ok(Some(false)));
    }

    #[test]
    fn every_mistake_is_one_problem() {
        let fields = |text| condition(text).problems().into_iter().map(|own| own.field).collect::<Vec<_>>();
        assert!(fields(r#"{"column":"r","at-least":5,"at-most":5}"#).is_empty());
        assert_eq!(fields(r#"{"column":"r"}"#), ["column"]);
        assert_eq!(fields(r#"{"column":"r","above":5,"at-most":5}"#), ["at-most"]);
        assert_eq!(fields(r#"{"column":"r","above":5,"below":4}"#), ["below"]);
        assert_eq!(fields(r#"{"column":"r","empty":true,"above":4}"#), ["empty"]);
        assert_eq!(fields(r#"{"column":"r","matches":"("}"#), ["matches"]);
    }
}
