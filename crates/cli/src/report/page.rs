//! What is found, as the content of the page.

use std::collections::BTreeMap;

use ::report::page::{
    Comparison, Evaluation, Graph, History, Importances, Measured, Node, Page, Projection, State,
};
use ::report::{Scores, Series};
use plan::{Blame, Group, KeyDocument, Origin, Variant};
use store::{RunState, Store};

use super::found::{Found, Made};
use super::rows::{self, Sources};
use crate::comparison::metrics;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::feature_names::FeatureNames;
use crate::reporter;
use crate::words;

pub(crate) fn page(context: &Context, store: &Store, found: &Found) -> Result<Page> {
    let plan = &found.compiled.plan;
    let mut page = Page {
        name: plan.name.clone(),
        notes: notes(found),
        graph: graph(found),
        texts: texts(found),
        environment: environment(context, found),
        ..Page::default()
    };
    let mut sources = Sources::default();
    for made in found.stages.iter().filter(|made| !made.outputs.is_empty()) {
        page.notes.extend(leaks(store, made)?);
        match made.stage.kind.as_str() {
            "compare" => page.comparisons.extend(comparisons(store, made)?),
            "evaluate" => page.evaluations.push(evaluation(store, found, made, &mut sources)?),
            "gradient-boosting" => page.importances.extend(importances(store, found, made)?),
            "tsne" => page.projections.extend(projection(store, made)?),
            _ => page.histories.extend(history(store, made)?),
        }
    }
    if page.comparisons.is_empty() {
        page.comparisons.extend(all_evaluations(&page.evaluations));
    }
    Ok(page)
}

fn notes(found: &Found) -> Vec<String> {
    let mut notes = vec![];
    if let Some(run) = &found.run {
        let how = match &run.state {
            RunState::Running => "still running".to_owned(),
            RunState::Interrupted => "broken off".to_owned(),
            RunState::Finished(summary) => format!(
                "{} in {}, {} from the store",
                words::count(summary.executed, "stage") + " ran",
                words::seconds(summary.seconds),
                summary.hits
            ),
        };
        notes.push(format!("Latest run {}: {how}.", started(&run.id)));
    }
    notes.extend(found.note().map(|note| format!("Note: {note}.")));
    notes
}

/// What parts of a data set share, in a sentence.
fn leaks(store: &Store, made: &Made) -> Result<Option<String>> {
    let Some(found) = made.json(store, "dataset", data::LEAKS_FILE)? else { return Ok(None) };
    let found: Option<data::Leaks> = serde_json::from_value(found).ok();
    Ok(found.map(|leaks| format!("{}: {leaks}.", made.stage.name)))
}

/// A run's start as its id says it, in UTC.
fn started(id: &str) -> String {
    match (id.get(..8), id.get(9..15)) {
        (Some(day), Some(time)) if id.is_ascii() => format!(
            "{}-{}-{} {}:{}:{} UTC",
            &day[..4],
            &day[4..6],
            &day[6..],
            &time[..2],
            &time[2..4],
            &time[4..]
        ),
        _ => id.to_owned(),
    }
}

fn graph(found: &Found) -> Graph {
    let plan = &found.compiled.plan;
    let mut graph = Graph::default();
    let mut sources = BTreeMap::new();
    let read = |name: &str| {
        let mut inputs = plan.stages().flat_map(|stage| &stage.inputs);
        inputs.any(|input| matches!(&input.origin, Origin::Source(source) if source == name))
    };
    let names = plan.sources.keys().map(String::as_str).filter(|name| read(name));
    for group in Group::of_names(names) {
        sources.insert(group.of, graph.nodes.len());
        let file = files_of(&plan.sources[group.names[0]]);
        let tip = format!("{}: {file}", words::group(&group));
        graph.nodes.push(Node { name: words::group(&group), note: file, tip, state: State::Source });
    }
    let mut stages = BTreeMap::new();
    for group in Group::of_names(found.stages.iter().map(|made| made.stage.name.as_str())) {
        let of_it: Vec<&Made> = group.names.iter().filter_map(|name| found.made(name)).collect();
        stages.insert(group.of, graph.nodes.len());
        graph.nodes.push(node(&group, &of_it));
    }
    for made in &found.stages {
        for input in &made.stage.inputs {
            let from = match &input.origin {
                Origin::Stage { stage, .. } => stages.get(Variant::parse(stage).of),
                Origin::Source(source) => sources.get(Variant::parse(source).of),
            };
            graph.edges.extend(from.map(|&from| (from, stages[Variant::parse(&made.stage.name).of])));
        }
    }
    graph
}

/// A stage, or all variants of it, as a node of the graph.
fn node(group: &Group<'_>, of_it: &[&Made]) -> Node {
    let (state, how) = if of_it.iter().any(|made| made.outputs.is_empty()) {
        (State::Missing, "no result")
    } else if of_it.iter().any(|made| made.ran) {
        (State::Ran, "ran")
    } else {
        (State::Hit, "from the store")
    };
    let records: Vec<_> = of_it.iter().filter_map(|made| made.record.as_ref()).collect();
    let seconds: f64 = records.iter().map(|record| record.seconds).sum();
    let time = (!records.is_empty()).then(|| words::seconds(seconds));
    let about = if group.is_swept() {
        words::axes(group)
    } else {
        let summary = records.first().map(|record| record.summary.clone()).unwrap_or_default();
        reporter::numbers(&serde_json::from_value::<Vec<(String, f64)>>(summary).unwrap_or_default())
    };
    let (name, kind) = (words::group(group), of_it.first().map_or("", |made| made.stage.kind.as_str()));
    let tip = [Some(format!("{name} ({kind})")), Some(how.to_owned()), time.clone()]
        .into_iter()
        .flatten()
        .chain((!about.is_empty()).then_some(about))
        .collect::<Vec<_>>()
        .join(" · ");
    let note = time.map_or_else(|| kind.to_owned(), |time| format!("{kind} · {time}"));
    Node { name, note, tip, state }
}

fn texts(found: &Found) -> Vec<(String, String)> {
    let files = found.compiled.files.iter();
    files
        .map(|file| {
            let name = file.path.file_name().unwrap_or(file.path.as_os_str());
            (name.to_string_lossy().into_owned(), file.text.clone())
        })
        .collect()
}

fn environment(context: &Context, found: &Found) -> Vec<(String, String)> {
    let plan = &found.compiled.plan;
    let mut facts = vec![
        ("pipeline".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("system".to_owned(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("seed".to_owned(), plan.seed.to_string()),
    ];
    let mut classes: Vec<String> = vec![];
    for made in &found.stages {
        let key = made.record.as_ref().map(|record| record.key_document.clone());
        let key = key.and_then(|key| serde_json::from_value::<KeyDocument>(key).ok());
        classes.extend(key.and_then(|key| key.numerics).filter(|class| !classes.contains(class)));
    }
    facts.extend(classes.into_iter().map(|class| ("numerics".to_owned(), class)));
    facts.push(("device asked for".to_owned(), context.global.device.clone()));
    if let Some(run) = &found.run {
        facts.push(("run".to_owned(), run.id.clone()));
    }
    for (name, source) in &plan.sources {
        let sizes = source.paths.iter().filter_map(|path| Some(std::fs::metadata(path).ok()?.len()));
        let text = format!("{}, {}", files_of(source), words::bytes(sizes.sum()));
        facts.push((format!("data {name}"), text));
    }
    facts
}

/// `reviews.csv`, `part-0.csv and 3 more`; names without their folders, which are nobody else's business.
fn files_of(source: &plan::Source) -> String {
    let name = source.paths.first().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy();
    match source.paths.len() {
        0 | 1 => name.into_owned(),
        count => format!("{name} and {} more", count - 1),
    }
}

/// The table of approaches, and one of what a sweep's variants have together.
fn comparisons(store: &Store, made: &Made) -> Result<Vec<Comparison>> {
    let Some(document) = made.json(store, "comparison", "comparison.json")? else { return Ok(vec![]) };
    let rows = document["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let mut metrics = metrics(&document);
    metrics.push("rows".to_owned());
    let value = |row: &serde_json::Value, name: &String| match name.as_str() {
        "rows" => row["rows"].as_f64().map(Measured::from),
        name => measured(row, name),
    };
    let rows = rows.iter().map(|row| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        (name, metrics.iter().map(|metric| value(row, metric)).collect())
    });
    let best = document["best"].as_str().unwrap_or_default();
    let stage = made.stage.name.clone();
    let table = Comparison { stage, rows: rows.collect(), best: best.to_owned(), metrics };
    Ok(std::iter::once(table).chain(spreads(&document, &made.stage.name)).collect())
}

fn spreads(document: &serde_json::Value, stage: &str) -> Option<Comparison> {
    let spreads = document["spreads"].as_array().filter(|spreads| !spreads.is_empty())?;
    let moments = ["mean", "deviation", "best"];
    let names = metrics(document);
    let row = |spread: &serde_json::Value| {
        let of =
            |metric: &String, moment: &str| spread["metrics"][metric][moment].as_f64().map(Measured::from);
        let values = names.iter().flat_map(|metric| moments.map(|moment| of(metric, moment)));
        let count = spread["count"].as_f64().map(Measured::from);
        (spread["name"].as_str().unwrap_or_default().to_owned(), values.chain([count]).collect())
    };
    let heads = names.iter().flat_map(|metric| moments.map(|moment| format!("{metric} {moment}")));
    Some(Comparison {
        stage: format!("{stage}: variants together"),
        metrics: heads.chain(["variants".to_owned()]).collect(),
        rows: spreads.iter().map(row).collect(),
        best: document["best"].as_str().unwrap_or_default().to_owned(),
    })
}

/// The table of a recipe that compares nothing.
fn all_evaluations(evaluations: &[Evaluation]) -> Option<Comparison> {
    let mut metrics: Vec<String> = vec![];
    for (name, _) in evaluations.iter().flat_map(|evaluation| &evaluation.metrics) {
        if !metrics.contains(name) {
            metrics.push(name.clone());
        }
    }
    let value = |evaluation: &Evaluation, metric: &String| {
        evaluation.metrics.iter().find(|(name, _)| name == metric).map(|(_, value)| *value)
    };
    let rows = evaluations.iter().map(|evaluation| {
        (evaluation.name.clone(), metrics.iter().map(|metric| value(evaluation, metric)).collect())
    });
    let rows: Vec<_> = rows.collect();
    (!metrics.is_empty()).then_some(Comparison { metrics, rows, ..Comparison::default() })
}

fn evaluation(store: &Store, found: &Found, made: &Made, sources: &mut Sources) -> Result<Evaluation> {
    let rows = rows::read(store, made)?;
    let mistakes = rows.as_ref().map_or_else(Vec::new, |rows| sources.mistakes(store, found, made, rows));
    let scores: Option<Scores> = rows.map(|rows| rows.scores);
    let document = made.json(store, "metrics", "metrics.json")?.unwrap_or_default();
    let names = made.metrics(store)?.into_iter().map(|(name, _)| name);
    Ok(Evaluation {
        name: found.label(&made.stage.name),
        stage: made.stage.name.clone(),
        metrics: names.filter_map(|name| Some((name.clone(), measured(&document, &name)?))).collect(),
        notes: how(&document),
        scores,
        mistakes,
        sheet: made.bytes(store, "metrics", "mistakes.png")?,
    })
}

/// A metric of a `metrics.json` or of a row of a comparison.
fn measured(document: &serde_json::Value, name: &str) -> Option<Measured> {
    let end = |at: usize| document["intervals"][name][at].as_f64();
    Some(Measured { value: document["metrics"][name].as_f64()?, interval: end(0).zip(end(1)) })
}

/// How an evaluation was made, as its `metrics.json` says it.
fn how(document: &serde_json::Value) -> Vec<String> {
    let number = |value: &serde_json::Value| value.as_f64().map(words::number);
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let mut notes = vec![];
    let confidence = &document["confidence"];
    if let (Some(level), Some(samples)) = (confidence["level"].as_f64(), number(&confidence["samples"])) {
        notes.push(format!("in brackets what {} % of {samples} resamplings of its rows give", level * 100.0));
    }
    let threshold = &document["threshold"];
    if let Some(value) = number(&threshold["value"]) {
        let best = text(&threshold["maximizes"]).zip(text(&threshold["part"]));
        let best = best.map(|(metric, part)| format!(", where {metric} is best on the {part} part"));
        notes.push(format!("threshold {value}{}", best.unwrap_or_default()));
    }
    let temperature = &document["temperature"];
    if let (Some(value), Some(part)) = (number(&temperature["value"]), text(&temperature["part"])) {
        notes.push(format!("temperature {value}, fitted on the {part} part"));
    }
    notes
}

fn history(store: &Store, made: &Made) -> Result<Option<History>> {
    let Some(history) = made.history(store)? else { return Ok(None) };
    let mut metrics: Vec<(String, Vec<Series>)> = vec![];
    for curve in &history.curves {
        let series = Series {
            name: curve.part.clone(),
            xs: curve.values.iter().map(|(epoch, _)| *epoch as f64).collect(),
            ys: curve.values.iter().map(|(_, value)| *value).collect(),
        };
        match metrics.iter_mut().find(|(metric, _)| *metric == curve.metric) {
            Some((_, parts)) => parts.push(series),
            None => metrics.push((curve.metric.clone(), vec![series])),
        }
    }
    metrics.sort_by_key(|(metric, _)| (metric != "loss", metric.clone()));
    let kept = history.kept.map(|epoch| epoch as f64);
    let range_test = made.json(store, "history", "find.json")?.map(|found| {
        let numbers = |key: &str| {
            let values = found[key].as_array().into_iter().flatten();
            values.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
        };
        let losses = Series { name: "smoothed loss".to_owned(), xs: numbers("rates"), ys: numbers("losses") };
        (found["lr"].as_f64().unwrap_or(f64::NAN), losses)
    });
    Ok(Some(History { stage: made.stage.name.clone(), kept, metrics, range_test }))
}

fn importances(store: &Store, found: &Found, made: &Made) -> Result<Option<Importances>> {
    let files = made.files(store, "head")?;
    let Some(path) = files.get("importances.csv") else { return Ok(None) };
    let records = records(path)?;
    let number = |record: &csv::StringRecord| record.get(1).and_then(|gain| gain.parse().ok());
    let features = match made.current {
        true => FeatureNames::of(&found.compiled, &made.stage.name),
        false => FeatureNames::default(),
    };
    let column = |record: &csv::StringRecord| Some((features.shown(record.get(0)?), number(record)?));
    let mut columns: Vec<(String, f64)> = records.iter().filter_map(column).collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(Some(Importances { stage: made.stage.name.clone(), columns }))
}

fn projection(store: &Store, made: &Made) -> Result<Option<Projection>> {
    let files = made.files(store, "projection")?;
    let Some(path) = files.get("points.csv") else { return Ok(None) };
    let mut projection = Projection { stage: made.stage.name.clone(), points: vec![], groups: vec![] };
    for record in records(path)? {
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let (Ok(x), Ok(y)) = (cell(2).parse(), cell(3).parse()) else { continue };
        let known = projection.groups.iter().position(|group| group == cell(1));
        let group = known.unwrap_or_else(|| {
            projection.groups.push(cell(1).to_owned());
            projection.groups.len() - 1
        });
        projection.points.push((cell(0).to_owned(), group, (x, y)));
    }
    Ok(Some(projection))
}

fn records(path: &std::path::Path) -> Result<Vec<csv::StringRecord>> {
    let read = || csv::Reader::from_path(path)?.into_records().collect::<std::result::Result<Vec<_>, _>>();
    read().map_err(|error| {
        Failure::new(Blame::Environment, format!("cannot read `{}`: {error}", path.display()))
    })
}
