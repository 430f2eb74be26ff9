//! The page's content as plots, tables and bars.

use metrics::{Confusion, Rate, Weights};

use super::plot::{Dot, Line, Plot};
use super::{Bars, Cell, Evaluation, Figure, Group, History, Importances, Matrix, Projection};
use crate::axis::four_digits;
use crate::{Scores, Series};

const SMALL: (f64, f64) = (440.0, 320.0);
const WIDE: (f64, f64) = (1000.0, 620.0);
/// Bins of a calibration curve.
const BINS: usize = 10;
/// Classes that get curves of their own.
const CLASSES: usize = 8;
/// Bars that are shown.
const TOP: usize = 20;
/// Classes of a confusion matrix that can be read.
const MATRIX: usize = 20;
/// Points of a curve nearer to each other than this are one to the eye.
const NEAR: f64 = 0.004;

pub(super) fn histories(histories: &[History]) -> Vec<Group> {
    let groups = histories.iter().map(|history| Group {
        title: history.stage.clone(),
        figures: history
            .metrics
            .iter()
            .filter_map(|(metric, series)| curve(history, metric, series))
            .chain(history.range_test.as_ref().and_then(|(lr, losses)| range_test(*lr, losses)))
            .collect(),
    });
    groups.filter(|group| !group.figures.is_empty()).collect()
}

fn curve(history: &History, metric: &str, series: &[Series]) -> Option<Figure> {
    let lines = series.iter().enumerate().map(|(nth, series)| Line {
        name: series.name.clone(),
        note: series.ys.last().map(|last| format!("last {}", four_digits(*last))).unwrap_or_default(),
        points: series.xs.iter().copied().zip(series.ys.iter().copied()).collect(),
        extra: vec![],
        series: nth,
    });
    let plot = Plot {
        size: SMALL,
        names: ["epoch", metric, ""].map(str::to_owned),
        mark: history.kept.map(|epoch| (epoch, "kept")),
        lines: lines.collect(),
        ..Plot::default()
    };
    figure(metric, &plot)
}

/// Losses by the logarithm of the learning rate.
fn range_test(lr: f64, losses: &Series) -> Option<Figure> {
    let line = Line {
        name: losses.name.clone(),
        note: format!("learning rate {lr:.2e}"),
        points: losses.xs.iter().map(|rate| rate.log10()).zip(losses.ys.iter().copied()).collect(),
        extra: vec![],
        series: 0,
    };
    let plot = Plot {
        size: SMALL,
        names: ["log10 of the learning rate", "loss", ""].map(str::to_owned),
        mark: Some((lr.log10(), "found")),
        lines: vec![line],
        ..Plot::default()
    };
    figure("learning rate", &plot)
}

fn figure(title: &str, plot: &Plot) -> Option<Figure> {
    Some(Figure { title: title.to_owned(), svg: plot.svg()?, keys: plot.keys() })
}

/// What one line of the plots of rates is about: a class of an evaluation, against the rest.
struct OneClass {
    name: String,
    scores: Vec<f64>,
    positive: Vec<bool>,
}

/// ROC, precision and recall, calibration: evaluations of the same two classes together, others each alone.
pub(super) fn rates(evaluations: &[Evaluation]) -> Vec<Group> {
    let mut groups: Vec<(String, Vec<OneClass>)> = vec![];
    for evaluation in evaluations {
        let Some(scores) = &evaluation.scores else { continue };
        let one = |class: usize, name: String| OneClass {
            name,
            scores: (0..scores.rows()).filter_map(|row| scores.probability(row, class)).collect(),
            positive: (0..scores.rows()).map(|row| scores.is_of(row, class)).collect(),
        };
        let classes = scores.names();
        if let (Scores::Classes { .. }, [negative, positive]) = (scores, classes) {
            let title = format!("{positive} against {negative}");
            let line = one(1, evaluation.name.clone());
            match groups.iter_mut().find(|(known, _)| *known == title) {
                Some((_, lines)) => lines.push(line),
                None => groups.push((title, vec![line])),
            }
        } else if !classes.is_empty() {
            let of = classes.iter().enumerate().take(CLASSES);
            let lines = of.map(|(class, name)| one(class, name.clone())).collect();
            let what = match scores {
                Scores::MultiLabel { .. } => "each label",
                _ => "each class against the rest",
            };
            groups.push((format!("{}: {what}", evaluation.name), lines));
        }
    }
    let groups = groups.into_iter().map(|(title, lines)| Group {
        title,
        figures: [roc(&lines), precision(&lines), calibration(&lines)].into_iter().flatten().collect(),
    });
    groups.chain(numbers(evaluations)).filter(|group| !group.figures.is_empty()).collect()
}

fn unit_plot(names: [&str; 3], lines: Vec<Line>) -> Plot {
    Plot { size: SMALL, names: names.map(str::to_owned), unit: true, lines, ..Plot::default() }
}

fn roc(of: &[OneClass]) -> Option<Figure> {
    let lines = of.iter().enumerate().filter_map(|(nth, one)| {
        let curve = metrics::roc(&one.scores, &one.positive)?;
        let note = format!("area {:.4}", metrics::area(&curve));
        Some(rate_line(nth, one, note, &curve))
    });
    let plot = unit_plot(["false positive rate", "true positive rate", "threshold"], lines.collect());
    figure("ROC", &Plot { guide: Some(((0.0, 0.0), (1.0, 1.0))), ..plot })
}

fn precision(of: &[OneClass]) -> Option<Figure> {
    let lines = of.iter().enumerate().filter_map(|(nth, one)| {
        let curve = metrics::precision_recall(&one.scores, &one.positive, &Weights::default())?;
        let note = format!("average {:.4}", metrics::average_precision(&curve));
        Some(rate_line(nth, one, note, &curve))
    });
    figure("Precision and recall", &unit_plot(["recall", "precision", "threshold"], lines.collect()))
}

fn calibration(of: &[OneClass]) -> Option<Figure> {
    let lines = of.iter().enumerate().filter_map(|(nth, one)| {
        let bins = metrics::calibration(&one.scores, &one.positive, BINS, &Weights::default())?;
        Some(Line {
            name: one.name.clone(),
            note: format!("error {:.4}", metrics::calibration_error(&bins)),
            points: bins.iter().map(|bin| (bin.score, bin.share)).collect(),
            extra: bins.iter().map(|bin| bin.rows).collect(),
            series: nth,
        })
    });
    let plot = unit_plot(["mean score", "share of positives", "rows"], lines.collect());
    figure("Calibration", &Plot { guide: Some(((0.0, 0.0), (1.0, 1.0))), ..plot })
}

fn rate_line(series: usize, one: &OneClass, note: String, curve: &[Rate]) -> Line {
    let mut kept: Vec<Rate> = vec![];
    for (at, rate) in curve.iter().enumerate() {
        let near = |last: &Rate| (rate.x - last.x).abs() + (rate.y - last.y).abs() < NEAR;
        if at + 1 == curve.len() || !kept.last().is_some_and(near) {
            kept.push(*rate);
        }
    }
    Line {
        name: one.name.clone(),
        note,
        points: kept.iter().map(|rate| (rate.x, rate.y)).collect(),
        // Where no row counts as positive there is no score to show.
        extra: kept.iter().map(|rate| rate.threshold).collect(),
        series,
    }
}

/// What was said against what is, for labels that are numbers.
fn numbers(evaluations: &[Evaluation]) -> impl Iterator<Item = Group> {
    evaluations.iter().filter_map(|evaluation| {
        let Some(Scores::Numbers { labels, values }) = &evaluation.scores else { return None };
        let ends = |fold: fn(f64, f64) -> f64, start| labels.iter().copied().fold(start, fold);
        let (low, high) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
        let dots = labels.iter().zip(values).map(|(&label, &value)| Dot {
            at: (label, value),
            name: format!("{} for {}", four_digits(value), four_digits(label)),
            group: 0,
        });
        let plot = Plot {
            size: SMALL,
            names: ["label", "said", ""].map(str::to_owned),
            guide: Some(((low, low), (high, high))),
            dots: dots.collect(),
            unnamed: true,
            ..Plot::default()
        };
        let figures = [figure("Said and true", &plot), residuals(labels, values)];
        let figures = figures.into_iter().flatten().collect();
        Some(Group { title: evaluation.name.clone(), figures })
    })
}

/// How far off each number is, by what was said: where the model errs to one side, and where it errs more.
fn residuals(labels: &[f64], values: &[f64]) -> Option<Figure> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let dots = labels.iter().zip(values).map(|(&label, &value)| Dot {
        at: (value, value - label),
        name: format!("{} for {}", four_digits(value), four_digits(label)),
        group: 0,
    });
    let plot = Plot {
        size: SMALL,
        names: ["said", "said - label", ""].map(str::to_owned),
        guide: Some(((low, 0.0), (high, 0.0))),
        dots: dots.collect(),
        unnamed: true,
        ..Plot::default()
    };
    figure("Residuals", &plot)
}

pub(super) fn matrices(evaluations: &[Evaluation]) -> Vec<Matrix> {
    let matrix = |evaluation: &Evaluation| {
        let (classes, confusion, heads, names, counts) = match evaluation.scores.as_ref()? {
            Scores::Classes { classes, labels, predicted, .. } if classes.len() <= MATRIX => {
                let confusion = Confusion::new(classes.len(), labels, predicted, &Weights::default());
                let counts = confusion.counts();
                (&classes[..], confusion, ["class", "rows"], &classes[..], counts)
            }
            Scores::Tags(tagging) => {
                let (set, counts) = (tagging.set(), tagging.counts(&Weights::default()));
                let confusion = tagging.confusion(set.tags().len());
                (set.tags(), confusion, set.counted(), set.names(), counts)
            }
            _ => return None,
        };
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        let scores = names.iter().zip(counts).map(|(name, of)| {
            let cells = [of.rows().to_string(), text(of.precision()), text(of.recall()), text(of.f1())];
            (name.clone(), cells)
        });
        Some(Matrix {
            title: evaluation.name.clone(),
            classes: classes.to_vec(),
            rows: if classes.len() <= MATRIX { cells(classes, &confusion) } else { vec![] },
            heads,
            scores: scores.collect(),
        })
    };
    evaluations.iter().filter_map(matrix).collect()
}

/// The rows of a confusion matrix.
fn cells(classes: &[String], confusion: &Confusion) -> Vec<(String, Vec<Cell>)> {
    let row = |(label, counts): (usize, &[f64])| {
        let all = counts.iter().sum::<f64>().max(1.0);
        let cell = |(chosen, &count): (usize, &f64)| Cell {
            count: count as u64,
            share: (100.0 * count / all).round() as usize,
            right: chosen == label,
        };
        (classes[label].clone(), counts.iter().enumerate().map(cell).collect())
    };
    confusion.rows().enumerate().map(row).collect()
}

pub(super) fn bars(importances: &Importances) -> Bars {
    let largest = importances.columns.iter().map(|column| column.1).fold(0.0, f64::max);
    let rows = importances.columns.iter().take(TOP).map(|(name, gain)| {
        let share = if largest > 0.0 { (gain / largest * 1000.0).round() / 10.0 } else { 0.0 };
        (name.clone(), share, four_digits(*gain))
    });
    let more = importances.columns.len().saturating_sub(TOP);
    Bars { title: importances.stage.clone(), rows: rows.collect(), more }
}

pub(super) fn projection(projection: &Projection) -> Option<Figure> {
    let dots =
        projection.points.iter().map(|(name, group, at)| Dot { at: *at, name: name.clone(), group: *group });
    let plot =
        Plot { size: WIDE, groups: projection.groups.clone(), dots: dots.collect(), ..Plot::default() };
    figure(&projection.stage, &plot)
}
