//! What a stage names, found and put in while its variants are made.

use std::collections::BTreeMap;

use plan::{Diagnostic, Place, Variant};
use stages::Names;

use super::axes::Assignment;
use super::{Made, Side, Sweep};
use crate::tree::{Data, Node};

/// A stage or source that a stage names.
pub(super) struct Link {
    /// The key, and the index where it holds a list.
    key: (String, Option<usize>),
    pub(super) side: Side,
    /// As declared.
    pub(super) of: String,
    /// Axes whose value the name itself says: `train@lr=0.01`.
    pub(super) fixed: Assignment,
    /// Where all variants are meant rather than the one at the stage's own values: the key of the texts that stand
    /// beside the list.
    every: Option<&'static str>,
}

impl Link {
    /// Whether the stage becomes several where what it names does.
    pub(super) fn multiplies(&self) -> bool {
        self.every.is_none()
    }

    /// Axes of a variant that the one who names it has to choose values for.
    pub(super) fn free(&self, of: &Assignment) -> Assignment {
        of.iter()
            .filter(|(axis, _)| !self.fixed.contains_key(axis))
            .map(|(&axis, &value)| (axis, value))
            .collect()
    }
}

impl Sweep<'_> {
    /// Everything that a stage names, made before it. What does not exist is reported with all other names.
    pub(super) fn links(&mut self, side: Side, node: &mut Node) -> Vec<Link> {
        // Without axes there is nothing to multiply, and names are checked where all others are.
        if self.axes.iter().next().is_none() {
            return vec![];
        }
        let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
        let declaration = stages::declaration(kind).filter(|_| side == Side::Stages);
        let (Some(declaration), Data::Table(entries)) = (declaration, &mut node.data) else { return vec![] };
        let mut links = vec![];
        for (key, node) in entries {
            let Some(names) = declaration.names(key) else { continue };
            let every = match names {
                Names::EveryVariant { beside } => Some(beside),
                _ => None,
            };
            let mut follow = |at: Option<usize>, node: &mut Node| {
                let side = if names == Names::Source { Side::Sources } else { Side::Stages };
                let Some((of, fixed)) = node.text().and_then(|name| self.target(side, name)) else { return };
                if side == Side::Stages && self.under_way.contains(&of) {
                    self.report_circle(&of, key);
                    node.data = Data::Broken;
                    return;
                }
                self.make(side, &of);
                links.push(Link { key: (key.clone(), at), side, of, fixed, every });
            };
            match &mut node.data {
                Data::Array(elements) => {
                    elements.iter_mut().enumerate().for_each(|(at, element)| follow(Some(at), element));
                }
                _ => follow(None, node),
            }
        }
        links
    }

    /// What a name means: a declaration, and the values that the name itself gives to axes.
    fn target(&self, side: Side, name: &str) -> Option<(String, Assignment)> {
        let declared = self.declared(side)?;
        if declared.contains_key(name) {
            return Some((name.to_owned(), Assignment::new()));
        }
        let variant = Variant::parse(name);
        declared.contains_key(variant.of).then_some(())?;
        let fixed: Option<Assignment> = (variant.axes.iter())
            .map(|(axis, label)| {
                let axis = self.axes.position(axis)?;
                Some((axis, self.axes.axis(axis).value(label)?))
            })
            .collect();
        Some((variant.of.to_owned(), fixed?))
    }

    fn report_circle(&mut self, of: &str, key: &str) {
        let mut path: Vec<&str> =
            self.under_way.iter().map(String::as_str).skip_while(|name| *name != of).collect();
        let last = path.last().copied().unwrap_or(of);
        let place = Place::stage(last).join(key);
        path.push(of);
        let message = match path.len() {
            2 => format!("`{of}` needs itself"),
            _ => format!("these stages need each other in a circle: {}", path.join(" -> ")),
        };
        self.diagnostics.push(Diagnostic::new("cycle", place, message));
    }

    /// The stage with the names of the variants that it takes.
    pub(super) fn connected(&self, mut node: Node, links: &[Link], own: &Assignment) -> Node {
        let Data::Table(entries) = &mut node.data else { return node };
        for link in links.iter().filter(|link| link.multiplies()) {
            let fits = |made: &&Made| {
                link.free(&made.assignment).iter().all(|(axis, value)| own.get(axis) == Some(value))
            };
            let Some(made) = self.made_of(link).find(fits) else { continue };
            let name = Data::String(self.axes.name(&link.of, &made.assignment));
            match (entries.get_mut(&link.key.0).map(|node| &mut node.data), link.key.1) {
                (Some(Data::Array(elements)), Some(at)) => elements[at].data = name,
                (Some(data), None) => *data = name,
                _ => {}
            }
        }
        if let Some((key, beside)) = links.iter().find_map(|link| Some((&link.key.0, link.every?))) {
            self.gather(entries, links, key, beside, own);
        }
        node
    }

    /// Puts all variants into a list of names, and as many texts into the one beside it.
    fn gather(
        &self,
        entries: &mut BTreeMap<String, Node>,
        links: &[Link],
        key: &str,
        beside: &str,
        own: &Assignment,
    ) {
        let list = |node: Option<&Node>| match node.map(|node| &node.data) {
            Some(Data::Array(elements)) => elements.clone(),
            _ => vec![],
        };
        let (names, texts) = (list(entries.get(key)), list(entries.get(beside)));
        let (mut all_names, mut all_texts) = (vec![], vec![]);
        for (at, name) in names.iter().enumerate() {
            let text = texts.get(at);
            let Some(link) = links.iter().find(|link| link.key.0 == key && link.key.1 == Some(at)) else {
                all_names.push(name.clone());
                all_texts.extend(text.cloned());
                continue;
            };
            for Made { assignment, .. } in self.made_of(link) {
                if assignment.iter().any(|(axis, value)| own.get(axis).is_some_and(|own| own != value)) {
                    continue;
                }
                let named = |node: &Node, of: &str, assignment: &Assignment| Node {
                    data: Data::String(self.axes.name(of, assignment)),
                    ..node.clone()
                };
                all_names.push(named(name, &link.of, assignment));
                all_texts.extend(text.map(|text| match text.text() {
                    Some(of) => named(text, of, &link.free(assignment)),
                    None => text.clone(),
                }));
            }
        }
        let put = |entries: &mut BTreeMap<String, Node>, key: &str, elements| {
            if let Some(Node { data: Data::Array(old), .. }) = entries.get_mut(key) {
                *old = elements;
            }
        };
        put(entries, key, all_names);
        // Where there were not as many texts as names, the stage's own check says so.
        if texts.len() == names.len() {
            put(entries, beside, all_texts);
        }
    }
}
