//! Making artifacts and results for the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use store::{Artifact, Digest, ResultRecord, Store};

/// Names the store that a child process of a test works on.
pub(crate) const CHILD_STORE: &str = "STORE_TEST_CHILD";

/// Stores files given by name and content as an artifact of the kind `test`.
pub(crate) fn put(store: &Store, files: &[(&str, &[u8])]) -> (Digest, Artifact) {
    let staging = store.stage_dir().expect("a staging folder");
    for (name, content) in files {
        let path = staging.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    store.put_artifact("test", json!({"files": files.len()}), staging.path()).expect("an artifact")
}

/// A result of a stage with one output.
pub(crate) fn record(stage: &str, output: Digest) -> ResultRecord {
    ResultRecord {
        key: Digest::of_bytes(stage.as_bytes()),
        key_document: json!({"stage": stage}),
        outputs: BTreeMap::from([("out".to_owned(), output)]),
        seconds: 0.25,
        created: 1_700_000_000,
        stage: stage.to_owned(),
        summary: json!({"rows": 3}),
    }
}

/// Replaces a file of the store, which is read-only, by other content.
pub(crate) fn overwrite(path: &Path, content: &[u8]) {
    std::fs::remove_file(path).expect("an old file");
    std::fs::write(path, content).expect("a new file");
}

/// All files below a folder, relative to it.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path.strip_prefix(dir).expect("below").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// This test binary again, running one of its tests as the child of another.
pub(crate) fn child(test: &str, store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD_STORE, store);
    command
}

/// The store that a parent test named, when this process is a child.
pub(crate) fn child_store() -> Option<PathBuf> {
    std::env::var_os(CHILD_STORE).map(PathBuf::from)
}
