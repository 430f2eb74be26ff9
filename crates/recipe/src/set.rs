//! `--set a.b[2].c=value`: values laid over the recipe from the command line.

use std::path::PathBuf;

use network::nearest;
use plan::{Diagnostic, Place, Segment};
use toml::de::DeValue;

use crate::load::Loaded;
use crate::report::{File, Span};
use crate::tree::{Data, Node};

/// Name of the file that holds what the command line sets, one a line.
pub(crate) const SET_FILE: &str = "--set";

/// Lays every `path=value` over the recipe, in order.
pub(crate) fn apply(loaded: &mut Loaded, sets: &[String]) {
    if sets.is_empty() {
        return;
    }
    let file = loaded.files.len();
    loaded.files.push(File { path: PathBuf::from(SET_FILE), text: sets.join("\n"), is_built_in: false });
    let mut offset = 0;
    for set in sets {
        if let Err(mistake) = one(&mut loaded.root, file, offset, set) {
            let (span, diagnostic) = *mistake;
            loaded.report(span, diagnostic);
        }
        offset += set.len() + 1;
    }
}

type Mistake = Box<(Span, Diagnostic)>;

fn one(root: &mut Node, file: usize, offset: usize, set: &str) -> Result<(), Mistake> {
    let whole = Span::new(file, offset..offset + set.len());
    let Some((path, value)) = set.split_once('=') else {
        let diagnostic = Diagnostic::new("set", Place::default(), "expected `path=value`");
        return Err(Box::new((whole, diagnostic.hint("for example --set stages.base.epochs=2"))));
    };
    let key = Span::new(file, offset..offset + path.len());
    let Some(segments) = segments(path.trim()) else {
        let diagnostic = Diagnostic::new("set", Place::default(), format!("`{path}` is not a path"));
        return Err(Box::new((key, diagnostic.hint("for example stages.base.network.layers[2].units"))));
    };
    let place = Place(segments.clone());
    let value = parsed(file, offset + path.len() + 1, &key, value);
    let mut node = root;
    for (depth, segment) in segments.iter().enumerate() {
        let at = |message: String| Box::new((key.clone(), Diagnostic::new("set", place.clone(), message)));
        let here = Place(segments[..depth].to_vec());
        node = match (segment, &mut node.data) {
            (Segment::Key(name), Data::Table(entries)) => {
                // A stage or source does not come into being by one of its keys.
                let declared = depth == 1 && segments.len() > 2 && !entries.contains_key(name);
                if declared && matches!(&segments[0], Segment::Key(top) if top == "stages" || top == "data") {
                    let what = if segments[0] == "stages".into() { "stage" } else { "source" };
                    let mut mistake = at(format!("there is no {what} `{name}`"));
                    let near = nearest(name, entries.keys().map(String::as_str));
                    mistake.1.hint = near.map(|near| format!("did you mean `{near}`?"));
                    return Err(mistake);
                }
                entries.entry(name.clone()).or_insert_with(|| Node {
                    key: Some(key.clone()),
                    span: key.clone(),
                    data: Data::Table([].into()),
                    via: vec![],
                })
            }
            (Segment::Index(index), Data::Array(elements)) => {
                let count = elements.len();
                match elements.get_mut(*index) {
                    Some(element) => element,
                    None => return Err(at(format!("`{here}` has {count} elements, counted from 0"))),
                }
            }
            (Segment::Key(name), _) => {
                return Err(at(format!("`{here}` is not a table and has no key `{name}`")));
            }
            (Segment::Index(_), _) => return Err(at(format!("`{here}` is not a list"))),
        };
    }
    *node = value;
    Ok(())
}

/// A TOML value, or else the text itself.
fn parsed(file: usize, offset: usize, key: &Span, text: &str) -> Node {
    match DeValue::parse(text) {
        Ok(value) => Node::value(file, offset, Some(key.clone()), &value),
        Err(_) => Node {
            key: Some(key.clone()),
            span: Span::new(file, offset..offset + text.len()),
            data: Data::String(text.to_owned()),
            via: vec![],
        },
    }
}

/// Keys between dots, quoted where they hold a dot, each with any number of `[index]`.
fn segments(path: &str) -> Option<Vec<Segment>> {
    let mut segments = vec![];
    let mut rest = path;
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return None;
        }
        segments.push(Segment::Key(key.to_owned()));
        rest = after;
        while let Some(indexed) = rest.strip_prefix('[') {
            let (index, after) = indexed.split_once(']')?;
            segments.push(Segment::Index(index.trim().parse().ok()?));
            rest = after;
        }
        if rest.is_empty() {
            return Some(segments);
        }
        rest = rest.strip_prefix('.')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_keys_and_indices() {
        let place = |path| segments(path).map(|segments| Place(segments).to_string());
        assert_eq!(place("a.b[2].c").as_deref(), Some("a.b[2].c"));
        assert_eq!(segments("a.\"b.c\""), Some(vec!["a".into(), "b.c".into()]));
        assert_eq!(segments("m[0][1]"), Some(vec!["m".into(), 0.into(), 1.into()]));
        for wrong in ["", "a.", ".a", "a[x]", "a[1", "a[1]b", "\"a"] {
            assert_eq!(segments(wrong), None, "{wrong}");
        }
    }
}
