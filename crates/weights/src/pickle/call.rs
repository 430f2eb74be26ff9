//! What the known names make of their arguments.

use super::global::Global;
use super::machine::{Machine, utf8};
use super::value::{Object, StorageType, Stored, Strided, Value};
use crate::error::Reason;

impl Machine<'_> {
    /// What a known function gives for its arguments.
    pub(super) fn call(&mut self, function: Value, arguments: Value) -> Result<Value, Reason> {
        let Value::Global(global) = function else {
            return Err(self.broken("a call of what is no function"));
        };
        let arguments = self.sequence(arguments)?;
        let first = arguments.first().copied();
        match global {
            Global::Device => Ok(Value::Other),
            Global::First => match first {
                Some(value) => Ok(value),
                None => self.place(Object::Sequence(Vec::new())),
            },
            Global::OrderedDict => {
                let pairs = match first {
                    Some(list) => self.listed_pairs(list)?,
                    None => Vec::new(),
                };
                self.place(Object::Dict(pairs))
            }
            Global::Tensor | Global::TypedTensor => {
                let tensor = self.tensor(global, arguments)?;
                self.tensors += 1;
                if self.tensors > self.limits.tensors {
                    return Err(Reason::Limit { what: "tensors", limit: self.limits.tensors });
                }
                self.place(Object::Tensor(tensor))
            }
            Global::FromType => match (first, arguments.get(2).copied()) {
                // not itself: one level of calls is all there is
                (Some(function @ Value::Global(inner)), Some(inner_arguments))
                    if inner != Global::FromType =>
                {
                    self.call(function, inner_arguments)
                }
                _ => Err(self.broken("a tensor's class without a tensor")),
            },
            Global::Class | Global::Storage(_) | Global::Dtype(_) => {
                Err(self.broken("a call of a class that only names a type"))
            }
        }
    }

    fn tensor(&self, global: Global, arguments: &[Value]) -> Result<Box<Strided>, Reason> {
        let broken = || self.broken("a tensor whose parts are not those of a tensor");
        let [storage, offset, shape, strides, ..] = *arguments else {
            return Err(broken());
        };
        let Some(&Object::Storage(storage)) = self.object(storage) else {
            return Err(broken());
        };
        let dtype = match (global, storage.kind, arguments.get(6)) {
            (Global::TypedTensor, _, Some(&Value::Global(Global::Dtype(dtype)))) => dtype,
            (Global::Tensor, StorageType::Typed(dtype), _) => dtype,
            _ => return Err(broken()),
        };
        Ok(Box::new(Strided {
            storage,
            dtype,
            offset: size(offset).ok_or_else(broken)?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        }))
    }

    fn sizes(&self, value: Value) -> Result<Vec<usize>, Reason> {
        let items = self.sequence(value)?;
        if items.len() > self.limits.dimensions {
            return Err(Reason::Limit { what: "dimensions in a tensor", limit: self.limits.dimensions });
        }
        let sizes = items.iter().map(|&item| size(item)).collect::<Option<Vec<_>>>();
        sizes.ok_or_else(|| self.broken("a shape or a stride that is no size"))
    }

    /// `("storage", class, key, device, elements[, part])`, which stands for a storage outside the pickle.
    pub(super) fn stored(&self, value: Value) -> Result<Stored, Reason> {
        let broken = || self.broken("a reference to something outside that is no storage");
        let items = self.sequence(value)?;
        let &[Value::Text(word), Value::Global(Global::Storage(kind)), Value::Text(key), _, count, ..] =
            items
        else {
            return Err(broken());
        };
        if utf8(self.bytes, word) != Some("storage") {
            return Err(broken());
        }
        let part = match items.get(5) {
            None | Some(Value::Other) => None,
            Some(&part) => match *self.sequence(part)? {
                [_, offset, count] => Some(size(offset).zip(size(count)).ok_or_else(broken)?),
                _ => return Err(broken()),
            },
        };
        Ok(Stored { kind, key, count: size(count).ok_or_else(broken)?, part })
    }

    fn listed_pairs(&mut self, list: Value) -> Result<Vec<(Value, Value)>, Reason> {
        let count = self.sequence(list)?.len();
        self.charge(count)?;
        let pair = |&item: &Value| match *self.sequence(item)? {
            [key, value] => Ok((key, value)),
            _ => Err(self.broken("a pair that is none")),
        };
        self.sequence(list)?.iter().map(pair).collect()
    }
}

/// A number that is a size.
fn size(value: Value) -> Option<usize> {
    match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    }
}
