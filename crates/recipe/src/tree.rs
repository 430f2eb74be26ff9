//! Recipe text as a tree in which every key and value knows the bytes it came from, also after files were merged.

use std::collections::BTreeMap;

use plan::{Anchor, Place, Segment, Variant};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::{File, Span};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The key's bytes; `None` for elements of arrays and for the whole recipe.
    pub(crate) key: Option<Span>,
    /// The value's bytes.
    pub(crate) span: Span,
    pub(crate) data: Data,
    /// For what stands in a block: the uses that led to it, innermost first.
    pub(crate) via: Vec<Span>,
}

/// What TOML knows.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    String(String),
    /// Wider than TOML allows, so that a number that does not fit can be reported as such.
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// A value that cannot be known because of a mistake that has been reported.
    Broken,
}

impl Node {
    pub(crate) fn document(file: usize, table: &Spanned<DeTable<'_>>) -> Self {
        let data = Data::Table(entries(file, 0, table.get_ref()));
        Node { key: None, span: Span::new(file, 0..0), data, via: vec![] }
    }

    /// A value whose text starts `offset` bytes into the file.
    pub(crate) fn value(file: usize, offset: usize, key: Option<Span>, value: &Spanned<DeValue<'_>>) -> Self {
        let data = match value.get_ref() {
            DeValue::String(text) => Data::String(text.clone().into_owned()),
            DeValue::Integer(integer) => {
                let digits = i128::from_str_radix(integer.as_str(), integer.radix());
                Data::Integer(digits.unwrap_or(i128::MAX))
            }
            // What does not parse is too large for a float.
            DeValue::Float(float) => Data::Float(float.as_str().parse().unwrap_or(f64::INFINITY)),
            DeValue::Boolean(boolean) => Data::Boolean(*boolean),
            DeValue::Datetime(_) => Data::Datetime,
            DeValue::Array(elements) => {
                Data::Array(elements.iter().map(|element| Node::value(file, offset, None, element)).collect())
            }
            DeValue::Table(table) => Data::Table(entries(file, offset, table)),
        };
        Node { key, span: shifted(file, offset, value.span()), data, via: vec![] }
    }

    /// A string that stands for what was written at `span`.
    pub(crate) fn string(text: &str, span: Span) -> Self {
        Node { key: None, span, data: Data::String(text.to_owned()), via: vec![] }
    }

    pub(crate) fn table(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.data {
            Data::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Node>> {
        match &mut self.data {
            Data::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.table_mut()?.get_mut(key)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// This node with the child's values laid over it: tables merge, everything else is replaced. A table that
    /// says another `kind` is another thing, and replaces this one as a whole.
    pub(crate) fn merge(self, mut child: Node) -> Node {
        let kind = |node: &Node| node.get("kind").and_then(Node::text).map(ToOwned::to_owned);
        let (old, new) = (kind(&self), kind(&child));
        if new.is_some() && old.is_some() && old != new {
            return child;
        }
        match (self.data, std::mem::replace(&mut child.data, Data::Broken)) {
            (Data::Table(mut merged), Data::Table(entries)) => {
                for (key, node) in entries {
                    let node = match merged.remove(&key) {
                        Some(old) => old.merge(node),
                        None => node,
                    };
                    merged.insert(key, node);
                }
                Node { data: Data::Table(merged), ..child }
            }
            (_, data) => Node { data, ..child },
        }
    }

    /// The value as JSON; what JSON cannot hold is null.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.data {
            Data::String(text) => Value::String(text.clone()),
            Data::Integer(integer) => match (i64::try_from(*integer), u64::try_from(*integer)) {
                (Ok(integer), _) => integer.into(),
                (_, Ok(integer)) => integer.into(),
                _ => Value::Null,
            },
            Data::Float(float) => (*float).into(),
            Data::Boolean(boolean) => Value::Bool(*boolean),
            Data::Datetime | Data::Broken => Value::Null,
            Data::Array(elements) => Value::Array(elements.iter().map(Node::to_json).collect()),
            Data::Table(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.to_json())).collect())
            }
        }
    }

    /// The uses of blocks that led to what stands at a place, innermost first.
    pub(crate) fn uses(&self, place: &Place) -> &[Span] {
        let mut node = self;
        let mut uses = &node.via;
        for segment in &place.0 {
            let Some(next) = node.child(segment) else { break };
            node = next;
            if !node.via.is_empty() {
                uses = &node.via;
            }
        }
        uses
    }

    fn child(&self, segment: &Segment) -> Option<&Node> {
        match (segment, &self.data) {
            (Segment::Key(key), Data::Table(entries)) => {
                entries.get(key).or_else(|| first_variant(entries, key))
            }
            (Segment::Index(index), Data::Array(elements)) => elements.get(*index),
            _ => None,
        }
    }

    /// The node at a place, or the nearest one around it and false.
    fn find(&self, place: &Place) -> (&Node, bool) {
        let mut node = self;
        for segment in &place.0 {
            match node.child(segment) {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// The file that the value at a place was written in.
    pub(crate) fn file_of(&self, place: &Place) -> usize {
        self.find(place).0.span.file
    }

    /// The bytes that a diagnostic about a place underlines. A place that nobody wrote is shown at the key around
    /// it, and so is a table that is spread over lines of its own.
    pub(crate) fn locate(&self, place: &Place, anchor: Anchor, files: &[File]) -> Span {
        let (node, whole) = self.find(place);
        let spread = || {
            let text = files.get(node.span.file).and_then(|file| file.text.get(node.span.start..));
            node.table().is_some() && !text.is_some_and(|text| text.starts_with('{'))
        };
        match &node.key {
            Some(key) if !whole || anchor == Anchor::Key || spread() => key.clone(),
            _ => node.span.clone(),
        }
    }
}

/// What stands for a stage or source that a sweep has multiplied: its variants are all written in one place.
fn first_variant<'n>(entries: &'n BTreeMap<String, Node>, name: &str) -> Option<&'n Node> {
    let (variant, node) = entries.range(format!("{name}@")..).next()?;
    (Variant::parse(variant).of == name).then_some(node)
}

fn entries(file: usize, offset: usize, table: &DeTable<'_>) -> BTreeMap<String, Node> {
    table
        .iter()
        .map(|(key, value)| {
            let span = shifted(file, offset, key.span());
            (key.get_ref().clone().into_owned(), Node::value(file, offset, Some(span), value))
        })
        .collect()
}

fn shifted(file: usize, offset: usize, range: std::ops::Range<usize>) -> Span {
    Span::new(file, range.start + offset..range.end + offset)
}
