//! Which rows go together in a batch: length-bucketed, shuffled by a pure function of seed and epoch.
//!
//! Invariant: every row given is in exactly one batch, unless the incomplete last one is dropped.

use draws::Draws;

/// The order in which batches take rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As given; with several buckets, short rows first.
    Sequential,
    /// At random, the same way for the same seed and epoch.
    Shuffled {
        /// The seed of all epochs.
        seed: u64,
        /// The epoch, from 0.
        epoch: u64,
    },
}

/// Cuts rows into batches of `size` (at least 1).
///
/// `lengths` holds the length of every row of the data set, `rows` are indices into it; a row past its end
/// counts as length 0. With several buckets, rows are sorted by length and cut into `buckets` quantiles; rows are
/// shuffled within their bucket, batches are cut from the buckets in turn, and then the batches are shuffled:
/// rows of a batch have like lengths, and little is padded. Only one batch may be smaller than `size`;
/// `drop_last` leaves it out, unless it is the only one.
pub fn batches(
    lengths: &[u32],
    rows: &[u32],
    size: usize,
    buckets: usize,
    drop_last: bool,
    order: Order,
) -> Vec<Vec<u32>> {
    let (size, buckets) = (size.max(1), buckets.max(1));
    let mut rows = rows.to_vec();
    if buckets > 1 {
        let length = |row: u32| lengths.get(row as usize).copied().unwrap_or(0);
        rows.sort_by_key(|&row| (length(row), row));
    }
    let mut draws = match order {
        Order::Sequential => None,
        Order::Shuffled { seed, epoch } => Some(Draws::new(seed, "batches", &[epoch])),
    };
    if let Some(draws) = &mut draws {
        let count = rows.len();
        for bucket in 0..buckets {
            let bounds = (bucket * count / buckets, (bucket + 1) * count / buckets);
            draws.shuffle(&mut rows[bounds.0..bounds.1]);
        }
    }
    let mut batches: Vec<Vec<u32>> = rows.chunks(size).map(<[u32]>::to_vec).collect();
    if drop_last && batches.len() > 1 && batches.last().is_some_and(|batch| batch.len() < size) {
        batches.pop();
    }
    if let Some(draws) = &mut draws {
        draws.shuffle(&mut batches);
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDER: Order = Order::Shuffled { seed: 1, epoch: 2 };

    #[test]
    fn sequential_is_the_order_given() {
        assert_eq!(
            batches(&[], &[3, 1, 2, 9, 5], 2, 1, false, Order::Sequential),
            [vec![3, 1], vec![2, 9], vec![5]]
        );
        assert_eq!(batches(&[5, 1, 3, 2], &[0, 1, 2, 3], 3, 2, true, Order::Sequential), [vec![1, 3, 2]]);
        assert_eq!(batches(&[], &[4], 3, 1, true, Order::Sequential), [vec![4]]);
        assert!(batches(&[], &[], 3, 1, true, ORDER).is_empty());
    }

    #[test]
    fn an_epoch_is_shuffled_its_own_way() {
        let rows: Vec<u32> = (0..100).collect();
        let epoch = |epoch| batches(&[0; 100], &rows, 10, 1, false, Order::Shuffled { seed: 1, epoch });
        assert_eq!(epoch(0), epoch(0));
        assert_ne!(epoch(0), epoch(1));
    }

    #[test]
    fn buckets_keep_like_lengths_together() {
        let lengths: Vec<u32> = (0..1000).map(|row| row * 7919 % 1000).collect();
        let rows: Vec<u32> = (0..1000).collect();
        for batch in batches(&lengths, &rows, 20, 5, false, ORDER) {
            let within: Vec<_> = batch.iter().map(|&row| lengths[row as usize]).collect();
            assert!(within.iter().max().unwrap() - within.iter().min().unwrap() < 200);
        }
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_batch(
            lengths in prop::collection::vec(0u32..50, 0..200),
            size in 1usize..20, buckets in 1usize..8, seed: u64, drop_last: bool,
        ) {
            let rows: Vec<u32> = (0..lengths.len() as u32).filter(|row| row % 3 != 1).collect();
            let order = Order::Shuffled { seed, epoch: 0 };
            let cut = batches(&lengths, &rows, size, buckets, drop_last, order);
            let mut seen: Vec<u32> = cut.iter().flatten().copied().collect();
            seen.sort_unstable();
            let small = cut.iter().filter(|batch| batch.len() < size).count();
            if drop_last && rows.len() >= size {
                prop_assert_eq!(small, 0);
                prop_assert_eq!(seen.len(), rows.len() / size * size);
                seen.dedup();
                prop_assert_eq!(seen.len(), rows.len() / size * size);
            } else {
                prop_assert!(small <= 1);
                prop_assert_eq!(seen, rows);
            }
        }
    }
}
