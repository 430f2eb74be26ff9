//! How many threads libtorch and our own kernels use.
//!
//! Invariant: the number changes speed only. libtorch itself therefore runs on one thread: its matrix products and its
//! batch norm sum in an order that depends on its threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Error, guard};

static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Sets the threads of [`crate::recurrent`], zero counts as one, and keeps libtorch's own operations on one.
///
/// # Errors
/// [`Error::Libtorch`] when libtorch refuses the number.
pub fn set_threads(count: usize) -> Result<(), Error> {
    let count = count.clamp(1, 1024);
    guard(|| tch::set_num_threads(1))?;
    THREADS.store(count, Ordering::Relaxed);
    Ok(())
}

/// The threads that [`crate::recurrent`] uses at most: 1 until [`set_threads`].
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}
