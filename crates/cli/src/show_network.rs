//! The nodes of a network with shapes and parameters, as MXNet's `get_internals()` lists them.

use std::path::Path;

use network::{Graph, Network, Node};
use plan::Blame;
use serde_json::{Value, json};

use crate::artifact;
use crate::failure::{Failure, Result};
use crate::table::Table;

/// The declaration that travels with weights.
pub(crate) const FILE: &str = "network.json";

/// A network and its nodes.
fn read(path: &Path) -> Result<(Network, Graph)> {
    let network: Network = artifact::json(path)?;
    let graph = network.lower().map_err(|problems| {
        let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        Failure::new(Blame::Environment, format!("`{}` is no network: {first}", path.display()))
    })?;
    Ok((network, graph))
}

pub(crate) fn nodes_table(path: &Path) -> Result<String> {
    let (network, graph) = read(path)?;
    let mut table = Table::new(&["node", "operation", "output", "parameters", "called", ""]).right(&[3]);
    let (mut all, mut still) = (0, 0);
    for node in &graph.nodes {
        let (total, frozen) = sizes(node, &network);
        all += total;
        still += frozen;
        let mark = match (total, frozen) {
            (0, _) | (_, 0) => "",
            (total, frozen) if total == frozen => "frozen",
            _ => "partly frozen",
        };
        let count = if total == 0 { String::new() } else { total.to_string() };
        table.row([
            node.name.clone(),
            node.op.to_string(),
            node.signal.shape.to_string(),
            count,
            called(node),
            mark.to_owned(),
        ]);
    }
    let results = graph.results().into_iter().map(|(output, node)| match output {
        "" => graph.nodes[node].name.clone(),
        output => format!("{output} = {}", graph.nodes[node].name),
    });
    let output = results.collect::<Vec<_>>().join(", ");
    Ok(format!("{table}\noutput: {output}; parameters: {all}, of which frozen: {still}\n\n"))
}

pub(crate) fn nodes_json(path: &Path) -> Result<Value> {
    let (network, graph) = read(path)?;
    let nodes = graph.nodes.iter().map(|node| {
        let (parameters, frozen) = sizes(node, &network);
        json!({
            "name": node.name, "operation": node.op.to_string(), "output": node.signal.shape.to_string(),
            "parameters": parameters, "frozen": frozen,
            "names": node.own_params().map(|param| &param.name).collect::<Vec<_>>(),
        })
    });
    Ok(nodes.collect())
}

/// The path that the names of a node's parameters have in common, as patterns of `freeze` and `rates` find it.
fn called(node: &Node) -> String {
    let mut paths = node.own_params().map(|param| param.name.split('.').collect::<Vec<_>>());
    let Some(mut common) = paths.next() else { return String::new() };
    common.pop();
    for other in paths {
        let shared = common.iter().zip(&other).take_while(|(own, other)| own == other).count();
        common.truncate(shared);
    }
    common.join(".")
}

/// Trainable values of a node, and those among them that are frozen. Running statistics do not count.
fn sizes(node: &Node, network: &Network) -> (usize, usize) {
    let mut sizes = (0, 0);
    for param in node.own_params().filter(|param| !param.buffer) {
        let size: usize = param.shape.iter().map(|dim| dim.size().unwrap_or(0)).product();
        sizes.0 += size;
        sizes.1 += if network.frozen.contains(&param.name) { size } else { 0 };
    }
    sizes
}
