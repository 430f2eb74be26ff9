//! Files of weights beside the networks that they are for, and folders that declare their network, before anything runs.

mod config;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use network::{Dim, Graph, Input, Network, Primitive};
use plan::{Diagnostic, Place};
use stages::{Fact, Fit, LoadNetwork, Shapes};

use crate::blocks;
use crate::compile::{Options, network_of};
use crate::load::Loaded;
use crate::references::OUTSIDE;
use crate::sources::Search;
use crate::tree::{Data, Node};

use config::{Architecture, CONFIG};

pub(crate) use config::{classes, weights_file};

/// The share of a file's names and shapes that tells which network it is of.
const LIKELY: f64 = 0.9;

/// Gives every `load-network` stage of a folder with a `config.json` the backbone that this declares, with its sizes; what
/// the stage itself says counts on. What is wrong is a finding.
pub(crate) fn declare(loaded: &mut Loaded, options: &Options) {
    let search = Search { root: &loaded.root, files: &loaded.files, options };
    let stages = loaded.root.get("stages").and_then(Node::table).into_iter().flatten();
    let mut declared = vec![];
    for (name, stage) in stages {
        let Some(path) =
            stage.get(OUTSIDE).filter(|_| stage.get("kind").and_then(Node::text) == Some("load-network"))
        else {
            continue;
        };
        let place = Place::stage(name).join(OUTSIDE);
        let Some(text) = path.text() else { continue };
        let Some(folder) = search.folder(&place, text) else {
            let said = |key| stage.get("network").is_some_and(|network| network.get(key).is_some());
            // Only the folder knows the network: that the recipe does not say it is no mistake.
            let nothing =
                if said("layers") || said("backbone") { None } else { search.nothing(&place, text) };
            declared.extend(nothing.map(|nothing| (name.clone(), path.clone(), Err(nothing))));
            continue;
        };
        if !folder.join(CONFIG).is_file() {
            continue;
        }
        let shapes = weights_file(&folder).ok().and_then(|file| sizes(&file, None).ok());
        let own = stage.get("network").and_then(|network| network.get("backbone")?.text());
        let found = config::architecture(&folder, shapes.as_ref()).and_then(|found| match own {
            Some(own) if own != found.backbone => {
                Err(format!("the folder holds a `{}`, not a `{own}`", found.backbone))
            }
            _ => Ok(found),
        });
        let found = found.map_err(|message| Diagnostic::new("network-config", place, message));
        declared.push((name.clone(), path.clone(), found));
    }
    for (name, path, found) in declared {
        let stages = loaded.root.get_mut("stages").and_then(Node::table_mut);
        let Some(stage) = stages.and_then(|stages| stages.get_mut(&name)?.table_mut()) else { continue };
        let at = |data| Node { data, ..Node::string("", path.span.clone()) };
        let network = stage.entry("network".to_owned()).or_insert_with(|| at(Data::Table(BTreeMap::new())));
        match found {
            Ok(Architecture { backbone, vars, of_tokens }) => {
                let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), at(value))).collect();
                let mut found = BTreeMap::from([
                    ("backbone".to_owned(), at(Data::String(backbone.to_owned()))),
                    ("with".to_owned(), at(Data::Table(vars))),
                ]);
                if of_tokens {
                    found.insert("top".to_owned(), at(Data::String("tokens".to_owned())));
                }
                if let Some(own) = network.table_mut() {
                    let said = std::mem::take(own);
                    let both = at(Data::Table(found)).merge(at(Data::Table(said)));
                    network.data = both.data;
                }
            }
            Err(diagnostic) => {
                network.data = Data::Broken;
                loaded.report(path.span, diagnostic);
            }
        }
    }
}

/// What the file of a `load-network` stage holds.
pub(crate) fn shapes(place: &Place, load: &LoadNetwork, file: &Path) -> Result<Shapes, Diagnostic> {
    sizes(file, load.root.clone())
        .map_err(|error| Diagnostic::new("unreadable-weights", place.clone(), error.to_string()))
}

/// Sizes of a file's tensors.
fn sizes(file: &Path, root: Option<String>) -> Result<Shapes, weights::Error> {
    let file = weights::Weights::open(file, &weights::Options { root, ..weights::Options::default() })?;
    Ok(file.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect())
}

/// Reports a file that does not fit the network of its stage.
pub(crate) fn check(
    stage: &str,
    load: &LoadNetwork,
    outputs: &[(&'static str, Fact)],
    shapes: &Shapes,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(graph) = network_of(outputs).and_then(|network| network.lower().ok()) else { return };
    // A pattern that is no regex has been reported.
    let Ok(fit) = load.fit(&graph, shapes) else { return };
    if fit.is_whole() {
        return;
    }
    let message = format!("the file does not fit the network: {}", fit.words());
    let mut diagnostic = Diagnostic::new("weights-mismatch", Place::stage(stage).join(OUTSIDE), message);
    diagnostic.hint = other_tokens(&fit, &graph).or_else(|| hint(&fit, shapes));
    diagnostics.push(diagnostic);
}

/// Advice where all that differs is the rows of tables of tokens.
fn other_tokens(fit: &Fit, graph: &Graph) -> Option<String> {
    let tables = graph.nodes.iter().filter(|node| node.op == Primitive::Embedding);
    let tables: BTreeSet<&str> = tables.flat_map(|node| &node.params).map(|of| of.name.as_str()).collect();
    let (name, own, found) = fit.misshapen.first()?;
    let rows = own.0.first().and_then(Dim::size)?;
    let only = fit.missing.is_empty() && fit.unexpected.is_empty();
    let all = fit.misshapen.iter().all(|(name, ..)| tables.contains(name.as_str()));
    (only && all && found.len() == 2 && rows != found[0]).then(|| {
        format!(
            "the data has {rows} tokens and `{name}` is of {}: take the tokenizer that the weights were trained with",
            found[0]
        )
    })
}

fn hint(fit: &Fit, shapes: &Shapes) -> Option<String> {
    // Where most of the file is taken, the backbone is the right one.
    let is_other = fit.taken.len() < fit.missing.len() + fit.unexpected.len();
    if let Some(name) = likely(shapes).filter(|_| is_other) {
        return Some(format!("it may be of {name}: network.backbone = \"{name}\""));
    }
    let other = modules(fit.misshapen.iter().map(|(name, ..)| name), &fit.taken);
    let missing = modules(fit.missing.iter(), &fit.taken);
    if let (true, [head]) = (missing.is_empty(), &other[..]) {
        let (head, pattern) = (head.trim_end_matches('.'), pattern(&other));
        return Some(format!("for other classes draw `{head}` anew: draw = \"{pattern}\""));
    }
    if fit.taken.is_empty() || !other.is_empty() {
        return None;
    }
    let needless = modules(fit.unexpected.iter(), &fit.taken);
    let draw = (!missing.is_empty()).then(|| format!("draw what it lacks: draw = \"{}\"", pattern(&missing)));
    let ignore = (!needless.is_empty())
        .then(|| format!("leave tensors out that are not needed: ignore = \"{}\"", pattern(&needless)));
    let parts: Vec<String> = draw.into_iter().chain(ignore).collect();
    Some(parts.join("; "))
}

/// The outermost modules of some names that have nothing of what fits, each with a point at its end; a name that is alone
/// with its module's others that fit stands for itself.
fn modules<'n>(names: impl Iterator<Item = &'n String>, taken: &[(String, String)]) -> Vec<String> {
    let mut modules = BTreeSet::new();
    for name in names {
        let ends = name.match_indices('.').map(|(end, _)| end + 1);
        let fits = |module: &str| {
            taken.iter().any(|(own, stored)| own.starts_with(module) || stored.starts_with(module))
        };
        let outermost = ends.map(|end| &name[..end]).find(|module| !fits(module));
        modules.insert(outermost.unwrap_or(name).to_owned());
    }
    modules.into_iter().collect()
}

/// A regex for everything in some modules, and for names.
fn pattern(modules: &[String]) -> String {
    let escaped = |name: &str| name.replace('.', "[.]");
    let inner: Option<Vec<String>> = modules.iter().map(|name| name.strip_suffix('.').map(escaped)).collect();
    match inner.as_deref() {
        Some([one]) => format!("^{one}[.]"),
        Some(all) => format!("^({})[.]", all.join("|")),
        None => {
            let end = |name: &String| if name.ends_with('.') { "" } else { "$" };
            let all: Vec<String> =
                modules.iter().map(|name| format!("{}{}", escaped(name), end(name))).collect();
            if let [one] = &all[..] { format!("^{one}") } else { format!("^({})", all.join("|")) }
        }
    }
}

/// The backbone that has most of the file's names and shapes, and few others.
fn likely(shapes: &Shapes) -> Option<&'static str> {
    let share = |name: &'static str| {
        let picture = Input::Image { channels: Some(3), height: None, width: None };
        let network = Network::new([("image".to_owned(), picture)].into(), blocks::backbone(name)?);
        let graph = network.lower().ok()?;
        let same = graph.params().filter(|param| {
            let sizes: Option<Vec<usize>> = param.shape.iter().map(Dim::size).collect();
            sizes.is_some_and(|sizes| shapes.get(&param.name) == Some(&sizes))
        });
        let all =
            graph.params().count().max(shapes.keys().filter(|name| !name.contains("num_batches")).count());
        Some((same.count() as f64 / all as f64, name))
    };
    let best = blocks::backbones().filter_map(share).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKELY).then_some(best.1)
}
