//! What the documents say is true: paths that they name exist, recipes that they show compile.

use std::fs;
use std::path::{Path, PathBuf};

use crate::session::Session;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into();
    for folder in ["docs", "docs/reference"] {
        files.extend(fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Texts between backticks, code blocks left out.
fn quoted(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn pages_about_the_code_name_only_paths_that_exist() {
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let paths: Vec<String> = quoted(&text)
            .into_iter()
            .filter(|word| {
                word.contains('/') && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            })
            .collect();
        assert!(paths.len() > 10, "{page}: {paths:?}");
        let missing: Vec<&String> = paths.iter().filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{page}: {missing:?}");
    }
}

#[test]
fn lines_of_a_shown_diff_stand_in_the_files_that_it_names() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let mut shown = 0;
    for block in text.split("```diff\n").skip(1) {
        let (mut path, mut lines) = ("", vec![]);
        for line in block.split("```").next().unwrap().lines() {
            if let Some(named) = line.strip_prefix("+++ b/") {
                path = named;
                let file = fs::read_to_string(root().join(named)).unwrap();
                lines = file.lines().map(str::to_owned).collect();
            } else if let Some(added) = line.strip_prefix('+') {
                assert!(lines.iter().any(|known| known == added), "{path} has no line `{added}`");
                shown += 1;
            }
        }
    }
    assert!(shown > 20, "{shown} lines");
}

/// Targets that a page's headings make, as GitHub makes them of the names that stand here.
fn anchors(text: &str) -> Vec<String> {
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(|name| name.to_lowercase().replace(' ', "-")).collect()
}

#[test]
fn links_and_pictures_of_the_documents_exist() {
    for (name, text) in documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let here = if file.is_empty() {
                PathBuf::from(&name)
            } else {
                Path::new(&name).parent().unwrap().join(file)
            };
            assert!(here.exists(), "{name}: {target}");
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(&here).unwrap());
                assert!(known.iter().any(|known| known == anchor), "{name}: no heading for {target}");
            }
        }
    }
}

#[test]
fn recipes_in_the_documents_compile() {
    let session = Session::new();
    assert_eq!(session.call("sample .").code, Some(0));
    session.copy("pets", &root().join("tests/recipes/data/pictures"));
    session.copy("bert", &root().join("crates/cli/tests/it/encoders/bert"));
    session.copy("tagged", &root().join("crates/cli/tests/it/tagging"));
    fs::copy(root().join("tests/recipes/data/names.conll"), session.path("names.conll")).unwrap();
    session.write("vectors.txt", "film 0.5 1\nhotel -1 0.25\n");
    session.write("cards.csv", "photo,caption,weight,place,what\ncat/cat.0.jpg,A cat,4,home,cat\n");
    session.write("train.jsonl", "{\"tokens\": [\"EU\", \"rejects\"], \"ner_tags\": [1, 0]}\n");
    let mut found = 0;
    for (name, text) in documents() {
        for block in text.split("```toml\n").skip(1) {
            found += 1;
            session.write("recipe.toml", block.split("```").next().unwrap());
            let answer = session.call("check recipe.toml");
            assert_eq!(answer.code, Some(0), "{name}: {}", answer.stderr);
        }
    }
    assert!(found > 0);
}
