//! How each stage kind runs; the only crate that sees both wings.
