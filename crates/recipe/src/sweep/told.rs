//! What is wrong with variants, told once and of what was declared.

use std::collections::{BTreeMap, BTreeSet};

use plan::{Diagnostic, Place, Segment, Variant};

use super::{Axes, Side};
use crate::tree::Node;

/// Most values of an axis that one diagnostic points at.
const SHOWN: usize = 3;

/// Equal diagnostics of several variants as one. Where only some variants have it, it points at the values that
/// those have in common.
pub(crate) fn told_once(diagnostics: Vec<Diagnostic>, root: &Node, axes: &Axes) -> Vec<Diagnostic> {
    if axes.iter().next().is_none() {
        return diagnostics;
    }
    let mut told: Vec<(Diagnostic, BTreeSet<String>)> = vec![];
    for diagnostic in diagnostics {
        let variant = variant(&diagnostic.place).map(str::to_owned);
        let diagnostic = as_declared(diagnostic, root);
        let known = told.iter_mut().find(|(known, _)| *known == diagnostic);
        match known {
            Some((_, variants)) => variants.extend(variant),
            None => told.push((diagnostic, variant.into_iter().collect())),
        }
    }
    told.into_iter()
        .map(|(mut diagnostic, variants)| {
            diagnostic.related.extend(where_only(&variants, &diagnostic.place, root, axes));
            diagnostic
        })
        .collect()
}

/// The name of the variant that a place is in.
fn variant(place: &Place) -> Option<&str> {
    match place.0.get(1) {
        Some(Segment::Key(name)) if !Variant::parse(name).axes.is_empty() => Some(name),
        _ => None,
    }
}

/// Values that all of these variants, and no others, have.
fn where_only(variants: &BTreeSet<String>, place: &Place, root: &Node, axes: &Axes) -> Vec<(Place, String)> {
    let (Some(Segment::Key(side)), Some(first)) = (place.0.first(), variants.first()) else { return vec![] };
    let of = Variant::parse(first).of;
    let all = root.get(side).and_then(Node::table).into_iter().flatten().map(|(name, _)| name.as_str());
    let all = values(all.filter(|name| Variant::parse(name).of == of), axes);
    let mut related = vec![];
    for (axis, of_these) in values(variants.iter().map(String::as_str), axes) {
        if all.get(&axis) == Some(&of_these) {
            continue;
        }
        let axis = axes.axis(axis);
        let shown = of_these.into_iter().take(SHOWN).map(|value| &axis.values[value]);
        related.extend(shown.map(|value| {
            let words = format!("where `{}` is {}", axis.name, value.label);
            (value.place.clone(), words)
        }));
    }
    related
}

/// Values that some names have, by axis.
fn values<'n>(names: impl Iterator<Item = &'n str>, axes: &Axes) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut values: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (axis, value) in names.flat_map(|name| axes.assignment(name)) {
        values.entry(axis).or_default().insert(value);
    }
    values
}

/// The diagnostic with every variant called by its declaration.
fn as_declared(mut diagnostic: Diagnostic, root: &Node) -> Diagnostic {
    let names = |name: &str| {
        Side::BOTH
            .iter()
            .any(|side| root.get(side.key()).is_some_and(|declared| declared.get(name).is_some()))
    };
    let text = |text: &str| without_variants(text, names);
    let place = |place: Place| match variant(&place).map(|name| Variant::parse(name).of.to_owned()) {
        Some(of) => Place(
            place
                .0
                .into_iter()
                .enumerate()
                .map(|(at, own)| if at == 1 { of.clone().into() } else { own })
                .collect(),
        ),
        None => place,
    };
    diagnostic.message = text(&diagnostic.message);
    diagnostic.hint = diagnostic.hint.map(|hint| text(&hint));
    diagnostic.related =
        diagnostic.related.into_iter().map(|(at, words)| (place(at), text(&words))).collect();
    diagnostic.place = place(diagnostic.place);
    diagnostic
}

/// A text whose names between backticks are the declared ones; a list that then repeats a name has it once.
fn without_variants(text: &str, is_name: impl Fn(&str) -> bool) -> String {
    if text.matches('`').count() % 2 == 1 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut before: Option<&str> = None;
    for (at, part) in text.split('`').enumerate() {
        let quoted = at % 2 == 1;
        let variant = Variant::parse(part);
        if !quoted {
            out.push_str(part);
            before = before.filter(|_| part == ", ");
        } else if is_name(part) && !variant.axes.is_empty() {
            if before == Some(variant.of) {
                out.truncate(out.len() - ", ".len());
            } else {
                out += &format!("`{}`", variant.of);
            }
            before = Some(variant.of);
        } else {
            out += &format!("`{part}`");
            before = None;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_what_was_declared() {
        let names = |name: &str| ["a@fold=0", "a@fold=1", "b@x=1"].contains(&name);
        let text = |text| without_variants(text, names);
        assert_eq!(text("`a@fold=0`, `a@fold=1`, `b@x=1` would fit"), "`a`, `b` would fit");
        assert_eq!(text("`a@fold=0` needs `a@fold=1`, `me@home=1`"), "`a` needs `a`, `me@home=1`");
        assert_eq!(text("no names"), "no names");
    }
}
