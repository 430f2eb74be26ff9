//! What becomes of freed memory.

use std::sync::Once;

/// Bytes up to which an allocation may reuse freed memory: the most that glibc takes.
#[cfg(target_env = "gnu")]
const LARGEST: libc::c_int = 32 << 20;
/// Freed bytes that are kept.
#[cfg(target_env = "gnu")]
const KEPT: libc::c_int = 1 << 30;

/// Lets this process keep freed memory for its next allocations.
///
/// By itself glibc hands every freed tensor and table of some megabytes back to the kernel; each training step, and each
/// pass over the data, then pays for the same pages again, a tenth of its time. Elsewhere than on glibc this does nothing.
pub fn keep_freed_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(tune);
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator's settings are C functions")]
fn tune() {
    // SAFETY: both only change numbers of the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

#[cfg(not(target_env = "gnu"))]
fn tune() {}
