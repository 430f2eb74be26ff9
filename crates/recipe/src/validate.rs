//! Recipe values against schemas: every mistake with its place, in words.
//!
//! It knows the part of JSON Schema that the declarations use: objects, lists, scalars with limits, string enums,
//! enums tagged inside (`kind`) and outside (a string, or a table of one key).

use network::nearest;
use plan::{Diagnostic, Place};
use serde_json::{Map, Value};

use crate::catalogue;
use crate::tree::{Data, Node};
use crate::words::{expected, found, is_a, list, lower, suggestion, types, types_fit};

/// A schema, and the document that its references are relative to.
#[derive(Clone, Copy)]
struct Schema<'s> {
    node: &'s Value,
    root: &'s Value,
    /// The name that the declaration has: `Step`.
    name: Option<&'s str>,
}

/// What one value has shown.
#[derive(Default)]
pub(crate) struct Validation {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether some value is unknown because of a mistake that has been reported.
    broken: bool,
}

impl Validation {
    /// Whether nothing is wrong, so that the value can be decoded.
    pub(crate) fn sound(&self) -> bool {
        self.diagnostics.is_empty() && !self.broken
    }
}

/// Checks the recipe's own keys; sources and stages are checked one by one.
pub(crate) fn recipe(node: &Node) -> Validation {
    start(catalogue::recipe(), node, &Place::default())
}

/// Checks a source.
pub(crate) fn source(node: &Node, place: &Place) -> Validation {
    start(catalogue::source(), node, place)
}

/// Checks a stage of any kind.
pub(crate) fn stage(node: &Node, place: &Place) -> Validation {
    let mut validation = Validation::default();
    validation.kinds("stage", &catalogue::stage_kinds(), catalogue::stage, node, place);
    validation
}

/// Checks a value that stands by itself.
pub(crate) fn against(schema: &Value, node: &Node) -> Validation {
    start(schema, node, &Place::default())
}

fn start(schema: &Value, node: &Node, place: &Place) -> Validation {
    let mut validation = Validation::default();
    validation.check(Schema { node: schema, root: schema, name: None }, node, place);
    validation
}

impl<'s> Schema<'s> {
    /// Follows references.
    fn resolved(self) -> Self {
        let mut schema = self;
        while let Some(path) = schema.node["$ref"].as_str() {
            let Some(node) = schema.root.pointer(path.trim_start_matches('#')) else { break };
            schema = Schema { node, name: path.rsplit('/').next(), ..schema };
        }
        schema
    }

    fn at(self, node: &'s Value) -> Self {
        Schema { node, name: None, ..self }.resolved()
    }

    fn alternatives(self) -> Option<Vec<Schema<'s>>> {
        let list = self.node["oneOf"].as_array().or_else(|| self.node["anyOf"].as_array())?;
        Some(list.iter().map(|node| self.at(node)).collect())
    }

    fn properties(self) -> Option<&'s Map<String, Value>> {
        self.node["properties"].as_object()
    }

    /// Strings that this schema is: the values of an enum, or one constant.
    fn strings(self) -> Vec<&'s str> {
        match &self.node["enum"] {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            _ => self.node["const"].as_str().into_iter().collect(),
        }
    }

    /// The kind that an alternative of an enum tagged inside is for.
    fn tag(self) -> Option<&'s str> {
        self.properties()?.get("kind")?["const"].as_str()
    }

    /// The one key that an alternative of an enum tagged outside has.
    fn variant(self) -> Option<(&'s str, Schema<'s>)> {
        let properties = self.properties().filter(|properties| properties.len() == 1)?;
        let (name, node) = properties.iter().next()?;
        self.node["required"].as_array()?.iter().find(|required| *required == name)?;
        Some((name, self.at(node)))
    }

    /// What the declaration is called in sentences: `Step` is a step, `ClipGradient` a clip gradient.
    fn called(self) -> String {
        let mut words = String::new();
        for char in self.name.unwrap_or("value").chars() {
            if char.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.extend(char.to_lowercase());
        }
        words
    }

    /// The first sentence of the documentation.
    fn summary(self) -> Option<String> {
        let text = self.node["description"].as_str()?;
        let first = text.split("\n\n").next().unwrap_or(text).replace('\n', " ");
        Some(first.trim_end_matches('.').to_owned())
    }
}

impl Validation {
    fn report(&mut self, code: &'static str, place: &Place, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(code, place.clone(), message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    fn check(&mut self, schema: Schema<'_>, node: &Node, place: &Place) {
        // Words at the key say more than those at its type.
        let own = schema.node;
        let schema = schema.resolved();
        if matches!(node.data, Data::Broken) {
            self.broken = true;
            return;
        }
        match schema.node["x-kinds"].as_str() {
            Some("layer") => {
                return self.kinds("layer", &catalogue::layer_kinds(), catalogue::layer, node, place);
            }
            // The caller goes through sources and stages by itself.
            Some("source" | "stage") => return,
            _ => {}
        }
        if let Some(alternatives) = schema.alternatives() {
            return self.one_of(schema, &alternatives, node, place);
        }
        let strings = schema.strings();
        if !strings.is_empty() {
            return self.string_of(schema, &strings, node, place);
        }
        let types = types(schema.node);
        if !types.is_empty() && !types.iter().any(|name| is_a(name, &node.data)) {
            let message = format!("expected {}, found {}", expected(&types), found(&node.data));
            let hint = self.type_hint(&types, node).or_else(|| described(own, schema));
            self.report("wrong-type", place, message).hint = hint;
            return;
        }
        match &node.data {
            Data::Integer(integer) => self.range(schema, *integer as f64, &integer.to_string(), node, place),
            Data::Float(float) => self.range(schema, *float, &float.to_string(), node, place),
            Data::String(text) if text.is_empty() && schema.node["minLength"].as_u64().is_some() => {
                self.report("out-of-range", place, "this text must not be empty");
            }
            Data::Array(elements) => self.elements(schema, elements, place),
            Data::Table(_) => self.object(schema, node, place),
            _ => {}
        }
    }

    fn type_hint(&self, types: &[&str], node: &Node) -> Option<String> {
        match &node.data {
            Data::String(text) if types.iter().any(|name| *name != "string") => {
                let value = text.trim();
                let fits = match types[0] {
                    "integer" => value.parse::<i64>().is_ok(),
                    "number" => value.parse::<f64>().is_ok(),
                    "boolean" => value == "true" || value == "false",
                    "array" => return Some(format!("put it in a list: [\"{text}\"]")),
                    _ => false,
                };
                fits.then(|| format!("write {value} without quotes"))
            }
            Data::Float(float) if types.contains(&"integer") && float.fract() == 0.0 => {
                Some(format!("write {float:.0} without a point"))
            }
            Data::Integer(_) | Data::Float(_) | Data::Boolean(_) if types == ["string"] => {
                Some("put it in quotes".to_owned())
            }
            _ => None,
        }
    }

    fn range(&mut self, schema: Schema<'_>, value: f64, text: &str, node: &Node, place: &Place) {
        let limit = |key: &str| schema.node[key].as_f64();
        let show = |limit: f64| {
            if limit >= 1e15 { format!("{limit:e}") } else { limit.to_string() }
        };
        let wide = matches!(node.data, Data::Integer(integer) if i64::try_from(integer).is_err());
        let message = if !value.is_finite() {
            Some("this must be a finite number".to_owned())
        } else if let Some(least) = limit("minimum").filter(|least| value < *least) {
            Some(format!("this must be at least {}, not {text}", show(least)))
        } else if let Some(least) = limit("exclusiveMinimum").filter(|least| value <= *least) {
            Some(format!("this must be above {}, not {text}", show(least)))
        } else if let Some(most) = limit("maximum").filter(|most| value > *most) {
            Some(format!("this must be at most {}, not {text}", show(most)))
        } else if let Some(most) = limit("exclusiveMaximum").filter(|most| value >= *most) {
            Some(format!("this must be below {}, not {text}", show(most)))
        } else if wide {
            Some("this integer is too large".to_owned())
        } else {
            None
        };
        if let Some(message) = message {
            self.report("out-of-range", place, message);
        }
    }

    fn elements(&mut self, schema: Schema<'_>, elements: &[Node], place: &Place) {
        let count = elements.len() as u64;
        let (least, most) = (schema.node["minItems"].as_u64(), schema.node["maxItems"].as_u64());
        let wrong = least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most);
        if wrong {
            let values = |count: u64| format!("{count} value{}", if count == 1 { "" } else { "s" });
            let wants = match (least, most) {
                (Some(least), Some(most)) if least == most => values(least),
                (Some(least), None) => format!("at least {}", values(least)),
                (None, Some(most)) => format!("at most {}", values(most)),
                (least, most) => format!("{} to {}", least.unwrap_or(0), values(most.unwrap_or(0))),
            };
            self.report("wrong-length", place, format!("expected {wants}, found {count}"));
        }
        for (index, element) in elements.iter().enumerate() {
            let schema = match schema.node["prefixItems"].get(index) {
                Some(item) => schema.at(item),
                None => Schema { node: &schema.node["items"], name: None, ..schema },
            };
            if !schema.node.is_null() {
                self.check(schema, element, &place.join(index));
            }
        }
    }

    fn object(&mut self, schema: Schema<'_>, node: &Node, place: &Place) {
        let Some(entries) = node.table() else { return };
        let empty = Map::new();
        let known = schema.properties().unwrap_or(&empty);
        let rest = schema.node.get("additionalProperties").filter(|rest| rest.is_object());
        for (key, value) in entries {
            let inside = place.join(key.as_str());
            match known.get(key).or(rest) {
                Some(node) => self.check(Schema { node, name: None, ..schema }, value, &inside),
                None if known.is_empty() && schema.node["additionalProperties"] != false => {}
                None => {
                    let free =
                        || known.keys().map(String::as_str).filter(|name| !entries.contains_key(*name));
                    let hint = match nearest(key, free()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if known.is_empty() => "this takes no keys".to_owned(),
                        None => format!("the keys here are {}", list(known.keys().map(String::as_str))),
                    };
                    self.diagnostics.push(
                        Diagnostic::new("unknown-key", inside, format!("unknown key `{key}`"))
                            .at_key()
                            .hint(hint),
                    );
                }
            }
        }
        let required = schema.node["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| !entries.contains_key(*key)) {
            let hint = known.get(key).and_then(|node| {
                let inner = Schema { node, name: None, ..schema };
                Some(format!("`{key}`: {}", lower(&inner.summary().or_else(|| inner.resolved().summary())?)))
            });
            let diagnostic = self.report("missing-key", &place.join(key), format!("missing key `{key}`"));
            diagnostic.hint = hint;
        }
    }

    /// A table whose `kind` says which schema the rest has.
    fn kinds(
        &mut self,
        what: &str,
        names: &[&str],
        schema: impl Fn(&str) -> Option<&'static Value>,
        node: &Node,
        place: &Place,
    ) {
        let Some(kind) = self.kind(what, names, node, place) else { return };
        if let Some(node_schema) = schema(kind) {
            self.object(Schema { node: node_schema, root: node_schema, name: None }, node, place);
        }
    }

    /// The kind that a table says, where it is one of those.
    fn kind<'n>(&mut self, what: &str, names: &[&str], node: &'n Node, place: &Place) -> Option<&'n str> {
        let Some(entries) = node.table() else {
            let message = format!("expected a table, found {}", found(&node.data));
            let hint = format!("for example {{ kind = \"{}\", ... }}", names.first().unwrap_or(&""));
            self.report("wrong-type", place, message).hint = Some(hint);
            return None;
        };
        let at = place.join("kind");
        match entries.get("kind").map(|kind| &kind.data) {
            None => {
                let hint = format!("the kinds are {}", list(names.iter().copied()));
                self.report("missing-key", &at, "missing key `kind`").hint = Some(hint);
                None
            }
            Some(Data::Broken) => {
                self.broken = true;
                None
            }
            Some(Data::String(kind)) if names.contains(&kind.as_str()) => Some(kind),
            Some(Data::String(kind)) => {
                let hint = suggestion(kind, names, "the kinds are");
                self.report("unknown-kind", &at, format!("unknown {what} kind `{kind}`")).hint = Some(hint);
                None
            }
            Some(other) => {
                self.report("wrong-type", &at, format!("expected a string, found {}", found(other))).hint =
                    Some(format!("the kinds are {}", list(names.iter().copied())));
                None
            }
        }
    }

    fn string_of(&mut self, schema: Schema<'_>, known: &[&str], node: &Node, place: &Place) {
        match &node.data {
            Data::String(text) if known.contains(&text.as_str()) => {}
            Data::String(text) => {
                let hint = suggestion(text, known, "there is");
                let message = format!("unknown {} `{text}`", schema.called());
                self.report("unknown-value", place, message).hint = Some(hint);
            }
            other => {
                let message = format!("expected a string, found {}", found(other));
                self.report("wrong-type", place, message).hint =
                    Some(format!("one of {}", list(known.iter().copied())));
            }
        }
    }

    fn one_of(&mut self, schema: Schema<'_>, alternatives: &[Schema<'_>], node: &Node, place: &Place) {
        let tags: Vec<&str> = alternatives.iter().filter_map(|schema| schema.tag()).collect();
        if tags.len() == alternatives.len() {
            let Some(kind) = self.kind(&schema.called(), &tags, node, place) else { return };
            if let Some(chosen) = alternatives.iter().find(|schema| schema.tag() == Some(kind)) {
                self.object(*chosen, node, place);
            }
            return;
        }
        let words: Vec<&str> = alternatives.iter().flat_map(|schema| schema.strings()).collect();
        let tables: Vec<(&str, Schema<'_>)> =
            alternatives.iter().filter_map(|schema| schema.variant()).collect();
        let only_words = alternatives.iter().all(|schema| !schema.strings().is_empty());
        if tables.is_empty() && only_words {
            return self.string_of(schema, &words, node, place);
        }
        if !tables.is_empty() {
            return self.variant(schema, &words, &tables, node, place);
        }
        // Alternatives by type: the first that fits, else all their types.
        let types: Vec<&str> = alternatives.iter().flat_map(|schema| types(schema.node)).collect();
        // A word beside true and false.
        if let (Data::String(text), true) = (&node.data, types.contains(&"boolean"))
            && !words.is_empty()
            && !words.contains(&text.as_str())
        {
            let known: Vec<&str> = words.iter().copied().chain(["true", "false"]).collect();
            let hint = suggestion(text, &known, "there is");
            self.report("unknown-value", place, format!("unknown value `{text}`")).hint = Some(hint);
            return;
        }
        // A number in quotes is no mistyped word.
        if let Some(number) = types.iter().copied().find(|name| matches!(*name, "integer" | "number"))
            && let Data::String(_) = node.data
            && let Some(hint) = self.type_hint(&[number], node)
        {
            let message = format!("expected {}, found a string", expected(&[number]));
            self.report("wrong-type", place, message).hint = Some(hint);
            return;
        }
        match alternatives.iter().find(|schema| types_fit(schema.node, &node.data)) {
            Some(chosen) => {
                let named = Schema { name: chosen.name.or(schema.name), ..*chosen };
                self.check(named, node, place);
            }
            None => {
                let message = format!("expected {}, found {}", expected(&types), found(&node.data));
                self.report("wrong-type", place, message);
            }
        }
    }

    /// An enum tagged outside: a word, or a table of one key.
    fn variant(
        &mut self,
        schema: Schema<'_>,
        words: &[&str],
        tables: &[(&str, Schema<'_>)],
        node: &Node,
        place: &Place,
    ) {
        let what = schema.called();
        let all: Vec<&str> = words.iter().copied().chain(tables.iter().map(|(name, _)| *name)).collect();
        let unknown = |name: &str| (format!("unknown {what} `{name}`"), suggestion(name, &all, "there is"));
        match &node.data {
            Data::String(text) if words.contains(&text.as_str()) => {}
            Data::String(text) if all.contains(&text.as_str()) => {
                let message = format!("`{text}` needs a value");
                self.report("unknown-value", place, message).hint = Some(format!("write {{ {text} = ... }}"));
            }
            Data::String(text) => {
                let (message, hint) = unknown(text);
                self.report("unknown-value", place, message).hint = Some(hint);
            }
            Data::Table(entries) if entries.len() == 1 => {
                for (name, value) in entries {
                    let inside = place.join(name.as_str());
                    if let Some((_, schema)) = tables.iter().find(|(known, _)| known == name) {
                        self.check(*schema, value, &inside);
                    } else if words.contains(&name.as_str()) {
                        let diagnostic =
                            self.report("unknown-value", &inside, format!("`{name}` takes no value"));
                        *diagnostic = diagnostic.clone().at_key().hint(format!("write \"{name}\""));
                    } else {
                        let (message, hint) = unknown(name);
                        let diagnostic = self.report("unknown-value", &inside, message);
                        *diagnostic = diagnostic.clone().at_key().hint(hint);
                    }
                }
            }
            Data::Table(entries) => {
                let message = format!("expected a table of one key, found {} keys", entries.len());
                self.report("wrong-type", place, message).hint =
                    Some(format!("one of {}", list(all.iter().copied())));
            }
            other => {
                let wants =
                    if words.is_empty() { "a table of one key" } else { "a string or a table of one key" };
                let message = format!("expected {wants}, found {}", found(other));
                self.report("wrong-type", place, message).hint =
                    Some(format!("one of {}", list(all.iter().copied())));
            }
        }
    }
}

/// What a key is for, as a hint.
fn described(own: &Value, schema: Schema<'_>) -> Option<String> {
    Schema { node: own, ..schema }
        .summary()
        .or_else(|| schema.summary())
        .map(|text| format!("this is: {}", lower(&text)))
}
