//! The step `naive-bayes`: what it says of unseen rows is scikit-learn's (`evidence.py`), and no training row sees its own
//! label.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use data::{Dataset, LabelKind, Part, Source, Spec, Table, Transform, assign};
use tempfile::TempDir;

const TRAIN: usize = 60;

fn expected(key: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(include_str!("evidence.json")).unwrap();
    all[key].clone()
}

fn texts(key: &str) -> Vec<String> {
    serde_json::from_value(expected(key)).unwrap()
}

/// What every row's text says of the label: `fit_apply` for the training rows, and the transform alone for all.
fn said(labels: &[String], label_kind: LabelKind) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.csv");
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(["x", "y", "part"]).unwrap();
    for (row, (text, label)) in texts("texts").iter().zip(labels).enumerate() {
        writer
            .write_record([text.as_str(), label.as_str(), if row < TRAIN { "train" } else { "test" }])
            .unwrap();
    }
    writer.flush().unwrap();
    let split = Some(serde_json::from_str(r#"{"column":"part"}"#).unwrap());
    let source = Source { split, ..Source::new("t.csv") };
    let table = Table::read(&path, &source).unwrap();
    let parts = assign(&table, &source, 0).unwrap();
    let chain = r#"[{"tokenize":"whitespace"},{"naive-bayes":{"n-grams":[1,2],"min-df":2,"alpha":0.7}}]"#;
    let columns = [("x".to_owned(), serde_json::from_str(chain).unwrap())].into();
    let spec = Spec { columns, label: Some("y".into()), label_kind, labels: [].into() };
    let (transform, own) = Transform::fit_apply(None, &table, &parts, &spec, None).unwrap();
    let again = Transform::from_json(&transform.to_json().unwrap()).unwrap();
    assert_eq!(again.columns()["x"].names().unwrap().unwrap()[0], "0");
    let all = again.apply(&table, &parts, true, None).unwrap();
    let read = |encoded: data::Encoded| {
        encoded.write(folder.path()).unwrap();
        let dataset = Dataset::open(folder.path()).unwrap();
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        let (values, width) = dataset.vector_batch("x", &rows).unwrap();
        assert_eq!(dataset.part(0), Some(Part::Train));
        values.chunks(width).map(<[f32]>::to_vec).collect()
    };
    (read(own), read(all))
}

#[test]
fn unseen_rows_get_what_scikit_learn_says() {
    for (labels, key) in [("two", "said-two"), ("four", "said-four")] {
        let (own, all) = said(&texts(labels), LabelKind::Class);
        let expected: Vec<Vec<f64>> = serde_json::from_value(expected(key)).unwrap();
        assert_eq!(own[TRAIN..], all[TRAIN..]);
        for (found, expected) in all[TRAIN..].iter().zip(&expected) {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{key}: {found} is not {expected}");
            }
        }
        assert_ne!(own[..TRAIN], all[..TRAIN]);
    }
}

/// With a number as the label the folds do not depend on labels; of -1 and 1 the mean stays between them.
#[test]
fn no_training_row_sees_its_own_label() {
    let numbers = |labels: &[String]| -> Vec<String> {
        labels.iter().map(|label| if label == "1" { "1" } else { "-1" }.to_owned()).collect()
    };
    let mut labels = numbers(&texts("two"));
    let (before, _) = said(&labels, LabelKind::Number);
    labels[17] = if labels[17] == "1" { "-1" } else { "1" }.to_owned();
    let (after, _) = said(&labels, LabelKind::Number);
    assert_eq!(before[17], after[17]);
    assert!((0..TRAIN).filter(|row| before[*row] != after[*row]).count() > TRAIN / 2);
}
