//! `[vars]`: scalars with names, put into strings as `${name}`.
//!
//! A string that is exactly one `${name}` takes the variable's type; elsewhere its text goes in. `$${` is a plain
//! `${`, and a `${` that no variable name follows stands for itself. Axes of a sweep are variables whose value differs
//! between variants; `${matrix.name}` means nothing else than them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use network::nearest;
use plan::{Diagnostic, Place};

use crate::report::Span;
use crate::tree::{Data, Node};

/// What names an axis and nothing else.
pub(crate) const MATRIX: &str = "matrix.";

/// In a repeated layer: which repetition it is, counted from 0.
pub(crate) const INDEX: &str = "index";

/// The same, counted from 1.
pub(crate) const NUMBER: &str = "number";

/// Values by name.
pub(crate) type Vars = BTreeMap<String, Data>;

/// The variables that a recipe declares.
pub(crate) fn declared(root: &Node) -> Vars {
    let vars = root.get("vars").and_then(Node::table).into_iter().flatten();
    vars.map(|(name, node)| (name.clone(), node.data.clone())).collect()
}

/// Names of variables that the strings in a value take in.
pub(crate) fn mentioned(node: &Node) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(node, &mut names);
    names
}

fn collect(node: &Node, names: &mut BTreeSet<String>) {
    match &node.data {
        Data::Array(elements) => elements.iter().for_each(|element| collect(element, names)),
        Data::Table(entries) => entries.values().for_each(|node| collect(node, names)),
        Data::String(text) => names.extend(pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.to_owned()),
            Piece::Text(_) => None,
        })),
        _ => {}
    }
}

/// Puts variables into the strings of a value.
pub(crate) fn substitute(node: &mut Node, place: &Place, vars: &Vars, diagnostics: &mut Vec<Diagnostic>) {
    match &mut node.data {
        Data::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                substitute(element, &place.join(index), vars, diagnostics);
            }
        }
        Data::Table(entries) => {
            // What counts the repetitions of a layer is put in when they are made.
            let mut counting = Cow::Borrowed(vars);
            for name in [INDEX, NUMBER].into_iter().filter(|name| !vars.contains_key(*name)) {
                if entries.contains_key("repeat") {
                    counting.to_mut().insert(name.to_owned(), Data::String(format!("${{{name}}}")));
                }
            }
            for (key, node) in entries {
                substitute(node, &place.join(key.as_str()), &counting, diagnostics);
            }
        }
        Data::String(text) if text.contains("${") => match replaced(text, vars) {
            Ok(data) => node.data = data,
            Err(unknown) => {
                for name in unknown {
                    diagnostics.push(unknown_variable(&name, place, vars));
                }
                node.data = Data::Broken;
            }
        },
        _ => {}
    }
}

/// Whether a text counts repetitions by itself.
pub(crate) fn counts(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Variable(INDEX | NUMBER)))
}

/// Variables that a block's strings take in, each with the bytes of the first; repetitions count themselves.
pub(crate) fn used(block: &Node) -> BTreeMap<String, Span> {
    let mut found = BTreeMap::new();
    let mut open = vec![block];
    while let Some(node) = open.pop() {
        match &node.data {
            Data::Array(elements) => open.extend(elements.iter().rev()),
            Data::Table(entries) => open.extend(entries.values().rev()),
            Data::String(text) => {
                for piece in pieces(text) {
                    if let Piece::Variable(name) = piece
                        && ![INDEX, NUMBER].contains(&name)
                        && !name.starts_with(MATRIX)
                    {
                        found.entry(name.to_owned()).or_insert_with(|| node.span.clone());
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn unknown_variable(name: &str, place: &Place, vars: &Vars) -> Diagnostic {
    let (what, add) = match name.strip_prefix(MATRIX) {
        Some(axis) => ("axis", format!("add it: [matrix] {axis} = [...]")),
        None => ("variable", format!("add it: [vars] {name} = ...")),
    };
    let same = |known: &&str| known.starts_with(MATRIX) == name.starts_with(MATRIX);
    let hint = match nearest(name, vars.keys().map(String::as_str).filter(same)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => add,
    };
    let name = name.strip_prefix(MATRIX).unwrap_or(name);
    Diagnostic::new("unknown-variable", place.clone(), format!("there is no {what} `{name}`")).hint(hint)
}

/// A part of a string.
enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = vec![];
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        pieces.push(match (before.strip_suffix('$'), name) {
            (Some(plain), Some(_)) => Piece::Text(plain),
            _ => Piece::Text(before),
        });
        match name.filter(|_| !before.ends_with('$')) {
            Some(name) => {
                pieces.push(Piece::Variable(name));
                rest = &after[name.len() + 1..];
            }
            None => {
                pieces.push(Piece::Text("${"));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text("")));
    pieces
}

/// The text with variables put in, or the names that are not known.
fn replaced(text: &str, vars: &Vars) -> Result<Data, Vec<String>> {
    let pieces = pieces(text);
    if let [Piece::Variable(name)] = pieces[..] {
        return vars.get(name).cloned().ok_or_else(|| vec![name.to_owned()]);
    }
    let (mut result, mut unknown) = (String::new(), vec![]);
    for piece in pieces {
        match piece {
            Piece::Text(text) => result.push_str(text),
            Piece::Variable(name) => match vars.get(name) {
                Some(data) => result.push_str(&plain(data)),
                None => unknown.push(name.to_owned()),
            },
        }
    }
    if unknown.is_empty() { Ok(Data::String(result)) } else { Err(unknown) }
}

/// Whether a variable can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.strip_prefix(MATRIX).unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-')
}

/// A scalar as text; what is no scalar is reported where it is declared.
pub(crate) fn plain(data: &Data) -> String {
    match data {
        Data::String(text) => text.clone(),
        Data::Integer(integer) => integer.to_string(),
        Data::Float(float) => float.to_string(),
        Data::Boolean(boolean) => boolean.to_string(),
        Data::Datetime | Data::Array(_) | Data::Table(_) | Data::Broken => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_alone_keeps_its_type() {
        let vars = BTreeMap::from([
            ("n".to_owned(), Data::Integer(3)),
            ("who".to_owned(), Data::String("imdb".into())),
        ]);
        let text = |text: &str| match replaced(text, &vars) {
            Ok(Data::String(text)) => text,
            other => format!("{other:?}"),
        };
        assert!(matches!(replaced("${n}", &vars), Ok(Data::Integer(3))));
        assert_eq!(text("${who}.csv"), "imdb.csv");
        assert_eq!(text("a${n}b${n}"), "a3b3");
        assert_eq!(text("$${n} ${1} ${ $x"), "${n} ${1} ${ $x");
        assert_eq!(text("${a} ${n} ${b}"), "Err([\"a\", \"b\"])");
    }
}
