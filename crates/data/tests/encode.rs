//! From a table to a mapped data set: fitting, applying, writing, opening, and damage.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use data::{
    ColumnType, DESCRIPTION_FILE, Dataset, Encoded, Error, LabelKind, Labels, Part, Source, Spec,
    TENSORS_FILE, Table, Transform, assign,
};
use tempfile::TempDir;

const TRAINING: &str = "\
name,text,color,size,label,part
a,The cat. The CAT!,red,1.5,pos,train
b,a dog,blue,-2,neg,train
c,,red,,neg,train
d,the unseen cat,green,4,pos,valid
é,!!!!!!,blue,0,neg,test
";

const WORDS: &str = r#"["lowercase",{"tokenize":"punctuation"},{"index":{}},{"clip":5}]"#;

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

    fn table(&self, text: &str) -> (Table, Vec<Option<Part>>) {
        let path: PathBuf = self.path().join("t.csv");
        fs::write(&path, text).unwrap();
        let split = text.contains("part\n").then(|| serde_json::from_str(r#"{"column":"part"}"#).unwrap());
        let source = Source { split, ..Source::new("t.csv") };
        let table = Table::read(&path, &source).unwrap();
        let parts = assign(&table, &source, 0).unwrap();
        (table, parts)
    }

    fn dataset(&self, encoded: &Encoded) -> Dataset {
        encoded.write(self.path()).unwrap();
        Dataset::open(self.path()).unwrap()
    }
}

fn spec(label: Option<&str>, columns: &[(&str, &str)]) -> Spec {
    let chain = |steps: &str| serde_json::from_str(steps).unwrap();
    Spec {
        columns: columns.iter().map(|(name, steps)| ((*name).into(), chain(steps))).collect(),
        label: label.map(str::to_owned),
        label_kind: LabelKind::Class,
    }
}

fn whole() -> Spec {
    let size = r#"[{"impute":"0"},"number"]"#;
    spec(Some("label"), &[("text", WORDS), ("color", r#"["category"]"#), ("size", size)])
}

#[test]
fn everything_as_calculated_by_hand() {
    let work = Work::new();
    let (table, parts) = work.table(TRAINING);
    let transform = Transform::fit(&table, &parts, &whole()).unwrap();
    let vocabulary = transform.columns()["text"].vocabulary().unwrap();
    // Of the three training rows: the 2, cat 2, then ! . a dog once each by their bytes.
    assert_eq!(vocabulary.words(), ["<pad>", "<unk>", "cat", "the", "!", ".", "a", "dog"]);
    assert_eq!(vocabulary.counts(), [0, 0, 2, 2, 1, 1, 1, 1]);
    let encoded = transform.apply(&table, &parts, true, Some("name")).unwrap();
    let dataset = work.dataset(&encoded);
    assert_eq!(dataset.description(), &encoded.description());

    let batch = dataset.sequence_batch("text", &[0, 1, 2, 3]).unwrap();
    assert_eq!(batch.lengths, [5, 2, 1, 3]);
    assert_eq!(batch.width, 5);
    assert_eq!(batch.ids, [3, 2, 5, 3, 2, 6, 7, 0, 0, 0, 1, 0, 0, 0, 0, 3, 1, 2, 0, 0]);
    assert_eq!(dataset.sequence("text", 4), [4; 5]);
    assert_eq!(dataset.lengths("text"), [5, 2, 1, 3, 5]);
    // blue 1, red 2; green was not in training.
    assert_eq!(dataset.category_batch("color", &[0, 1, 2, 3, 4]).unwrap(), [2, 1, 2, 0, 1]);
    assert_eq!(dataset.number_batch("size", &[4, 1, 2]).unwrap(), [0.0, -2.0, 0.0]);
    assert_eq!(dataset.label_batch(&[0, 1, 3]), Some(Labels::Class(vec![1, 0, 1])));
    assert_eq!(dataset.rows_of(Some(Part::Train)), [0, 1, 2]);
    assert_eq!((dataset.part(3), dataset.part(4)), (Some(Part::Valid), Some(Part::Test)));
    assert_eq!((dataset.id(0), dataset.id(4), dataset.source_row(4)), (Some("a"), Some("é"), 4));
    assert!(dataset.sequence_batch("color", &[0]).is_none() && dataset.number_batch("text", &[0]).is_none());
    assert!(dataset.lengths("size").is_empty() && dataset.sequence("size", 0).is_empty());

    let description = dataset.description();
    assert_eq!(description.columns["text"].kind, ColumnType::Sequence { width: None });
    assert_eq!(
        (description.columns["text"].vocabulary, description.columns["text"].longest),
        (Some(8), Some(5))
    );
    assert_eq!(description.columns["color"].vocabulary, Some(3));
    assert_eq!(description.label.as_ref().unwrap().classes, ["neg", "pos"]);
    let rows: BTreeMap<_, _> =
        description.parts.iter().map(|(part, own)| (*part, (own.rows, own.classes.clone()))).collect();
    assert_eq!(rows[&Part::Train], (3, vec![2, 1]));
    assert_eq!(rows[&Part::Valid], (1, vec![0, 1]));
}

#[test]
fn a_fitted_transform_serves_other_data() {
    let work = Work::new();
    let (table, parts) = work.table(TRAINING);
    let fitted = Transform::fit(&table, &parts, &whole()).unwrap();
    let stored = Transform::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(stored.to_json().unwrap(), fitted.to_json().unwrap());
    // No label, no id, no split, another order of columns.
    let (table, parts) = work.table("size,color,text\n1e2,red,The DOG\n");
    let dataset = work.dataset(&stored.apply(&table, &parts, false, None).unwrap());
    assert_eq!(dataset.sequence("text", 0), [3, 7]);
    assert_eq!(dataset.number_batch("size", &[0]).unwrap(), [100.0]);
    assert_eq!((dataset.label_batch(&[0]), dataset.id(0), dataset.part(0)), (None, None, None));
    assert_eq!(dataset.rows_of(None), [0]);
    assert!(dataset.description().label.is_some() && !dataset.description().has_label);
    let error = stored.apply(&table, &parts, true, None).unwrap_err();
    assert!(matches!(&error, Error::UnknownColumn { column, .. } if column == "label"), "{error}");
}

#[test]
fn padding_fixes_the_width() {
    let work = Work::new();
    let (table, parts) = work.table("text\na b\n");
    let chain = r#"[{"tokenize":"whitespace"},{"index":{"max-size":1}},{"clip":4},{"pad":4}]"#;
    let transform = Transform::fit(&table, &parts, &spec(None, &[("text", chain)])).unwrap();
    let dataset = work.dataset(&transform.apply(&table, &parts, false, None).unwrap());
    let batch = dataset.sequence_batch("text", &[0]).unwrap();
    assert_eq!((batch.ids, batch.lengths, batch.width), (vec![2, 1, 0, 0], vec![2], 4));
}

#[test]
fn a_clip_before_the_index_limits_what_is_counted() {
    let work = Work::new();
    let (table, parts) = work.table("text\na b c\n");
    let words = |chain: &str| {
        let transform = Transform::fit(&table, &parts, &spec(None, &[("text", chain)])).unwrap();
        transform.columns()["text"].vocabulary().unwrap().words()[2..].to_vec()
    };
    assert_eq!(words(r#"[{"tokenize":"whitespace"},{"clip":2},{"index":{}}]"#), ["a", "b"]);
    assert_eq!(words(r#"[{"tokenize":"whitespace"},{"index":{}},{"clip":2}]"#), ["a", "b", "c"]);
}

#[test]
fn labels() {
    let work = Work::new();
    let classes = |cells: &[&str], kind| {
        let rows: Vec<String> = cells.iter().map(|cell| format!("x,{cell}\n")).collect();
        let (table, parts) = work.table(&format!("text,label\n{}", rows.concat()));
        let spec = Spec { label_kind: kind, ..spec(Some("label"), &[("text", r#"["category"]"#)]) };
        let transform = Transform::fit(&table, &parts, &spec)?;
        let dataset = work.dataset(&transform.apply(&table, &parts, true, None)?);
        let rows: Vec<u32> = (0..cells.len() as u32).collect();
        Ok((transform.label().unwrap().classes.clone(), dataset.label_batch(&rows).unwrap()))
    };
    let named =
        |names: &[&str], labels| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), labels);
    let class = LabelKind::Class;
    let got: (Vec<String>, Labels) = classes(&["10", "9", " 2 ", "9.0"], class).unwrap();
    assert_eq!(got, named(&["2", "9", "10"], Labels::Class(vec![2, 1, 0, 1])));
    let got: (Vec<String>, Labels) = classes(&["b", "10", "9"], class).unwrap();
    assert_eq!(got, named(&["10", "9", "b"], Labels::Class(vec![2, 0, 1])));
    let got: (Vec<String>, Labels) = classes(&["1.5", "-2"], LabelKind::Number).unwrap();
    assert_eq!(got, named(&[], Labels::Number(vec![1.5, -2.0])));
    let error = |cells: &[&str], kind| -> String {
        let error: Error = classes(cells, kind).unwrap_err();
        error.to_string().split_once("t.csv").unwrap().1.to_owned()
    };
    assert_eq!(error(&["1", ""], class), ":3:3: the label in column `label` is empty");
    assert_eq!(error(&["1", "x"], LabelKind::Number), ":3:3: `x` in column `label` is not a finite number");
    let many: Vec<String> = (0..1001).map(|row| row.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(error(&many, class), ": the label `label` has more than 1000 classes");
}

#[test]
fn bad_rows_and_specs_are_errors() {
    let work = Work::new();
    let (table, parts) = work.table(TRAINING);
    let transform = Transform::fit(&table, &parts, &whole()).unwrap();
    let (other, none) = work.table("text,color,size,label\n\"a\nb\",red,1,pos\nc,red,2,maybe\n");
    let error = transform.apply(&other, &none, true, None).unwrap_err();
    let message = "t.csv:4:9: the label `maybe` in column `label` is none of the classes neg, pos";
    assert!(error.to_string().ends_with(message), "{error}");
    let (other, none) = work.table("text,color,size\na,red,big\n");
    let error = transform.apply(&other, &none, false, None).unwrap_err();
    assert!(
        error.to_string().ends_with("t.csv:2:7: `big` in column `size` is not a finite number"),
        "{error}"
    );

    let (table, parts) = work.table(TRAINING);
    let fit = |spec: &Spec| Transform::fit(&table, &parts, spec).unwrap_err();
    assert!(matches!(fit(&Spec::default()), Error::NoColumns));
    assert!(matches!(fit(&spec(Some("color"), &[("color", r#"["category"]"#)])), Error::LabelIsInput { .. }));
    assert!(matches!(fit(&spec(None, &[("text", r#"["lowercase"]"#)])), Error::Chain { .. }));
    assert_eq!(fit(&spec(None, &[("colour", r#"["category"]"#)])).hint().unwrap(), "did you mean `color`?");
    let untrained: Vec<_> = parts.iter().map(|_| Some(Part::Test)).collect();
    assert!(matches!(Transform::fit(&table, &untrained, &whole()), Err(Error::NoTrainingRows { .. })));
    let unlabelled = Transform::fit(&table, &parts, &spec(None, &[("color", r#"["category"]"#)])).unwrap();
    assert!(matches!(unlabelled.apply(&table, &parts, true, None), Err(Error::NoLabel)));
}

#[test]
fn threads_do_not_matter() {
    let rows: Vec<String> = (0..997)
        .map(|row: u64| {
            let words: Vec<String> =
                (0..row % 23).map(|word| format!("w{}", row * word * 7919 % 301)).collect();
            format!("{},c{},{row},{},train\n", words.join(" "), row % 7, row % 2)
        })
        .collect();
    let text = format!("text,color,size,label,part\n{}", rows.concat());
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let work = Work::new();
            let (table, parts) = work.table(&text);
            let transform = Transform::fit(&table, &parts, &whole()).unwrap();
            transform.apply(&table, &parts, true, Some("size")).unwrap().write(work.path()).unwrap();
            let files =
                [TENSORS_FILE, DESCRIPTION_FILE].map(|file| fs::read(work.path().join(file)).unwrap());
            (transform.to_json().unwrap(), files)
        })
    };
    let one = bytes(1);
    assert!(one == bytes(2) && one == bytes(5));
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let work = Work::new();
    let (table, parts) = work.table(TRAINING);
    let transform = Transform::fit(&table, &parts, &whole()).unwrap();
    let dataset = work.dataset(&transform.apply(&table, &parts, true, Some("name")).unwrap());
    let walk = |dataset: &Dataset| {
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        let batch = dataset.sequence_batch("text", &rows);
        let ids: Vec<_> = rows.iter().map(|&row| dataset.id(row).map(str::to_owned)).collect();
        (batch, dataset.category_batch("color", &rows), dataset.label_batch(&rows), ids)
    };
    walk(&dataset);
    for name in [TENSORS_FILE, DESCRIPTION_FILE] {
        let path = work.path().join(name);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for mask in [0xff, 0x01, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                fs::write(&path, &bytes).unwrap();
                if let Ok(dataset) = Dataset::open(work.path()) {
                    walk(&dataset);
                }
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert!(Dataset::open(work.path()).is_err(), "{name} cut off at {at}");
        }
        fs::write(&path, &whole).unwrap();
    }
    let json = transform.to_json().unwrap();
    for at in 0..json.len() {
        assert!(Transform::from_json(&json[..at]).is_err());
    }
    let text = String::from_utf8(json).unwrap();
    for (from, to) in [("\"version\":1", "\"version\":2"), ("\"<unk>\"", "\"unk\""), ("\"dog\"", "\"cat\"")] {
        assert!(
            text.contains(from) && Transform::from_json(text.replace(from, to).as_bytes()).is_err(),
            "{from}"
        );
    }
}

#[test]
fn a_fitted_transform_takes_more_columns_and_another_label_name() {
    let work = Work::new();
    let (table, parts) = work.table(TRAINING);
    let first = Transform::fit(&table, &parts, &spec(Some("label"), &[("text", WORDS)])).unwrap();
    let (table, parts) = work.table("words,shade,good,part\nthe dog,red,neg,train\ncat,blue,pos,valid\n");
    let table = table.renamed(&BTreeMap::from([("words".to_owned(), "text".to_owned())])).unwrap();
    let more = spec(Some("good"), &[("shade", r#"["category"]"#)]);
    let extended = first.clone().extended(&table, &parts, &more).unwrap();

    // The vocabulary and the classes are the first fit's: of the second table alone `neg` would be the only class.
    let words = |transform: &Transform| transform.columns()["text"].vocabulary().unwrap().words().to_vec();
    assert_eq!(words(&extended), words(&first));
    assert_eq!(extended.label().unwrap().column, "good");
    assert_eq!(extended.label().unwrap().classes, ["neg", "pos"]);
    let data = work.dataset(&extended.apply(&table, &parts, true, None).unwrap());
    assert_eq!(data.label_batch(&[0, 1]), Some(Labels::Class(vec![0, 1])));
    // `red` was seen in training, `blue` was not.
    assert_eq!(data.category_batch("shade", &[0, 1]), Some(vec![1, 0]));
}

#[test]
fn renaming_needs_the_column_and_a_free_name() {
    let work = Work::new();
    let (table, _) = work.table("a,b\n1,2\n");
    let rename = |old: &str, new: &str| table.clone().renamed(&BTreeMap::from([(old.into(), new.into())]));
    assert_eq!(rename("a", "c").unwrap().names(), ["c", "b"]);
    assert!(matches!(rename("x", "c"), Err(Error::UnknownColumn { .. })));
    assert!(matches!(rename("a", "b"), Err(Error::DuplicateColumn { .. })));
}
