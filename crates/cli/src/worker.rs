//! The `pipeline-worker` process.
fn main() {}
