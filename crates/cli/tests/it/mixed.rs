//! Text, a number, a category and a picture in one network and in trees, and networks joined to one.

use crate::session::Session;

const RECIPE: &str = r#"
[data.cards]
path = "cards.csv"
files = { column = "photo", folder = "photos", content = "picture" }
split = { train = 0.6, valid = 0.2, test = 0.2, stratify = "means" }

[stages.fields]
kind = "preprocess"
data = "cards"
label = "what"
columns.caption = ["lowercase", { tokenize = "punctuation" }, { index = {} }, { clip = 8 }]
columns.weight = ["number", { impute = { with = "median", indicator = true } }]
columns.place = ["category"]
columns.photo = ["rgb"]

[stages.together]
kind = "train"
data = "fields"
epochs = 60
batch.size = 16
optimizer = { kind = "adam", lr = 0.02 }
network.layers = [
  { name = "conv", kind = "conv2d", input = ["photo"], units = 4, kernel = 1, activation = "relu" },
  { name = "colours", kind = "mean-pool" },
  { name = "embed", kind = "embedding", input = ["caption"], units = 4 },
  { name = "words", kind = "mean-pool" },
  { name = "where", kind = "embedding", input = ["place"], units = 4 },
  { name = "joined", kind = "concat", input = ["colours", "words", "where", "weight"] },
  { name = "hidden", kind = "dense", units = 16, activation = "relu" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.together-test]
kind = "evaluate"
model = "together"
data = "fields"

[stages.seen]
kind = "extract-features"
network = "together"
data = "fields"
output = "colours"

[stages.columns]
kind = "preprocess"
data = "cards"
label = "what"
columns.caption = ["lowercase", { tokenize = "punctuation" }, { count = {} }]
columns.weight = ["number", { impute = { with = "median" } }]
columns.place = ["category"]

[stages.trees]
kind = "gradient-boosting"
data = "columns"
features = ["seen"]
rounds = 100
min-rows = 2

[stages.trees-test]
kind = "evaluate"
model = "trees"

[stages.network-says]
kind = "predict"
model = "together"
data = "fields"

[stages.trees-say]
kind = "predict"
model = "trees"
"#;

fn dot(session: &Session, name: &str, colour: [u8; 3]) {
    image::RgbImage::from_pixel(6, 6, image::Rgb(colour))
        .save(session.path(&format!("photos/{name}.png")))
        .unwrap();
}

/// Rows in which one column says the class and the other three say nothing.
fn session() -> Session {
    let session = Session::new();
    std::fs::create_dir(session.path("photos")).unwrap();
    dot(&session, "grey", [128; 3]);
    dot(&session, "green", [20, 220, 20]);
    dot(&session, "red", [220, 20, 20]);
    let mut cards = String::from("photo,caption,weight,place,means,what\n");
    for row in 0..240 {
        let (what, living) = if row % 2 == 0 { ("living", true) } else { ("thing", false) };
        // Every row has its own number, because equal rows are never parted.
        let number = row as f64 / 240.0 - 0.5;
        let (mut photo, mut caption, mut weight, mut place) = ("grey", "a photo", number, "home");
        let means = row / 2 % 4;
        match means {
            0 => photo = if living { "green" } else { "red" },
            1 => caption = if living { "a leaf, and fur" } else { "a wheel, and steel" },
            2 => weight += if living { 3.0 } else { -3.0 },
            _ => place = if living { "forest" } else { "harbour" },
        }
        cards += &format!("{photo}.png,\"{caption}\",{weight:.3},{place},{means},{what}\n");
    }
    session.write("cards.csv", &cards);
    session.write("recipe.toml", RECIPE);
    session
}

#[test]
fn one_recipe_puts_text_numbers_categories_and_pictures_into_a_network_and_into_trees() {
    let session = session();
    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    // Without any one of the columns a quarter of the rows is a guess, and this out of reach.
    for stage in ["together-test", "trees-test"] {
        let metrics = session.metrics(stage);
        assert!(metrics["accuracy"] > 0.99, "{stage}: {metrics:?}");
    }
    session.write(
        "new.csv",
        "photo,caption,weight,place\nred.png,A photo,,home\ngrey.png,\"A leaf, and FUR\",,home\ngrey.png,a photo,-3,home\ngrey.png,A PHOTO,,forest\n",
    );
    for stage in ["network-says", "trees-say"] {
        let said = session.call(&format!("predict recipe.toml {stage} --input new.csv"));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let classes: Vec<_> =
            said.stdout.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect();
        assert_eq!(classes, ["thing", "living", "thing", "living"], "{stage}: {}", said.stdout);
    }
}

const JOINED: &str = r#"
[stages.eye]
kind = "load-subnet"
network = "together"
output = "colours"

[stages.still]
kind = "freeze"
network = "eye"
layers = "."

[stages.vectors]
kind = "word-vectors"
path = "vectors.txt"
data = "fields"

[stages.joined]
kind = "join-networks"
networks = ["vectors", "still"]
as = ["words", "eye"]
data = "fields"
network.layers = [
  { name = "text", kind = "mean-pool", input = ["words"] },
  { name = "both", kind = "concat", input = ["text", "eye", "weight"] },
]

[stages.tuned]
kind = "finetune"
network = "joined"
data = "fields"
epochs = 3
batch.size = 16
optimizer = { kind = "adam", lr = 0.01 }
replace = [{ name = "end", kind = "dense", units = 1 }]

[stages.seen-joined]
kind = "extract-features"
network = "joined"
data = "fields"
output = "eye"

[stages.seen-tuned]
kind = "extract-features"
network = "tuned"
data = "fields"
output = "eye"

[stages.read]
kind = "extract-features"
network = "joined"
data = "fields"
output = "text"

[stages.read-tuned]
kind = "extract-features"
network = "tuned"
data = "fields"
output = "text"
"#;

#[test]
fn joined_networks_keep_their_weights_and_what_is_frozen_in_them() {
    let session = session();
    session.write("vectors.txt", "leaf 1 0\nfur 3 0\nwheel 0 1\nsteel 0 5\n");
    session.write("recipe.toml", &(RECIPE.to_owned() + JOINED));
    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let features = |stage: &str| {
        assert_eq!(session.call(&format!("get recipe.toml {stage}")).code, Some(0));
        std::fs::read(session.path(&format!("{stage}/features.safetensors"))).unwrap()
    };
    let seen = features("seen");
    assert_eq!((features("seen-joined"), features("seen-tuned")), (seen.clone(), seen));
    assert_ne!(features("read"), features("read-tuned"));
    // "a leaf, and fur" is five words, two of which have a vector; "a wheel, and steel" likewise.
    let path = session.path("read/features.safetensors");
    let read = weights::Weights::open(&path, &weights::Options::default()).unwrap();
    let bytes = read.get("features").unwrap().bytes().into_owned();
    let values: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    let close = |found: &[f32], expected: [f32; 2]| {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6)
    };
    assert!(close(&values[0..2], [0.0, 0.0]), "{:?}", &values[..8]);
    assert!(close(&values[4..6], [0.8, 0.0]) && close(&values[6..8], [0.0, 1.2]), "{:?}", &values[..8]);
}
