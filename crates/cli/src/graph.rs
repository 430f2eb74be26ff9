//! `graph`: the plan as text for drawing programs. Sources are cylinders; stages with a result are filled.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use exec::Verdict;
use plan::{Origin, Plan};

use crate::args::Format;
use crate::context::Context;
use crate::failure::Result;

/// A line between two things of the plan, with the port's name.
struct Edge<'a> {
    from: String,
    to: &'a str,
    port: &'a str,
}

pub(crate) fn graph(context: &Context, recipe: &Path, format: Format) -> Result {
    let plan = context.compile(recipe)?.plan;
    // The drawing is worth having where nothing can run, on a documentation server for example.
    let explained = context.store_to_read().and_then(|store| context.explain(&plan, &store));
    let hits: Vec<String> = explained
        .unwrap_or_default()
        .into_iter()
        .filter(|explanation| explanation.verdict == Verdict::Hit)
        .map(|explanation| explanation.stage)
        .collect();
    let text = match format {
        Format::Mermaid => mermaid(&plan, &hits),
        Format::Dot => dot(&plan, &hits),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn edges(plan: &Plan) -> Vec<Edge<'_>> {
    let inputs = plan.stages().flat_map(|stage| stage.inputs.iter().map(move |input| (stage, input)));
    inputs
        .map(|(stage, input)| {
            let from = match &input.origin {
                Origin::Stage { stage, .. } => stage.clone(),
                Origin::Source(source) => source_id(source),
            };
            Edge { from, to: &stage.name, port: &input.port }
        })
        .collect()
}

/// A source may be called like a stage.
fn source_id(name: &str) -> String {
    format!("data.{name}")
}

/// Only sources that some stage reads.
fn sources<'a>(plan: &'a Plan, edges: &'a [Edge<'_>]) -> impl Iterator<Item = &'a str> {
    plan.sources
        .keys()
        .map(String::as_str)
        .filter(|name| edges.iter().any(|edge| edge.from == source_id(name)))
}

fn mermaid(plan: &Plan, hits: &[String]) -> String {
    let edges = edges(plan);
    let mut text = "flowchart TD\n".to_owned();
    for source in sources(plan, &edges) {
        let _ = writeln!(text, "  {}[(\"{source}\")]", mermaid_id(&source_id(source)));
    }
    for stage in plan.stages() {
        let _ = writeln!(text, "  {}[\"{}<br><i>{}</i>\"]", mermaid_id(&stage.name), stage.name, stage.kind);
    }
    for edge in &edges {
        let _ = writeln!(text, "  {} -->|{}| {}", mermaid_id(&edge.from), edge.port, mermaid_id(edge.to));
    }
    if !hits.is_empty() {
        let ids: Vec<String> = hits.iter().map(|name| mermaid_id(name)).collect();
        let _ = writeln!(
            text,
            "  classDef hit fill:#d7f0dd,stroke:#2f7d4a,color:#123\n  class {} hit",
            ids.join(",")
        );
    }
    text
}

/// A name that Mermaid takes: `end` alone would end a block.
fn mermaid_id(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("n_{}", name.chars().map(plain).collect::<String>())
}

fn dot(plan: &Plan, hits: &[String]) -> String {
    let edges = edges(plan);
    let mut text = format!("digraph {:?} {{\n  node [shape=box, fontname=\"sans-serif\"];\n", plan.name);
    for source in sources(plan, &edges) {
        let _ = writeln!(text, "  {:?} [label={source:?}, shape=cylinder];", source_id(source));
    }
    for stage in plan.stages() {
        let fill = if hits.contains(&stage.name) { ", style=filled, fillcolor=\"#d7f0dd\"" } else { "" };
        let _ = writeln!(text, "  {:?} [label=\"{}\\n{}\"{fill}];", stage.name, stage.name, stage.kind);
    }
    for edge in &edges {
        let _ = writeln!(text, "  {:?} -> {:?} [label={:?}];", edge.from, edge.to, edge.port);
    }
    text + "}\n"
}
