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
        label: label.map(data::Label::from),
        ..Spec::default()
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
    assert_eq!(dataset.label_batch(data::LABEL, &[0, 1, 3]), Some(Labels::Class(vec![1, 0, 1])));
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
    assert_eq!((dataset.label_batch(data::LABEL, &[0]), dataset.id(0), dataset.part(0)), (None, None, None));
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
        Ok((
            transform.labels()[data::LABEL].classes.clone(),
            dataset.label_batch(data::LABEL, &rows).unwrap(),
        ))
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
    // What is wrong with the label is told, not that a step which learns from it has none.
    let (one, none) = work.table("x,y\na b,1\nc,1\n");
    for steps in [r#"[{"target":{}}]"#, r#"[{"tokenize":"whitespace"},{"naive-bayes":{}}]"#] {
        let error = Transform::fit(&one, &none, &spec(Some("y"), &[("x", steps)])).unwrap_err();
        assert!(matches!(error, Error::OneClass { .. }), "{steps}: {error}");
    }
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
        (batch, dataset.category_batch("color", &rows), dataset.label_batch(data::LABEL, &rows), ids)
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
    assert_eq!(extended.labels()[data::LABEL].column, "good");
    assert_eq!(extended.labels()[data::LABEL].classes, ["neg", "pos"]);
    let data = work.dataset(&extended.apply(&table, &parts, true, None).unwrap());
    assert_eq!(data.label_batch(data::LABEL, &[0, 1]), Some(Labels::Class(vec![0, 1])));
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

#[test]
fn rows_have_weights() {
    let folder = TempDir::new().unwrap();
    let encode = |cells: &[&str]| -> Result<Dataset, Error> {
        let path = folder.path().join("weights.csv");
        let lines: String = cells.iter().map(|cell| format!("a,{cell}\n")).collect();
        std::fs::write(&path, format!("text,w\n{lines}")).unwrap();
        let table = Table::read(&path, &Source::new("weights.csv"))?;
        let parts = vec![None; table.rows()];
        let spec = spec(None, &[("text", r#"["category"]"#)]);
        let (_, encoded) = Transform::fit_apply(None, &table, &parts, &spec, None)?;
        encoded.weighted(&table, "w")?.write(folder.path())?;
        Dataset::open(folder.path())
    };
    let dataset = encode(&["1", "0", " 2.5 "]).unwrap();
    assert_eq!(dataset.weight_batch(&[2, 0, 1]), Some(vec![2.5, 1.0, 0.0]));
    for (cells, words) in [
        (["1", "-1", "1"], ":3:3: `-1` in column `w` is not a weight"),
        (["1", "1", ""], ":4:3: `` in column `w` is not a weight"),
        (["inf", "1", "1"], ":2:3: `inf` in column `w` is not a weight"),
    ] {
        let error = encode(&cells).unwrap_err();
        assert!(error.to_string().ends_with(words), "{error}");
        assert!(error.hint().unwrap().starts_with("a weight is a number, 0 or more"));
    }
    let error = encode(&["0", "0.0"]).unwrap_err();
    let words = ":2:3: every training row weighs 0 in column `w`, this is the first";
    assert!(error.to_string().ends_with(words), "{error}");
}

#[test]
fn a_row_may_have_several_labels() {
    let folder = TempDir::new().unwrap();
    let encode = |text: &str, train: usize, label: &str| -> Result<Dataset, Error> {
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        let table = Table::read(&path, &Source::new("labels.csv"))?;
        let part = |row| Some(if row < train { Part::Train } else { Part::Test });
        let parts: Vec<Option<Part>> = (0..table.rows()).map(part).collect();
        let label = Some(serde_json::from_str(label).unwrap());
        let spec = Spec { label, ..spec(None, &[("x", r#"["category"]"#)]) };
        let (_, encoded) = Transform::fit_apply(None, &table, &parts, &spec, None)?;
        encoded.write(folder.path())?;
        Dataset::open(folder.path())
    };
    // As scikit-learn's MultiLabelBinarizer over the same lists.
    let text = "x,tags\na,news; sport\nb,\na,sport;art;sport\nb,art\n";
    let dataset = encode(text, 3, r#"{ "column": "tags", "separator": ";" }"#).unwrap();
    let flags = vec![0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0];
    assert_eq!(dataset.label_batch(data::LABEL, &[0, 1, 2, 3]), Some(Labels::MultiLabel { width: 3, flags }));
    let error = encode("x,tags\na,\nb,\na,art\n", 2, r#"{ "column": "tags", "separator": ";" }"#).err();
    assert!(matches!(error, Some(Error::NoLabels { .. })), "{error:?}");
    let description = dataset.description();
    let label = description.label.as_ref().unwrap();
    assert_eq!(
        (label.kind, &label.classes[..]),
        (LabelKind::MultiLabel, &["art", "news", "sport"].map(String::from)[..])
    );
    assert_eq!(description.parts[&Part::Train].classes, [1, 1, 2]);

    let columns = r#"["news", "art"]"#;
    let dataset = encode("x,art,news\na,1,no\nb,0.0,TRUE\n", 2, columns).unwrap();
    assert_eq!(
        dataset.label_batch(data::LABEL, &[1, 0]),
        Some(Labels::MultiLabel { width: 2, flags: vec![1, 0, 0, 1] })
    );
    for (text, label, words) in [
        (
            "x,tags\na,news\nb,art\n",
            r#"{ "column": "tags", "separator": ";" }"#,
            ":3:3: the label `art` in column `tags` is none of the classes news",
        ),
        (
            "x,art,news\na,1,0\nb,2,0\n",
            columns,
            ":3:3: `2` in column `art` does not say whether the row has this label",
        ),
        ("x,art,news\na,1,\nb,1,0\n", columns, ":2:5: the label in column `news` is empty"),
    ] {
        let error = encode(text, 1, label).unwrap_err();
        assert!(error.to_string().ends_with(words), "{error}");
    }
}

#[test]
fn labels_have_names_where_there_are_several() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tasks.csv");
    std::fs::write(&path, "x,mood,stars\na,good,4.5\nb,bad,1\na,good,5\n").unwrap();
    let table = Table::read(&path, &Source::new("tasks.csv")).unwrap();
    let labels = r#"{ "mood": "mood", "rating": { "column": "stars", "kind": "number" } }"#;
    let labels = serde_json::from_str(labels).unwrap();
    let spec = Spec { labels, ..spec(None, &[("x", r#"["category"]"#)]) };
    let parts = vec![None; 3];
    let (transform, encoded) = Transform::fit_apply(None, &table, &parts, &spec, None).unwrap();
    encoded.write(folder.path()).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.label_batch("mood", &[0, 1]), Some(Labels::Class(vec![1, 0])));
    assert_eq!(dataset.label_batch("rating", &[2, 0]), Some(Labels::Number(vec![5.0, 4.5])));
    assert_eq!(dataset.label_batch(data::LABEL, &[0]), None);
    assert_eq!(dataset.description().no_part.counts("mood"), [1, 2]);
    assert_eq!(dataset.description().no_part.counts("rating"), [0_u64; 0]);

    // The same labels of other rows, and rows without them.
    let again = Transform::from_json(&transform.to_json().unwrap()).unwrap();
    let encoded = again.apply(&table, &parts, true, None).unwrap();
    assert_eq!(encoded.description(), *dataset.description());
    assert!(!again.apply(&table, &parts, false, None).unwrap().description().has_label);
}
