//! The rows of an embedding table, each as far as its last lookup asked for.
//!
//! Why: a step of Adam over a vocabulary of 100,000 rows moves some 150 MB through memory, though a batch looks at a
//! few thousand rows. A row's missed steps run in the first cache level instead, all at once.

use rayon::ThreadPool;

use super::method::{Block, Log, apply};
use super::rule::Rule;

/// How many rows a task takes at least.
const LEAST_ROWS: usize = 256;

/// How far the rows of a table are.
pub(super) struct Table {
    units: usize,
    /// By row: steps applied since the last settling.
    applied: Vec<u32>,
}

impl Table {
    /// For a table `[rows, units]`.
    pub(super) fn new(shape: &[i64]) -> Self {
        let size = |at: usize| usize::try_from(shape[at]).unwrap_or(0);
        Table { units: size(1), applied: vec![0; size(0)] }
    }

    pub(super) fn rows(&self) -> u32 {
        self.applied.len() as u32
    }

    /// Steps are counted anew.
    pub(super) fn restart(&mut self) {
        self.applied.fill(0);
    }

    /// Applies to the ascending `rows` the steps that they missed; the last step has these gradients
    /// `[rows.len(), units]`, all others, or all without any, zero gradients. Rows beyond the table are left out.
    pub(super) fn advance<R: Rule<N>, const N: usize>(
        &mut self,
        pool: &ThreadPool,
        log: &Log<R, N>,
        block: Block<'_, N>,
        rows: &[u32],
        gradients: Option<&[f32]>,
    ) {
        let units = self.units;
        let rows = &rows[..rows.partition_point(|&row| (row as usize) < self.applied.len())];
        if rows.is_empty() || log.steps.is_empty() || units == 0 {
            return;
        }
        let tasks = pool.current_num_threads() * 4;
        let share = rows.len().div_ceil(tasks).max(LEAST_ROWS);
        let mut rest = block;
        let mut applied = &mut self.applied[..];
        let mut start = 0;
        pool.in_place_scope(|scope| {
            for (at, own) in rows.chunks(share).enumerate() {
                let end = own[own.len() - 1] as usize + 1;
                let (block, after) = rest.split((end - start) * units);
                let (lag, lag_after) = std::mem::take(&mut applied).split_at_mut(end - start);
                let gradients = gradients.map(|all| &all[at * share * units..]);
                let first = start;
                (rest, applied, start) = (after, lag_after, end);
                let task = Task { log, units, first, rows: own, gradients };
                if own.len() == rows.len() {
                    task.run(block, lag);
                } else {
                    scope.spawn(move |_| task.run(block, lag));
                }
            }
        });
    }
}

/// Some rows of one call.
struct Task<'a, R: Rule<N>, const N: usize> {
    log: &'a Log<R, N>,
    units: usize,
    /// The table's row that the block starts with.
    first: usize,
    rows: &'a [u32],
    gradients: Option<&'a [f32]>,
}

impl<R: Rule<N>, const N: usize> Task<'_, R, N> {
    fn run(self, mut block: Block<'_, N>, applied: &mut [u32]) {
        let Log { rule, steps } = self.log;
        let mut at = self.first;
        for (place, &row) in self.rows.iter().enumerate() {
            let row = row as usize;
            let (_, from_row) = block.split((row - at) * self.units);
            let (own, after) = from_row.split(self.units);
            block = after;
            at = row + 1;
            let done = &mut applied[row - self.first];
            let missed = &steps[*done as usize..];
            *done = steps.len() as u32;
            let gradient = self.gradients.map(|all| &all[place * self.units..(place + 1) * self.units]);
            let rests = |unit: usize| rule.rests(std::array::from_fn(|part| own.state[part][unit]));
            if gradient.is_none() && (0..self.units).all(rests) {
                continue;
            }
            apply(rule, missed, own, gradient);
        }
    }
}
