//! Pictures from a folder to predictions, and the sheets on the way.

use std::fs;
use std::path::{Path, PathBuf};

use crate::session::Session;

const RECIPE: &str = r#"
[data.pets]
path = "pets"
format = "pictures"
on-error = "skip"

[stages.views]
kind = "preprocess"
data = "pets"
label = "label"
columns.image = [{ resize = 20 }, { center-crop = 16 }, "rgb", { normalise = "imagenet" }]

[stages.net]
kind = "train"
data = "views"
epochs = 2
augment = [{ horizontal-flip = 0.5 }, { rotate = 20 }]
network.layers = [
  { name = "conv", kind = "conv2d", units = 4, kernel = 3, activation = "relu" },
  { name = "pool", kind = "adaptive-average-pool2d", size = 1 },
  { name = "flat", kind = "flatten" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.encoder]
kind = "load-subnet"
network = "net"
output = "flat"

[stages.features]
kind = "extract-features"
network = "encoder"
data = "views"

[stages.groups]
kind = "cluster"
data = "views"
features = ["features"]
k = 2

[stages.directions]
kind = "project"
data = "views"
features = ["features"]
components = 2

[stages.said]
kind = "predict"
model = "net"
data = "views"

[stages.likeliest]
kind = "predict"
model = "net"
data = "views"
top = 2
"#;

fn session() -> Session {
    let session = Session::new();
    session.copy("pets", &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recipes/data/pictures"));
    session.write("recipe.toml", RECIPE);
    session
}

#[test]
fn a_folder_of_pictures_becomes_a_network_and_its_predictions() {
    let session = session();
    session.write("pets/dog/broken.jpg", "no picture");
    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let warning = "skipped: FOLDER/pets/dog/broken.jpg: no picture: JPEG, PNG, GIF, BMP and WebP are read";
    assert!(run.stderr.contains(warning) || run.stdout.contains(warning), "{}{}", run.stdout, run.stderr);
    // What a run is asked for is named at its end.
    assert!(run.stdout.contains("figures/recipe/said.png"), "{}", run.stdout);
    for (stage, sheet) in [
        ("views", "views"),
        ("net", "net-augmented"),
        ("features", "features"),
        ("groups", "groups-clustered"),
        ("groups", "groups-thumbnails"),
        ("directions", "directions-thumbnails"),
    ] {
        let shown = session.call(&format!("show recipe.toml {stage}"));
        let path = format!("figures/recipe/{sheet}.png");
        assert!(shown.stdout.contains(&path), "{}", shown.stdout);
        let sheet = fs::read(session.path(".pipeline").join(&path)).unwrap();
        assert!(sheet.starts_with(b"\x89PNG"));
    }
    // One picture, and a folder of them without classes.
    let one = session.call("predict recipe.toml said --input pets/dog/dog.0.webp");
    assert_eq!(one.code, Some(0), "{}", one.stderr);
    let lines: Vec<&str> = one.stdout.lines().collect();
    assert_eq!((lines[0], lines.len()), ("id,score,class", 2), "{}", one.stdout);
    let top = session.call("predict recipe.toml likeliest --input pets/dog/dog.0.webp").stdout;
    let cells: Vec<&str> = top.lines().nth(1).unwrap().split(',').collect();
    assert!(top.starts_with("id,class 1,probability 1,class 2,probability 2\n"), "{top}");
    let probability = |at: usize| cells[at].parse::<f64>().unwrap();
    assert!(probability(2) >= 0.5 && (probability(2) + probability(4) - 1.0).abs() < 1e-6, "{top}");
    assert!([cells[1], cells[3]].contains(&"cat") && [cells[1], cells[3]].contains(&"dog"), "{top}");
    // Folders of new pictures are no classes.
    session.copy("new/2024", &session.path("pets/dog"));
    let all = session.call("predict recipe.toml said --input new");
    assert_eq!((all.code, all.stdout.lines().count()), (Some(0), 2), "{}{}", all.stdout, all.stderr);
    let other = session.call("predict recipe.toml said --input recipe.toml");
    assert!(
        other.stderr.contains("recipe.toml: the file's name is not that of a picture"),
        "{}",
        other.stderr
    );
    let two = session.call("predict recipe.toml said --input pets/cat");
    assert_eq!(two.stdout.lines().count(), 3, "{}{}", two.stdout, two.stderr);
}

#[test]
fn a_broken_picture_stops_its_stage() {
    let session = session();
    session.write("recipe.toml", &RECIPE.replace("on-error = \"skip\"", ""));
    session.write("pets/dog/broken.jpg", "<html>");
    let run = session.call("run recipe.toml --only views");
    assert_eq!(run.code, Some(2), "{}{}", run.stdout, run.stderr);
    let said = run.stdout + &run.stderr;
    assert!(
        said.contains("pets/dog/broken.jpg: no picture") && said.contains("this is a web page"),
        "{said}"
    );
    assert!(said.contains("on-error = \"skip\""), "{said}");
}

#[test]
fn stages_that_read_the_same_pictures_decode_them_once() {
    let session = session();
    session.write("pets/dog/broken.jpg", "no picture");
    let halves = r#"
[data.halves]
path = "pets"
format = "pictures"
on-error = "skip"
split = { train = 0.5, test = 0.5 }

[stages.halves]
kind = "preprocess"
data = "halves"
columns.image = [{ resize = 20 }, { center-crop = 16 }, "rgb", { normalise = "imagenet" }]
"#;
    session.write("shared.toml", &format!("{RECIPE}{halves}"));
    assert_eq!(session.call("run recipe.toml --only views").code, Some(0));
    let run = session.call("run shared.toml --only views --only halves");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("views.decoded  ran"), "{}", run.stdout);
    for (recipe, folder) in [("recipe.toml", "alone"), ("shared.toml", "shared")] {
        assert_eq!(session.call(&format!("get {recipe} views {folder}")).code, Some(0));
    }
    let files = |folder: &str| {
        let mut files: Vec<_> =
            fs::read_dir(session.path(folder)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |path: &PathBuf| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap());
        files.iter().map(read).collect::<Vec<_>>()
    };
    let shared = files("shared/dataset");
    assert!(shared.iter().any(|(name, _)| name == "broken.csv"));
    assert!(shared == files("alone/dataset"));
    // Another chain, or other rows, are other pictures.
    for (from, to) in [
        ("resize = 20", "resize = 24"),
        ("split = {", "where = [{ column = \"label\", one-of = [\"cat\"] }]\nsplit = {"),
    ] {
        session.write("shared.toml", &format!("{RECIPE}{}", halves.replace(from, to)));
        let plan = session.call("plan shared.toml").stdout;
        assert!(plan.contains("halves") && !plan.contains("decoded"), "{plan}");
    }
}
