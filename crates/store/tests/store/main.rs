//! The store as its users see it: one binary, so that it can start itself as a second process.

mod artifacts;
mod canonical;
mod damage;
mod history;
mod support;
