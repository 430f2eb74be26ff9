//! The only crate that names tch: tensors, seeded draws, fused recurrent kernels, errors for panics.
