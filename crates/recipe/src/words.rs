//! How types and names are put in words.

use network::nearest;
use serde_json::Value;

use crate::tree::Data;

/// Types that a schema allows; none where it does not say.
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => {
            let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema[key].as_array());
            let mut types: Vec<&str> = alternatives.into_iter().flatten().flat_map(types).collect();
            types.dedup();
            types
        }
    }
}

/// Whether a value is of a type that a schema allows.
pub(crate) fn types_fit(schema: &Value, data: &Data) -> bool {
    let types = types(schema);
    types.is_empty() || types.iter().any(|name| is_a(name, data))
}

/// Whether a value is of a JSON type; an integer is also a number.
pub(crate) fn is_a(name: &str, data: &Data) -> bool {
    match data {
        Data::String(_) => name == "string",
        Data::Integer(_) => name == "integer" || name == "number",
        Data::Float(_) => name == "number",
        Data::Boolean(_) => name == "boolean",
        Data::Array(_) => name == "array",
        Data::Table(_) => name == "object",
        Data::Datetime | Data::Broken => false,
    }
}

/// `an integer or a string`.
pub(crate) fn expected(types: &[&str]) -> String {
    let mut words: Vec<&str> = vec![];
    for name in types {
        let word = match *name {
            "string" => "a string",
            "integer" if types.contains(&"number") => continue,
            "integer" => "an integer",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            _ => "a table",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

/// What a value is.
pub(crate) fn found(data: &Data) -> &'static str {
    match data {
        Data::String(_) => "a string",
        Data::Integer(_) => "an integer",
        Data::Float(_) => "a number with a point",
        Data::Boolean(true) => "true",
        Data::Boolean(false) => "false",
        Data::Datetime => "a date",
        Data::Array(_) => "a list",
        Data::Table(_) => "a table",
        Data::Broken => "nothing",
    }
}

/// The name that was most likely meant, those of which it is the last part, or all there are.
pub(crate) fn suggestion(name: &str, known: &[&str], otherwise: &str) -> String {
    let is_end = |own: &&str| own.strip_suffix(name).is_some_and(|before| before.ends_with('-'));
    let ends: Vec<&str> = known.iter().copied().filter(is_end).collect();
    if ends.len() > 1 {
        return format!("did you mean one of {}?", list(ends));
    }
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{otherwise} {}", list(known.iter().copied())),
    }
}

/// A sentence that goes on after a colon.
pub(crate) fn lower(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), text.chars().nth(1)) {
        // An abbreviation stays as it is.
        (Some(_), Some(second)) if second.is_uppercase() => text.to_owned(),
        (Some(first), _) => first.to_lowercase().chain(chars).collect(),
        (None, _) => String::new(),
    }
}

/// Names between commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
