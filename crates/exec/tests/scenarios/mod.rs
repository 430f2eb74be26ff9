//! What a user can do to a run, and what must come of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exec::{End, Event, Force, Options, Summary, Verdict, What, Workers};
use libtest_mimic::{Failed, Trial};
use plan::{ArtifactKind, Blame, Extent, Input, Origin, Plan, Port, Progress, Source, Stage};
use serde_json::{Value, json};
use store::{RunInfo, RunOutcome, RunState, Store};
use tempfile::TempDir;

pub(crate) fn all() -> Vec<Trial> {
    let trials: [(&str, fn()); 22] = [
        ("a_second_run_is_all_hits", a_second_run_is_all_hits),
        ("a_changed_param_reruns_what_follows", a_changed_param_reruns_what_follows),
        ("equal_bytes_stop_the_reruns", equal_bytes_stop_the_reruns),
        ("a_changed_source_reruns", a_changed_source_reruns),
        ("a_folder_source_counts_names_and_contents", a_folder_source_counts_names_and_contents),
        ("force_reruns_the_named_stages", force_reruns_the_named_stages),
        ("equal_stages_run_once", equal_stages_run_once),
        ("a_failure_skips_only_what_needs_it", a_failure_skips_only_what_needs_it),
        ("what_a_stage_lacks_is_told_before_others_run", what_a_stage_lacks_is_told_before_others_run),
        ("a_crash_ends_one_stage", a_crash_ends_one_stage),
        ("a_killed_worker_is_the_environment", a_killed_worker_is_the_environment),
        ("a_broken_stage_goes_on_from_its_checkpoint", a_broken_stage_goes_on_from_its_checkpoint),
        ("a_longer_stage_continues_a_shorter_one", a_longer_stage_continues_a_shorter_one),
        ("what_bounds_a_stage_is_said", what_bounds_a_stage_is_said),
        ("jobs_overlap", jobs_overlap),
        ("jobs_change_no_digest", jobs_change_no_digest),
        ("two_runs_share_the_work", two_runs_share_the_work),
        ("a_stopped_run_says_so", a_stopped_run_says_so),
        ("a_damaged_blob_is_rebuilt", a_damaged_blob_is_rebuilt),
        ("a_missing_worker_is_an_error", a_missing_worker_is_an_error),
        ("stages_on_networks_have_their_own_program", stages_on_networks_have_their_own_program),
        ("an_incomplete_stage_is_not_kept", an_incomplete_stage_is_not_kept),
    ];
    let wrap = |test: fn()| -> Result<(), Failed> {
        test();
        Ok(())
    };
    trials.map(|(name, test)| Trial::test(name, move || wrap(test))).into()
}

/// A folder with a store, a source and a log of what ran.
struct Bench {
    folder: PathBuf,
    /// Removes the folder, unless it is another process's.
    _guard: Option<TempDir>,
}

impl Bench {
    fn new() -> Self {
        let guard = TempDir::new().unwrap();
        fs::write(guard.path().join("source.csv"), "a,b\n1,2\n").unwrap();
        Bench { folder: guard.path().to_owned(), _guard: Some(guard) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn store(&self) -> Store {
        Store::open(self.path("store")).unwrap()
    }

    /// A stage that needs others, or the source if none; its params log its runs.
    fn stage(&self, name: &str, needs: &[&str], params: Value) -> Stage {
        let mut params = params;
        params["log"] = json!(self.path("ran"));
        let input = |origin| Input { port: "in".into(), origin };
        let inputs = match needs {
            [] => vec![input(Origin::Source("source".into()))],
            _ => needs
                .iter()
                .map(|stage| input(Origin::Stage { stage: (*stage).into(), port: "out".into() }))
                .collect(),
        };
        Stage {
            name: name.into(),
            kind: "fake".into(),
            version: 1,
            params,
            inputs,
            outputs: vec![Port { name: "out".into(), kind: ArtifactKind::Dataset }],
            seed: None,
            numeric: false,
            extent: None,
            needs: vec![],
            note: None,
        }
    }

    fn plan(&self, stages: Vec<Stage>) -> Plan {
        let path = self.path("source.csv");
        let source = Source { name: "source".into(), paths: vec![path], reading: json!({}), seed: Some(1) };
        Plan::new("recipe".into(), 0, BTreeMap::from([("source".into(), source)]), stages).unwrap()
    }

    fn run(&self, plan: &Plan) -> (Summary, Vec<Event>) {
        self.run_as(plan, 2, Force::None)
    }

    fn run_as(&self, plan: &Plan, jobs: usize, force: Force) -> (Summary, Vec<Event>) {
        let mut events = vec![];
        let stop = AtomicBool::new(false);
        let options = options(jobs, force, &stop);
        let summary =
            exec::run(plan, &self.store(), &options, &mut |event| events.push(event.clone())).unwrap();
        (summary, events)
    }

    /// Stages that workers have run since the last call.
    fn ran(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("ran")).unwrap_or_default();
        let _ = fs::remove_file(self.path("ran"));
        let mut names: Vec<String> = log.lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

fn workers() -> Workers {
    let program = std::env::current_exe().unwrap();
    Workers {
        on_networks: program.clone(),
        on_rows: program,
        hint: "build it",
        device: "cpu".into(),
        threads: 2,
        log: None,
    }
}

fn options(jobs: usize, force: Force, stop: &AtomicBool) -> Options<'_> {
    Options { jobs, workers: workers(), force, stop, info: RunInfo::default() }
}

fn end<'a>(summary: &'a Summary, stage: &str) -> &'a End {
    &summary.stages.iter().find(|report| report.name == stage).unwrap().end
}

fn error(summary: &Summary, stage: &str) -> plan::StageError {
    match end(summary, stage) {
        End::Failed { error } => error.clone(),
        other => panic!("{stage} ended as {other:?}"),
    }
}

fn chain(bench: &Bench, b: Value) -> Plan {
    bench.plan(vec![
        bench.stage("a", &[], json!({})),
        bench.stage("b", &["a"], b),
        bench.stage("c", &["b"], json!({})),
    ])
}

fn a_second_run_is_all_hits() {
    let bench = Bench::new();
    let plan = chain(&bench, json!({}));
    let (first, _) = bench.run(&plan);
    assert_eq!((first.ran(), first.hits(), &first.error), (3, 0, &None));
    assert_eq!(bench.ran(), ["a", "b", "c"]);
    let (second, events) = bench.run(&plan);
    assert_eq!((second.ran(), second.hits()), (0, 3));
    assert!(bench.ran().is_empty());
    for (one, two) in first.stages.iter().zip(&second.stages) {
        assert_eq!((&one.outputs, &one.summary), (&two.outputs, &two.summary));
    }
    let names: Vec<Value> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()["event"].clone()).collect();
    assert_eq!(names, ["run-started", "stage-hit", "stage-hit", "stage-hit", "run-finished"]);
    let runs = bench.store().runs().unwrap();
    let RunState::Finished(summary) = &runs[0].state else { panic!("{:?}", runs[0]) };
    assert_eq!((summary.outcome, summary.hits), (RunOutcome::Succeeded, 3));
    assert_eq!(bench.store().run_events(&runs[0].id).unwrap().len(), events.len());
}

fn a_changed_param_reruns_what_follows() {
    let bench = Bench::new();
    bench.run(&chain(&bench, json!({ "text": "old" })));
    bench.ran();
    let plan = chain(&bench, json!({ "text": "new" }));
    let verdicts: Vec<Verdict> = exec::explain(&plan, &bench.store(), &workers())
        .unwrap()
        .into_iter()
        .map(|explanation| explanation.verdict)
        .collect();
    let changes = vec!["params.text: old -> new".to_owned()];
    assert_eq!(
        verdicts,
        [
            Verdict::Hit,
            Verdict::Miss { changes: changes.clone(), resumes: false, continues: None },
            Verdict::Unknown { because: "b".into(), changes: vec![] },
        ]
    );
    let (_, events) = bench.run(&plan);
    assert_eq!(bench.ran(), ["b", "c"]);
    let reason = events.iter().find_map(|event| match &event.what {
        What::StageStarted { stage, reason, .. } if stage == "b" => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, Some(changes));
}

fn equal_bytes_stop_the_reruns() {
    let bench = Bench::new();
    bench.run(&chain(&bench, json!({ "text": "same" })));
    bench.ran();
    let (summary, _) = bench.run(&chain(&bench, json!({ "text": "same", "checkpoint": 1 })));
    assert_eq!(bench.ran(), ["b"]);
    assert!(matches!(end(&summary, "c"), End::Hit { .. }));
}

fn a_changed_source_reruns() {
    let bench = Bench::new();
    let plan = chain(&bench, json!({ "text": "same" }));
    bench.run(&plan);
    bench.ran();
    fs::write(bench.path("source.csv"), "a,b\n1,3\n").unwrap();
    bench.run(&plan);
    // b's input changed; its bytes did not.
    assert_eq!(bench.ran(), ["a", "b"]);
}

fn a_folder_source_counts_names_and_contents() {
    let bench = Bench::new();
    fs::remove_file(bench.path("source.csv")).unwrap();
    let inner = bench.path("source.csv").join("inner");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("one"), "1").unwrap();
    let plan = bench.plan(vec![bench.stage("a", &[], json!({ "text": "x" }))]);
    let rerun = |because: &str| {
        bench.run(&plan);
        assert_eq!(bench.ran().len(), 1, "{because}");
        bench.run(&plan);
        assert_eq!(bench.ran().len(), 0, "{because}, the second time");
    };
    rerun("new");
    fs::rename(inner.join("one"), inner.join("two")).unwrap();
    rerun("renamed");
    fs::write(inner.join("two"), "2").unwrap();
    rerun("changed");
}

fn force_reruns_the_named_stages() {
    let bench = Bench::new();
    let plan = chain(&bench, json!({}));
    bench.run(&plan);
    bench.ran();
    bench.run_as(&plan, 1, Force::Stages(["b".to_owned()].into()));
    assert_eq!(bench.ran(), ["b"]);
    bench.run_as(&plan, 1, Force::All);
    assert_eq!(bench.ran(), ["a", "b", "c"]);
}

fn equal_stages_run_once() {
    let bench = Bench::new();
    let stages = vec![
        bench.stage("a", &[], json!({})),
        bench.stage("b", &[], json!({})),
        bench.stage("c", &["b"], json!({})),
    ];
    let plan = bench.plan(stages);
    for force in [Force::None, Force::All] {
        let (summary, _) = bench.run_as(&plan, 4, force);
        assert_eq!(summary.error, None);
        assert_eq!(bench.ran(), ["a", "c"]);
    }
    let failing = ["a", "b"].map(|name| bench.stage(name, &[], json!({ "fail": "stage" })));
    let (summary, _) = bench.run_as(&bench.plan(failing.into()), 4, Force::None);
    assert_eq!(bench.ran(), ["a"]);
    assert_eq!(end(&summary, "b"), &End::Skipped { because: "a".into() });
}

fn a_failure_skips_only_what_needs_it() {
    let bench = Bench::new();
    let plan = bench.plan(vec![
        bench.stage("bad", &[], json!({ "fail": "stage" })),
        bench.stage("after", &["bad"], json!({})),
        bench.stage("last", &["after"], json!({})),
        bench.stage("good", &[], json!({})),
    ]);
    let (summary, _) = bench.run(&plan);
    assert_eq!((summary.ran(), summary.failed(), summary.skipped()), (1, 1, 2));
    assert_eq!(end(&summary, "last"), &End::Skipped { because: "bad".into() });
    let (stage, first) = summary.error.unwrap();
    assert_eq!(
        (stage.as_str(), first.blame, first.message.as_str()),
        ("bad", Blame::Stage, "it was told to fail")
    );
    bench.ran();
    bench.run(&plan);
    assert_eq!(bench.ran(), ["bad"], "errors are not kept");
}

fn what_a_stage_lacks_is_told_before_others_run() {
    let bench = Bench::new();
    let needing = |stage: &str, pointers: &[&str]| {
        let error = plan::StageError::new(Blame::Input, "there are no such rows");
        let any_of = pointers.iter().map(|pointer| (*pointer).to_owned()).collect();
        let need = plan::Need { port: "in".into(), file: "text".into(), any_of, error };
        Stage { needs: vec![need], ..bench.stage(stage, &["rows", "net"], json!({})) }
    };
    let plan = |pointers: &[&str]| {
        bench.plan(vec![
            bench.stage("rows", &[], json!({ "text": r#"{"train":{"rows":3},"test":{"rows":0}}"# })),
            bench.stage("net", &["rows"], json!({})),
            bench.stage("other", &["rows"], json!({ "text": "other" })),
            needing("test", pointers),
        ])
    };
    let (summary, _) = bench.run_as(&plan(&["/test/rows", "/valid/rows"]), 1, Force::None);
    assert_eq!(error(&summary, "test").message, "there are no such rows");
    assert!(matches!(end(&summary, "net"), End::Skipped { because } if because == "test"));
    assert_eq!(bench.ran(), ["other", "rows"]);
    // The rows are there from the store now.
    let (summary, _) = bench.run(&plan(&["/test/rows"]));
    assert_eq!((summary.failed(), summary.skipped()), (1, 1));
    assert_eq!(bench.ran(), Vec::<String>::new());
    let (summary, _) = bench.run(&plan(&["/test/rows", "/train/rows"]));
    assert_eq!(summary.failed(), 0);
}

fn a_crash_ends_one_stage() {
    let bench = Bench::new();
    let plan = bench.plan(vec![
        bench.stage("bad", &[], json!({ "die": "abort" })),
        bench.stage("gone", &[], json!({ "die": "exit" })),
        bench.stage("good", &[], json!({})),
    ]);
    let (summary, _) = bench.run_as(&plan, 1, Force::None);
    let crash = error(&summary, "bad");
    assert_eq!(crash.blame, Blame::Stage);
    assert_eq!(
        crash.message,
        "the worker crashed with signal 6 (SIGABRT): what():  a tensor is not what it should be"
    );
    assert_eq!(error(&summary, "gone").message, "the worker ended with exit code 3");
    assert!(matches!(end(&summary, "good"), End::Ran { .. }));
}

fn a_killed_worker_is_the_environment() {
    let bench = Bench::new();
    let plan = bench.plan(vec![bench.stage("bad", &[], json!({ "die": "kill", "checkpoint": 2 }))]);
    let (summary, _) = bench.run(&plan);
    let error = error(&summary, "bad");
    assert_eq!(error.blame, Blame::Environment);
    assert_eq!(error.message, "the worker was killed by signal 9 (SIGKILL)");
    assert_eq!(
        error.hint.unwrap(),
        "if nobody killed it, memory ran out: try fewer --jobs or a smaller batch; \
         run again: it goes on from epoch 2"
    );
}

fn a_broken_stage_goes_on_from_its_checkpoint() {
    let bench = Bench::new();
    let gate = bench.path("gate");
    let params = json!({ "checkpoint": 4, "until": gate });
    let plan = bench.plan(vec![bench.stage("a", &[], params)]);
    let stop = AtomicBool::new(false);
    let stopped = exec::run(&plan, &bench.store(), &options(1, Force::None, &stop), &mut |event| {
        if matches!(event.what, What::Progress { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert!(stopped.unwrap().interrupted);
    let explained = exec::explain(&plan, &bench.store(), &workers()).unwrap();
    assert_eq!(
        explained[0].verdict,
        Verdict::Miss { changes: vec!["new".into()], resumes: true, continues: None }
    );
    fs::write(&gate, "").unwrap();
    let resumed = |events: &[Event]| {
        events.iter().any(|event| {
            matches!(&event.what, What::Progress { progress: Progress::Resumed { epoch: 4 }, .. })
        })
    };
    let (summary, events) = bench.run(&plan);
    assert!(summary.ran() == 1 && resumed(&events));
    let (_, events) = bench.run_as(&plan, 1, Force::All);
    assert!(!resumed(&events), "a finished stage's checkpoint is gone");
}

/// A stage of so many epochs that leaves a checkpoint after the fourth.
fn of_epochs(bench: &Bench, epochs: usize, bound: Option<&str>) -> Plan {
    let mut stage = bench.stage("a", &[], json!({ "checkpoint": 4, "epochs": epochs, "text": "x" }));
    let mut way = stage.params.clone();
    way["epochs"] = json!(if bound.is_some() { epochs } else { 0 });
    stage.extent = Some(Extent { epochs, way, bound: bound.map(ToOwned::to_owned) });
    bench.plan(vec![stage])
}

/// The first stage's verdict, and from which epoch it went on when it ran.
fn explained_and_run(bench: &Bench, plan: &Plan, force: Force) -> (Verdict, Option<usize>) {
    let verdict = exec::explain(plan, &bench.store(), &workers()).unwrap().remove(0).verdict;
    let (summary, events) = bench.run_as(plan, 1, force);
    assert_eq!(summary.ran(), 1);
    let resumed = events.iter().find_map(|event| match &event.what {
        What::Progress { progress: Progress::Resumed { epoch }, .. } => Some(*epoch),
        _ => None,
    });
    (verdict, resumed)
}

fn a_longer_stage_continues_a_shorter_one() {
    let bench = Bench::new();
    let miss = |changes: &[&str], continues| {
        let changes = changes.iter().map(ToString::to_string).collect();
        Verdict::Miss { changes, resumes: false, continues }
    };
    let run = |epochs, force| explained_and_run(&bench, &of_epochs(&bench, epochs, None), force);
    assert_eq!(run(4, Force::None), (miss(&["new"], None), None));
    assert_eq!(run(9, Force::None), (miss(&["params.epochs: 4 -> 9"], Some(4)), Some(4)));
    assert_eq!(run(9, Force::All), (Verdict::Hit, None), "what is forced starts anew");
    // Fewer epochs are the worker's to decide.
    assert_eq!(run(3, Force::None), (miss(&["params.epochs: 9 -> 3"], None), Some(4)));
    let usage = bench.store().du().unwrap();
    assert_eq!((usage.kept.count, usage.partials.count), (1, 0));
    // What was kept goes when its result does.
    let results = bench.path("store/results");
    fs::remove_dir_all(results).unwrap();
    bench.store().verify(true).unwrap();
    assert_eq!(bench.store().du().unwrap().kept.count, 0);
    assert_eq!(run(9, Force::None).1, None);
}

fn what_bounds_a_stage_is_said() {
    let bench = Bench::new();
    let run = |epochs| explained_and_run(&bench, &of_epochs(&bench, epochs, Some("a cosine")), Force::None);
    run(4);
    let changes = vec!["params.epochs: 4 -> 9, from the start: a cosine".to_owned()];
    assert_eq!(run(9), (Verdict::Miss { changes, resumes: false, continues: None }, None));
}

fn jobs_overlap() {
    let bench = Bench::new();
    let meeting = bench.path("meeting");
    fs::create_dir(&meeting).unwrap();
    let stages =
        ["a", "b", "c"].map(|name| bench.stage(name, &[], json!({ "meet": [meeting, 3], "text": name })));
    // Each stage waits for the two others: fewer than three at once would never end.
    let (summary, _) = bench.run_as(&bench.plan(stages.into()), 3, Force::None);
    assert_eq!(summary.ran(), 3);
}

fn jobs_change_no_digest() {
    let digests = |jobs| {
        let bench = Bench::new();
        let mut stages: Vec<Stage> =
            (0..6).map(|i| bench.stage(&format!("s{i}"), &[], json!({ "text": i.to_string() }))).collect();
        stages.push(bench.stage("all", &["s0", "s1", "s2", "s3", "s4", "s5"], json!({})));
        let (summary, _) = bench.run_as(&bench.plan(stages), jobs, Force::None);
        summary.stages.into_iter().map(|report| (report.name, report.outputs)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(digests(1), digests(4));
}

/// The other run is a process of its own, as it would be; a gate keeps it at work until this one waits for it.
fn two_runs_share_the_work() {
    let bench = Bench::new();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .arg("--run-child")
        .arg(&bench.folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while fs::read_to_string(bench.path("ran")).unwrap_or_default().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut waited = false;
    let stop = AtomicBool::new(false);
    let plan = gated(&bench);
    let summary = exec::run(&plan, &bench.store(), &options(1, Force::None, &stop), &mut |event| {
        if matches!(event.what, What::StageWaiting { .. }) {
            waited = true;
            fs::write(bench.path("gate"), "").unwrap();
        }
    });
    assert!(other.wait().unwrap().success());
    assert!(waited && matches!(end(&summary.unwrap(), "a"), End::Hit { .. }));
    assert_eq!(bench.ran(), ["a"]);
}

fn gated(bench: &Bench) -> Plan {
    bench.plan(vec![bench.stage("a", &[], json!({ "until": bench.path("gate") }))])
}

/// The other run of [`two_runs_share_the_work`].
pub(crate) fn child(args: &[String]) -> ExitCode {
    let bench = Bench { folder: PathBuf::from(&args[0]), _guard: None };
    let (summary, _) = bench.run(&gated(&bench));
    ExitCode::from(u8::from(summary.ran() != 1))
}

fn a_stopped_run_says_so() {
    let bench = Bench::new();
    let plan = bench.plan(vec![
        bench.stage("quick", &[], json!({ "text": "x" })),
        bench.stage("endless", &["quick"], json!({ "until": bench.path("never") })),
        bench.stage("after", &["endless"], json!({})),
    ]);
    let stop = AtomicBool::new(false);
    let summary = exec::run(&plan, &bench.store(), &options(1, Force::None, &stop), &mut |event| {
        if matches!(&event.what, What::StageStarted { stage, .. } if stage == "endless") {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap();
    assert!(summary.interrupted && summary.error.is_none());
    assert!(matches!(end(&summary, "quick"), End::Ran { .. }));
    assert_eq!((end(&summary, "endless"), end(&summary, "after")), (&End::Stopped, &End::Stopped));
    let runs = bench.store().runs().unwrap();
    let RunState::Finished(summary) = &runs[0].state else { panic!("{:?}", runs[0]) };
    assert_eq!(summary.outcome, RunOutcome::Cancelled);
}

fn a_damaged_blob_is_rebuilt() {
    let bench = Bench::new();
    let (first, _) = bench.run(&chain(&bench, json!({ "text": "precious" })));
    bench.ran();
    let store = bench.store();
    let outputs = |summary: &Summary, i: usize| summary.stages[i].outputs["out"];
    let blob = store.blob_path(&store.artifact(&outputs(&first, 1)).unwrap().files["text"].digest);
    // Same size: only reading it can tell. c is forced, so it reads.
    fs::set_permissions(&blob, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&blob, "Precious").unwrap();
    let force = Force::Stages(["c".to_owned()].into());
    let (second, events) = bench.run_as(&chain(&bench, json!({ "text": "precious" })), 1, force);
    assert_eq!(bench.ran(), ["b", "c"]);
    assert_eq!(outputs(&first, 2), outputs(&second, 2));
    let damaged = events.iter().find_map(|event| match &event.what {
        What::Damaged { stage, .. } => stage.clone(),
        _ => None,
    });
    assert_eq!(damaged.as_deref(), Some("b"));
    // A missing file is found by looking.
    fs::remove_file(&blob).unwrap();
    let (third, _) = bench.run(&chain(&bench, json!({ "text": "precious" })));
    assert_eq!((third.ran(), bench.ran()), (1, vec!["b".to_owned()]));
}

fn a_missing_worker_is_an_error() {
    let bench = Bench::new();
    let mut stage = bench.stage("a", &[], json!({}));
    let stop = AtomicBool::new(false);
    let mut options = options(1, Force::None, &stop);
    options.workers.on_rows = bench.path("nothing-here");
    let summary = exec::run(&bench.plan(vec![stage.clone()]), &bench.store(), &options, &mut |_| {}).unwrap();
    let error = error(&summary, "a");
    assert_eq!(error.blame, Blame::Environment);
    assert!(error.message.starts_with("cannot start the worker `"), "{error}");
    options.workers.on_networks = bench.path("nothing-here");
    stage.numeric = true;
    let plan = bench.plan(vec![stage]);
    let summary = exec::run(&plan, &bench.store(), &options, &mut |_| {}).unwrap();
    let error = self::error(&summary, "a");
    assert!(error.message.starts_with("cannot start the worker `"), "{error}");
    assert_eq!((error.blame, error.hint.as_deref()), (Blame::Environment, Some("build it")));
    // What a worker once made is found without one.
    assert_eq!(bench.run(&plan).0.ran(), 1);
    let summary = exec::run(&plan, &bench.store(), &options, &mut |_| {}).unwrap();
    assert_eq!((summary.hits(), &summary.error), (1, &None));
    let explained = exec::explain(&plan, &bench.store(), &options.workers).unwrap();
    assert_eq!(explained[0].verdict, Verdict::Hit);
}

fn stages_on_networks_have_their_own_program() {
    let bench = Bench::new();
    let rows = bench.stage("rows", &[], json!({}));
    let mut makes = bench.stage("makes", &["rows"], json!({ "kind": "network" }));
    makes.outputs[0].kind = ArtifactKind::Network;
    let takes = bench.stage("takes", &["makes"], json!({}));
    let other = bench.stage("other", &["rows"], json!({}));
    let plan = bench.plan(vec![rows, makes, takes, other]);
    let stop = AtomicBool::new(false);
    let nothing = bench.path("nothing-here");
    let mut options = options(1, Force::None, &stop);
    options.workers.on_networks = nothing.clone();
    let summary = exec::run(&plan, &bench.store(), &options, &mut |_| {}).unwrap();
    assert_eq!(bench.ran(), ["other", "rows"]);
    assert!(error(&summary, "makes").message.starts_with("cannot start the worker `"));
    options.workers = workers();
    exec::run(&plan, &bench.store(), &options, &mut |_| {}).unwrap();
    assert_eq!(bench.ran(), ["makes", "takes"]);
    options.workers.on_rows = nothing;
    options.force = Force::Stages(["takes".to_owned()].into());
    let summary = exec::run(&plan, &bench.store(), &options, &mut |_| {}).unwrap();
    assert_eq!((summary.error, bench.ran()), (None, vec!["takes".to_owned()]));
}

fn an_incomplete_stage_is_not_kept() {
    let bench = Bench::new();
    let plan = bench.plan(vec![bench.stage("a", &[], json!({ "forget": true }))]);
    let (summary, _) = bench.run(&plan);
    let error = error(&summary, "a");
    assert_eq!((error.blame, error.message.as_str()), (Blame::Bug, "it made no `out`"));
}
