//! Files by their address, verified by their SHA-256.
//!
//! Invariant: a file has its name only when all of it is there and its digest is the one that was asked for. What has
//! come so far waits beside it as `NAME.part`, and the next attempt, also of a later process, goes on from there.

mod download;
mod error;

pub use download::{Client, News};
pub use error::{Error, Result};
