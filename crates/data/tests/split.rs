//! Which rows go to which part, through files.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::BTreeMap;
use std::fs;

use data::{Draws, Error, Part, Source, Split, Table, assign};
use proptest::prelude::*;

fn parts(text: &str, id: Option<&str>, split: &str, seed: u64) -> Result<Vec<Option<Part>>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, text).unwrap();
    let split: Split = serde_json::from_str(split).unwrap();
    let source = Source { split: Some(split), id: id.map(str::to_owned), ..Source::new("t.csv") };
    assign(&Table::read(&path, &source)?, &source, seed)
}

fn count(parts: &[Option<Part>], part: Part) -> usize {
    parts.iter().filter(|own| **own == Some(part)).count()
}

const THREE: &str = r#"{"train":0.64,"valid":0.16,"test":0.2,"stratify":"label"}"#;

#[test]
fn fractions_are_exact_in_every_stratum() {
    let rows: Vec<String> = (0..25_000).map(|row| format!("text {row},{}\n", row % 2)).collect();
    let parts = parts(&format!("text,label\n{}", rows.concat()), None, THREE, 7).unwrap();
    for label in 0..2 {
        let of_label: Vec<_> = parts.iter().skip(label).step_by(2).copied().collect();
        assert_eq!(Part::ALL.map(|part| count(&of_label, part)), [8000, 2000, 2500]);
    }
}

#[test]
fn seeds_and_ids() {
    let rows = |shift: usize| (0..100).map(|row| format!("{},{row}\n", row + shift)).collect::<String>();
    let half = r#"{"train":0.5,"test":0.5}"#;
    let of = |shift, id, split, seed| parts(&format!("id,text\n{}", rows(shift)), id, split, seed).unwrap();
    assert_ne!(of(0, None, half, 1), of(0, None, half, 2));
    assert_eq!(of(0, None, half, 1), of(0, None, r#"{"train":0.5,"test":0.5,"seed":1}"#, 2));
    // A row's name is not its content.
    assert_eq!(of(0, Some("id"), half, 1), of(9, Some("id"), half, 1));
    assert_ne!(of(0, None, half, 1), of(9, None, half, 1));
}

#[test]
fn a_column_says_the_part() {
    let split = r#"{"column":"part"}"#;
    let read = parts("x,part\n1,train\n2,Dev\n3, test \n4,validation", None, split, 0).unwrap();
    assert_eq!(read, [Part::Train, Part::Valid, Part::Test, Part::Valid].map(Some));
    let error = parts("x,part\n\"1\n\",train\n2,holdout\n", None, split, 0).unwrap_err();
    assert!(error.to_string().ends_with("t.csv:4:3: `holdout` in column `part` names no part"), "{error}");
    let error = parts("x,prt\n1,train\n", None, split, 0).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `prt`?");
    assert!(matches!(parts("x\n1\n", None, r#"{"train":0.5}"#, 0), Err(Error::Split { .. })));
}

proptest! {
    #[test]
    fn the_order_of_the_file_does_not_matter(
        texts in prop::collection::vec((0u32..40, 0u32..3), 1..60), seed: u64,
    ) {
        let table = |rows: &[(u32, u32)]| {
            let rows: Vec<String> = rows.iter().map(|(text, label)| format!("{text},{label}\n")).collect();
            format!("text,label\n{}", rows.concat())
        };
        let first = parts(&table(&texts), None, THREE, seed).unwrap();
        prop_assert!(first.iter().all(Option::is_some));
        let by_row: BTreeMap<_, _> = texts.iter().zip(&first).collect();
        // Equal rows are in one part.
        prop_assert!(texts.iter().zip(&first).all(|(row, part)| by_row[row] == part));
        let mut shuffled = texts.clone();
        Draws::new(seed, "test", &[]).shuffle(&mut shuffled);
        let second = parts(&table(&shuffled), None, THREE, seed).unwrap();
        prop_assert!(shuffled.iter().zip(&second).all(|(row, part)| by_row[row] == part));
    }
}

fn by_row(text: &str, split: &str) -> Vec<Part> {
    parts(text, None, split, 3).unwrap().into_iter().map(Option::unwrap).collect()
}

#[test]
fn groups_stay_together() {
    let rows: String = (0..400).map(|row| format!("text {row},{}\n", row % 20)).collect();
    let text = format!("text,hotel\n{rows}");
    let split = r#"{"train":0.7,"valid":0.1,"test":0.2,"group":"hotel"}"#;
    let own = by_row(&text, split);
    for (row, part) in own.iter().enumerate() {
        assert_eq!(*part, own[row % 20]);
    }
    // 20 groups of equal size are cut exactly.
    let sizes = Part::ALL.map(|part| own.iter().filter(|own| **own == part).count());
    assert_eq!(sizes, [280, 40, 80]);
    let error = parts("t,g\n1,a\n2,b\n", None, r#"{"train":0.8,"valid":0.1,"test":0.1,"group":"g"}"#, 3);
    let error = error.unwrap_err();
    assert!(error.to_string().ends_with("t.csv: the split leaves no row for valid"), "{error}");
    assert_eq!(error.hint().unwrap(), "`g` has only 2 different values, whose rows stay together");
}

#[test]
fn time_is_never_turned_back() {
    let split = r#"{"train":0.5,"valid":0.25,"test":0.25,"time":"at"}"#;
    let text = "at\n2024-02-01\n2023-12-31T23:00:00-05:00\n2024-01-01 03:00\n2024-03-01\n";
    assert_eq!(by_row(text, split), [Part::Valid, Part::Train, Part::Train, Part::Test]);
    assert_eq!(by_row("at\n10\n9\n-1\n1e2\n", split), [Part::Valid, Part::Train, Part::Train, Part::Test]);
    // Rows of one moment are not parted.
    let tied = by_row("at\n1\n2\n2\n2\n2\n3\n4\n5\n", split);
    assert!(tied[1..5].iter().all(|part| *part == tied[1]));
    let error = parts("at\n2024-02-01\n7\n", None, split, 3).unwrap_err();
    assert!(error.to_string().ends_with("t.csv:3:1: `7` in column `at` is no date"), "{error}");
}

#[test]
fn folds_validate_on_rows_of_their_own() {
    let rows: String = (0..100).map(|row| format!("text {row}\n")).collect();
    let mut validated = vec![0; 100];
    for fold in 0..5 {
        let own = by_row(&format!("text\n{rows}"), &format!(r#"{{"folds":5,"fold":{fold},"valid":0.25}}"#));
        own.iter().zip(&mut validated).for_each(|(part, times)| *times += usize::from(*part == Part::Valid));
    }
    // Hand calculation: a quarter of the 80 rows that are not tested on, 20, in each of five folds.
    assert!(validated.iter().all(|times| *times == 1), "{validated:?}");
}

#[test]
fn folds_cover_all_rows_once() {
    let rows: String = (0..103).map(|row| format!("text {row},{}\n", row % 3)).collect();
    let text = format!("text,label\n{rows}");
    let mut tested = vec![0; 103];
    for fold in 0..5 {
        let split = format!(r#"{{"folds":5,"fold":{fold},"valid":0.25,"stratify":"label"}}"#);
        let own = by_row(&text, &split);
        let count = |part| own.iter().filter(|own| **own == part).count();
        let test = count(Part::Test);
        // Hand calculation: 103 = 21 + 21 + 21 + 20 + 20, and a quarter of the rest.
        assert_eq!(test, if fold < 3 { 21 } else { 20 });
        assert!((count(Part::Valid) as f64 - (103 - test) as f64 / 4.0).abs() < 1.0);
        for label in 0..3 {
            let of_label = (label..103).step_by(3).filter(|row| own[*row] == Part::Test).count();
            assert!((6..=8).contains(&of_label), "{of_label}");
        }
        own.iter().zip(&mut tested).for_each(|(part, tested)| *tested += usize::from(*part == Part::Test));
    }
    assert!(tested.iter().all(|times| *times == 1));
}
