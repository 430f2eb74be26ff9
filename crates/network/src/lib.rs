//! Declared networks: layers, shapes and parameters by name; no tensors.
