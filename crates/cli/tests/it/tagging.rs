//! Tags of words end to end: a small network on sentences that are drawn here, and a BERT with a head for tags against
//! `transformers` and seqeval (`tagging.py` made folder and numbers).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

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

/// The sentences as JSON lines with a weight a row, in a recipe that looks for its learning rate.
fn weighted(session: &Session) {
    let mut rows = String::new();
    for (nth, sentence) in sentences().split("\n\n").filter(|sentence| !sentence.is_empty()).enumerate() {
        let pairs = sentence.lines().filter_map(|line| line.split_once(' '));
        let (words, tags): (Vec<&str>, Vec<&str>) = pairs.unzip();
        rows += &serde_json::json!({ "text": words, "tags": tags, "weight": 1 + nth % 3 }).to_string();
        rows += "\n";
    }
    session.write("names.jsonl", &rows);
    let recipe = RECIPE.replace("names.conll", "names.jsonl");
    let recipe = recipe.replace("data = \"names\"\n", "data = \"names\"\nweights = \"weight\"\n");
    session.write("recipe.toml", &recipe.replace("lr = 2e-2", "lr = \"find\""));
}

#[test]
fn a_tagger_with_weights_and_a_rate_that_is_looked_for_goes_on_in_the_same_bytes() {
    const RUN: &str = "run recipe.toml --only tagger --set stages.tagger.epochs=8";
    let broken = Session::new();
    weighted(&broken);
    let mut run = broken
        .command(&format!("{RUN} --json"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["progress"]["epoch"].as_u64().is_some_and(|epoch| epoch >= 3) {
            run.kill().unwrap();
            break;
        }
    }
    assert_eq!(run.wait().unwrap().code(), None);
    let plan = broken.call("plan recipe.toml --only tagger --set stages.tagger.epochs=8");
    assert!(plan.stdout.contains("goes on from its checkpoint"), "{}", plan.stdout);
    let whole = Session::new();
    weighted(&whole);
    let weights = [&broken, &whole].map(|session| {
        let run = session.call(RUN);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let shown = session.call("get recipe.toml tagger made --set stages.tagger.epochs=8");
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        let found = fs::read_to_string(session.path("made/history/find.json")).unwrap();
        let found: Value = serde_json::from_str(&found).unwrap();
        assert!(found["lr"].as_f64().unwrap() > 1e-4, "{found}");
        fs::read(session.path("made/network/weights.safetensors")).unwrap()
    });
    assert!(weights[0] == weights[1], "going on gave other weights");
}

#[test]
fn a_text_that_weighs_two_is_two_texts() {
    const WEIGHTED: &str = r#"
[data.rows]
path = "rows.jsonl"
split = { column = "part" }

[stages.tokens]
kind = "preprocess"
data = "rows"
label = { column = "tags", kind = "tags", of = "text", classes = ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"] }
columns.text = [{ tokenizer = { path = "tagging/vocab.txt" } }]
weights = "weight"

[stages.tagger]
kind = "train"
data = "tokens"
epochs = 3
batch = { size = 64 }
optimizer = { kind = "sgd", lr = 0.5 }
network.layers = [
  { name = "embed", kind = "embedding", units = 8 },
  { name = "lstm", kind = "lstm", units = 8, bidirectional = true },
  { name = "output", kind = "dense" },
]

[stages.result]
kind = "evaluate"
model = "tagger"
data = "tokens"
part = "valid"
weighted = true
metrics = ["accuracy", "f1", "loss"]
"#;
    let rows = [
        ("Anna won in New York", "B-PER O O B-LOC I-LOC", "train", 2),
        ("Omar in Paris .", "B-PER O B-LOC O", "train", 1),
        ("the U.S.", "O B-LOC", "valid", 3),
        ("Anna Omar won", "B-PER I-PER O", "valid", 1),
    ];
    let measured = [true, false].map(|weigh| {
        let session = Session::new();
        session.copy("tagging", &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tagging"));
        let mut lines = String::new();
        for (text, tags, part, weight) in rows {
            let (weight, times) = if weigh { (weight, 1) } else { (1, weight) };
            let row = serde_json::json!({ "text": text, "tags": tags, "part": part, "weight": weight });
            lines += &format!("{row}\n").repeat(times);
        }
        session.write("rows.jsonl", &lines);
        session.write("recipe.toml", WEIGHTED);
        let run = session.call("run recipe.toml");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        session.metrics("result")
    });
    for (metric, value) in &measured[0] {
        let other = measured[1][metric];
        assert!((value - other).abs() < 1e-5, "{metric}: {value} is not {other}");
    }
    assert_eq!(measured[0].len(), 3);
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
