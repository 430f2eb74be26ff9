//! What networks predict beside one class a row: numbers, any number of labels, and several at once.

use std::fs;

use serde_json::Value;

use crate::session::Session;

fn column(csv: &str, name: &str) -> Vec<String> {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|own| own == name).unwrap();
    lines.map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
}

const REGRESSION: &str = r#"
name = "houses"

[data.houses]
path = "houses.csv"
split = { train = 0.6, valid = 0.2, test = 0.2 }

[stages.encoded]
kind = "preprocess"
data = "houses"
label = "price"
label-kind = "number"
columns.size = ["number", "standardize"]

[stages.first]
kind = "train"
data = "encoded"
epochs = 30
batch.size = 16
loss = "huber"
optimizer = { kind = "adam", lr = 0.05 }
early-stopping = { patience = 30, metric = "mae" }
network.layers = [{ name = "output", kind = "dense", units = 1 }]

[stages.further]
kind = "finetune"
network = "first"
data = "encoded"
epochs = 5
optimizer = { kind = "adam", lr = 0.01 }

[stages.first-test]
kind = "evaluate"
model = "first"
data = "encoded"

[stages.further-test]
kind = "evaluate"
model = "further"
data = "encoded"
metrics = ["rmse", "mae", "r2", "mape", "spearman"]
confidence = {}

[stages.trees]
kind = "gradient-boosting"
data = "encoded"
rounds = 20

[stages.trees-test]
kind = "evaluate"
model = "trees"

[stages.all]
kind = "compare"
stages = ["first-test", "further-test", "trees-test"]
metric = "rmse"

[stages.prices]
kind = "predict"
model = "further"
data = "encoded"
"#;

#[test]
fn numbers_from_rows_to_report() {
    let session = Session::new();
    // The label is linear, so that the best there is, is known: no error at all.
    let row = |row: u64| format!("{},{}\n", row % 97, 90_000.0 + 1500.0 * (row % 97) as f64);
    session.write("houses.csv", &("size,price\n".to_owned() + &(0..150).map(row).collect::<String>()));
    session.write("recipe.toml", REGRESSION);
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    for stage in ["first-test", "further-test"] {
        let found = session.metrics(stage);
        assert!(found["r2"] > 0.99 && found["rmse"] < 5000.0, "{stage}: {found:?}");
    }
    assert!(session.metrics("further-test")["spearman"] > 0.999);

    session.write("new.csv", "size\n10\n90\n");
    let answer = session.call("predict recipe.toml prices --input new.csv");
    let prices = column(&answer.stdout, "value");
    for (found, expected) in prices.iter().zip([105_000.0, 225_000.0]) {
        let found: f64 = found.parse().unwrap();
        assert!((found - expected).abs() < 6000.0, "{found} is not {expected}");
    }
    assert!(session.call("show recipe.toml encoded").stdout.contains("label: price, a number"));
    let network = session.call("show recipe.toml further").stdout;
    assert!(network.contains("label-scale"), "{network}");
    let comparison = session.call("show recipe.toml all").stdout;
    assert!(comparison.contains("rmse") && comparison.contains("trees-test"), "{comparison}");
    let answer = session.call("report recipe.toml");
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    assert!(page.contains("<h2>Worst mistakes</h2>") && page.contains("data-y=\"mae\""));

    session.write("houses.csv", "size,price\n1,2\n3,\n5,6\n");
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("houses.csv:3:3: the label in column `price` is empty"),
        "{}",
        answer.stderr
    );
}

const WEIGHTED: &str = r#"
name = "weighed"

[data.rows]
path = "rows.csv"

[stages.encoded]
kind = "preprocess"
data = "rows"
label = "y"
label-kind = "number"
weights = "w"
columns.x = ["number"]

[stages.net]
kind = "train"
data = "encoded"
epochs = 200
optimizer = { kind = "adam", lr = 0.05 }
network.layers = [{ name = "output", kind = "dense", units = 1 }]

[stages.trees]
kind = "gradient-boosting"
data = "encoded"
rounds = 100
lr = 0.2
feature-fraction = 1.0

[stages.of-net]
kind = "predict"
model = "net"
data = "encoded"

[stages.of-trees]
kind = "predict"
model = "trees"
"#;

#[test]
fn rows_that_weigh_nothing_teach_nothing() {
    let session = Session::new();
    // Rows that weigh say y = x, as many others say y = 10 - x.
    let row = |row: u32| {
        let (x, weighs) = (row % 8, row / 8 % 2);
        format!("{x},{},{weighs}\n", if weighs == 1 { x } else { 10 - x })
    };
    session.write("rows.csv", &("x,y,w\n".to_owned() + &(0..160).map(row).collect::<String>()));
    session.write("recipe.toml", WEIGHTED);
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    session.write("new.csv", "x\n1\n6\n");
    for stage in ["of-net", "of-trees"] {
        let answer = session.call(&format!("predict recipe.toml {stage} --input new.csv"));
        let found: Vec<f64> =
            column(&answer.stdout, "value").iter().map(|value| value.parse().unwrap()).collect();
        assert!((found[0] - 1.0).abs() < 0.5 && (found[1] - 6.0).abs() < 0.5, "{stage}: {found:?}");
    }
    session.write("rows.csv", "x,y,w\n1,2,1\n1,2,-3\n");
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("rows.csv:3:5: `-3` in column `w` is not a weight"), "{}", answer.stderr);
}

const SEVERAL: &str = r#"
name = "topics"

[data.rows]
path = "rows.csv"
split = { train = 0.6, valid = 0.2, test = 0.2 }

[stages.encoded]
kind = "preprocess"
data = "rows"
label = { column = "topics", separator = ";" }
columns.heat = ["number", "standardize"]
columns.cold = ["number", "standardize"]

[stages.columns]
kind = "preprocess"
data = "rows"
label = ["is_summer", "is_winter"]
columns.heat = ["number", "standardize"]
columns.cold = ["number", "standardize"]

[stages.net]
kind = "train"
data = "encoded"
epochs = 40
batch.size = 16
optimizer = { kind = "adam", lr = 0.1 }
early-stopping = { patience = 40, metric = "f1-macro" }
network.layers = [
  { name = "both", kind = "concat", input = ["heat", "cold"] },
  { name = "output", kind = "dense", units = 2 },
]

[stages.focal]
kind = "train"
data = "columns"
epochs = 40
batch.size = 16
loss = { kind = "binary-focal", alpha = 0.5 }
optimizer = { kind = "adam", lr = 0.1 }
network.layers = [
  { name = "both", kind = "concat", input = ["heat", "cold"] },
  { name = "output", kind = "dense", units = 2 },
]

[stages.net-test]
kind = "evaluate"
model = "net"
data = "encoded"
metrics = ["accuracy", "auc", "f1-micro", "log-loss"]
confidence = { samples = 50 }

[stages.focal-test]
kind = "evaluate"
model = "focal"
data = "columns"

[stages.both]
kind = "compare"
stages = ["net-test", "focal-test"]
metric = "auc"

[stages.topics]
kind = "predict"
model = "net"
data = "encoded"
"#;

#[test]
fn several_labels_from_rows_to_report() {
    let session = Session::new();
    let row = |row: u32| {
        let (heat, cold) = (row % 12, row * 7 % 12);
        let (summer, winter) = (heat > 5, cold > 5);
        let topics = match (summer, winter) {
            (true, true) => "winter;summer",
            (true, false) => "summer",
            (false, true) => "winter",
            (false, false) => "",
        };
        format!("{heat},{cold},{topics},{},{}\n", u8::from(summer), u8::from(winter))
    };
    let head = "heat,cold,topics,is_summer,is_winter\n".to_owned();
    session.write("rows.csv", &(head + &(0..240).map(row).collect::<String>()));
    session.write("recipe.toml", SEVERAL);
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    for stage in ["net-test", "focal-test"] {
        let found = session.metrics(stage);
        assert!(found["auc"] > 0.97 && found["accuracy"] > 0.75, "{stage}: {found:?}");
    }
    session.write("new.csv", "heat,cold\n11,0\n0,11\n11,11\n0,0\n");
    let answer = session.call("predict recipe.toml topics --input new.csv");
    assert!(answer.stdout.starts_with("id,score summer,score winter,labels\n"), "{}", answer.stdout);
    assert_eq!(column(&answer.stdout, "labels"), ["summer", "winter", "summer;winter", ""]);
    let encoded = session.call("show recipe.toml encoded").stdout;
    assert!(encoded.contains("summer") && encoded.contains("label: topics"), "{encoded}");
    let classes = session.call("show recipe.toml net-test").stdout;
    assert!(classes.contains("precision"), "{classes}");
    let answer = session.call("report recipe.toml");
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    assert!(page.contains("net-test: each label") && page.contains("data-x=\"false positive rate\""));
}

const TASKS: &str = r#"
name = "tasks"

[data.rows]
path = "rows.csv"
split = { train = 0.6, valid = 0.2, test = 0.2 }

[stages.encoded]
kind = "preprocess"
data = "rows"
labels = { mood = "mood", rating = { column = "stars", kind = "number" } }
columns.a = ["number", "standardize"]
columns.b = ["number", "standardize"]

[stages.net]
kind = "train"
data = "encoded"
epochs = 30
batch.size = 16
optimizer = { kind = "adam", lr = 0.05 }
metrics = ["auc", "accuracy", "rmse", "r2"]
early-stopping = { patience = 30, metric = "rmse", output = "stars" }
outputs = { mood = {}, stars = { label = "rating", loss = "huber", weight = 0.5 } }
network.layers = [
  { name = "both", kind = "concat", input = ["a", "b"] },
  { name = "shared", kind = "dense", units = 8, activation = "tanh" },
  { name = "mood", kind = "dense", units = 1, input = ["shared"] },
  { name = "stars", kind = "dense", units = 1, input = ["shared"] },
]

[stages.further]
kind = "finetune"
network = "net"
data = "encoded"
epochs = 2

[stages.test]
kind = "evaluate"
model = "further"
data = "encoded"

[stages.mood-test]
kind = "evaluate"
model = "further"
data = "encoded"
output = "mood"
threshold = { maximize = "f1" }

[stages.net-test]
kind = "evaluate"
model = "net"
data = "encoded"

[stages.both]
kind = "compare"
stages = ["test", "net-test"]
metric = "rmse"
output = "stars"

[stages.all]
kind = "predict"
model = "further"
data = "encoded"
evaluation = "mood-test"
"#;

#[test]
fn several_outputs_from_rows_to_report() {
    let session = Session::new();
    let row = |row: u32| {
        let (a, b) = (row % 10, row * 7 % 11);
        format!("{a},{b},{},{}\n", if a > b { "good" } else { "bad" }, 100 + 3 * a + b)
    };
    let head = "a,b,mood,stars\n".to_owned();
    session.write("rows.csv", &(head + &(0..250).map(row).collect::<String>()));
    session.write("recipe.toml", TASKS);
    let answer = session.call("run recipe.toml");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    for stage in ["test", "net-test"] {
        let found = session.metrics(stage);
        assert!(found["mood auc"] > 0.97 && found["stars r2"] > 0.95, "{stage}: {found:?}");
    }
    assert!(session.metrics("mood-test")["accuracy"] > 0.85);

    // What was minimised is the sum of both losses, each times its weight.
    let shown: Value =
        serde_json::from_str(&session.call("show recipe.toml net --port history --json").stdout).unwrap();
    let epochs = shown[0]["documents"]["history.json"]["epochs"].as_array().unwrap().clone();
    for part in ["train", "valid"] {
        let of = |name: &str| epochs[3]["metrics"][part][name].as_f64().unwrap();
        let sum = of("mood loss") + 0.5 * of("stars loss");
        assert!((of("loss") - sum).abs() < 1e-12, "{part}");
    }
    let kept = shown[0]["documents"]["history.json"]["kept"].as_u64().unwrap() as usize;
    let rmse = |epoch: &Value| epoch["metrics"]["valid"]["stars rmse"].as_f64().unwrap();
    assert!(epochs[1..].iter().all(|epoch| rmse(epoch) >= rmse(&epochs[kept])));

    session.write("new.csv", "a,b\n9,0\n0,9\n");
    let answer = session.call("predict recipe.toml all --input new.csv");
    assert!(answer.stdout.starts_with("id,mood score,mood class,stars value\n"), "{}", answer.stdout);
    assert_eq!(column(&answer.stdout, "mood class"), ["good", "bad"]);
    for (found, expected) in column(&answer.stdout, "stars value").iter().zip([127.0, 109.0]) {
        let found: f64 = found.parse().unwrap();
        assert!((found - expected).abs() < 6.0, "{found} is not {expected}");
    }
    // The smaller error is the better one.
    let table = session.call("show recipe.toml both").stdout;
    let errors: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            words.next().filter(|name| name.ends_with("test")).and(words.next())
        })
        .take(2)
        .collect();
    let error = |text: &str| text.trim_end_matches('*').parse::<f64>().unwrap();
    let (best, other) =
        if errors[0].ends_with('*') { (errors[0], errors[1]) } else { (errors[1], errors[0]) };
    assert!(best.ends_with('*') && error(best) <= error(other), "{table}");

    let encoded = session.call("show recipe.toml encoded").stdout;
    assert!(encoded.contains("label rating: stars, a number"), "{encoded}");
    let network = session.call("show recipe.toml further").stdout;
    assert!(network.contains("output: mood = mood, stars = stars-scale"), "{network}");
    let answer = session.call("report recipe.toml --tensorboard events");
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    assert!(page.contains("stars rmse") && page.contains("good against bad"));
}
