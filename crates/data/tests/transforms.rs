//! Every fitted step against scikit-learn 1.9.1 (numpy, pandas): `transforms.json` holds cells, chains, and what those
//! libraries make of the cells after a fit on the first rows.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::path::Path;

use data::{
    ColumnType, Dataset, Encoded, Error, LabelKind, Part, Source, Spec, Step, Table, Transform, assign,
    check_chain,
};
use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Case {
    name: String,
    cells: Vec<String>,
    /// The rows that are fitted on, from the first.
    train: usize,
    steps: Vec<Step>,
    /// `[rows][width]`.
    expected: Vec<Vec<f64>>,
    label: Option<Vec<String>>,
    label_kind: Option<LabelKind>,
}

struct Work {
    folder: TempDir,
}

impl Work {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A table with the columns `x` and `y` and a part column.
    fn table(&self, cells: &[String], labels: Option<&[String]>, train: usize) -> (Table, Vec<Option<Part>>) {
        let mut writer = csv::Writer::from_path(self.path().join("t.csv")).unwrap();
        writer.write_record(["x", "y", "part"]).unwrap();
        for (row, cell) in cells.iter().enumerate() {
            let label = labels.map_or("0", |labels| labels[row].as_str());
            writer.write_record([cell.as_str(), label, if row < train { "train" } else { "test" }]).unwrap();
        }
        writer.flush().unwrap();
        let split = Some(serde_json::from_str(r#"{"column":"part"}"#).unwrap());
        let source = Source { split, ..Source::new("t.csv") };
        let table = Table::read(&self.path().join("t.csv"), &source).unwrap();
        let parts = assign(&table, &source, 0).unwrap();
        (table, parts)
    }

    fn dataset(&self, encoded: &Encoded) -> Dataset {
        encoded.write(self.path()).unwrap();
        Dataset::open(self.path()).unwrap()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("transforms.json")).unwrap()
}

fn spec(case: &Case) -> Spec {
    Spec {
        columns: [("x".to_owned(), case.steps.clone())].into(),
        label: case.label.as_ref().map(|_| "y".into()),
        label_kind: case.label_kind.unwrap_or_default(),
        labels: Default::default(),
    }
}

/// Every row's numbers, whatever form they are stored in.
fn rows(dataset: &Dataset) -> Vec<Vec<f64>> {
    let all: Vec<u32> = (0..dataset.rows() as u32).collect();
    let wide = |numbers: Vec<f32>, width: usize| {
        numbers.chunks(width).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect()
    };
    if let Some(numbers) = dataset.number_batch("x", &all) {
        return wide(numbers, 1);
    }
    if let Some(indices) = dataset.category_batch("x", &all) {
        return indices.into_iter().map(|index| vec![index as f64]).collect();
    }
    let (numbers, width) = dataset.vector_batch("x", &all).unwrap();
    wide(numbers, width)
}

fn assert_close(case: &Case, found: &[Vec<f64>]) {
    assert_eq!(found.len(), case.expected.len(), "{}", case.name);
    for (row, (found, expected)) in found.iter().zip(&case.expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{} row {row}", case.name);
        for (found, expected) in found.iter().zip(expected) {
            let off = (found - expected).abs() / expected.abs().max(1.0);
            assert!(off < 1e-6, "{} row {row} `{}`: {found} {expected}", case.name, case.cells[row]);
        }
    }
}

#[test]
fn as_scikit_learn() {
    let cases = cases();
    assert!(cases.len() > 50);
    for case in &cases {
        let work = Work::new();
        let (table, parts) = work.table(&case.cells, case.label.as_deref(), case.train);
        let spec = spec(case);
        let encoded = if case.name.starts_with("cross-fitted") {
            Transform::fit_apply(None, &table, &parts, &spec, None).unwrap().1
        } else {
            let transform = Transform::fit(&table, &parts, &spec).unwrap();
            // What is stored does the same.
            let json = transform.to_json().unwrap();
            let stored = Transform::from_json(&json).unwrap();
            assert!(json == stored.to_json().unwrap(), "{}", case.name);
            stored.apply(&table, &parts, false, None).unwrap()
        };
        let dataset = work.dataset(&encoded);
        assert_close(case, &rows(&dataset));
        // The type that is known before the data, and the one that the data have, differ in the width alone.
        let width = case.expected[0].len();
        let known = match check_chain(&case.steps).unwrap() {
            ColumnType::Vector { width: own } => {
                assert!(own.is_none_or(|own| own == width), "{}", case.name);
                ColumnType::Vector { width: Some(width) }
            }
            ColumnType::Sparse { .. } => ColumnType::Sparse { width: Some(width) },
            other => other,
        };
        assert_eq!(dataset.description().columns["x"].kind, known, "{}", case.name);
    }
}

#[test]
fn sparse_rows_are_the_vectors_that_are_not_0() {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "tf-idf").unwrap();
    let work = Work::new();
    let (table, parts) = work.table(&case.cells, None, case.train);
    let transform = Transform::fit(&table, &parts, &spec(case)).unwrap();
    let dataset = work.dataset(&transform.apply(&table, &parts, false, None).unwrap());
    let sparse = dataset.sparse_rows("x").unwrap();
    assert!(sparse.row(2).0.is_empty());
    let rows = [5, 2, 0];
    let (dense, width) = dataset.vector_batch("x", &rows).unwrap();
    assert_eq!(width, sparse.width);
    for (row, dense) in rows.into_iter().zip(dense.chunks(width)) {
        let (places, values) = sparse.row(row);
        assert!(places.is_sorted_by(|left, right| left < right));
        let stored = dense.iter().zip(0..).filter(|(number, _)| **number != 0.0);
        assert!(stored.eq(values.iter().zip(places.iter().copied())));
    }
    assert!(dataset.sparse_rows("y").is_none() && dataset.number_batch("x", &[0]).is_none());
    assert!(dataset.category_batch("x", &[0]).is_none() && dataset.sequence_batch("x", &[0]).is_none());
}

#[test]
fn numbers_of_vectors_have_names() {
    let cases = cases();
    let names = |name: &str| {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let work = Work::new();
        let (table, parts) = work.table(&case.cells, case.label.as_deref(), case.train);
        let transform = Transform::fit(&table, &parts, &spec(case)).unwrap();
        let column = &transform.columns()["x"];
        let names = column.names().unwrap();
        let size = column.vocabulary_size().unwrap_or(case.expected[0].len());
        assert!(names.iter().all(|names| names.len() == size), "{name}");
        names
    };
    assert_eq!(names("standardize"), None);
    assert_eq!(names("hash").unwrap()[..2], ["<unk>", "1"]);
    assert_eq!(names("impute with indicator").unwrap(), ["0", "0 missing"]);
    assert_eq!(names("frequent and one-hot").unwrap()[0], "<unk>");
    assert_eq!(names("date").unwrap()[4], "day-of-year");
    assert_eq!(names("target multiclass auto").unwrap(), ["0", "1", "2"]);
    assert_eq!(names("pca 3 False").unwrap(), ["0", "1", "2"]);
    assert_eq!(names("tf-idf").unwrap()[0], "actor");
}

/// With a number as the label the folds do not depend on labels, so a row's value may not depend on its own at all.
#[test]
fn no_training_row_sees_its_own_label() {
    let cells: Vec<String> = (0..40).map(|row| format!("c{}", row % 3)).collect();
    let labels: Vec<String> = (0..40).map(|row| format!("{}", row * row % 11)).collect();
    let encoded = |labels: &[String]| {
        let work = Work::new();
        let (table, parts) = work.table(&cells, Some(labels), 30);
        let spec = Spec {
            columns: [("x".to_owned(), serde_json::from_str(r#"[{"target":{"seed":4}}]"#).unwrap())].into(),
            label: Some("y".into()),
            label_kind: LabelKind::Number,
            labels: Default::default(),
        };
        let (transform, encoded) = Transform::fit_apply(None, &table, &parts, &spec, None).unwrap();
        (
            rows(&work.dataset(&encoded)),
            rows(&work.dataset(&transform.apply(&table, &parts, true, None).unwrap())),
        )
    };
    let (before, plain) = encoded(&labels);
    assert_ne!(before[..30], plain[..30]);
    assert_eq!(before[30..], plain[30..]);
    for row in 0..30 {
        let mut changed = labels.clone();
        changed[row] = "1000".into();
        let (after, _) = encoded(&changed);
        assert_eq!(before[row], after[row]);
        assert!((0..30).any(|other| before[other] != after[other]));
    }
}

#[test]
fn threads_do_not_matter() {
    let cases = cases();
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let of = |case: &Case| {
                let work = Work::new();
                let (table, parts) = work.table(&case.cells, case.label.as_deref(), case.train);
                let fitted = Transform::fit_apply(None, &table, &parts, &spec(case), None).unwrap();
                fitted.1.write(work.path()).unwrap();
                (fitted.0.to_json().unwrap(), fs::read(work.path().join(data::TENSORS_FILE)).unwrap())
            };
            cases.iter().map(of).collect::<Vec<_>>()
        })
    };
    assert!(bytes(1) == bytes(3));
}

#[test]
fn bad_cells_have_their_place() {
    let work = Work::new();
    let error = |cells: &[&str], steps: &str| -> Error {
        let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        let (table, parts) = work.table(&cells, None, 1);
        let spec = Spec {
            columns: [("x".to_owned(), serde_json::from_str(steps).unwrap())].into(),
            ..Spec::default()
        };
        Transform::fit_apply(None, &table, &parts, &spec, None).unwrap_err()
    };
    let message = |cells: &[&str], steps: &str| {
        let text = error(cells, steps).to_string();
        text.split_once("t.csv").map_or(text.clone(), |(_, rest)| rest.to_owned())
    };
    assert_eq!(
        message(&["1", "x"], r#"["number","min-max"]"#),
        ":3:1: `x` in column `x` is not a finite number"
    );
    assert_eq!(
        message(&["1", ""], r#"["number","min-max"]"#),
        ":3:1: `` in column `x` is not a finite number"
    );
    assert_eq!(
        message(&["1", "-1"], r#"["number","log"]"#),
        ":3:1: `log` makes no finite number of `-1` in column `x`"
    );
    assert_eq!(
        message(&["1", "1e300"], r#"["number","standardize"]"#),
        ":3:1: `standardize` makes no finite number of `1e300` in column `x`"
    );
    assert_eq!(
        message(&["2024-01-31", "2024-02-31"], r#"[{"date":{"parts":["day"],"formats":["%Y-%m-%d"]}}]"#),
        ":3:1: `2024-02-31` in column `x` is not a date like %Y-%m-%d"
    );
    assert_eq!(
        message(&["", "1"], r#"["number",{"impute":{"with":"mean"}}]"#),
        "column `x`: the training rows leave nothing for `impute` to learn from"
    );
    let words = r#"[{"tokenize":"whitespace"},{"count":{"min-df":2}}]"#;
    assert_eq!(
        message(&["a b", "a"], words),
        "column `x`: the training rows leave nothing for `count` to learn from"
    );
    assert!(matches!(error(&["a"], r#"[{"target":{}}]"#), Error::NoLabel));
    assert!(matches!(
        error(&["a b c", "a"], r#"[{"tokenize":"whitespace"},{"count":{}},{"pca":{"components":2}}]"#),
        Error::Directions { rows: 1, width: 3, .. }
    ));
}

#[test]
fn damage_is_an_error_and_no_panic() {
    for case in cases() {
        let work = Work::new();
        let (table, parts) = work.table(&case.cells, case.label.as_deref(), case.train);
        let json = Transform::fit(&table, &parts, &spec(&case)).unwrap().to_json().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        // Any list one shorter: what is still read can still be applied.
        for list in 0.. {
            let mut damaged = value.clone();
            let mut left = list;
            if !shorten(&mut damaged, &mut left) {
                break;
            }
            if let Ok(transform) = Transform::from_json(&serde_json::to_vec(&damaged).unwrap()) {
                drop(transform.apply(&table, &parts, false, None));
            }
        }
    }
}

/// Takes the last element of the list at place `left`; false where there are fewer lists.
fn shorten(value: &mut serde_json::Value, left: &mut usize) -> bool {
    match value {
        serde_json::Value::Array(list) => {
            if *left == 0 {
                list.pop();
                return true;
            }
            *left -= 1;
            list.iter_mut().any(|value| shorten(value, left))
        }
        serde_json::Value::Object(entries) => entries.values_mut().any(|value| shorten(value, left)),
        _ => false,
    }
}
