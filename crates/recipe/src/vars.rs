//! `[vars]`: scalars with names, put into strings as `${name}`.
//!
//! A string that is exactly one `${name}` takes the variable's type; elsewhere its text goes in. `$${` is a plain
//! `${`, and a `${` that no variable name follows stands for itself.

use std::collections::BTreeMap;

use network::nearest;
use plan::{Diagnostic, Place};

use crate::tree::{Data, Node};

/// Replaces variables everywhere but in `[vars]` itself.
pub(crate) fn substitute(root: &mut Node) -> Vec<Diagnostic> {
    let vars: BTreeMap<String, Data> = match root.get("vars").and_then(Node::table) {
        Some(vars) => vars.iter().map(|(name, node)| (name.clone(), node.data.clone())).collect(),
        None => BTreeMap::new(),
    };
    let mut diagnostics = vec![];
    if let Data::Table(entries) = &mut root.data {
        for (key, node) in entries.iter_mut().filter(|(key, _)| *key != "vars") {
            replace(node, &Place(vec![key.as_str().into()]), &vars, &mut diagnostics);
        }
    }
    diagnostics
}

fn replace(node: &mut Node, place: &Place, vars: &BTreeMap<String, Data>, diagnostics: &mut Vec<Diagnostic>) {
    match &mut node.data {
        Data::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                replace(element, &place.join(index), vars, diagnostics);
            }
        }
        Data::Table(entries) => {
            for (key, node) in entries {
                replace(node, &place.join(key.as_str()), vars, diagnostics);
            }
        }
        Data::String(text) if text.contains("${") => match replaced(text, vars) {
            Ok(data) => node.data = data,
            Err(unknown) => {
                for name in unknown {
                    let message = format!("there is no variable `{name}`");
                    let hint = match nearest(&name, vars.keys().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("add it: [vars] {name} = ..."),
                    };
                    diagnostics.push(Diagnostic::new("unknown-variable", place.clone(), message).hint(hint));
                }
                node.data = Data::Broken;
            }
        },
        _ => {}
    }
}

/// The text with variables put in, or the names that are not known.
fn replaced(text: &str, vars: &BTreeMap<String, Data>) -> Result<Data, Vec<String>> {
    let mut result = String::new();
    let mut unknown = vec![];
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        if let (Some(plain), true) = (before.strip_suffix('$'), name.is_some()) {
            result.push_str(plain);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let Some(name) = name else {
            result.push_str("${");
            rest = after;
            continue;
        };
        rest = &after[name.len() + 1..];
        match vars.get(name) {
            Some(data) if before.is_empty() && result.is_empty() && rest.is_empty() => {
                return Ok(data.clone());
            }
            Some(data) => result.push_str(&plain(data)),
            None => unknown.push(name.to_owned()),
        }
    }
    result.push_str(rest);
    if unknown.is_empty() { Ok(Data::String(result)) } else { Err(unknown) }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-')
}

/// A scalar as text; what is no scalar is reported where it stands in `[vars]`.
fn plain(data: &Data) -> String {
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
