//! The tensors of a pickled state dict, by name.

use crate::error::Reason;
use crate::limits::Limits;
use crate::pickle::{Object, Pickle, Strided, Value};

/// Where training scripts put a model's weights in a checkpoint, in the order in which they are looked for.
const ROOTS: [&str; 7] = ["state_dict", "model_state_dict", "model", "net", "network", "weights", "params"];

/// What wrappers of modules (`DataParallel`, `torch.compile`) put before every name.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The tensors under `root` (a dotted path; empty for the top), or under the first of [`ROOTS`] that holds any; names
/// of nested dicts are joined by dots, and a wrapper's prefix that all names share is left out.
pub(crate) fn tensors<'p>(
    pickle: &'p Pickle<'_>,
    root: Option<&str>,
    limits: &'p Limits,
) -> Result<Vec<(String, &'p Strided)>, Reason> {
    let mut walk = Walk { pickle, limits, entries: 0, found: Vec::new() };
    match root {
        Some(root) => walk.collect(find(pickle, root)?, String::new(), 0)?,
        None => walk.search(pickle.root)?,
    }
    let mut found = walk.found;
    if found.is_empty() {
        let known = (!keys(pickle, pickle.root).is_empty()).then(|| listed(pickle));
        return Err(Reason::Empty { found: known.map(|known| format!("at the top are {known}")) });
    }
    while let Some(wrapper) = WRAPPERS.iter().find(|&wrapper| {
        found.iter().all(|(name, _)| name.strip_prefix(wrapper).is_some_and(|rest| !rest.is_empty()))
    }) {
        found.iter_mut().for_each(|(name, _)| drop(name.drain(..wrapper.len())));
    }
    Ok(found)
}

struct Walk<'p, 'b> {
    pickle: &'p Pickle<'b>,
    limits: &'p Limits,
    entries: usize,
    found: Vec<(String, &'p Strided)>,
}

impl<'p> Walk<'p, '_> {
    /// Looks under the known roots, one within the other, then takes what is there.
    fn search(&mut self, mut value: Value) -> Result<(), Reason> {
        for _ in 0..self.limits.depth {
            let roots = ROOTS.iter().filter_map(|root| entry(self.pickle, value, root));
            let mut inner = None;
            for root in roots.filter(|&root| !matches!(self.pickle.object(root), Some(Object::Tensor(_)))) {
                self.collect(root, String::new(), 0)?;
                if !self.found.is_empty() {
                    inner = Some(root);
                    break;
                }
            }
            let Some(inner) = inner else { break };
            self.found.clear();
            value = inner;
        }
        self.collect(value, String::new(), 0)
    }

    fn collect(&mut self, value: Value, name: String, depth: usize) -> Result<(), Reason> {
        if depth > self.limits.depth {
            return Err(Reason::Limit { what: "containers within containers", limit: self.limits.depth });
        }
        match self.pickle.object(value) {
            Some(Object::Tensor(tensor)) if !name.is_empty() => {
                if self.found.len() >= self.limits.tensors {
                    return Err(Reason::Limit { what: "tensors", limit: self.limits.tensors });
                }
                self.found.push((name, tensor));
            }
            Some(Object::Dict(pairs)) => {
                for &(key, value) in pairs {
                    self.enter(&name, key, value, depth)?;
                }
            }
            Some(Object::Sequence(items)) => {
                for (at, &value) in items.iter().enumerate() {
                    self.enter(&name, Value::Int(at as i64), value, depth)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, outer: &str, key: Value, value: Value, depth: usize) -> Result<(), Reason> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Reason::Limit { what: "entries in its containers", limit: self.limits.entries });
        }
        if !matches!(value, Value::Object(_)) {
            return Ok(());
        }
        let number;
        let key = match key {
            Value::Text(text) => {
                self.pickle.text(text).ok_or_else(|| Reason::damaged("a name is no UTF-8"))?
            }
            Value::Int(value) => {
                number = value.to_string();
                &number
            }
            _ => return Ok(()),
        };
        if outer.len() + key.len() + 1 > self.limits.name {
            return Err(Reason::Limit { what: "bytes in a tensor's name", limit: self.limits.name });
        }
        let name = if outer.is_empty() { key.to_owned() } else { format!("{outer}.{key}") };
        self.collect(value, name, depth + 1)
    }
}

/// The last entry of a dict with this key.
fn entry(pickle: &Pickle<'_>, dict: Value, key: &str) -> Option<Value> {
    let Some(Object::Dict(pairs)) = pickle.object(dict) else {
        return None;
    };
    let is_it = |own: &Value| matches!(own, &Value::Text(text) if pickle.text(text) == Some(key));
    pairs.iter().rev().find(|(own, _)| is_it(own)).map(|pair| pair.1)
}

fn find(pickle: &Pickle<'_>, root: &str) -> Result<Value, Reason> {
    let parts = root.split('.').filter(|part| !part.is_empty());
    let missing = || Reason::Root { root: root.to_owned(), known: listed(pickle) };
    parts.into_iter().try_fold(pickle.root, |value, part| entry(pickle, value, part)).ok_or_else(missing)
}

fn keys<'p>(pickle: &'p Pickle<'_>, dict: Value) -> Vec<&'p str> {
    let Some(Object::Dict(pairs)) = pickle.object(dict) else {
        return Vec::new();
    };
    let text = |&(key, _): &(Value, Value)| match key {
        Value::Text(text) => pickle.text(text),
        _ => None,
    };
    pairs.iter().filter_map(text).collect()
}

/// The first keys at the top, for a message.
fn listed(pickle: &Pickle<'_>) -> String {
    let keys = keys(pickle, pickle.root);
    let shown = keys.iter().take(10).map(|key| {
        let short: String = key.chars().take(40).collect();
        format!("`{}`", short.escape_debug())
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if keys.len() > 10 {
        text.push_str(&format!(" and {} more", keys.len() - 10));
    }
    if text.is_empty() { "no names".to_owned() } else { text }
}
