//! The names that a pickle may say: everything else is refused.

use super::value::StorageType;
use crate::dtype::Dtype;

/// A class or a function that is known, which means: what it makes of its arguments is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Global {
    /// `collections.OrderedDict`: an empty dict, or one of a list of pairs.
    OrderedDict,
    /// A call that gives back its first argument, for our purposes: `torch.Size`, `collections.Counter`, and
    /// parameters, which are tensors.
    First,
    /// `torch.device`.
    Device,
    /// A tensor of a typed storage.
    Tensor,
    /// A tensor of an untyped storage, which says its type.
    TypedTensor,
    /// `torch._tensor._rebuild_from_type_v2`: a function, a class, the function's arguments.
    FromType,
    /// A class of tensors.
    Class,
    /// A class of storages.
    Storage(StorageType),
    /// `torch.float32` and the like.
    Dtype(Dtype),
}

const NAMES: [(&str, Global); 13] = [
    ("collections.OrderedDict", Global::OrderedDict),
    ("collections.Counter", Global::First),
    ("torch.Size", Global::First),
    ("torch.device", Global::Device),
    ("torch._utils._rebuild_tensor", Global::Tensor),
    ("torch._utils._rebuild_tensor_v2", Global::Tensor),
    ("torch._utils._rebuild_tensor_v3", Global::TypedTensor),
    ("torch._utils._rebuild_parameter", Global::First),
    ("torch._utils._rebuild_parameter_with_state", Global::First),
    ("torch._tensor._rebuild_from_type_v2", Global::FromType),
    ("torch.Tensor", Global::Class),
    ("torch.nn.parameter.Parameter", Global::Class),
    ("torch.storage.UntypedStorage", Global::Storage(StorageType::Untyped)),
];

impl Global {
    /// What `module.name` is, if it is known.
    pub(crate) fn find(module: &str, name: &str) -> Option<Self> {
        if let Some(row) = NAMES.iter().find(|row| {
            row.0
                .strip_suffix(name)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| rest == module)
        }) {
            return Some(row.1);
        }
        if module != "torch" && module != "torch.cuda" {
            return None;
        }
        if let Some(prefix) = name.strip_suffix("Storage") {
            if prefix == "Untyped" {
                return Some(Self::Storage(StorageType::Untyped));
            }
            return Dtype::of_storage(prefix).map(|dtype| Self::Storage(StorageType::Typed(dtype)));
        }
        Dtype::of_torch(name).map(Self::Dtype)
    }
}
