//! What a file may ask for.

/// What a file may ask for; a file that asks for more is refused with the limit it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values that a pickle may make: each costs up to 100 bytes. A state dict makes about 30 a tensor.
    pub values: usize,
    /// Tensors in a file.
    pub tensors: usize,
    /// Entries of the containers around the tensors, an entry counted each time it is met.
    pub entries: usize,
    /// Dicts within dicts around a tensor.
    pub depth: usize,
    /// Bytes of a tensor's full name.
    pub name: usize,
    /// Dimensions of a tensor (PyTorch's own limit is 64).
    pub dimensions: usize,
    /// Bytes held in memory rather than mapped: compressed entries, and views that must be made contiguous.
    pub copied: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 4 << 20,
            tensors: 1 << 17,
            entries: 1 << 20,
            depth: 32,
            name: 1024,
            dimensions: 64,
            copied: 2 << 30,
        }
    }
}
