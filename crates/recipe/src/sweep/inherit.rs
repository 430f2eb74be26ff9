//! What a recipe says once for several sources or stages, put where it is meant: the splits of `[folds]`, and a seed
//! that is an axis.

use std::collections::BTreeMap;

use network::nearest;
use plan::{Diagnostic, Place};

use super::axes::{Axes, FOLD, MOST_VALUES, SEED};
use crate::catalogue;
use crate::tree::{Data, Node};
use crate::vars::{self, MATRIX, Vars};

/// Keys of `[folds]` that say the same in a split.
const OF_SPLIT: [&str; 4] = ["stratify", "group", "seed", "valid"];

/// Gives the sources that `[folds]` is for a split by folds: those that it names, else all without a split.
pub(super) fn splits(root: &mut Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(folds) = root.get("folds").filter(|folds| folds.table().is_some()).cloned() else { return };
    let Some(Node { data: Data::Table(sources), .. }) = root.get_mut("data") else { return };
    let place = Place(vec!["folds".into()]);
    let wanted: Vec<String> = match folds.get("data").map(|node| &node.data) {
        Some(Data::Array(elements)) => {
            for (at, element) in elements.iter().enumerate() {
                let Some(name) = element.text() else { continue };
                diagnostics.extend(unfit(name, sources, place.join("data").join(at)));
            }
            elements.iter().filter_map(Node::text).map(str::to_owned).collect()
        }
        Some(_) => return,
        None => {
            let whole = sources.iter().filter(|(_, source)| source.get("split").is_none());
            let whole: Vec<String> = whole.map(|(name, _)| name.clone()).collect();
            if whole.is_empty() {
                let message = "every source has a split of its own, so these folds apply to none";
                let hint = "take the `split` out of the sources that are to be split by folds";
                diagnostics.push(Diagnostic::new("folds", place.clone(), message).at_key().hint(hint));
            }
            whole
        }
    };
    let split = split(&folds);
    for (name, source) in sources {
        if let Data::Table(entries) = &mut source.data
            && wanted.contains(name)
        {
            entries.entry("split".to_owned()).or_insert_with(|| split.clone());
        }
    }
}

/// Why folds cannot apply to a source that they name.
fn unfit(name: &str, sources: &BTreeMap<String, Node>, place: Place) -> Option<Diagnostic> {
    let Some(source) = sources.get(name) else {
        let near = nearest(name, sources.keys().map(String::as_str));
        let mut diagnostic = Diagnostic::new("unknown-source", place, format!("there is no source `{name}`"));
        diagnostic.hint = near.map(|near| format!("did you mean `{near}`?"));
        return Some(diagnostic);
    };
    source.get("split")?;
    let message = format!("`{name}` has a split of its own");
    let own = Place::source(name).join("split");
    Some(Diagnostic::new("folds", place, message).hint("take one of the two out").related(own, "its split"))
}

/// The split of one fold. Each of its values stands where `[folds]` says it.
fn split(folds: &Node) -> Node {
    let mut entries = BTreeMap::new();
    if let Some(k) = folds.get("k") {
        let fits = matches!(k.data, Data::Integer(k) if (2..=MOST_VALUES as i128).contains(&k));
        // What is wrong with it is told of [folds], not of each split.
        let count = if fits { k.data.clone() } else { Data::Broken };
        entries.insert("folds".to_owned(), Node { data: count, ..k.clone() });
        let fold = Data::String(format!("${{{MATRIX}{FOLD}}}"));
        entries.insert("fold".to_owned(), Node { data: fold, ..k.clone() });
    }
    for key in OF_SPLIT {
        entries.extend(folds.get(key).map(|node| (key.to_owned(), node.clone())));
    }
    Node { data: Data::Table(entries), ..folds.clone() }
}

/// A seed that is an axis: a `seed` that names one, or an axis of that name which nothing else takes. It becomes the
/// seed of every stage and split that draws and has none of its own; the recipe keeps its first value.
pub(super) fn seed(root: &mut Node, axes: &Axes, vars: &Vars) {
    let Some(seed) = swept_seed(root, axes) else { return };
    for source in children(root, "data") {
        let split = source.get_mut("split").map(|split| &mut split.data);
        let Some(Data::Table(split)) = split.filter(|split| matches!(split, Data::Table(_))) else {
            continue;
        };
        if !split.contains_key("column") && !split.contains_key("time") {
            split.entry("seed".to_owned()).or_insert_with(|| seed.clone());
        }
    }
    for stage in children(root, "stages") {
        let schema = stage.get("kind").and_then(Node::text).and_then(catalogue::stage);
        if let Data::Table(entries) = &mut stage.data
            && schema.is_some_and(|schema| schema["properties"]["seed"].is_object())
        {
            entries.entry("seed".to_owned()).or_insert_with(|| seed.clone());
        }
    }
    let first = axes.mentioned(&seed).into_iter().map(|axis| (axis, 0)).collect();
    let mut first_seed = seed;
    // What is wrong with it shows in every stage that has it.
    vars::substitute(&mut first_seed, &Place::default(), &axes.vars(vars, &first), &mut vec![]);
    if let Data::Table(entries) = &mut root.data {
        entries.insert("seed".to_owned(), first_seed);
    }
}

fn swept_seed(root: &Node, axes: &Axes) -> Option<Node> {
    if let Some(seed) = root.get("seed").filter(|seed| !axes.mentioned(seed).is_empty()) {
        return Some(seed.clone());
    }
    let axis = axes.position(SEED)?;
    let taken = |key: &str| root.get(key).is_some_and(|node| axes.mentioned(node).contains(&axis));
    if taken("data") || taken("stages") {
        return None;
    }
    let declared = root.get("matrix")?.get(SEED)?;
    Some(Node { data: Data::String(format!("${{{MATRIX}{SEED}}}")), ..declared.clone() })
}

fn children<'a>(root: &'a mut Node, key: &str) -> impl Iterator<Item = &'a mut Node> {
    let table = root.get_mut(key).and_then(|node| match &mut node.data {
        Data::Table(entries) => Some(entries),
        _ => None,
    });
    table.into_iter().flat_map(BTreeMap::values_mut)
}
