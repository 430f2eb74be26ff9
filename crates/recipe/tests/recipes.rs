//! Recipes as data: `tests/recipes/valid` compile to the plans beside them, `invalid` to the diagnostics beside them.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use plan::{Origin, Plan};
use recipe::{Compiled, Failure, Options, Report, Span, compile};
use regex::Regex;

fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recipes");
    root.canonicalize().unwrap().join(name)
}

/// The recipe's first lines may set options: `# set: a.b=1`.
fn options(path: &Path) -> Options {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let sets = text.lines().filter_map(|line| line.strip_prefix("# set: ")).map(ToOwned::to_owned);
    Options { sets: sets.collect(), data_dirs: vec![folder("data")], store: None }
}

fn recipes(name: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Checks a text against the file `NAME.snap` beside the recipe.
fn snapshot(recipe: &Path, text: &str) {
    let text = text.replace(&format!("{}/", folder("").display().to_string().trim_end_matches('/')), "");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(recipe.parent().unwrap());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(recipe.file_stem().unwrap().to_str().unwrap(), text));
}

fn rendered(report: &Report) -> String {
    let mut text = String::new();
    let place = |span: &Span| {
        let file = &report.files[span.file];
        let before = &file.text[..span.start];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (format!("{}:{line}:{}", file.path.display(), before[start..].chars().count() + 1), line, start)
    };
    for finding in &report.findings {
        let (at, line, start) = place(&finding.span);
        let file = &report.files[finding.span.file];
        let excerpt = file.text[start..].lines().next().unwrap_or_default();
        let end = finding.span.end.clamp(finding.span.start, start + excerpt.len());
        let marks = file.text[finding.span.start..end].chars().count().max(1);
        let column = file.text[start..finding.span.start].chars().count();
        writeln!(text, "{at}: {}[{}]", finding.diagnostic.message, finding.diagnostic.code).unwrap();
        writeln!(text, "{line:>4} | {excerpt}").unwrap();
        writeln!(text, "     | {}{}", " ".repeat(column), "^".repeat(marks)).unwrap();
        if let Some(hint) = &finding.diagnostic.hint {
            writeln!(text, "     = {hint}").unwrap();
        }
        for (span, words) in &finding.related {
            writeln!(text, "     : {} {words}", place(span).0).unwrap();
        }
        text.push('\n');
    }
    text
}

fn drawn(plan: &Plan) -> String {
    let mut text = format!("{} seed {}\n\n", plan.name, plan.seed);
    for source in plan.sources.values() {
        let paths: Vec<String> = source.paths.iter().map(|path| path.display().to_string()).collect();
        writeln!(text, "source {} = {}", source.name, paths.join(", ")).unwrap();
        writeln!(text, "  reading {}", source.reading).unwrap();
        if let Some(seed) = source.seed {
            writeln!(text, "  seed {seed}").unwrap();
        }
    }
    for stage in plan.stages() {
        write!(text, "\n{} = {} v{}", stage.name, stage.kind, stage.version).unwrap();
        if let Some(seed) = stage.seed {
            write!(text, " seed {seed}").unwrap();
        }
        text.push_str(if stage.numeric { " numeric\n" } else { "\n" });
        for input in &stage.inputs {
            match &input.origin {
                Origin::Stage { stage, port } => writeln!(text, "  {} <- {stage}.{port}", input.port),
                Origin::Source(source) => writeln!(text, "  {} <- source {source}", input.port),
            }
            .unwrap();
        }
        let outputs: Vec<String> =
            stage.outputs.iter().map(|port| format!("{}: {}", port.name, port.kind.name())).collect();
        writeln!(text, "  -> {}", outputs.join(", ")).unwrap();
        writeln!(text, "  {}", stage.params).unwrap();
    }
    text
}

fn compiled(path: &Path) -> Compiled {
    match compile(path, &options(path)) {
        Ok(compiled) => compiled,
        Err(Failure::Diagnostics(report)) => panic!("{}", rendered(&report)),
        Err(failure) => panic!("{failure}"),
    }
}

fn report(path: &Path) -> Report {
    match compile(path, &options(path)) {
        Ok(_) => panic!("{} has no mistake", path.display()),
        Err(Failure::Diagnostics(report)) => report,
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn valid_recipes_have_these_plans() {
    for path in recipes("valid") {
        let Compiled { plan, warnings, .. } = compiled(&path);
        let mut text = drawn(&plan);
        if !warnings.findings.is_empty() {
            write!(text, "\nwarnings\n\n{}", rendered(&warnings)).unwrap();
        }
        snapshot(&path, &text);
    }
}

#[test]
fn invalid_recipes_have_these_diagnostics() {
    for path in recipes("invalid") {
        snapshot(&path, &rendered(&report(&path)));
    }
}

#[test]
fn ten_mistakes_are_ten_diagnostics() {
    assert_eq!(report(&folder("invalid").join("ten-mistakes.toml")).findings.len(), 10);
}

/// Codes that are written in the sources of the crates that check recipes.
fn codes() -> BTreeSet<String> {
    let report = r#"(?:Diagnostic::new|[.]problem|[.]report|at)\(\s*(?:Some\("\w+"\),|None,)?\s*"([a-z-]+)""#;
    let patterns = [Regex::new(report).unwrap(), Regex::new(r#"code: "([a-z-]+)""#).unwrap()];
    let mut codes = BTreeSet::new();
    for name in ["network", "stages", "recipe"] {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")) {
            let text = std::fs::read_to_string(path).unwrap();
            for pattern in &patterns {
                codes.extend(pattern.captures_iter(&text).map(|found| found[1].to_owned()));
            }
        }
    }
    codes
}

/// Files in the folder and its folders.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn every_code_is_in_a_snapshot() {
    let mistakes = recipes("invalid").into_iter().map(|path| report(&path));
    let warnings = recipes("valid").into_iter().map(|path| compiled(&path).warnings);
    let findings = mistakes.chain(warnings).flat_map(|report| report.findings);
    let shown: BTreeSet<String> = findings.map(|finding| finding.diagnostic.code.to_owned()).collect();
    // What the schema accepted and serde does not: nothing, as far as is known.
    let unreachable = BTreeSet::from(["stage".to_owned()]);
    let codes = codes();
    let missing: Vec<&String> =
        codes.difference(&shown).filter(|code| !unreachable.contains(*code)).collect();
    assert!(missing.is_empty(), "no recipe in tests/recipes shows {missing:?}");
    assert!(codes.len() > 40, "the patterns no longer find the codes");
}

/// Rewrites generated files that differ from what the declarations say now, and fails if there were any.
fn up_to_date(files: &[(String, String)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut rewritten = vec![];
    for (file, wanted) in files {
        let path = root.join(file);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == *wanted) {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
        rewritten.push(file);
    }
    assert!(rewritten.is_empty(), "{rewritten:?} have been rewritten: look at them and commit them");
}

#[test]
fn the_schema_on_disk_is_the_one_of_the_declarations() {
    up_to_date(&[("schemas/recipe.schema.json".to_owned(), format!("{:#}\n", recipe::schema()))]);
}

#[test]
fn the_reference_on_disk_is_the_one_of_the_declarations() {
    let pages = recipe::reference();
    let kinds =
        stages::KINDS.iter().map(|stage| stage.kind).chain(network::KINDS.iter().map(|layer| layer.name()));
    for kind in kinds {
        let has = |page: &recipe::Page| page.sections.iter().any(|section| section.name == kind);
        assert!(pages.iter().any(has), "the reference lacks {kind}");
    }
    for page in &pages {
        // Headings are the targets of links, so they must differ within a page.
        let names: BTreeSet<&str> = page.sections.iter().map(|section| section.name.as_str()).collect();
        assert_eq!(names.len(), page.sections.len(), "{}: two sections of one name", page.file);
    }
    let files = pages.iter().map(|page| (format!("docs/reference/{}", page.file), page.markdown()));
    up_to_date(&files.collect::<Vec<_>>());
}

#[test]
fn definitions_of_one_name_are_one_definition() {
    let mut known: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    let stages = stages::KINDS.iter().map(|declaration| (declaration.schema)());
    for schema in stages.chain(network::KINDS.iter().map(|kind| kind.schema())) {
        for (name, definition) in schema.get("$defs").and_then(|defs| defs.as_object()).into_iter().flatten()
        {
            let first = known.entry(name.clone()).or_insert_with(|| definition.clone());
            assert_eq!(first, definition, "two types are called {name}");
        }
    }
}

#[test]
fn shipped_recipes_compile_where_their_data_is_there() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    for entry in std::fs::read_dir(shipped).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        if let Err(Failure::Diagnostics(report)) = compile(&path, &Options::default()) {
            let wrong: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| finding.diagnostic.code != "file-not-found")
                .collect();
            assert!(wrong.is_empty(), "{}", rendered(&report));
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_an_io_failure() {
    let failure = compile(&folder("valid").join("nowhere.toml"), &Options::default()).unwrap_err();
    assert!(matches!(failure, Failure::Io { .. }));
    assert!(failure.to_string().starts_with("cannot read"));
}
