//! Tags of words end to end: a small network on sentences that are drawn here, and a BERT with a head for tags against
//! `transformers` and seqeval (`tagging.py` made folder and numbers).

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::session::Session;

const RECIPE: &str = r#"seed = 5

[data.names]
path = "names.conll"
split = { train = 0.7, valid = 0.15, test = 0.15 }

[stages.tokens]
kind = "preprocess"
data = "names"
label = { column = "tags", kind = "tags", of = "text" }
columns.text = ["lowercase", { tokenize = "punctuation" }, { index = {} }]

[stages.tagger]
kind = "train"
data = "tokens"
epochs = 5
batch = { size = 16, buckets = 3, accumulate = 2 }
optimizer = { kind = "adam", lr = 2e-2 }
early-stopping = { patience = 3, metric = "f1" }
network.layers = [
  { name = "embed", kind = "embedding", units = 16 },
  { name = "lstm", kind = "lstm", units = 16, bidirectional = true },
  { name = "output", kind = "dense" },
]

[stages.frozen]
kind = "freeze"
network = "tagger"
layers = "embed|lstm"

[stages.tuned]
kind = "finetune"
network = "frozen"
data = "tokens"
epochs = 1
replace = [{ name = "output", kind = "dense" }]

[stages.result]
kind = "evaluate"
model = "tagger"
data = "tokens"

[stages.found]
kind = "predict"
model = "tagger"
data = "tokens"
part = "test"
"#;

/// Sentences of people who go to places, with marks inside words and words of several parts.
fn sentences() -> String {
    let people = ["Anna Smith", "Omar", "שרה", "Mei-Lin Chen", "O'Neil"];
    let places = ["Paris", "New York", "the U.S. East", "São Paulo"];
    let rest = ["", "yesterday", "and then", "with joy , again"];
    let mut text = String::new();
    let mut words = |phrase: &str, kind: &str| {
        for (nth, word) in phrase.split_whitespace().enumerate() {
            let tag = match (kind, nth) {
                ("O", _) => "O".to_owned(),
                (_, 0) => format!("B-{kind}"),
                _ => format!("I-{kind}"),
            };
            text += &format!("{word} {tag}\n");
        }
        if phrase == "." {
            text += "\n";
        }
    };
    for row in 0..240 {
        words(["", "Today", "Mr."][row % 3], "O");
        words(people[row % people.len()], "PER");
        words(["visited", "left"][row / 3 % 2], "O");
        words(places[row / 5 % places.len()], "LOC");
        words(rest[row / 7 % rest.len()], "O");
        words(".", "O");
    }
    text
}

#[test]
fn a_page_shows_entities_by_type_and_the_worst_texts() {
    let session = Session::new();
    session.write("names.conll", &sentences());
    // Without training everything is wrong.
    let recipe = RECIPE.replace("epochs = 5", "epochs = 1").replace("lr = 2e-2", "lr = 1e-9");
    session.write("recipe.toml", &recipe.replace("early-stopping = { patience = 3, metric = \"f1\" }\n", ""));
    assert_eq!(session.call("run recipe.toml --only result").code, Some(0));
    assert_eq!(session.call("report recipe.toml").code, Some(0));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    let counted = page.find("<th scope=\"col\">entity</th><th scope=\"col\">entities</th>").unwrap();
    let table = &page[counted..];
    let table = &table[..table.find("</table>").unwrap()];
    let shown = document(&session, "result", "classes.csv");
    for line in shown.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let recall: f64 = cells[4].parse().unwrap();
        let row = format!("<th scope=\"row\">{}</th><td>{}</td>", cells[0], cells[1]);
        assert!(table.contains(&row) && table.contains(&format!("<td>{recall:.4}</td>")), "{table}\n{shown}");
    }
    // The true entities of a text and what was found in it, in its own words.
    let worst = &page[page.find("<h2>Worst mistakes</h2>").unwrap()..];
    let mistake = worst.split("<li>").nth(1).unwrap();
    assert!(mistake.contains("is <b>PER ") && mistake.contains(", LOC "), "{mistake}");
    assert!(mistake.contains("<span class=\"note\">text</span>"), "{mistake}");
}

/// A document that a stage has made.
fn document(session: &Session, stage: &str, file: &str) -> String {
    let to = format!("{stage}-{}", file.replace('.', "-"));
    let answer = session.call(&format!("get recipe.toml {stage} {to}"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let folder = session.path(&to);
    let path = [folder.join(file), folder.join("network").join(file)].into_iter().find(|path| path.is_file());
    String::from_utf8_lossy(&fs::read(path.unwrap()).unwrap()).into_owned()
}

#[test]
fn a_small_network_finds_entities_and_ends_in_the_same_bytes_again() {
    let runs: Vec<(Session, String)> = [1, 2]
        .into_iter()
        .map(|threads| {
            let session = Session::new();
            session.write("names.conll", &sentences());
            session.write("recipe.toml", RECIPE);
            let run = session.call(&format!("run recipe.toml --threads {threads}"));
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            let weights = document(&session, "tagger", "weights.safetensors");
            (session, weights)
        })
        .collect();
    assert!(runs[0].1 == runs[1].1, "another number of threads gave other weights");
    let session = &runs[0].0;
    let result: Value = serde_json::from_str(&document(session, "result", "metrics.json")).unwrap();
    let f1 = result["metrics"]["f1"].as_f64().unwrap();
    assert!(f1 > 0.97, "f1 {f1}");
    let classes = document(session, "result", "classes.csv");
    assert!(classes.starts_with("entity,entities,chosen,precision,recall,f1\nLOC,"), "{classes}");
    assert!(classes.contains("\nPER,"), "{classes}");
    // Places are characters as Python counts them, whatever their bytes.
    session.write(
        "new.csv",
        "id,text\na,Today שרה visited New York .\nb,\nc,\"👍🏽 Anna Smith left Sa\u{303}o Paulo\"\n",
    );
    let answer = session.call("predict recipe.toml found --input new.csv");
    let lines: Vec<Vec<&str>> = answer
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("id,"))
        .map(|line| line.split(',').take(5).collect())
        .collect();
    let expected: [[&str; 5]; 4] = [
        ["id", "entity", "text", "start", "end"],
        ["0", "PER", "שרה", "6", "9"],
        ["0", "LOC", "New York", "18", "26"],
        ["2", "PER", "Anna Smith", "3", "13"],
    ];
    assert_eq!(lines[..4], expected, "{}{}", answer.stdout, answer.stderr);
    // As JSON an object a line, events beside it.
    let answer = session.call("predict recipe.toml found --input new.csv --json");
    let objects: Vec<Value> = answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = serde_json::json!({ "id": "0", "entity": "PER", "text": "שרה", "start": 6, "end": 9 });
    let own = first.as_object().unwrap().iter().all(|(key, value)| objects[0][key] == *value);
    assert!(own && objects[0]["score"].as_f64().unwrap() > 0.5, "{}", objects[0]);
    assert_eq!(objects.len(), lines.iter().skip(1).filter(|line| line.len() == 5).count());
    let events = answer.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(events.count() > 0);
}

const BERT: &str = r#"
[data.rows]
path = "tagging/rows.jsonl"
split = { column = "part" }

[stages.tokens]
kind = "preprocess"
data = "rows"
label = { column = "tags", kind = "tags", of = "text" }
columns.text = [{ tokenizer = { path = "tagging/vocab.txt", length = LENGTH } }]

[stages.tagger]
kind = "load-network"
path = "tagging"
data = "tokens"

[stages.result]
kind = "evaluate"
model = "tagger"
data = "tokens"
part = "test"
metrics = ["loss", "accuracy", "f1", "precision", "recall"]

[stages.tuned]
kind = "finetune"
network = "tagger"
data = "tokens"
epochs = 1
layer-decay = 0.9
batch = { size = 1 }
optimizer = { kind = "adamw", lr = 1e-4 }
"#;

#[test]
fn a_bert_with_a_head_for_tags_says_what_transformers_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tagging");
    let cases: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(folder.join("reference.json")).unwrap()).unwrap();
    for case in cases {
        let session = Session::new();
        session.copy("tagging", &folder);
        session.write("recipe.toml", &BERT.replace("LENGTH", &case["length"].to_string()));
        let run = session.call("run recipe.toml");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let cut = case["length"] == 7;
        assert_eq!(run.stderr.contains("no token stands for 5 of 27 words"), cut, "{}", run.stderr);
        let result: Value = serde_json::from_str(&document(&session, "result", "metrics.json")).unwrap();
        for (metric, expected) in case["values"].as_object().unwrap() {
            let (found, expected) = (result["metrics"][metric].as_f64().unwrap(), expected.as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-5,
                "{metric} of {}: {found} is not {expected}",
                case["length"]
            );
        }
        let scores = document(&session, "result", "scores.csv");
        let chosen: Vec<&str> = scores.lines().skip(1).filter_map(|line| line.rsplit(',').next()).collect();
        assert_eq!(Value::from(chosen), case["chosen"]);
    }
}
