//! Every metric against what scikit-learn and SciPy compute: `reference.json`, by `reference.py`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use metrics::{Classes, MultiLabel, Numbers, Predictions, Weights, best_threshold, temperature};
use serde_json::Value;
use stages::Metric;

fn cases() -> serde_json::Map<String, Value> {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn list(case: &Value, name: &str) -> Vec<f64> {
    case[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn near(name: &str, got: f64, wanted: f64, within: f64) {
    assert!((got - wanted).abs() <= within * wanted.abs().max(1.0), "{name}: {got} is not {wanted}");
}

fn singles(case: &Value) -> (Vec<f32>, usize, Vec<u32>) {
    let logits = list(case, "logits").iter().map(|&logit| logit as f32).collect();
    let labels = list(case, "truth").iter().map(|&label| label as u32).collect();
    (logits, case["width"].as_u64().unwrap() as usize, labels)
}

#[test]
fn values_are_scikit_learns() {
    for (name, case) in cases() {
        let (logits, width, labels) = singles(&case);
        let truth: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        let predictions = match case["kind"].as_str().unwrap() {
            "classes" => {
                let classes = Classes::new(&logits, width, &labels);
                Predictions::Classes(match case["threshold"].as_f64() {
                    Some(threshold) => classes.from_threshold(threshold),
                    None => classes,
                })
            }
            "labels" => Predictions::MultiLabel(MultiLabel::new(&logits, width, &truth)),
            _ => Predictions::Numbers(Numbers { values: list(&case, "logits"), truth: list(&case, "truth") }),
        };
        let rows: Vec<u32> = (0..(logits.len() / width) as u32).collect();
        let again = predictions.only(&rows);
        let weights = match case["weights"].is_array() {
            true => Weights::new(list(&case, "weights")),
            false => Weights::default(),
        };
        for (key, weights) in [("values", Weights::default()), ("weighted", weights)] {
            for (metric, wanted) in case[key].as_object().into_iter().flatten() {
                let called = format!("{name} {key} {metric}");
                let metric = Metric::from_name(metric).unwrap();
                let got = predictions.weighted(metric, &weights);
                assert_eq!(got, again.weighted(metric, &weights.only(&rows)), "{called}");
                match (got, wanted.as_f64()) {
                    (Some(got), Some(wanted)) => near(&called, got, wanted, 1e-9),
                    (got, wanted) => assert_eq!(got, wanted, "{called}"),
                }
            }
        }
    }
}

#[test]
fn temperatures_are_those_of_the_least_log_loss() {
    let cases = cases();
    for name in ["binary", "multiclass"] {
        let (logits, width, labels) = singles(&cases[name]);
        let found = temperature(&logits, width, &labels).unwrap();
        // SciPy's search stops where the loss no longer changes, at half the digits.
        near(name, found, cases[name]["temperature"].as_f64().unwrap(), 1e-6);
        // Scaled logits have the scaled temperature.
        let doubled: Vec<f32> = logits.iter().map(|logit| logit * 2.0).collect();
        near(name, temperature(&doubled, width, &labels).unwrap(), found * 2.0, 1e-9);
    }
    assert_eq!(temperature(&[-1.0, 1.0], 1, &[0, 1]), None);
    assert_eq!(temperature(&[1.0, -1.0], 1, &[0, 1]), None);
    assert_eq!(temperature(&[f32::NAN, 1.0], 1, &[0, 1]), None);
}

#[test]
fn thresholds_reach_the_best_value() {
    let case = &cases()["binary"];
    let (logits, width, labels) = singles(case);
    let classes = Classes::new(&logits, width, &labels);
    for (metric, wanted) in case["thresholds"].as_object().unwrap() {
        let metric = Metric::from_name(metric).unwrap();
        let (threshold, value) =
            best_threshold(metric, classes.probabilities(), &classes.positive()).unwrap();
        near(&metric.name(), value, wanted.as_f64().unwrap(), 1e-12);
        // What is promised is what is then measured.
        let measured = Predictions::Classes(classes.clone().from_threshold(threshold)).measure(metric);
        assert_eq!(measured, Some(value));
    }
    assert_eq!(best_threshold(Metric::Auc, &[0.5], &[true]), None);
    // By hand: 0.6 and 0.4 part the classes, halfway is 0.5.
    assert_eq!(best_threshold(Metric::F1, &[0.2, 0.6, 0.4], &[false, true, false]), Some((0.5, 1.0)));
}

/// Two units say what their difference says.
#[test]
fn two_logits_are_one() {
    let (one, two) = ([0.5_f32, -1.0, 2.0, 0.25], [0.5_f32, 1.0, 1.0, 0.0, -1.0, 1.0, 0.0, 0.25]);
    let labels = [1, 0, 0, 1];
    for metric in ["auc", "f1", "log-loss", "brier"].map(|name| Metric::from_name(name).unwrap()) {
        let measure =
            |logits, width| Predictions::Classes(Classes::new(logits, width, &labels)).measure(metric);
        assert_eq!(measure(&one, 1), measure(&two, 2), "{metric}");
    }
}
