//! Rows that parts share: as many as comparing every pair finds (`leaks.py`).
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use data::{Found, LeakRows, Source, Step, Table, assign, leaks};
use tempfile::TempDir;

fn expected() -> serde_json::Value {
    serde_json::from_str(include_str!("leaks.json")).unwrap()
}

/// What leaks of rows of `text`, `kind`, `part`, with the labels of these columns.
fn found(rows: &[[String; 3]], labels: &[String]) -> Found {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rows.csv");
    write(&path, rows);
    let split = Some(serde_json::from_str(r#"{"column":"part"}"#).unwrap());
    let source = Source { split, ..Source::new("rows.csv") };
    let table = Table::read(&path, &source).unwrap();
    let parts = assign(&table, &source, 0).unwrap();
    let own = LeakRows { table: &table, parts: &parts, pictures: None, labels };
    let inputs = r#"{"text":[{"tokenize":"punctuation"},{"index":{}}],"kind":["category"]}"#;
    let chains: BTreeMap<String, Vec<Step>> = serde_json::from_str(inputs).unwrap();
    leaks(&own, None, chains.iter())
}

fn write(path: &Path, rows: &[[String; 3]]) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(["text", "kind", "part"]).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.flush().unwrap();
}

fn stored() -> Vec<[String; 3]> {
    serde_json::from_value(expected()["rows"].clone()).unwrap()
}

#[test]
fn as_many_rows_are_alike_as_every_pair_says() {
    let (found, expected) = (found(&stored(), &[]), expected());
    assert_eq!(found.leaks.pairs.len(), 3);
    for leak in &found.leaks.pairs {
        let expected = &expected["found"][format!("{} in {}", leak.of.name(), leak.among.name())];
        let counts =
            [("rows", leak.rows), ("same", leak.same), ("near", leak.near), ("among-rows", leak.among_rows)];
        for (name, count) in counts {
            assert_eq!(Some(count), expected[name].as_u64(), "{leak}: {name}");
        }
        assert!(
            leak.examples.iter().filter_map(|example| example.similarity).all(|number| number >= data::NEAR)
        );
    }
    let leaking: Vec<usize> = serde_json::from_value(expected["leaking"].clone()).unwrap();
    assert_eq!(found.left_out, leaking);
}

#[test]
fn threads_change_nothing() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| found(&stored(), &["kind".to_owned()]))
    };
    assert_eq!(on(1), on(4));
}

fn row(text: &str, kind: &str, part: &str) -> [String; 3] {
    [text, kind, part].map(str::to_owned)
}

#[test]
fn examples_show_rows_of_other_labels_first_and_both_kinds() {
    let long =
        "a long walk along the river before the rain came down on all of us at the end of the old bridge";
    let rows = [
        row("warm and kind", "a", "train"),
        row("warm and kind", "a", "test"),
        row(long, "b", "train"),
        row(&format!("{long}\ttwice"), "b", "test"),
        row("warm and kind", "a", "valid"),
        row("...", "a", "train"),
        row("...", "a", "test"),
    ];
    let found = found(&rows, &["kind".to_owned()]);
    let [test, valid, of_valid] = found.leaks.pairs.as_slice() else { panic!("{:?}", found.leaks) };
    assert_eq!(test.to_string(), "2 of 3 test rows (66.67 %) are in train too: 1 exactly, 1 nearly");
    assert_eq!(valid.to_string(), "1 of 1 valid rows (100.00 %) are in train too: 1 exactly");
    assert_eq!((of_valid.same, of_valid.among_rows), (1, 1));
    let [same, near] = test.examples.as_slice() else { panic!("{:?}", test.examples) };
    assert_eq!((same.row.row, same.like.row, same.similarity), (1, 0, None));
    // By hand: 20 shingles and the kind on one side, one shingle more on the other.
    assert_eq!((near.row.row, near.like.row, near.similarity), (3, 2, Some(21.0 / 22.0)));
    assert_eq!(near.row.text, "a long walk along the river before the rain came down on all…");
    assert_eq!(near.like.label.as_deref(), Some("b"));
    assert_eq!(found.left_out, [0, 2, 4]);
}

#[test]
fn many_rows_of_one_template_are_compared_in_bounded_time() {
    let text = |number: usize| {
        format!(
            "order {number} of the shop has been sent and will arrive at your door within three days, thank you for buying"
        )
    };
    let part = |number: usize| if number.is_multiple_of(4) { "test" } else { "train" };
    let rows: Vec<[String; 3]> = (0..2000).map(|number| row(&text(number), "", part(number))).collect();
    let found = found(&rows, &[]);
    let [test] = found.leaks.pairs.as_slice() else { panic!("{:?}", found.leaks) };
    // By hand: 21 words are 19 shingles, of which any two rows have 17: similarity 17 / 21.
    assert_eq!((test.near, test.rows, test.among_rows), (500, 500, 1500));
    assert!(test.examples.iter().all(|example| example.similarity == Some(17.0 / 21.0)));
}
