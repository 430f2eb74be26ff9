//! The command as a user meets it: what it prints, where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backbones;
mod classes;
mod commands;
mod docs;
mod encoders;
mod fetching;
mod hoisting;
mod interruptions;
mod leaks;
mod linkage;
mod messages;
mod mixed;
mod outputs;
mod parts;
mod pictures;
mod report;
mod session;
mod sweeps;
mod tagging;
mod tokenizers;
mod vectors;
