//! Confidence intervals by the percentile bootstrap (Efron and Tibshirani 1993, chapter 13).
//!
//! Invariant: the rows of a resampling are a function of the seed and its number alone, whatever the threads.

use data::Draws;
use rayon::prelude::*;

/// How rows are drawn again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// The share of resamplings whose values an interval holds, between 0 and 1.
    pub level: f64,
    /// Resamplings.
    pub samples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// Where a metric is likely to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Bootstrap {
    /// The interval of each value that `measure` gives for rows drawn with replacement, as many as there are; it gets
    /// them in rising order. Resamplings for which a value is not defined are left out of its interval; a value that
    /// none defines has no interval.
    pub fn intervals(
        &self,
        rows: usize,
        measure: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<Interval>> {
        let sample = |sample: usize| measure(&self.draw(rows, sample));
        let samples: Vec<Vec<Option<f64>>> = (0..self.samples).into_par_iter().map(sample).collect();
        let count = samples.first().map_or(0, Vec::len);
        let values = |at: usize| samples.iter().filter_map(|values| values[at]).collect();
        (0..count).map(|at| self.interval(values(at))).collect()
    }

    fn draw(&self, rows: usize, sample: usize) -> Vec<u32> {
        let mut draws = Draws::new(self.seed, "bootstrap", &[sample as u64]);
        let mut times = vec![0_u32; rows];
        for _ in 0..rows {
            times[draws.below(rows as u64) as usize] += 1;
        }
        let again = |(row, &times): (usize, &u32)| std::iter::repeat_n(row as u32, times as usize);
        times.iter().enumerate().flat_map(again).collect()
    }

    fn interval(&self, mut values: Vec<f64>) -> Option<Interval> {
        values.sort_by(f64::total_cmp);
        let outside = (1.0 - self.level) / 2.0;
        Some(Interval { low: quantile(&values, outside)?, high: quantile(&values, 1.0 - outside)? })
    }
}

/// A quantile of sorted values, between two of them by their distance (NumPy's `linear`).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.quantile([1, 2, 4, 8], [0.05, 0.5, 0.9])`.
    #[test]
    fn quantiles_are_numpys() {
        let values = [1.0, 2.0, 4.0, 8.0];
        for (share, wanted) in [(0.05, 1.15), (0.5, 3.0), (0.9, 6.8), (0.0, 1.0), (1.0, 8.0)] {
            assert!((quantile(&values, share).unwrap() - wanted).abs() < 1e-12);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    /// The mean of n draws has standard error s / sqrt(n): 1.96 of them on both sides hold 95 %.
    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 20)).collect();
        let mean = |rows: &[u32]| {
            vec![Some(rows.iter().map(|&row| values[row as usize]).sum::<f64>() / rows.len() as f64), None]
        };
        let bootstrap = Bootstrap { level: 0.95, samples: 4000, seed: 1 };
        let found = bootstrap.intervals(400, mean);
        let interval = found[0].unwrap();
        // The variance of 0..20 is (20² - 1) / 12.
        let half = 1.96 * (399.0_f64 / 12.0 / 400.0).sqrt();
        assert!((interval.low - (9.5 - half)).abs() < 0.03, "{interval:?}");
        assert!((interval.high - (9.5 + half)).abs() < 0.03, "{interval:?}");
        assert_eq!(found[1], None);
        assert_eq!(found, bootstrap.intervals(400, mean));
        assert_ne!(found, Bootstrap { seed: 2, ..bootstrap }.intervals(400, mean));
    }
}
