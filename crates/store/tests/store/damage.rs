//! Damage is found, named, and treated as a miss; what the user can get wrong about the directory is said clearly.

use std::path::Path;
use std::process::Command;

use crate::support::{CHILD_STORE, child_store, files_below, overwrite, put, record};
use serde_json::json;
use store::{Digest, Error, Fault, RunInfo, Store};

/// A store with the stages `encode` and `train`, which share a file, and `plot`.
fn filled(dir: &Path) -> (Store, [Digest; 3]) {
    let store = Store::open(dir).expect("a store");
    let files: [&[(&str, &[u8])]; 3] =
        [&[("x", b"shared"), ("y", b"encoded")], &[("x", b"shared"), ("w", b"weights")], &[("p", b"plot")]];
    let digests = std::array::from_fn(|i| {
        let (digest, _) = put(&store, files[i]);
        store.commit(&record(["encode", "train", "plot"][i], digest)).expect("a result");
        digest
    });
    (store, digests)
}

fn key(stage: &str) -> Digest {
    Digest::of_bytes(stage.as_bytes())
}

fn hits(store: &Store) -> Vec<&'static str> {
    let found = |stage: &&str| store.lookup(&key(stage)).expect("a readable store").is_some();
    ["encode", "train", "plot"].into_iter().filter(found).collect()
}

#[test]
fn a_truncated_blob_is_a_miss_of_the_stages_that_need_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digests) = filled(dir.path());
    let blob = store.blob_path(&Digest::of_bytes(b"shared"));
    overwrite(&blob, b"sha");
    let problems = store.verify(false).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, blob);
    assert_eq!(problems[0].fault, Fault::Size { expected: 6, found: 3 });
    assert_eq!(
        problems[0].to_string(),
        format!("`{}` has 3 bytes instead of 6 (needed by encode, train)", blob.display())
    );
    assert_eq!(hits(&store), ["plot"]);
    let told = store.take_problems();
    assert_eq!(told[0].fault, Fault::Size { expected: 6, found: 3 });
    assert_eq!(told[1].fault, Fault::Missing, "the first look removed it");
    assert!(store.take_problems().is_empty());

    // Running a stage again cures everything that needs the file.
    assert_eq!(put(&store, &[("x", b"shared"), ("y", b"encoded")]).0, digests[0]);
    assert_eq!(hits(&store), ["encode", "train", "plot"]);
    assert_eq!(store.verify(false).unwrap(), []);
}

#[test]
fn a_flipped_byte_is_found_before_a_stage_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digests) = filled(dir.path());
    let blob = store.blob_path(&Digest::of_bytes(b"weights"));
    let artifact = store.artifact(&digests[1]).unwrap();
    overwrite(&blob, b"weighTs");
    let error = store.verified(&artifact).unwrap_err();
    assert!(error.is_damaged());
    let Error::Damaged { digest, path, artifact: named, fault } = &error else { panic!("{error}") };
    assert_eq!((*digest, path, *named), (Digest::of_bytes(b"weights"), &blob, digests[1]));
    assert_eq!(**fault, Fault::Content { found: Digest::of_bytes(b"weighTs") });
    assert_eq!(
        error.to_string(),
        format!("damaged artifact {}: `{}` has changed content", digests[1].short(), blob.display())
    );
    assert_eq!(hits(&store), ["encode", "plot"]);
    put(&store, &[("w", b"weights")]);
    assert_eq!(store.verified(&artifact).unwrap()["w"], blob);
}

#[test]
fn a_flipped_byte_makes_the_result_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path());
    overwrite(&store.blob_path(&Digest::of_bytes(b"weights")), b"weighTs");
    assert_eq!(hits(&store), ["encode", "plot"]);
    let told = store.take_problems();
    assert_eq!(told[0].fault, Fault::Content { found: Digest::of_bytes(b"weighTs") });
}

#[test]
fn a_byte_that_the_medium_flipped_is_found_by_verify() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digests) = filled(dir.path());
    let blob = store.blob_path(&Digest::of_bytes(b"plot"));
    let modified = std::fs::metadata(&blob).unwrap().modified().unwrap();
    // In place and with its old time: nothing but the content tells.
    make_writable(&blob);
    std::fs::write(&blob, b"plod").unwrap();
    std::fs::File::options().write(true).open(&blob).unwrap().set_modified(modified).unwrap();
    assert!(store.verified(&store.artifact(&digests[2]).unwrap()).is_ok());

    let problems = store.verify(true).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].stages.iter().collect::<Vec<_>>(), ["plot"]);
    assert_eq!(problems[0].fault, Fault::Content { found: Digest::of_bytes(b"plod") });
    assert_eq!(store.verify(true).unwrap(), []);
    assert_eq!(hits(&store), ["encode", "train"]);
    assert!(store.take_problems().is_empty(), "the repair left nothing that leads nowhere");
}

/// `set_readonly(false)` would let everybody write; the owner is enough.
fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).expect("our own file");
}

#[test]
fn damaged_manifests_and_results_are_misses_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digests) = filled(dir.path());
    let manifest = format!("artifacts/{}/{}.json", &digests[0].to_string()[..2], digests[0]);
    let result = format!("results/{}/{}.json", &key("train").to_string()[..2], key("train"));
    std::fs::write(dir.path().join(&manifest), "{}").unwrap();
    std::fs::write(dir.path().join(&result), "{\"key\":").unwrap();
    let stray = dir.path().join("blobs/00/stray");
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, "x").unwrap();
    let problems = store.verify(false).unwrap();
    assert_eq!(problems.len(), 3);
    assert_eq!(
        problems[2].to_string(),
        format!("`{}` is malformed: its name is not a digest", stray.display())
    );
    assert_eq!(problems[0].path, dir.path().join(&result));
    assert!(matches!(problems[0].fault, Fault::Malformed { .. }));
    assert_eq!(problems[1].path, dir.path().join(&manifest));
    assert_eq!(problems[1].stages.iter().collect::<Vec<_>>(), ["encode"]);

    let reader = Store::open_read_only(dir.path()).unwrap();
    assert_eq!(hits(&reader), ["plot"]);
    assert!(dir.path().join(&manifest).exists(), "a reader removes nothing");
    assert!(matches!(reader.verify(true), Err(Error::ReadOnly { .. })));

    assert_eq!(store.verify(true).unwrap().len(), 3);
    assert_eq!(store.verify(true).unwrap(), []);
    assert_eq!(hits(&store), ["plot"]);
    assert_eq!(store.du().unwrap().unreferenced.count, 3, "the blobs of encode and train");
}

#[test]
fn the_directory_is_judged_before_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below"), file.join("far/below")] {
        for error in [Store::open(&path).unwrap_err(), Store::open_read_only(&path).unwrap_err()] {
            assert!(matches!(error, Error::NotADirectory { .. }), "{error:?}");
            assert_eq!(error.to_string(), format!("`{}` is not a directory", path.display()));
        }
    }
    let home = Store::open(dir.path()).unwrap_err();
    assert_eq!(home.to_string(), format!("`{}` holds other files and is not a store", dir.path().display()));

    let newer = dir.path().join("newer");
    drop(Store::open(&newer).unwrap());
    std::fs::write(newer.join("version"), "99\n").unwrap();
    for error in [Store::open(&newer).unwrap_err(), Store::open_read_only(&newer).unwrap_err()] {
        let text = format!("`{}` has store format 99, this program knows formats up to 1", newer.display());
        assert_eq!(error.to_string(), text);
    }
    std::fs::write(newer.join("version"), "one").unwrap();
    assert!(matches!(Store::open(&newer), Err(Error::Malformed { .. })));
}

/// Nobody, not even root, can make a folder in Linux' `/sys`.
#[test]
#[cfg(target_os = "linux")]
fn a_directory_without_permission_is_named() {
    let error = Store::open("/sys/kernel/store").unwrap_err();
    assert!(error.is_no_permission(), "{error:?}");
    assert_eq!(error.to_string(), "no permission to create `/sys/kernel/store`");
}

#[test]
fn a_store_that_is_not_there_is_empty_for_readers() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_read_only(dir.path().join("none")).unwrap();
    assert_eq!(hits(&store), Vec::<&str>::new());
    assert_eq!(store.runs().unwrap(), []);
    assert_eq!(store.verify(false).unwrap(), []);
    assert_eq!(store.du().unwrap(), store::Usage::default());
    assert!(matches!(store.stage_dir(), Err(Error::ReadOnly { .. })));
    assert!(matches!(store.begin_run(RunInfo::default()), Err(Error::ReadOnly { .. })));
    assert!(!dir.path().join("none").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_from_other_failures() {
    use std::io::Write;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
    let error = Error::io("write", "/dev/full", full);
    assert!(error.is_disk_full());
    assert_eq!(error.to_string(), "disk full: cannot write `/dev/full`");
}

#[test]
fn child_fills_the_disk() {
    if let Some(dir) = child_store() {
        let store = Store::open(dir).unwrap();
        let names: Vec<String> = (0..100).map(|i| format!("file-{i:03}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
        let staging = store.stage_dir().unwrap();
        for (name, content) in files {
            std::fs::write(staging.path().join(name), content).unwrap();
        }
        let error = store.put_artifact("test", json!(null), staging.path()).unwrap_err();
        assert!(error.is_disk_full(), "{error:?}");
        println!("\nmet a full disk");
    }
}

/// The shell's limit on file sizes stands in for a full disk: the manifest does not fit, and nothing half is left.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact damage::child_fills_the_disk --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD_STORE, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("met a full disk"), "{output:?}");
    assert!(!dir.path().join("artifacts").exists() || files_below(&dir.path().join("artifacts")).is_empty());
    assert!(files_below(&dir.path().join("tmp")).is_empty());
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.verify(false).unwrap(), []);
    assert_eq!(store.du().unwrap().unreferenced.count, 100);
}
