//! Tags of words: files in CoNLL's columns, and which tokens stand for which words; `tags.py` made `tags.json`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use data::{
    Dataset, Encoded, Error, LABEL, Labels, Part, Source, Spec, Step, TENSORS_FILE, Table, Tags, Transform,
    Words, header,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Work(TempDir);

impl Work {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn read(&self, name: &str, text: &str, source: Value) -> Result<Table, Error> {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        let source: Source = serde_json::from_value(source).unwrap();
        let (names, table) = (header(&path, &source), Table::read(&path, &source)?);
        assert_eq!(names.unwrap(), table.names());
        Ok(table)
    }

    /// Texts with their tags.
    fn table(&self, rows: &[(&str, &str)]) -> Table {
        let rows = rows.iter().map(|(text, tags)| json!({ "text": text, "tags": tags }).to_string() + "\n");
        self.read("t.jsonl", &rows.collect::<String>(), json!({ "path": "t.jsonl" })).unwrap()
    }

    /// What `error` says, without the folder.
    fn words(&self, error: &Error) -> String {
        let text = error.to_string().replace(&format!("{}/", self.0.path().display()), "");
        format!("{text} = {}", error.hint().unwrap_or_default())
    }
}

fn spec(chain: &Value) -> Spec {
    Spec {
        columns: [("text".to_owned(), serde_json::from_value(chain.clone()).unwrap())].into(),
        label: Some(
            serde_json::from_value(json!({ "column": "tags", "kind": "tags", "of": "text" })).unwrap(),
        ),
        ..Spec::default()
    }
}

fn encode(table: &Table, chain: &Value) -> Result<Encoded, Error> {
    Ok(Transform::fit_apply(None, table, &[], &spec(chain), None)?.1)
}

fn plain() -> Value {
    json!(["lowercase", { "tokenize": "punctuation" }, { "index": {} }, { "clip": 6 }])
}

const CONLL: &str = "\
\u{feff}-DOCSTART- -X- O

EU NNP B-ORG\r
rejects\tVBZ\tO

German  JJ  B-MISC
-DOCSTART- -X- O
 call NN O
שלום NNP B-PER";

#[test]
fn sentences_are_read_from_conlls_columns() {
    let work = Work::new();
    let rows = |table: &Table| {
        let row = |row| (0..table.names().len()).map(|at| table.cell(row, at).to_owned()).collect::<Vec<_>>();
        (0..table.rows()).map(row).collect::<Vec<_>>()
    };
    let table = work.read("a.conll", CONLL, json!({ "path": "a.conll" })).unwrap();
    assert_eq!(table.names(), ["text", "tags1", "tags2"]);
    assert_eq!(
        rows(&table),
        [
            ["EU rejects", "NNP VBZ", "B-ORG O"],
            ["German", "JJ", "B-MISC"],
            ["call שלום", "NN NNP", "O B-PER"]
        ]
    );
    assert_eq!(table.place(1, 2).unwrap().line, 6);
    let source = json!({ "path": "b.txt", "format": "conll", "columns": ["word", "ner"] });
    assert_eq!(work.read("b.txt", "a B-X\n\n\n\nb O\n", source).unwrap().names(), ["word", "ner"]);
    let table = work.read("c.conll", "a O\n", json!({ "path": "c.conll" })).unwrap();
    assert_eq!(table.names(), ["text", "tags"]);
}

#[test]
fn comments_before_a_sentence_are_no_words() {
    let work = Work::new();
    let rows = |text: &str| -> Vec<Vec<String>> {
        let table = work.read("a.conll", text, json!({ "path": "a.conll" })).unwrap();
        let cell = |row, at| table.cell(row, at).to_owned();
        (0..table.rows()).map(|row| (0..table.names().len()).map(|at| cell(row, at)).collect()).collect()
    };
    // Comments as in CoNLL-U's files, MultiCoNER's and others; the last of a file closes nothing.
    for comments in [
        "# newdoc\n",
        "# sent_id = 4\n# text = EU rejects\n",
        "# id 7f domain=en\n",
        "#\n# 4 of 9\n",
        "# id=4\n",
    ] {
        let text = format!("{comments}EU B-ORG\nrejects O\n\n{comments}call O\n{comments}");
        let text = text.strip_suffix(comments).unwrap();
        assert_eq!(rows(text), [["EU rejects", "B-ORG O"], ["call", "O"]], "{comments}");
    }
    let lines = "# id 7f domain=en\nEU _ _ B-ORG\n\n# id 8a domain=en\n# _ _ O\n1 _ _ O\n";
    assert_eq!(rows(lines), [["EU", "_", "_", "B-ORG"], ["# 1", "_ _", "_ _", "O O"]]);
    // A word `#`, first or not, and words that start with it.
    assert_eq!(
        rows("# O\n1 O\n\nno O\n# O\n2 O\n\n#one B-X\n"),
        [["# 1", "O O"], ["no # 2", "O O O"], ["#one", "B-X"]]
    );
    assert_eq!(rows("# O\n"), [["#", "O"]]);
    // In a sentence there are no comments: a line that has lost its tag is told.
    let path = work.0.path().join("a.conll");
    fs::write(&path, "EU O\n# id = 4\n").unwrap();
    let source: Source = serde_json::from_value(json!({ "path": "a.conll" })).unwrap();
    let error = work.words(&Table::read(&path, &source).unwrap_err());
    assert!(
        error.starts_with("a.conll:2:1: the line of the word `#` has 4 parts, those before it 2"),
        "{error}"
    );
}

#[test]
fn lines_may_end_in_carriage_returns() {
    let work = Work::new();
    for end in ["\n", "\r\n", "\r"] {
        let text = ["EU B-ORG", "rejects O", "", "call O", ""].join(end);
        let table = work.read("a.conll", &text, json!({ "path": "a.conll" })).unwrap();
        assert_eq!((table.rows(), table.cell(0, 0), table.cell(1, 1)), (2, "EU rejects", "O"), "{end:?}");
        assert_eq!(table.place(1, 0).unwrap().line, 4, "{end:?}");
    }
}

#[test]
fn lines_that_are_no_words_are_told() {
    let work = Work::new();
    let error = |text: &str, columns: Option<Value>| {
        let mut source = json!({ "path": "a.conll" });
        columns.into_iter().for_each(|columns| source["columns"] = columns);
        let path = work.0.path().join("a.conll");
        fs::write(&path, text).unwrap();
        let source: Source = serde_json::from_value(source).unwrap();
        work.words(&Table::read(&path, &source).unwrap_err())
    };
    let hint = " = a word a line, the same number of columns in each, and an empty line between sentences";
    assert_eq!(
        error("EU NNP O\n\nrejects\n", None),
        format!("a.conll:3:1: the line of the word `rejects` has 1 part, those before it 3{hint}")
    );
    assert_eq!(
        error("EU O\n1\u{a0}000 O\n", None),
        format!("a.conll:2:1: `1\\u{{a0}}000` holds white space that is neither a blank nor a tab{hint}")
    );
    assert!(error("EU O\n", Some(json!(["word", "pos", "ner"]))).starts_with("a.conll:1:1: "));
    assert!(error("-DOCSTART- O\n\n", None).starts_with("a.conll: the file is empty"));
}

#[test]
fn tags_stand_at_the_first_token_of_their_word() {
    let work = Work::new();
    // U . s . is four tokens, and the clip leaves six.
    let table = work.table(&[("The U.S.  won today", "O B-LOC O O"), ("Anna", "B-PER"), (" ", "")]);
    let encoded = encode(&table, &plain()).unwrap();
    let unplaced = encoded.unplaced();
    let [unplaced] = &unplaced[..] else { panic!("{unplaced:?}") };
    assert_eq!((unplaced.count, unplaced.words, unplaced.example.as_str(), unplaced.row), (1, 5, "today", 0));
    encoded.write(work.0.path()).unwrap();
    let data = Dataset::open(work.0.path()).unwrap();
    // By their bytes: B-LOC, B-PER, O.
    let words = Words { offsets: vec![0, 0, 1, 5], steps: vec![Some(0), Some(0), Some(1), Some(5), None] };
    let expected = Tags { words: words.clone(), tags: vec![1, 2, 0, 2, 2] };
    assert_eq!(data.label_batch(LABEL, &[2, 1, 0]), Some(Labels::Tags(expected)));
    assert_eq!(data.words("text", &[2, 1, 0]), Some(words));
    assert_eq!(data.text("text", 0), Some("The U.S.  won today"));
    assert_eq!(data.words("tags", &[0]), None);
    assert_eq!(data.description().no_part.classes, [1, 1, 3]);
}

#[test]
fn texts_without_tags_keep_their_words() {
    let work = Work::new();
    let table = work.table(&[("Anna won", "B-PER O")]);
    let transform = Transform::fit(&table, &[], &spec(&plain())).unwrap();
    let transform = Transform::from_json(&transform.to_json().unwrap()).unwrap();
    let table = work.read("n.csv", "text\n👍🏽 Omar won\n", json!({ "path": "n.csv" })).unwrap();
    transform.apply(&table, &[None], false, None).unwrap().write(work.0.path()).unwrap();
    let data = Dataset::open(work.0.path()).unwrap();
    // The emoji and the tone of its skin are two marks.
    assert_eq!(data.words("text", &[0]).unwrap().steps, [Some(0), Some(2), Some(3)]);
    assert_eq!(data.label_batch(LABEL, &[0]), None);
}

#[test]
fn tags_and_words_that_do_not_fit_are_told() {
    let work = Work::new();
    let error =
        |rows: &[(&str, &str)], chain: Value| work.words(&encode(&work.table(rows), &chain).unwrap_err());
    let few = [("Anna won", "B-PER O"), ("Omar won today", "B-PER O")];
    assert_eq!(
        error(&few, plain()),
        "t.jsonl:2:1: the row has 2 tags in column `tags` and 3 words in `text` = a cell holds a tag for each word, the \
         pieces of its text between white space"
    );
    let chain = json!([{ "replace": { "pattern": "-", "with": " " } }, { "tokenize": "whitespace" }, { "index": {} }]);
    assert_eq!(
        error(&[("a-b won", "B-PER O")], chain),
        "t.jsonl:1:1: the text in column `text` has 2 words, and 3 after the steps before its tokens = leave out steps \
         that join, part or remove words, or do it before the words are tagged"
    );
    let chain = json!([{ "tokenize": "whitespace" }, { "tf-idf": {} }]);
    assert!(
        error(&few[..1], chain)
            .starts_with("the tags in column `tags` are of the words of `text`, which is no")
    );
    assert!(error(&[("a b", "O O")], plain()).contains("every training row has the label `O`"));
    let table = work.table(&[("Anna won", "B-PER O"), ("Rome", "B-LOC")]);
    let parts = [Some(Part::Train), Some(Part::Test)];
    let error = Transform::fit_apply(None, &table, &parts, &spec(&plain()), None).unwrap_err();
    assert_eq!(
        work.words(&error),
        "t.jsonl:2:1: the label `B-LOC` in column `tags` is none of the classes B-PER, O = classes come from the \
         training rows, or are declared: classes = [...]"
    );
}

#[test]
fn lists_of_words_and_of_numbers_of_tags() {
    // As `datasets` writes CoNLL 2003: a list of words, and one of classes by number.
    let work = Work::new();
    let text = r#"{"tokens": ["EU", "rejects", "German", "call"], "ner_tags": [3, 0, 7, 0]}
{"tokens": [], "ner_tags": []}
{"tokens": ["Peter", "Blackburn"], "ner_tags": [1, 2]}
"#;
    let table = work.read("t.jsonl", text, json!({ "path": "t.jsonl" })).unwrap();
    let names = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"];
    let label = json!({ "column": "ner_tags", "kind": "tags", "of": "tokens", "classes": names });
    let spec = Spec {
        columns: [("tokens".to_owned(), serde_json::from_value(plain()).unwrap())].into(),
        label: Some(serde_json::from_value(label).unwrap()),
        ..Spec::default()
    };
    let (transform, encoded) = Transform::fit_apply(None, &table, &[], &spec, None).unwrap();
    encoded.write(work.0.path()).unwrap();
    let data = Dataset::open(work.0.path()).unwrap();
    assert_eq!(data.description().label.as_ref().unwrap().classes, names);
    let tags = |rows: &[u32]| match data.label_batch(LABEL, rows).unwrap() {
        Labels::Tags(tags) => tags.tags,
        other => panic!("{other:?}"),
    };
    assert_eq!((tags(&[0, 1]), tags(&[2])), (vec![3, 0, 7, 0], vec![1, 2]));
    // The transform reads names as well, and knows no other number.
    let again = |tags: &str| {
        let line = format!("{{\"tokens\": [\"Peter\"], \"ner_tags\": {tags}}}\n");
        let table = work.read("u.jsonl", &line, json!({ "path": "u.jsonl" })).unwrap();
        let encoded = transform.apply(&table, &[], true, None)?;
        let other = Work::new();
        encoded.write(other.0.path()).unwrap();
        Ok(Dataset::open(other.0.path()).unwrap().label_batch(LABEL, &[0]))
    };
    let own = Tags { words: Words { offsets: vec![0, 1], steps: vec![Some(0)] }, tags: vec![1] };
    assert_eq!(again("[\"B-PER\"]").unwrap(), Some(Labels::Tags(own)));
    let error = work.words(&again("[9]").unwrap_err());
    assert!(error.contains("the label `9` in column `ner_tags` is none of the classes O, B-PER"), "{error}");
}

#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    step: Value,
    steps: Vec<Vec<Option<u32>>>,
}

#[test]
fn parts_of_words_stand_for_them_as_hugging_face_says() {
    let reference: Reference = serde_json::from_str(include_str!("tags.json")).unwrap();
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/subwords");
    let work = Work::new();
    let tags: Vec<String> = reference
        .texts
        .iter()
        .map(|text| "B O ".repeat(9)[..text.split_whitespace().count() * 2].to_owned())
        .collect();
    let rows: Vec<(&str, &str)> =
        reference.texts.iter().zip(&tags).map(|(text, tags)| (text.as_str(), tags.as_str())).collect();
    for case in reference.cases {
        let mut step: Value = case.step;
        step["path"] = folder.join(step["path"].as_str().unwrap()).to_str().unwrap().into();
        let step: Step = serde_json::from_value(json!({ "tokenizer": step })).unwrap();
        encode(&work.table(&rows), &json!([step])).unwrap().write(work.0.path()).unwrap();
        let data = Dataset::open(work.0.path()).unwrap();
        for (row, expected) in (0..).zip(&case.steps) {
            let found = data.words("text", &[row]).unwrap().steps;
            assert_eq!(found, *expected, "{step:?} {}", reference.texts[row as usize]);
        }
    }
}

#[test]
fn damaged_words_are_an_error_and_no_panic() {
    let work = Work::new();
    encode(&work.table(&[("Anna won", "B-PER O"), ("Rome", "O")]), &plain())
        .unwrap()
        .write(work.0.path())
        .unwrap();
    let path = work.0.path().join(TENSORS_FILE);
    let sound = fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(3) {
        for value in [0, 255] {
            let mut bytes = sound.clone();
            bytes[at] = value;
            fs::write(&path, &bytes).unwrap();
            if let Ok(data) = Dataset::open(work.0.path()) {
                for row in 0..data.rows() as u32 {
                    let _ =
                        (data.words("text", &[row]), data.text("text", row), data.label_batch(LABEL, &[row]));
                }
            }
        }
    }
}
