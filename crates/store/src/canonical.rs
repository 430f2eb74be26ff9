//! Canonical JSON: one text for one value. Invariant: keys in code point order at every level, no whitespace,
//! the shortest digits that read back to the same float, and no value that JSON cannot hold.
//!
//! Unlike RFC 8785 a float that is whole keeps its `.0`, so `1` and `1.0` differ, and 64-bit integers are exact.
//! An `f32` is written with the digits of its own shortest form, so `0.1_f32` and `0.1_f64` are the same text.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{self, Serialize};

use crate::error::{Error, Result};

/// The canonical JSON text of a value.
///
/// # Errors
/// [`Error::NotCanonical`] for floats that are not finite, integers beyond 64 bits, keys that are not texts,
/// integers or booleans, and keys that occur twice.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    value.serialize(Writer)
}

fn refuse<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::NotCanonical { at: String::new(), reason: reason.into() })
}

/// Puts a key before the path of an error, as it rises.
fn within(key: &str, error: Error) -> Error {
    match error {
        Error::NotCanonical { at, reason } if at.is_empty() => {
            Error::NotCanonical { at: key.to_owned(), reason }
        }
        Error::NotCanonical { at, reason } => Error::NotCanonical { at: format!("{key}.{at}"), reason },
        other => other,
    }
}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::NotCanonical { at: String::new(), reason: message.to_string() }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Serialises any value to its text.
struct Writer;

/// The elements of an array, and the name of the enum variant around it.
struct Items {
    variant: Option<&'static str>,
    texts: Vec<String>,
}

/// The entries of an object, and the name of the enum variant around it.
struct Entries {
    variant: Option<&'static str>,
    key: Option<String>,
    texts: BTreeMap<String, String>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let text = value.serialize(Writer).map_err(|error| within(&self.texts.len().to_string(), error))?;
        self.texts.push(text);
        Ok(())
    }

    fn close(self) -> String {
        wrap(self.variant, format!("[{}]", self.texts.join(",")))
    }
}

impl Entries {
    fn insert<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<()> {
        let text = value.serialize(Writer).map_err(|error| within(&key, error))?;
        if self.texts.contains_key(&key) {
            return refuse(format!("the key `{key}` occurs twice"));
        }
        self.texts.insert(key, text);
        Ok(())
    }

    fn close(self) -> String {
        let mut out = String::from("{");
        for (key, text) in &self.texts {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&quoted(key));
            out.push(':');
            out.push_str(text);
        }
        out.push('}');
        wrap(self.variant, out)
    }
}

/// Enum variants are externally tagged, as in `serde_json`.
fn wrap(variant: Option<&'static str>, text: String) -> String {
    match variant {
        Some(variant) => format!("{{{}:{text}}}", quoted(variant)),
        None => text,
    }
}

fn items(variant: Option<&'static str>) -> Items {
    Items { variant, texts: Vec::new() }
}

fn entries(variant: Option<&'static str>) -> Entries {
    Entries { variant, key: None, texts: BTreeMap::new() }
}

/// Methods that turn a number into its decimal text.
macro_rules! decimal {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<String> {
            Ok(value.to_string())
        })*
    };
}

impl ser::Serializer for Writer {
    type Ok = String;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    decimal!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_f32(self, value: f32) -> Result<String> {
        // `Display` of a float is its shortest exact decimal, which the wider type then reads without loss.
        match value.to_string().parse() {
            Ok(wide) => self.serialize_f64(wide),
            Err(_) => refuse(format!("{value} is not a number that JSON can hold")),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<String> {
        match serde_json::Number::from_f64(value) {
            Some(number) => Ok(number.to_string()),
            None => refuse(format!("{value} is not a number that JSON can hold")),
        }
    }

    fn serialize_char(self, value: char) -> Result<String> {
        Ok(quoted(value.encode_utf8(&mut [0; 4])))
    }

    fn serialize_str(self, value: &str) -> Result<String> {
        Ok(quoted(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<String> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<String> {
        Ok("null".to_owned())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<String> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _: u32, variant: &'static str) -> Result<String> {
        Ok(quoted(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<String> {
        let text = value.serialize(self).map_err(|error| within(variant, error))?;
        Ok(wrap(Some(variant), text))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Items> {
        Ok(items(None))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Items> {
        Ok(items(None))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Items> {
        Ok(items(None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Items> {
        Ok(items(Some(variant)))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries> {
        Ok(entries(None))
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Entries> {
        Ok(entries(None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Entries> {
        Ok(entries(Some(variant)))
    }
}

/// The serde traits of arrays, which differ in the name of one method.
macro_rules! array {
    ($($trait:ident: $method:ident),*) => {
        $(impl ser::$trait for Items {
            type Ok = String;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<String> {
                Ok(self.close())
            }
        })*
    };
}

array!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
);

/// The serde traits of objects with fixed names.
macro_rules! object {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Entries {
            type Ok = String;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
                self.insert(key.to_owned(), value)
            }

            fn end(self) -> Result<String> {
                Ok(self.close())
            }
        })*
    };
}

object!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Entries {
    type Ok = String;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let text = key.serialize(Writer)?;
        let key = match serde_json::from_str(&text) {
            Ok(serde_json::Value::String(key)) => key,
            Ok(serde_json::Value::Number(number)) if !number.is_f64() => text,
            Ok(serde_json::Value::Bool(_)) => text,
            _ => return refuse(format!("{text} cannot be a key")),
        };
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self.key.take() {
            Some(key) => self.insert(key, value),
            None => refuse("a value without a key"),
        }
    }

    fn end(self) -> Result<String> {
        Ok(self.close())
    }
}
