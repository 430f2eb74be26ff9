//! What a pickle can hold.

use super::global::Global;
use crate::dtype::Dtype;

/// A value; containers and tensors lie in the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// `None`, and values of no interest to anyone who wants tensors: bytes, huge integers, devices.
    Other,
    Bool(bool),
    Int(i64),
    Float,
    Text(Text),
    Global(Global),
    /// The place of an [`Object`].
    Object(usize),
}

/// A range of the pickle's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What lies in the arena.
#[derive(Debug)]
pub(crate) enum Object {
    /// A list or a tuple.
    Sequence(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Storage(Stored),
    Tensor(Box<Strided>),
}

/// What the elements of a storage are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageType {
    Typed(Dtype),
    /// Bytes, whose meaning each tensor says.
    Untyped,
}

impl StorageType {
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Typed(dtype) => dtype.size(),
            Self::Untyped => 1,
        }
    }
}

/// A storage that lies outside the pickle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) kind: StorageType,
    pub(crate) key: Text,
    /// Elements of the whole storage.
    pub(crate) count: usize,
    /// The part that is meant (first element, elements), where it is not the whole.
    pub(crate) part: Option<(usize, usize)>,
}

/// A tensor as the pickle declares it; sizes in elements.
#[derive(Debug)]
pub(crate) struct Strided {
    pub(crate) storage: Stored,
    pub(crate) dtype: Dtype,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}
