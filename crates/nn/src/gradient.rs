//! Gradients by parameter; of an embedding table only the rows that were looked up.
//!
//! Invariant: contributions to one row are added in the order in which the batch holds them.

use torch::{Tensor, values};

use crate::error::Error;

/// The gradient of one parameter.
#[derive(Debug)]
pub enum Gradient {
    /// Of the parameter's shape.
    Dense(Tensor),
    /// Of some rows of a table; zero elsewhere.
    Rows(RowGradient),
}

/// The gradient of some rows of a table `[rows, units]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowGradient {
    /// The rows, ascending, each once.
    pub rows: Vec<u32>,
    /// `[rows.len(), units]`, row-major.
    pub values: Vec<f32>,
    /// Length of a row.
    pub units: usize,
}

impl RowGradient {
    /// Adds up `values` `[n, units]`, contiguous on the CPU, by the rows `ids` `[n]` that they belong to.
    pub(crate) fn sum(ids: &Tensor, contributions: &Tensor, units: usize) -> Result<RowGradient, Error> {
        let ids = values::int64s(ids)?;
        // The lookup has checked the ids; id above place sorts by row, then by place in the batch.
        let mut order: Vec<u64> =
            ids.iter().enumerate().map(|(at, &id)| (id as u64) << 32 | at as u64).collect();
        order.sort_unstable();
        let mut sum = RowGradient { rows: vec![], values: vec![], units };
        values::read(contributions, |contributions| {
            for key in order {
                let (id, at) = ((key >> 32) as u32, (key & u64::from(u32::MAX)) as usize);
                let row = &contributions[at * units..(at + 1) * units];
                if sum.rows.last() == Some(&id) {
                    let start = sum.values.len() - units;
                    for (total, value) in sum.values[start..].iter_mut().zip(row) {
                        *total += value;
                    }
                } else {
                    sum.rows.push(id);
                    sum.values.extend_from_slice(row);
                }
            }
        })?;
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_to_a_row_are_added() {
        let ids = Tensor::from_slice(&[5_i64, 0, 5]);
        let contributions = Tensor::from_slice(&[1.0_f32, 2.0, 10.0, 20.0, 100.0, 200.0]);
        let sum = RowGradient::sum(&ids, &contributions, 2).unwrap();
        assert_eq!(sum, RowGradient { rows: vec![0, 5], values: vec![10.0, 20.0, 101.0, 202.0], units: 2 });
    }
}
