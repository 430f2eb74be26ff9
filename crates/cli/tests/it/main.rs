//! The command as a user meets it: what it prints, where, and with which exit code.

mod commands;
mod interruptions;
mod linkage;
mod messages;
mod session;
