//! `pipeline` never loads libtorch, neither by its dynamic section nor later, and runs by itself what needs none.

use std::path::Path;

use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, elf};

use crate::session::Session;

/// Shared libraries that a program names.
fn needed(program: &Path) -> Vec<String> {
    let data = std::fs::read(program).unwrap();
    let header = elf::FileHeader64::<Endianness>::parse(&*data).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, &*data).unwrap();
    let section = segments.iter().find_map(|segment| segment.dynamic(endian, &*data).unwrap()).unwrap();
    let value = |tag: u32| {
        section.iter().find(|entry| entry.tag32(endian) == Some(tag)).map(|entry| entry.d_val(endian))
    };
    // The table of names is given by its address: the segment that holds it tells where it lies in the file.
    let (address, size) = (value(elf::DT_STRTAB).unwrap(), value(elf::DT_STRSZ).unwrap());
    let names = segments
        .iter()
        .find_map(|segment| segment.data_range(endian, &*data, address, size).unwrap())
        .unwrap();
    section
        .iter()
        .filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED))
        .map(|entry| {
            let name = &names[usize::try_from(entry.d_val(endian)).unwrap()..];
            String::from_utf8(name.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
        })
        .collect()
}

#[test]
fn only_the_worker_links_libtorch() {
    let heavy = |program: &str| {
        let names = needed(Path::new(program));
        assert!(names.iter().any(|name| name.starts_with("libc.so")), "{names:?}");
        names.iter().any(|name| ["torch", "c10", "gomp", "stdc++"].iter().any(|part| name.contains(part)))
    };
    assert!(!heavy(env!("CARGO_BIN_EXE_pipeline")));
    assert!(heavy(env!("CARGO_BIN_EXE_pipeline-worker")));
}

#[test]
fn stages_without_networks_need_no_worker() {
    let session = Session::new();
    let rows: String = (0..40)
        .map(|row| match row % 2 {
            0 => format!("good food number {row},1\n"),
            _ => format!("bad food number {row},0\n"),
        })
        .collect();
    session.write("meals.csv", &format!("text,label\n{rows}"));
    session.write(
        "recipe.toml",
        r#"
        name = "meals"

        [data.meals]
        path = "meals.csv"
        split = { train = 0.75, test = 0.25, stratify = "label" }

        [stages.words]
        kind = "preprocess"
        data = "meals"
        label = "label"
        columns.text = ["lowercase", { tokenize = "punctuation" }, { tf-idf = {} }]

        [stages.head]
        kind = "linear"
        data = "words"

        [stages.test]
        kind = "evaluate"
        model = "head"
        data = "words"
        metrics = ["accuracy"]
        "#,
    );
    let answer = session.command("run recipe.toml").env("PIPELINE_WORKER", "nowhere").output().unwrap();
    let answer = session.answer(answer);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(session.metrics("test")["accuracy"], 1.0);
}

#[test]
fn variables_that_are_empty_say_nothing() {
    let session = Session::started();
    let mut command = session.command("check recipe.toml");
    command.env("PIPELINE_DATA", ":").env("PIPELINE_STORE", "").env("PIPELINE_WORKER", "");
    let answer = session.answer(command.output().unwrap());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let mut command = session.command("run recipe.toml --only tokens");
    command.env("PIPELINE_DATA", "").env("PIPELINE_STORE", "");
    assert_eq!(session.answer(command.output().unwrap()).code, Some(0));
    assert!(session.path(".pipeline").is_dir());
}

#[test]
fn the_worker_is_found_where_programs_are() {
    let session = Session::started();
    let folder = Path::new(env!("CARGO_BIN_EXE_pipeline-worker")).parent().unwrap();
    let mut command = session.command("plan recipe.toml");
    command.env("PIPELINE_WORKER", "pipeline-worker").env("PATH", folder);
    let answer = session.answer(command.output().unwrap());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
}
