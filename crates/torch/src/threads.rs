//! How many threads libtorch and our own kernels use.
//!
//! Invariant: the number changes speed only.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Error, guard};

static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Sets the threads of libtorch's operations and of [`crate::recurrent`]; zero counts as one.
///
/// OpenMP threads spin between operations and starve their neighbours on a busy machine. `OMP_WAIT_POLICY=passive`
/// stops that, and OpenMP reads it before `main`: setting it is the duty of whoever starts this process.
///
/// # Errors
/// [`Error::Libtorch`] when libtorch refuses the number.
pub fn set_threads(count: usize) -> Result<(), Error> {
    let count = count.clamp(1, 1024);
    guard(|| tch::set_num_threads(i32::try_from(count).unwrap_or(1)))?;
    THREADS.store(count, Ordering::Relaxed);
    Ok(())
}

/// The threads that [`crate::recurrent`] uses at most: 1 until [`set_threads`].
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}
