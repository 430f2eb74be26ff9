//! Panics of decoders of foreign files as errors.
//!
//! Invariant: a panic inside the fence says nothing on the terminal; panics elsewhere are as they were.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder on this thread; the error is what it said when it panicked.
pub(crate) fn fenced<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !WITHIN.get() {
                before(info);
            }
        }));
    });
    let outer = WITHIN.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    WITHIN.set(outer);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason is given");
        text.lines().next().unwrap_or_default().to_owned()
    })
}
