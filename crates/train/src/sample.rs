//! Training rows drawn at random by their class.

use data::{Description, Draws, Labels};
use stages::ClassWeights;

use crate::error::Error;

/// Draws rows with replacement, each with a probability in proportion to the weight of its class, as PyTorch's
/// `WeightedRandomSampler` does: of rows with weights w, row i is expected n w_i / sum(w) times among n.
///
/// Invariant: the draw at a position is a function of the seed, the epoch and the position.
pub(crate) struct Sampler {
    /// By class: its rows, and up to where in [0, 1) it is drawn. Classes without weight or rows are not here.
    classes: Vec<(Vec<u32>, f64)>,
}

impl Sampler {
    /// Draws of `rows`, which have the classes `labels`.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] when a weight is for a class that there is not, [`Error::Setting`] when no row weighs
    /// anything or rows have no class.
    pub(crate) fn of(
        weights: &ClassWeights,
        rows: &[u32],
        labels: &Labels,
        data: &Description,
    ) -> Result<Self, Error> {
        let Labels::Class(labels) = labels else {
            return Err(Error::Setting("rows are drawn by their class, and the label names none".to_owned()));
        };
        let labels: Vec<u32> = labels.iter().copied().map(i32::cast_unsigned).collect();
        let names = data.label.as_ref().map_or(&[][..], |label| &label.classes);
        Sampler::new(
            &weights.resolve(names, data.trained().map_or(&[][..], |part| &part.classes))?,
            rows,
            &labels,
        )
    }

    fn new(weights: &[f64], rows: &[u32], labels: &[u32]) -> Result<Self, Error> {
        let mut of_class: Vec<Vec<u32>> = vec![vec![]; weights.len()];
        for (&row, &label) in rows.iter().zip(labels) {
            if let Some(own) = of_class.get_mut(label as usize) {
                own.push(row);
            }
        }
        let mut classes: Vec<(Vec<u32>, f64)> = vec![];
        let mut total = 0.0;
        for (own, weight) in of_class.into_iter().zip(weights) {
            let weight = weight * own.len() as f64;
            if weight > 0.0 {
                total += weight;
                classes.push((own, total));
            }
        }
        if classes.is_empty() {
            return Err(Error::Setting("no training row can be drawn: their classes all weigh 0".to_owned()));
        }
        classes.iter_mut().for_each(|(_, until)| *until /= total);
        Ok(Sampler { classes })
    }

    /// The rows of an epoch, in the order in which they are drawn.
    pub(crate) fn draw(&self, count: usize, seed: u64, epoch: u64) -> Vec<u32> {
        let mut draws = Draws::new(seed, "sample", &[epoch]);
        let last = self.classes.len() - 1;
        let mut one = || {
            let place = draws.unit();
            let class = self.classes.partition_point(|(_, until)| *until <= place).min(last);
            let rows = &self.classes[class].0;
            rows[draws.below(rows.len() as u64) as usize]
        };
        (0..count).map(|_| one()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 80 rows of class 0, 15 of class 1, 5 of class 2, none of class 3.
    fn rows() -> (Vec<u32>, Vec<u32>) {
        let labels = (0..100).map(|at| if at < 80 { 0 } else { 1 + u32::from(at >= 95) }).collect();
        ((1000..1100).collect(), labels)
    }

    #[track_caller]
    fn check(weights: &[f64], expected: [f64; 100]) {
        let (rows, labels) = rows();
        let sampler = Sampler::new(weights, &rows, &labels).unwrap();
        let mut counts = [0.0_f64; 100];
        let drawn = 100_000;
        sampler.draw(drawn, 7, 1).iter().for_each(|row| counts[(row - 1000) as usize] += 1.0);
        for (row, (count, share)) in counts.iter().zip(expected).enumerate() {
            // five standard deviations of a binomial count
            let mean = drawn as f64 * share;
            assert!((count - mean).abs() <= 5.0 * mean.sqrt(), "row {row}: {count} is not near {mean}");
        }
    }

    #[test]
    fn rows_are_drawn_in_proportion_to_the_weights_of_their_classes() {
        // by hand: row i of class c has probability w_c / sum of w over all rows
        let by_class = |shares: [f64; 3]| {
            std::array::from_fn(|at| shares[usize::from(at >= 80) + usize::from(at >= 95)])
        };
        // balanced weights 100 / (3 n_c): a class has a third, spread over its rows
        let balanced = [80.0, 15.0, 5.0].map(|count| 100.0 / (3.0 * count));
        check(
            &[balanced[0], balanced[1], balanced[2], 1.0],
            by_class([80.0, 15.0, 5.0].map(|n| 1.0 / 3.0 / n)),
        );
        // 80 * 1 + 15 * 0 + 5 * 4 = 100
        check(&[1.0, 0.0, 4.0, 9.0], by_class([0.01, 0.0, 0.04]));
    }

    #[test]
    fn a_draw_is_a_function_of_seed_epoch_and_position() {
        let (rows, labels) = rows();
        let sampler = Sampler::new(&[1.0, 2.0, 3.0], &rows, &labels).unwrap();
        let drawn = sampler.draw(50, 7, 1);
        assert_eq!(sampler.draw(20, 7, 1), drawn[..20]);
        assert_ne!(sampler.draw(50, 7, 2), drawn);
        assert_ne!(sampler.draw(50, 8, 1), drawn);
    }

    #[test]
    fn something_must_weigh() {
        let (rows, labels) = rows();
        assert!(matches!(Sampler::new(&[0.0, 0.0, 0.0, 1.0], &rows, &labels), Err(Error::Setting(_))));
    }
}
