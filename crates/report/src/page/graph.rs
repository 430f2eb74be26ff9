//! The graph of stages as SVG.
//!
//! Invariant: text is escaped; every node says in words what its colour says.

use std::fmt::Write as _;

use super::layered::layered;
use super::plot::text;
use crate::font::Font;
use crate::svg::{escape, number};

const NAME: f64 = 13.0;
const NOTE: f64 = 11.0;
const HEIGHT: f64 = 42.0;
/// Browsers may have a wider font than the one that measures.
const SLACK: f64 = 1.06;

/// How a stage came to its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A file that stages read.
    Source,
    /// It ran in the latest run.
    Ran,
    /// Its result was there already.
    Hit,
    /// It failed, or has no result.
    Missing,
}

/// A stage or a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What stands below the name: kind, time.
    pub note: String,
    /// What the pointer brings up: the kind's words.
    pub tip: String,
    /// How it came to its result.
    pub state: State,
}

/// Stages and what flows between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Positions of the nodes that an edge leaves and enters; no cycles.
    pub edges: Vec<(usize, usize)>,
}

/// The SVG element, at its natural size.
pub(crate) fn svg(graph: &Graph) -> String {
    let font = Font::load();
    let mut edges = graph.edges.clone();
    edges.retain(|edge| edge.0.max(edge.1) < graph.nodes.len());
    edges.sort_unstable();
    edges.dedup();
    let sizes: Vec<(f64, f64)> = graph
        .nodes
        .iter()
        .map(|node| {
            let text = font.width(&node.name, NAME).max(font.width(&node.note, NOTE));
            (text * SLACK + 22.0, HEIGHT)
        })
        .collect();
    let layout = layered(&sizes, &edges);
    let (width, height) = (number(layout.size.0 + 4.0), number(layout.size.1 + 4.0));
    let mut out = format!(
        "<svg class=\"dag\" width=\"{width}\" height=\"{height}\" viewBox=\"-2 -2 {width} {height}\" \
         role=\"img\"><defs><marker id=\"tip-of-arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"arrow\" d=\"M0 0 8 4 0 8z\"/>\
         </marker></defs>"
    );
    for path in &layout.paths {
        let _ = write!(out, "<path class=\"edge\" marker-end=\"url(#tip-of-arrow)\" d=\"{}\"/>", bends(path));
    }
    for ((node, size), (x, y)) in graph.nodes.iter().zip(&sizes).zip(&layout.places) {
        let (class, radius) = match node.state {
            State::Source => ("source", 21.0),
            State::Ran => ("ran", 6.0),
            State::Hit => ("hit", 6.0),
            State::Missing => ("missing", 6.0),
        };
        let [left, top, width, height] = [x - size.0 / 2.0, y - HEIGHT / 2.0, size.0, HEIGHT].map(number);
        let _ = write!(
            out,
            "<g class=\"node {class}\" data-tip=\"{}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" \
             height=\"{height}\" rx=\"{radius}\"/>",
            escape(&node.tip)
        );
        text(&mut out, "title", (*x, y - 3.0), "middle", &node.name);
        text(&mut out, "tick", (*x, y + 13.0), "middle", &node.note);
        out.push_str("</g>");
    }
    out.push_str("</svg>");
    out
}

/// Straight through layers, smooth between them.
fn bends(path: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (at, pair) in path.windows(2).enumerate() {
        let [x0, y0, x1, y1] = [pair[0].0, pair[0].1, pair[1].0, pair[1].1].map(number);
        let middle = number((pair[0].0 + pair[1].0) / 2.0);
        if at == 0 {
            let _ = write!(out, "M{x0} {y0}");
        }
        let _ = match at % 2 {
            0 => write!(out, "C{middle} {y0} {middle} {y1} {x1} {y1}"),
            _ => write!(out, "L{x1} {y1}"),
        };
    }
    out
}
