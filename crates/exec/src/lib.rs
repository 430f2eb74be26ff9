//! Schedules a plan over workers and the store, and emits events.
