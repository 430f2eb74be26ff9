//! `[matrix]` and `[folds]`: stages and sources that depend on an axis become one for each of its values, all others
//! stay as they are and run once.
//!
//! It happens on the tree, before anything is checked: each variant is a stage like any other, called
//! `train@lr=0.01`. A stage depends on the axes that its strings name, and on those of the stages and sources that it
//! names; inputs that share an axis meet at the same value of it.

mod axes;
mod inherit;
mod links;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use plan::{Diagnostic, Place};

use crate::tree::{Data, Node};
use crate::vars::{self, Vars};

use axes::Assignment;
pub(crate) use axes::Axes;
use links::Link;
pub(crate) use told::told_once;

/// Most stages that a sweep makes of a recipe.
const MOST_STAGES: usize = 5000;

/// Which table of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Sources,
    Stages,
}

impl Side {
    const BOTH: [Side; 2] = [Side::Sources, Side::Stages];

    fn key(self) -> &'static str {
        match self {
            Side::Sources => "data",
            Side::Stages => "stages",
        }
    }
}

/// Puts variables in, and variants in the place of what depends on an axis.
pub(crate) fn expand(root: &mut Node) -> (Axes, Vec<Diagnostic>) {
    let mut diagnostics = vec![];
    let vars = vars::declared(root);
    for key in ["matrix", "folds"] {
        substitute_at(root, key, &vars, &mut diagnostics);
    }
    let axes = Axes::declared(root, &vars, &mut diagnostics);
    inherit::splits(root, &mut diagnostics);
    inherit::seed(root, &axes, &vars);
    let mut sweep = Sweep {
        root,
        axes: &axes,
        vars: &vars,
        made: BTreeMap::new(),
        under_way: vec![],
        used: BTreeSet::new(),
        diagnostics,
    };
    for side in Side::BOTH {
        let names: Vec<String> =
            sweep.declared(side).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| sweep.make(side, name));
    }
    sweep.report_unused();
    let Sweep { mut made, mut diagnostics, .. } = sweep;
    for side in Side::BOTH {
        let Some(Node { data: Data::Table(entries), .. }) = root.get_mut(side.key()) else { continue };
        *entries = std::mem::take(entries)
            .into_keys()
            .flat_map(|of| {
                let variants = made.remove(&(side, of.clone())).unwrap_or_default().into_iter();
                let named = |variant: Made| (axes.name(&of, &variant.assignment), variant.node);
                variants.map(named).collect::<Vec<_>>()
            })
            .collect();
    }
    // Elsewhere an axis has no value; what says so has been reported where it is.
    let elsewhere = axes.vars_without_value(&vars);
    let others =
        |key: &&String| !matches!(key.as_str(), "vars" | "matrix" | "folds" | "blocks" | "data" | "stages");
    for key in root.table().into_iter().flat_map(BTreeMap::keys).filter(others).cloned().collect::<Vec<_>>() {
        if let Some(axis) = root.get(&key).and_then(|node| axes.mentioned(node).first().copied()) {
            let message =
                format!("`{}` is an axis, and has a value only in stages and sources", axes.axis(axis).name);
            diagnostics.push(Diagnostic::new("axis", Place(vec![key.as_str().into()]), message));
        }
        substitute_at(root, &key, &elsewhere, &mut diagnostics);
    }
    (axes, diagnostics)
}

fn substitute_at(root: &mut Node, key: &str, vars: &Vars, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(node) = root.get_mut(key) {
        vars::substitute(node, &Place(vec![key.into()]), vars, diagnostics);
    }
}

/// A stage or source at a value of each axis that it depends on.
struct Made {
    assignment: Assignment,
    node: Node,
}

struct Sweep<'a> {
    root: &'a Node,
    axes: &'a Axes,
    vars: &'a Vars,
    /// Variants by what was declared.
    made: BTreeMap<(Side, String), Vec<Made>>,
    /// Stages that need each other, from the first asked for to the one being made.
    under_way: Vec<String>,
    used: BTreeSet<usize>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Sweep<'a> {
    fn declared(&self, side: Side) -> Option<&'a BTreeMap<String, Node>> {
        self.root.get(side.key())?.table()
    }

    /// Makes the variants of what is declared, after those of everything that it names.
    fn make(&mut self, side: Side, name: &str) {
        let Some(node) = self.declared(side).and_then(|declared| declared.get(name)) else { return };
        let key = (side, name.to_owned());
        if self.made.contains_key(&key) {
            return;
        }
        self.under_way.push(name.to_owned());
        let direct = self.axes.mentioned(node);
        self.used.extend(&direct);
        let mut made = vec![];
        let axes = self.axes;
        let most = if self.too_many(name, axes.combinations(&direct)) { 1 } else { usize::MAX };
        for assignment in axes.product(&direct).take(most) {
            let mut plain = node.clone();
            let mut unknown = vec![];
            let vars = self.axes.vars(self.vars, &assignment);
            vars::substitute(&mut plain, &Place::default(), &vars, &mut unknown);
            let links = self.links(side, &mut plain);
            let assignments = self.join(assignment, &links);
            if let Some(first) = assignments.first() {
                let place = Place(vec![side.key().into(), self.axes.name(name, first).into()]);
                let here = |mut diagnostic: Diagnostic| {
                    diagnostic.place = place.extend(diagnostic.place.0);
                    diagnostic
                };
                self.diagnostics.extend(unknown.into_iter().map(here));
            }
            for assignment in assignments {
                made.push(Made { node: self.connected(plain.clone(), &links, &assignment), assignment });
            }
        }
        if self.too_many(name, made.len()) {
            made.truncate(1);
        }
        if made.is_empty() {
            let message = format!("every combination of `{name}` is excluded");
            self.diagnostics.push(Diagnostic::new(
                "axis",
                Place(vec!["matrix".into(), "exclude".into()]),
                message,
            ));
        }
        self.under_way.pop();
        self.made.insert(key, made);
    }

    /// Combinations of a stage's own axes with those of its inputs.
    fn join(&self, own: Assignment, links: &[Link]) -> Vec<Assignment> {
        let mut joined = vec![own];
        for link in links.iter().filter(|link| link.multiplies()) {
            let mut next: Vec<Assignment> = vec![];
            for made in self.made_of(link) {
                let free = link.free(&made.assignment);
                let agrees = |own: &&Assignment| {
                    free.iter().all(|(axis, value)| own.get(axis).is_none_or(|own| own == value))
                };
                next.extend(joined.iter().filter(agrees).map(|own| {
                    let mut both = own.clone();
                    both.extend(&free);
                    both
                }));
            }
            next.sort();
            next.dedup();
            next.truncate(MOST_STAGES + 1);
            if !next.is_empty() {
                joined = next;
            }
        }
        joined.retain(|assignment| !self.axes.excludes(assignment));
        joined
    }

    /// Variants that a link may mean.
    fn made_of(&self, link: &Link) -> impl Iterator<Item = &Made> {
        let made = self.made.get(&(link.side, link.of.clone())).into_iter().flatten();
        made.filter(|made| link.fixed.iter().all(|(axis, value)| made.assignment.get(axis) == Some(value)))
    }

    /// Whether so many more stages are more than a sweep may make, which is then reported.
    fn too_many(&mut self, name: &str, more: usize) -> bool {
        let before: usize = self.made.values().map(Vec::len).sum();
        if more <= 1 || before.saturating_add(more) <= MOST_STAGES {
            return false;
        }
        let message = format!("with `{name}` this sweep would be more than {MOST_STAGES} stages and sources");
        let key = if self.root.get("matrix").is_some() { "matrix" } else { "folds" };
        let hint = "shorten an axis, or leave combinations out by `exclude`";
        self.diagnostics
            .push(Diagnostic::new("sweep-size", Place(vec![key.into()]), message).at_key().hint(hint));
        true
    }

    fn report_unused(&mut self) {
        let unused = self.axes.iter().enumerate().filter(|(at, _)| !self.used.contains(at));
        // Folds say themselves where they apply to nothing.
        for (_, axis) in unused.filter(|(_, axis)| axis.place.0[0] != "folds".into()) {
            let message = format!("nothing uses the axis `{}`", axis.name);
            let hint = format!("write \"${{{}}}\" where its values belong", axis.name);
            self.diagnostics.push(Diagnostic::new("axis", axis.place.clone(), message).at_key().hint(hint));
        }
    }
}
