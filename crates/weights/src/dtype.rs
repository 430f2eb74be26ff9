//! Types of elements.

/// The type of a tensor's elements, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of binary32.
    BF16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Two binary32: real, imaginary.
    C64,
    /// Two binary64: real, imaginary.
    C128,
    /// Eight bits, four of them exponent (Micikevicius et al., "FP8 formats for deep learning", 2022).
    F8E4M3,
    /// Eight bits, five of them exponent (the same paper).
    F8E5M2,
}

/// Per type: its name, PyTorch's name of it, and the prefix of PyTorch's typed storage where there is one.
const TABLE: [(Dtype, &str, &str, Option<&str>); 17] = [
    (Dtype::Bool, "bool", "bool", Some("Bool")),
    (Dtype::U8, "u8", "uint8", Some("Byte")),
    (Dtype::U16, "u16", "uint16", None),
    (Dtype::U32, "u32", "uint32", None),
    (Dtype::U64, "u64", "uint64", None),
    (Dtype::I8, "i8", "int8", Some("Char")),
    (Dtype::I16, "i16", "int16", Some("Short")),
    (Dtype::I32, "i32", "int32", Some("Int")),
    (Dtype::I64, "i64", "int64", Some("Long")),
    (Dtype::F16, "f16", "float16", Some("Half")),
    (Dtype::BF16, "bf16", "bfloat16", Some("BFloat16")),
    (Dtype::F32, "f32", "float32", Some("Float")),
    (Dtype::F64, "f64", "float64", Some("Double")),
    (Dtype::C64, "c64", "complex64", Some("ComplexFloat")),
    (Dtype::C128, "c128", "complex128", Some("ComplexDouble")),
    (Dtype::F8E4M3, "f8-e4m3", "float8_e4m3fn", None),
    (Dtype::F8E5M2, "f8-e5m2", "float8_e5m2", None),
];

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 | Self::F8E4M3 | Self::F8E5M2 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
        }
    }

    /// The name in messages: `f32`, `i64`, `bool`.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The type that PyTorch calls `torch.NAME`.
    pub(crate) fn of_torch(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// The type in PyTorch's `torch.NAMEStorage`.
    pub(crate) fn of_storage(prefix: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.3 == Some(prefix)).map(|row| row.0)
    }

    /// The type as the safetensors format has it.
    pub(crate) fn of_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype as Safe;
        Some(match dtype {
            Safe::BOOL => Self::Bool,
            Safe::U8 => Self::U8,
            Safe::U16 => Self::U16,
            Safe::U32 => Self::U32,
            Safe::U64 => Self::U64,
            Safe::I8 => Self::I8,
            Safe::I16 => Self::I16,
            Safe::I32 => Self::I32,
            Safe::I64 => Self::I64,
            Safe::F16 => Self::F16,
            Safe::BF16 => Self::BF16,
            Safe::F32 => Self::F32,
            Safe::F64 => Self::F64,
            Safe::C64 => Self::C64,
            Safe::F8_E4M3 => Self::F8E4M3,
            Safe::F8_E5M2 => Self::F8E5M2,
            _ => return None,
        })
    }
}
