//! The values of a block's variables in one of its uses.

use std::collections::BTreeSet;

use network::nearest;
use plan::{Diagnostic, Place};

use super::{Element, Scope, Unfolding};
use crate::tree::{Data, Node};
use crate::vars::{self, Vars};
use crate::words::list;

impl Unfolding<'_> {
    /// The variables of a block: what `with` gives, else the block's own, else the recipe's. `None` after a mistake.
    pub(super) fn values(
        &mut self,
        element: &Element<'_>,
        name: &str,
        block: &Node,
        scope: &Scope,
    ) -> Option<Vars> {
        let table = |node: &'_ Node, key: &str| node.get(key).and_then(Node::table).cloned();
        let own = table(block, "vars").unwrap_or_default();
        let with = table(&element.node, "with").unwrap_or_default();
        let used = vars::used(block);
        let before = std::mem::replace(&mut self.sound, true);
        let known = || used.keys().chain(own.keys()).map(String::as_str);
        let mut mistyped = BTreeSet::new();
        let mut vars = Vars::clone(&scope.globals);
        for (key, value) in &with {
            if !known().any(|known| known == key) {
                let near = nearest(key, known());
                mistyped.extend(near.map(ToOwned::to_owned));
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known().next().is_none() => "it has none".to_owned(),
                    None => format!("it has {}", list(known().collect::<BTreeSet<_>>().into_iter())),
                };
                let message = format!("the block `{name}` has no variable `{key}`");
                let diagnostic = Diagnostic::new("unknown-variable", Place::default(), message).hint(hint);
                self.report(value.key.as_ref().unwrap_or(&value.span), scope, diagnostic);
            } else if let Some(data) = self.of_repetition(value, element.repetition, scope) {
                vars.insert(key.clone(), data);
            }
        }
        let given = vars.clone();
        for (key, value) in own.iter().filter(|(key, _)| !with.contains_key(*key)) {
            let mut value = value.clone();
            if self.fill(&mut value, &given, scope) {
                vars.insert(key.clone(), value.data);
            }
        }
        let missing = used.iter().filter(|(key, _)| !vars.contains_key(*key) && !mistyped.contains(*key));
        for (key, span) in missing.filter(|(key, _)| !with.contains_key(*key) && !own.contains_key(*key)) {
            let message = format!("the block `{name}` needs a value for `{key}`");
            let diagnostic = Diagnostic::new("missing-variable", Place::default(), message);
            let at = element.node.get("with").map_or(&element.node.span, |with| &with.span);
            self.report(at, scope, diagnostic.hint(format!("add it: with = {{ {key} = ... }}")));
            if let Some(finding) = self.findings.last_mut() {
                finding.related.insert(0, (span.clone(), "it is put in here".to_owned()));
            }
        }
        let sound = self.sound;
        self.sound &= before;
        sound.then_some(vars)
    }

    /// Of a list in the `with` of repetitions, the value of this one; the last value holds for all that follow.
    fn of_repetition(
        &mut self,
        value: &Node,
        repetition: Option<(usize, usize)>,
        scope: &Scope,
    ) -> Option<Data> {
        let (Data::Array(values), Some((index, times))) = (&value.data, repetition) else {
            return Some(value.data.clone());
        };
        if values.is_empty() || values.len() > times {
            let message = format!("{} values for {times} repetitions", values.len());
            let hint = "beside `repeat`, a list has one value a repetition, the last one for all that follow";
            let diagnostic = Diagnostic::new("repeat", Place::default(), message).hint(hint);
            self.report(&value.span, scope, diagnostic);
            return None;
        }
        values.get(index.min(values.len() - 1)).map(|value| value.data.clone())
    }
}
