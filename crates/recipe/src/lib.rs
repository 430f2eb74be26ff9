//! TOML text to a checked plan, or every diagnostic.
