//! What the variants of a sweep have together: mean, deviation and the best of each metric.
//!
//! Folds and seeds are repetitions: what differs in them alone is averaged, for each choice of the other axes. Where
//! there are none, all variants of a stage are taken together.

use std::collections::BTreeMap;

use plan::Variant;
use serde::Serialize;
use stages::{Measure, Metric};

/// Axes whose values are repetitions of one experiment rather than choices.
const REPETITIONS: [&str; 2] = ["fold", "seed"];

/// Variants that are averaged.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    /// What they have in common: `tuned@lr=0.01`.
    pub(super) name: String,
    /// Axes in which they differ.
    pub(super) over: Vec<String>,
    /// Whether those are repetitions, so that the mean stands for all of them.
    pub(super) repeated: bool,
    /// Their positions among the rows.
    #[serde(skip)]
    pub(super) rows: Vec<usize>,
    /// How many they are.
    pub(super) count: usize,
    pub(super) metrics: BTreeMap<String, Moments>,
}

/// A metric over variants.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Moments {
    /// Variants that have it.
    pub(super) count: usize,
    pub(super) mean: f64,
    /// The sample's standard deviation, by n - 1; none of one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deviation: Option<f64>,
    pub(super) best: f64,
    /// The variant that has it.
    pub(super) best_of: String,
}

/// A row of the table as far as it matters here.
pub(super) struct Row<'a> {
    pub(super) stage: &'a str,
    pub(super) label: &'a str,
    pub(super) metrics: &'a BTreeMap<String, f64>,
}

/// Groups of two rows and more, in the order of the table.
pub(super) fn spreads(rows: &[Row<'_>]) -> Vec<Spread> {
    let mut groups: Vec<(String, Spread)> = vec![];
    for (at, row) in rows.iter().enumerate() {
        let variant = Variant::parse(row.stage);
        let repeated = variant.axes.iter().any(|(axis, _)| REPETITIONS.contains(axis));
        let averaged = |axis: &str| !repeated || REPETITIONS.contains(&axis);
        let kept: Vec<_> = variant.axes.iter().filter(|(axis, _)| !averaged(axis)).copied().collect();
        let key = Variant { of: variant.of, axes: kept.clone() }.to_string();
        if let Some((_, spread)) = groups.iter_mut().find(|(known, _)| *known == key) {
            spread.rows.push(at);
            continue;
        }
        let name = Variant { of: Variant::parse(row.label).of, axes: kept }.to_string();
        let over = variant.axes.iter().map(|(axis, _)| *axis).filter(|axis| averaged(axis));
        let over = over.map(str::to_owned).collect();
        groups
            .push((key, Spread { name, over, repeated, rows: vec![at], count: 1, metrics: BTreeMap::new() }));
    }
    let mut spreads: Vec<Spread> = groups.into_iter().map(|(_, spread)| spread).collect();
    spreads.retain(|spread| spread.rows.len() > 1);
    for spread in &mut spreads {
        spread.count = spread.rows.len();
        let of: Vec<&Row<'_>> = spread.rows.iter().map(|&at| &rows[at]).collect();
        for name in of.iter().flat_map(|row| row.metrics.keys()) {
            if !spread.metrics.contains_key(name) {
                spread.metrics.extend(moments(name, &of).map(|moments| (name.clone(), moments)));
            }
        }
    }
    spreads
}

fn moments(name: &str, rows: &[&Row<'_>]) -> Option<Moments> {
    let found: Vec<(&str, f64)> =
        rows.iter().filter_map(|row| Some((row.label, *row.metrics.get(name)?))).collect();
    let count = found.len();
    let mean = found.iter().map(|(_, value)| value).sum::<f64>() / count as f64;
    let squares: f64 = found.iter().map(|(_, value)| (value - mean).powi(2)).sum();
    let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
    let (best_of, best) = best(Measure::from_name(name)?.metric, found)?;
    Some(Moments { count, mean, deviation, best, best_of: best_of.to_owned() })
}

/// The first of those with the best value.
pub(super) fn best<'n>(
    metric: Metric,
    values: impl IntoIterator<Item = (&'n str, f64)>,
) -> Option<(&'n str, f64)> {
    values.into_iter().reduce(|best, other| {
        let better = if metric.larger_is_better() { other.1 > best.1 } else { other.1 < best.1 };
        if better { other } else { best }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], values: &[f64]) -> Vec<Spread> {
        let metrics: Vec<BTreeMap<String, f64>> = values
            .iter()
            .map(|value| BTreeMap::from([("auc".to_owned(), *value), ("loss".to_owned(), *value)]))
            .collect();
        let row = |(name, metrics)| Row { stage: name, label: name, metrics };
        let rows: Vec<Row<'_>> = names.iter().copied().zip(&metrics).map(row).collect();
        spreads(&rows)
    }

    #[test]
    fn folds_are_averaged_for_each_choice() {
        let names =
            ["r@lr=0.1@fold=0", "r@lr=0.1@fold=1", "r@lr=0.1@fold=2", "r@lr=1@fold=0", "r@lr=1@fold=1", "x"];
        // Means and deviations by hand: (2 + 4 + 9) / 3 = 5, squares 9 + 1 + 16 = 26, by 2 is 13.
        let found = found(&names, &[2.0, 4.0, 9.0, 1.0, 3.0, 7.0]);
        let names: Vec<&str> = found.iter().map(|spread| spread.name.as_str()).collect();
        assert_eq!(names, ["r@lr=0.1", "r@lr=1"]);
        let auc = &found[0].metrics["auc"];
        assert_eq!((auc.mean, auc.deviation), (5.0, Some(13f64.sqrt())));
        assert_eq!((auc.best, auc.best_of.as_str()), (9.0, "r@lr=0.1@fold=2"));
        assert_eq!(found[0].metrics["loss"].best, 2.0);
        assert_eq!(
            (found[1].metrics["auc"].mean, found[1].metrics["auc"].deviation),
            (2.0, Some(2f64.sqrt()))
        );
        assert!(found[0].repeated && found[0].over == ["fold"]);
    }

    #[test]
    fn without_repetitions_all_variants_are_one_group() {
        let found = found(&["r@lr=0.1@units=4", "r@lr=1@units=4", "alone", "s@lr=1"], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].count, found[0].repeated), ("r", 2, false));
        assert_eq!(found[0].over, ["lr", "units"]);
    }
}
