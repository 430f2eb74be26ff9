//! `[blocks]`: named lists of layers, put in the place of the layers of kind `block` that use them.
//!
//! Blocks are unfolded in the tree, before anything is decoded: every layer keeps the bytes that it was written as and
//! the uses that brought it into its network, and what is checked, stored and run is the flat list.

mod backbone;
mod steps;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use network::nearest;
use plan::{Diagnostic, Place};
use serde_json::Value;

use crate::load::Loaded;
use crate::report::{File, Finding, Seen, Span};
use crate::tree::{Data, Node};
use crate::vars::{self, Vars};
use crate::{catalogue, validate};

pub(crate) use backbone::{layers as backbone, names as backbones, preprocessing};

/// What feeds a block, in the inputs of its layers.
const INPUT: &str = "input";

/// Repetitions that one layer may ask for: more is a slip of the finger.
const MOST: i128 = 1000;

/// Layers and uses that a network may unfold to, and blocks within blocks.
const LARGEST: usize = 20_000;
const DEEPEST: usize = 40;

/// Unfolds every network of the recipe's stages, and backbones in chains of columns. What is wrong is a finding, and the
/// list that it is in is broken. Gives the backbone of each stage that names one.
pub(crate) fn unfold(loaded: &mut Loaded) -> BTreeMap<String, String> {
    let blocks = loaded.root.get("blocks").and_then(Node::table).cloned().unwrap_or_default();
    let vars = Rc::new(vars::declared(&loaded.root));
    let scope = Scope { blocks: Rc::new(blocks), globals: Rc::clone(&vars), vars, ..Scope::default() };
    let Loaded { root, files, findings, .. } = loaded;
    let mut unfolding = Unfolding { files, findings, seen: Seen::default(), sound: true, unfolded: 0 };
    let mut named = BTreeMap::new();
    let stages = root.get_mut("stages").and_then(Node::table_mut);
    for (name, stage) in stages.into_iter().flatten() {
        steps::unfold(stage);
        if let Some(network) = stage.get_mut("network").filter(|network| network.get("backbone").is_some()) {
            let backbone = network.get("backbone").and_then(Node::text);
            named.extend(backbone.map(|backbone| (name.clone(), backbone.to_owned())));
            let layers = unfolding.backbone(network, &scope).map(|layers| {
                let layers = Node { data: Data::Array(layers), ..Node::string("", network.span.clone()) };
                Data::Table([("layers".to_owned(), layers)].into())
            });
            network.data = layers.unwrap_or(Data::Broken);
        }
        for path in [&["network", "layers"][..], &["replace"]] {
            let found = path.iter().try_fold(&mut *stage, |node, key| node.get_mut(key));
            let Some(Node { data, .. }) = found else { continue };
            let Data::Array(elements) = &data else { continue };
            if elements.iter().any(is_folded) {
                *data = unfolding.network(elements, &scope).map_or(Data::Broken, Data::Array);
            }
        }
    }
    named
}

/// What the layers of a list are read in.
#[derive(Clone, Default)]
struct Scope {
    /// Blocks that can be used.
    blocks: Rc<BTreeMap<String, Node>>,
    /// Values of `${name}` that every block sees.
    globals: Rc<Vars>,
    /// Values of `${name}` in this list.
    vars: Rc<Vars>,
    /// The blocks that the list is in, outermost first, by name, with the uses that led into them.
    within: Vec<(String, Span)>,
    /// What stands before names: `layer1.0.`.
    prefix: String,
    /// What feeds the list; `None` for the data.
    input: Option<Vec<String>>,
}

/// Names of one list's layers as they are written there.
#[derive(Default)]
struct Names {
    known: BTreeSet<String>,
    /// How many have none and are numbered.
    numbered: usize,
}

/// Layers unfolded so far.
#[derive(Default)]
struct Flat {
    layers: Vec<Node>,
    /// The name of the last one.
    last: Option<String>,
    /// What feeds the next layer where it does not say otherwise; `None` for the data.
    output: Option<Vec<String>>,
    /// Names of blocks, and of layers that are left out: the layers that they mean.
    meanings: BTreeMap<String, Vec<String>>,
}

/// One layer of a list.
struct Element<'e> {
    /// As it is written.
    written: &'e Node,
    /// With variables put in.
    node: Node,
    /// Which repetition it is, and of how many, where it says `repeat`.
    repetition: Option<(usize, usize)>,
}

struct Unfolding<'l> {
    files: &'l mut Vec<File>,
    findings: &'l mut Vec<Finding>,
    seen: Seen,
    /// Whether nothing was wrong in the network at hand.
    sound: bool,
    /// Layers and uses of the network at hand so far.
    unfolded: usize,
}

fn is_use(element: &Node) -> bool {
    element.get("kind").and_then(Node::text) == Some(catalogue::BLOCK)
}

fn is_folded(element: &Node) -> bool {
    is_use(element) || ["repeat", "when"].iter().any(|key| element.get(key).is_some())
}

impl Scope {
    fn is_inside(&self) -> bool {
        !self.within.is_empty()
    }

    /// The uses that led here, innermost first.
    fn uses(&self) -> Vec<Span> {
        self.within.iter().rev().map(|(_, used)| used.clone()).collect()
    }

    /// The layers that an `input` of this list means.
    fn resolved(&self, name: &str, names: &Names, flat: &Flat) -> Vec<String> {
        if self.is_inside() && name == INPUT && !names.known.contains(INPUT) {
            return self.input.clone().unwrap_or_else(|| vec![INPUT.to_owned()]);
        }
        // A layer of this list, a layer of a block used in it, or something outside.
        let own = |known: &String| {
            name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let full =
            if names.known.iter().any(own) { format!("{}{name}", self.prefix) } else { name.to_owned() };
        flat.meanings.get(&full).cloned().unwrap_or_else(|| vec![full])
    }
}

impl Element<'_> {
    fn is_inline(&self) -> bool {
        is_use(&self.node) && matches!(self.node.get("inline"), Some(Node { data: Data::Boolean(true), .. }))
    }

    /// Its name in its list, and the name that its repetitions have in common.
    fn names(&self) -> Option<(String, Option<String>)> {
        let name = self.node.get("name")?.text()?.to_owned();
        let counted = self.written.get("name").and_then(Node::text).is_some_and(vars::counts);
        match self.repetition.filter(|_| !counted) {
            Some((index, _)) => Some((format!("{name}.{index}"), Some(name))),
            None => Some((name, None)),
        }
    }
}

impl Flat {
    fn push(&mut self, mut node: Node, name: Option<String>, via: Vec<Span>) {
        let span = node.span.clone();
        node.via = via;
        if let Some(entries) = node.table_mut() {
            entries.retain(|key, _| key != "repeat" && key != "when");
            if let Some(name) = &name {
                let written = entries.get("name").map_or_else(|| span.clone(), |node| node.span.clone());
                entries.insert("name".to_owned(), Node::string(name, written));
            }
            let fed = self.output.iter().flatten();
            if let Some(input) = entries.get_mut("input") {
                let span = input.span.clone();
                input.data = Data::Array(fed.map(|name| Node::string(name, span.clone())).collect());
            } else if self.output.as_ref().is_some_and(|output| self.last.iter().ne(output)) {
                let data = Data::Array(fed.map(|name| Node::string(name, span.clone())).collect());
                entries.insert("input".to_owned(), Node { data, ..Node::string("", span) });
            }
        }
        self.output = name.clone().map(|name| vec![name]);
        self.last = name;
        self.layers.push(node);
    }
}

impl Unfolding<'_> {
    /// The flat list; `None` after a mistake.
    fn network(&mut self, elements: &[Node], scope: &Scope) -> Option<Vec<Node>> {
        (self.sound, self.unfolded) = (true, 0);
        let mut flat = Flat::default();
        self.list(elements, scope, &mut Names::default(), &mut flat);
        self.sound.then_some(flat.layers)
    }

    /// Reports a mistake where these uses led.
    fn report(&mut self, span: &Span, scope: &Scope, diagnostic: Diagnostic) {
        self.sound = false;
        let finding = Finding::within(diagnostic, span.clone(), &scope.uses());
        if self.seen.is_new(&finding, &scope.uses()) && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Puts variables in; whether all are known.
    fn fill(&mut self, node: &mut Node, vars: &Vars, scope: &Scope) -> bool {
        let mut unknown = vec![];
        vars::substitute(node, &Place::default(), vars, &mut unknown);
        let known = unknown.is_empty();
        for diagnostic in unknown {
            let span = node.locate(&diagnostic.place, diagnostic.anchor, self.files);
            self.report(&span, scope, diagnostic);
        }
        known
    }

    fn list(&mut self, elements: &[Node], scope: &Scope, names: &mut Names, flat: &mut Flat) {
        names.known.extend(elements.iter().filter_map(|element| element.get("name")?.text()).map(Into::into));
        for written in elements {
            let Some(repetitions) = self.repetitions(written, scope) else { continue };
            for repetition in repetitions {
                if self.is_too_large(written, scope) {
                    return;
                }
                let mut scope = scope.clone();
                if let Some((index, _)) = repetition {
                    let vars = Rc::make_mut(&mut scope.vars);
                    vars.insert(vars::INDEX.to_owned(), Data::Integer(index as i128));
                    vars.insert(vars::NUMBER.to_owned(), Data::Integer(index as i128 + 1));
                }
                let mut node = written.clone();
                // In the recipe's own lists everything else has been put in.
                let open = scope.is_inside() || repetition.is_some();
                if !open || self.fill(&mut node, &scope.vars, &scope) {
                    self.element(Element { written, node, repetition }, &scope, names, flat);
                }
            }
        }
    }

    /// Whether the network has as many layers as one may have, which is reported once.
    fn is_too_large(&mut self, written: &Node, scope: &Scope) -> bool {
        self.unfolded += 1;
        if self.unfolded == LARGEST || scope.within.len() > DEEPEST {
            let message = "these blocks unfold to too large a network";
            let hint = format!("at most {LARGEST} layers, and {DEEPEST} blocks within blocks");
            self.report(
                &written.span,
                scope,
                Diagnostic::new("block-size", Place::default(), message).hint(hint),
            );
        }
        self.unfolded >= LARGEST || scope.within.len() > DEEPEST
    }

    /// The repetitions of a layer, one without a number where it says nothing of them; `None` after a mistake.
    fn repetitions(&mut self, element: &Node, scope: &Scope) -> Option<Vec<Option<(usize, usize)>>> {
        let Some(repeat) = element.get("repeat") else { return Some(vec![None]) };
        let mut repeat = repeat.clone();
        if scope.is_inside() && !self.fill(&mut repeat, &scope.vars, scope) {
            return None;
        }
        match repeat.data {
            Data::Integer(times @ 1..=MOST) => {
                Some((0..times as usize).map(|index| Some((index, times as usize))).collect())
            }
            Data::Broken => {
                self.sound = false;
                None
            }
            _ => {
                let message = format!("`repeat` is how often the layer stands here, from 1 to {MOST}");
                self.report(&repeat.span, scope, Diagnostic::new("repeat", Place::default(), message));
                None
            }
        }
    }

    fn element(&mut self, mut element: Element<'_>, scope: &Scope, names: &mut Names, flat: &mut Flat) {
        let wanted = match element.node.get("when") {
            None => true,
            Some(Node { data: Data::Boolean(wanted), .. }) => *wanted,
            Some(Node { data: Data::Broken, .. }) => return self.sound = false,
            Some(when) => {
                let message = "`when` is true or false: whether the layer is there";
                return self.report(&when.span, scope, Diagnostic::new("when", Place::default(), message));
            }
        };
        let (mut name, base) = element.names().map_or((None, None), |(name, base)| (Some(name), base));
        if name.is_none() && wanted && scope.is_inside() && !element.is_inline() {
            name = Some(names.numbered.to_string());
            names.numbered += 1;
        }
        if let Some(Data::Array(inputs)) = element.node.get("input").map(|input| &input.data) {
            let inputs = inputs.iter().filter_map(Node::text);
            let mut inputs: Vec<String> = inputs.flat_map(|name| scope.resolved(name, names, flat)).collect();
            if !wanted {
                inputs.truncate(1);
            }
            flat.output = Some(inputs);
        }
        if let Some(Node { data: Data::String(tied), .. }) = element.node.get_mut("tied")
            && let [one] = &scope.resolved(tied, names, flat)[..]
        {
            tied.clone_from(one);
        }
        names.known.extend(name.iter().chain(&base).cloned());
        let full = |name: &String| format!("{}{name}", scope.prefix);
        let (name, base) = (name.as_ref().map(full), base.as_ref().map(full));
        if wanted && is_use(&element.node) {
            self.block(&element, name.as_deref(), scope, names, flat);
        } else if wanted {
            flat.push(element.node, name.clone(), scope.uses());
        }
        // The name of a block is its output; that of a layer left out, what would feed it first.
        for name in name.into_iter().chain(base) {
            let output = flat.output.clone().unwrap_or_else(|| vec![INPUT.to_owned()]);
            if output != [name.as_str()] {
                flat.meanings.insert(name, output);
            }
        }
    }

    /// Puts in the layers of the block that `element` uses, under `full` or, inline, among those around it.
    fn block(
        &mut self,
        element: &Element<'_>,
        full: Option<&str>,
        scope: &Scope,
        names: &mut Names,
        flat: &mut Flat,
    ) {
        if !self.fits(element, full, scope) {
            return;
        }
        let Some(used) = element.node.get("block") else { return };
        let name = used.text().unwrap_or_default();
        let Some(block) = scope.blocks.get(name) else {
            let message = format!("there is no block `{name}`");
            let hint = match nearest(name, scope.blocks.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it, here or in a file of `include`: [blocks.{name}] layers = [...]"),
            };
            let diagnostic = Diagnostic::new("unknown-block", Place::default(), message).hint(hint);
            return self.report(&used.span, scope, diagnostic);
        };
        if let Some(at) = scope.within.iter().position(|(within, _)| within == name) {
            let round = scope.within[at..].iter().map(|(name, _)| name.as_str()).chain([name]);
            let message = format!("this block is inside itself: {}", round.collect::<Vec<_>>().join(" -> "));
            return self.report(&used.span, scope, Diagnostic::new("block-cycle", Place::default(), message));
        }
        let Some(Data::Array(layers)) = block.get("layers").map(|layers| &layers.data) else {
            // What is wrong with the block is reported where it stands.
            return self.sound = false;
        };
        let Some(vars) = self.values(element, name, block, scope) else { return };
        let mut within = scope.within.clone();
        within.push((name.to_owned(), element.node.span.clone()));
        let prefix = full.filter(|_| !element.is_inline()).map(|full| format!("{full}."));
        let inner = Scope {
            vars: Rc::new(vars),
            within,
            prefix: prefix.unwrap_or_else(|| scope.prefix.clone()),
            input: flat.output.clone(),
            ..scope.clone()
        };
        if element.is_inline() {
            self.list(layers, &inner, names, flat);
        } else {
            self.list(layers, &inner, &mut Names::default(), flat);
        }
    }

    /// Reports keys of a use that are wrong; whether there are none.
    fn fits(&mut self, element: &Element<'_>, full: Option<&str>, scope: &Scope) -> bool {
        let fits = self.is_valid(catalogue::block(), &element.node, scope);
        if fits && full.is_none() && !element.is_inline() {
            let message = "a block in a network needs a `name`, or `inline = true`";
            let diagnostic = Diagnostic::new("missing-key", Place::default(), message);
            self.report(
                &element.node.span,
                scope,
                diagnostic.hint("its layers are called by it: `layer1.conv1`"),
            );
            return false;
        }
        fits
    }

    /// Reports where a node does not fit its schema; whether it does.
    fn is_valid(&mut self, schema: &Value, node: &Node, scope: &Scope) -> bool {
        let found = validate::against(schema, node);
        self.sound &= found.sound();
        let fits = found.sound();
        for diagnostic in found.diagnostics {
            let span = node.locate(&diagnostic.place, diagnostic.anchor, self.files);
            self.report(&span, scope, diagnostic);
        }
        fits
    }
}
