//! `graph`: the plan as text for drawing programs. Sources are cylinders; stages with a result are filled; what a sweep
//! has multiplied is one node.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use exec::Verdict;
use plan::{Group, Origin, Plan, Variant};

use crate::args::Format;
use crate::context::Context;
use crate::failure::Result;
use crate::words;

/// The plan as it is drawn.
struct Drawing<'a> {
    name: &'a str,
    sources: Vec<Node<'a>>,
    stages: Vec<Node<'a>>,
    edges: Vec<Edge<'a>>,
}

/// A source or a stage, with all its variants.
struct Node<'a> {
    group: Group<'a>,
    /// Of a stage.
    kind: &'a str,
    /// Whether all variants have a result.
    hit: bool,
}

/// A line between two things of the plan, with the port's name.
#[derive(PartialEq)]
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
    let drawing = drawing(&plan, &hits);
    let text = match format {
        Format::Mermaid => mermaid(&drawing),
        Format::Dot => dot(&drawing),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn drawing<'a>(plan: &'a Plan, hits: &[String]) -> Drawing<'a> {
    let mut edges: Vec<Edge<'a>> = vec![];
    for (stage, input) in plan.stages().flat_map(|stage| stage.inputs.iter().map(move |input| (stage, input)))
    {
        let from = match &input.origin {
            Origin::Stage { stage, .. } => Variant::parse(stage).of.to_owned(),
            Origin::Source(source) => source_id(Variant::parse(source).of),
        };
        let edge = Edge { from, to: Variant::parse(&stage.name).of, port: &input.port };
        if edge.from != edge.to && !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    // Only sources that some stage reads.
    let sources = Group::of_names(plan.sources.keys().map(String::as_str)).into_iter();
    let sources = sources.filter(|group| edges.iter().any(|edge| edge.from == source_id(group.of)));
    let stages = Group::of_names(plan.stages().map(|stage| stage.name.as_str())).into_iter().map(|group| {
        let kind = plan.stage(group.names[0]).map_or("", |stage| stage.kind.as_str());
        let hit = group.names.iter().all(|name| hits.iter().any(|hit| hit == name));
        Node { group, kind, hit }
    });
    Drawing {
        name: &plan.name,
        sources: sources.map(|group| Node { group, kind: "", hit: false }).collect(),
        stages: stages.collect(),
        edges,
    }
}

/// A source may be called like a stage.
fn source_id(name: &str) -> String {
    format!("data.{name}")
}

impl Node<'_> {
    /// The lines in a node, `kind` between the name and the axes.
    fn lines(&self, line: &str, kind: &str) -> String {
        let name = words::group(&self.group);
        if self.group.is_swept() {
            format!("{name}{kind}{line}{}", words::axes(&self.group))
        } else {
            name + kind
        }
    }
}

fn mermaid(drawing: &Drawing<'_>) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for source in &drawing.sources {
        let id = mermaid_id(&source_id(source.group.of));
        let _ = writeln!(text, "  {id}[(\"{}\")]", source.lines("<br>", ""));
    }
    for stage in &drawing.stages {
        let lines = stage.lines("<br>", &format!("<br><i>{}</i>", stage.kind));
        let _ = writeln!(text, "  {}[\"{lines}\"]", mermaid_id(stage.group.of));
    }
    for edge in &drawing.edges {
        let _ = writeln!(text, "  {} -->|{}| {}", mermaid_id(&edge.from), edge.port, mermaid_id(edge.to));
    }
    let hits = drawing.stages.iter().filter(|stage| stage.hit);
    let ids: Vec<String> = hits.map(|stage| mermaid_id(stage.group.of)).collect();
    if !ids.is_empty() {
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

fn dot(drawing: &Drawing<'_>) -> String {
    let mut text = format!("digraph {:?} {{\n  node [shape=box, fontname=\"sans-serif\"];\n", drawing.name);
    for source in &drawing.sources {
        let lines = source.lines("\\n", "");
        let _ = writeln!(text, "  {:?} [label=\"{lines}\", shape=cylinder];", source_id(source.group.of));
    }
    for stage in &drawing.stages {
        let fill = if stage.hit { ", style=filled, fillcolor=\"#d7f0dd\"" } else { "" };
        let lines = stage.lines("\\n", &format!("\\n{}", stage.kind));
        let _ = writeln!(text, "  {:?} [label=\"{lines}\"{fill}];", stage.group.of);
    }
    for edge in &drawing.edges {
        let _ = writeln!(text, "  {:?} -> {:?} [label={:?}];", edge.from, edge.to, edge.port);
    }
    text + "}\n"
}
