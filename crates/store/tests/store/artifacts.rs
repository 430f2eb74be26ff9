//! Storing, finding and reusing artifacts and results, from one process and from several.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::{child, child_store, files_below, put, record};
use serde_json::json;
use store::{Digest, Error, RunInfo, Store};

#[test]
fn an_artifact_comes_back_as_it_was_put() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("nested/store")).unwrap();
    let (digest, artifact) = put(&store, &[("a.txt", b"one"), ("sub/deep/b.bin", b""), ("twin", b"one")]);
    assert_eq!(artifact.digest().unwrap(), digest);
    assert_eq!(store.artifact(&digest).unwrap(), artifact);
    let paths = store.verified(&artifact).unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["a.txt", "sub/deep/b.bin", "twin"]);
    assert_eq!(std::fs::read(&paths["a.txt"]).unwrap(), b"one");
    assert_eq!(paths["a.txt"], paths["twin"]);
    assert_eq!(std::fs::metadata(&paths["a.txt"]).unwrap().permissions().mode() & 0o222, 0);
    assert_eq!(put(&store, &[("twin", b"one"), ("sub/deep/b.bin", b""), ("a.txt", b"one")]).0, digest);
    assert!(store.take_problems().is_empty());
}

#[test]
fn only_plain_files_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let staging = store.stage_dir().unwrap();
    std::os::unix::fs::symlink("/etc/hostname", staging.path().join("link")).unwrap();
    let error = store.put_artifact("test", json!(null), staging.path()).unwrap_err();
    assert!(matches!(error, Error::NotPlainFile { .. }), "{error}");
}

#[test]
fn temporaries_go_with_their_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let staging = store.stage_dir().unwrap();
    std::fs::write(staging.path().join("half"), "x").unwrap();
    drop(store);
    assert!(staging.path().join("half").exists(), "a staging folder outlives the store object");
    drop(staging);
    assert_eq!(files_below(&dir.path().join("tmp")), Vec::<PathBuf>::new());
}

#[test]
fn results_are_found_by_key_and_remembered_by_recipe() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (digest, _) = put(&store, &[("a", b"1")]);
    let first = record("train", digest);
    assert_eq!(store.lookup(&first.key).unwrap(), None);
    store.commit(&first).unwrap();
    assert_eq!(store.lookup(&first.key).unwrap().as_ref(), Some(&first));
    let unknown = record("other", Digest::of_bytes(b"nothing"));
    assert!(matches!(store.commit(&unknown), Err(Error::NoArtifact { .. })));

    for recipe in ["imdb", "a/b: ../c", "..", "", &"long".repeat(100)] {
        assert_eq!(store.history_for("train", recipe), None, "{recipe}");
        store.remember(recipe, &first).unwrap();
        assert_eq!(store.history_for("train", recipe).as_ref(), Some(&first), "{recipe}");
        assert_eq!(store.history_for("finetune", recipe), None, "{recipe}");
    }
    let reader = Store::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.lookup(&first.key).unwrap(), Some(first));
}

#[test]
fn reusing_results_hashes_no_content() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("data.csv");
    std::fs::write(&source, vec![b'x'; 100_000]).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&source).unwrap().set_modified(old).unwrap();
    let stages: Vec<String> = (0..50).map(|i| format!("stage-{i}")).collect();
    let store = Store::open(dir.path().join("store")).unwrap();
    let expected = store.source_digest(&source).unwrap();
    for stage in &stages {
        let (digest, _) = put(&store, &[("weights", &vec![7; 10_000]), ("name", stage.as_bytes())]);
        store.commit(&record(stage, digest)).unwrap();
    }
    assert!(store.hashed_bytes() >= 600_000);
    drop(store);

    let store = Store::open(dir.path().join("store")).unwrap();
    assert_eq!(store.source_digest(&source).unwrap(), expected);
    for stage in &stages {
        let found = store.lookup(&Digest::of_bytes(stage.as_bytes())).unwrap().unwrap();
        let artifact = store.artifact(&found.outputs["out"]).unwrap();
        assert_eq!(store.verified(&artifact).unwrap().len(), 2);
    }
    assert_eq!(store.hashed_bytes(), 0);
    assert_eq!(store.verify(false).unwrap(), []);
    let names: usize = stages.iter().map(String::len).sum();
    assert_eq!(store.hashed_bytes(), 10_000 + names as u64);
}

#[test]
fn a_source_is_hashed_again_when_it_changed_or_is_too_young() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let source = dir.path().join("data.csv");
    let write = |content: &[u8], age: u64| {
        std::fs::write(&source, content).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        std::fs::File::options().write(true).open(&source).unwrap().set_modified(time).unwrap();
    };
    write(b"aaaa", 0);
    for hashed in [4, 8] {
        assert_eq!(store.source_digest(&source).unwrap(), Digest::of_bytes(b"aaaa"));
        assert_eq!(store.hashed_bytes(), hashed, "too young to be remembered");
    }
    write(b"bbbb", 100);
    for _ in 0..2 {
        assert_eq!(store.source_digest(&source).unwrap(), Digest::of_bytes(b"bbbb"));
        assert_eq!(store.hashed_bytes(), 12);
    }
    write(b"cccc", 50);
    assert_eq!(store.source_digest(&source).unwrap(), Digest::of_bytes(b"cccc"));
    std::fs::remove_file(&source).unwrap();
    assert!(store.source_digest(&source).unwrap_err().is_not_found());
}

/// Puts the same eight artifacts, and eight of its own, as fast as it can.
fn write_many(store: &Store, who: &str) -> Vec<Digest> {
    let mut shared = Vec::new();
    for i in 0..8_u8 {
        shared.push(put(store, &[("same", &vec![i; 50_000]), ("small", &[i])]).0);
        let (own, _) = put(store, &[("own", format!("{who} {i}").as_bytes())]);
        store.commit(&record(&format!("{who}-{i}"), own)).expect("a result");
        store.commit(&record(&format!("same-{i}"), shared[usize::from(i)])).expect("a result");
    }
    shared
}

#[test]
fn child_writes() {
    if let Some(dir) = child_store() {
        write_many(&Store::open(dir).unwrap(), &std::process::id().to_string());
    }
}

#[test]
fn threads_and_processes_write_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..2)
        .map(|_| child("artifacts::child_writes", dir.path()).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    let shared: Vec<Vec<Digest>> = std::thread::scope(|scope| {
        let store = Store::open(dir.path()).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let store = store.clone();
                scope.spawn(move || write_many(&store, &format!("thread {i}")))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(shared.windows(2).all(|pair| pair[0] == pair[1]));
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.verify(false).unwrap(), []);
    let usage = store.du().unwrap();
    // Eight shared artifacts of two blobs, and eight of one blob from each of four threads and two processes.
    assert_eq!((usage.kinds["test"].count, usage.blobs.count), (8 + 48, 16 + 48));
    assert_eq!(usage.unreferenced.count, 0);
    drop(store);
    assert_eq!(files_below(&dir.path().join("tmp")), Vec::<PathBuf>::new());
}

#[test]
fn child_dies() {
    if let Some(dir) = child_store() {
        let store = Store::open(dir).unwrap();
        let staging = store.stage_dir().unwrap();
        std::fs::write(staging.path().join("half"), vec![0; 1000]).unwrap();
        let key = Digest::of_bytes(b"key");
        std::fs::write(store.partial(&key).unwrap().join("epoch"), "3").unwrap();
        let _lock = store.lock(&key).unwrap();
        let run = store.begin_run(RunInfo { recipe: "dying".into(), ..RunInfo::default() }).unwrap();
        run.event(&json!({"event": "start"})).unwrap();
        println!("\nready");
        std::thread::sleep(std::time::Duration::from_secs(600));
    }
}

#[test]
fn what_a_killed_process_leaves_is_cleaned_and_its_checkpoints_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut dying = child("artifacts::child_dies", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(dying.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "ready"));

    let key = Digest::of_bytes(b"key");
    let store = Store::open(dir.path()).unwrap();
    assert!(store.try_lock(&key).unwrap().is_none(), "held by the child");
    assert_eq!(store.runs().unwrap()[0].state, store::RunState::Running);
    drop(store.begin_run(RunInfo::default()).unwrap());
    assert_eq!(store.du().unwrap().temporary.bytes, 1000, "the child lives, so its folder stays");

    dying.kill().unwrap();
    dying.wait().unwrap();
    assert!(store.try_lock(&key).unwrap().is_some(), "a dead process holds nothing");
    let dead = store.runs().unwrap().into_iter().find(|run| run.info.recipe == "dying").unwrap();
    assert_eq!(dead.state, store::RunState::Interrupted);
    assert_eq!(store.run_events(&dead.id).unwrap(), [json!({"event": "start"})]);
    drop(store.begin_run(RunInfo::default()).unwrap());
    assert_eq!(store.du().unwrap().temporary.bytes, 0);

    assert_eq!(std::fs::read(store.partial(&key).unwrap().join("epoch")).unwrap(), b"3");
    assert_eq!(store.du().unwrap().partials.count, 1);
    store.drop_partial(&key).unwrap();
    store.drop_partial(&key).unwrap();
    assert_eq!(store.du().unwrap().partials.count, 0);
}

#[test]
fn a_key_is_locked_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let key = Digest::of_bytes(b"key");
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let _lock = store.lock(&key).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(files_below(&dir.path().join("locks")), Vec::<PathBuf>::new());
}
