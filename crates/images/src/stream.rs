//! Work on many pictures at once, in bounded memory.

use std::collections::VecDeque;

use rayon::prelude::*;

/// What `work` makes of each item, in the items' order, on all threads of the current rayon pool. At most `window`
/// results (at least 1) are held at a time, however many items there are: the next window is begun when the last
/// one was taken.
pub fn in_order<I, T>(
    items: impl IntoIterator<Item = I>,
    window: usize,
    work: impl Fn(I) -> T + Sync,
) -> impl Iterator<Item = T>
where
    I: Send,
    T: Send,
{
    let mut items = items.into_iter();
    let mut ready = VecDeque::new();
    std::iter::from_fn(move || {
        if ready.is_empty() {
            let next: Vec<I> = items.by_ref().take(window.max(1)).collect();
            ready = next.into_par_iter().map(&work).collect::<Vec<T>>().into();
        }
        ready.pop_front()
    })
}
