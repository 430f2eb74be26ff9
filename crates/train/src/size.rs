//! The rows of a batch, where the settings leave them to the device.

use std::iter;

use nn::Gradient;
use stages::{BatchSize, Fitting};
use torch::{Device, Tensor, guard};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::run::Run;

/// Rows where memory sets no limit worth trying: on a CPU larger batches are not faster.
const ON_A_CPU: usize = 64;
/// The first size that is tried, and the last.
const TRIED: [usize; 2] = [8, 65536];
/// Numbers beside each weight for which room is left: the optimiser's, and an average.
const BESIDE: usize = 3;

impl Run<'_> {
    /// Rows of a batch; as found by the training that is gone on with, where there is one.
    ///
    /// # Errors
    /// When not even one row fits, and what libtorch refuses.
    pub(crate) fn batch_size(&self, saved: Option<&Checkpoint>) -> Result<usize, Error> {
        let found = saved.and_then(|saved| saved.size);
        match (self.job.training.batch.size, found, self.module.device()) {
            (BatchSize::Rows(rows), ..) => Ok(rows.max(1)),
            (BatchSize::Fitting(Fitting::Auto), Some(found), _) => Ok(found),
            (BatchSize::Fitting(Fitting::Auto), None, Device::Cpu) => Ok(ON_A_CPU),
            (BatchSize::Fitting(Fitting::Auto), None, _) => {
                let weights = self.module.weights()?;
                let found = largest(self.train.len(), |size| self.fits(size));
                self.module.assign(&weights)?;
                found
            }
        }
    }

    /// Whether the longest rows pass through the network together, forth and back.
    fn fits(&self, size: usize) -> Result<bool, Error> {
        let mut rows = self.train.clone();
        rows.sort_by_key(|&row| std::cmp::Reverse(self.loader.lengths[row as usize]));
        rows.truncate(size);
        match self.pass(&rows) {
            Ok(_) => Ok(true),
            Err(error) if error.is_out_of_memory() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The gradients of a batch, with room beside them for what a training keeps.
    fn pass(&self, rows: &[u32]) -> Result<(Vec<Gradient>, Vec<Tensor>), Error> {
        let beside = (self.module.trainable().into_iter())
            .filter_map(|name| self.module.tensor(name))
            .flat_map(|weights| iter::repeat_n(weights, BESIDE))
            .map(|weights| guard(|| weights.detach().zeros_like()));
        let beside = beside.collect::<Result<_, _>>()?;
        let pass = self.module.train(&self.loader.inputs(rows)?, 0)?;
        let loss = self.loss(&self.said(&pass.outputs, rows)?, rows, None)?;
        Ok((self.module.gradients(&pass, &loss)?.into_values().collect(), beside))
    }
}

/// The largest power of two up to the number of rows that fits.
fn largest(rows: usize, mut fits: impl FnMut(usize) -> Result<bool, Error>) -> Result<usize, Error> {
    let [mut size, last] = TRIED;
    while size > 1 && !fits(size)? {
        size /= 2;
    }
    if size < TRIED[0] {
        return if size > 1 || fits(1)? { Ok(size) } else { Err(Error::NoRoom) };
    }
    while size * 2 <= rows.min(last) && fits(size * 2)? {
        size *= 2;
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_power_of_two_that_fits_is_found() {
        let found = |rows: usize, room: usize| largest(rows, |size| Ok(size <= room));
        for (rows, room, expected) in
            [(1000, 100, 64), (1000, 64, 64), (1000, 1_000_000, 512), (5, 100, 8), (1000, 5, 4), (1000, 1, 1)]
        {
            assert_eq!(found(rows, room).unwrap(), expected, "{rows} rows, room for {room}");
        }
        assert!(matches!(found(1000, 0), Err(Error::NoRoom)));
        assert_eq!(found(1_000_000, 1_000_000).unwrap(), 65536);
    }
}
