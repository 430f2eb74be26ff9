//! Gradients by parameter; of an embedding table only the rows that were looked up.
//!
//! Invariant: contributions to one row are added in the order in which the batch holds them.

use std::collections::BTreeMap;

use network::Primitive;
use torch::{Tensor, values};

use crate::error::Error;
use crate::forward::Pass;
use crate::module::Module;

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

impl Module {
    /// Embedding tables that training moves, each with the column that is looked up in it; not those that other layers
    /// use too, whose gradients are whole.
    pub fn tables(&self) -> Vec<(&str, &str)> {
        let nodes = &self.graph.nodes;
        nodes
            .iter()
            .filter(|node| {
                let own = !node.params.iter().any(|table| self.tied.contains(&table.name));
                node.op == Primitive::Embedding && self.is_trainable(node) && own
            })
            .map(|node| (node.params[0].name.as_str(), nodes[node.inputs[0]].name.as_str()))
            .collect()
    }

    /// Gradients of `loss`, a scalar computed from the output of `pass`, by parameter. A parameter that the loss does
    /// not depend on has none.
    ///
    /// On the CPU an embedding table's gradient has looked-up rows only.
    ///
    /// # Errors
    /// What libtorch refuses.
    pub fn gradients(&self, pass: &Pass, loss: &Tensor) -> Result<BTreeMap<String, Gradient>, Error> {
        let looked_up = |name: &str| pass.lookups.iter().any(|lookup| lookup.table == name);
        let dense: Vec<&str> = self.trainable().into_iter().filter(|name| !looked_up(name)).collect();
        let mut leaves: Vec<&Tensor> = dense.iter().map(|name| &self.tensors[*name]).collect();
        leaves.extend(pass.lookups.iter().map(|lookup| &lookup.values));
        let found = torch::guard(|| Tensor::run_backward(&[loss], &leaves, false, false))?;
        let mut found = found.into_iter();
        let mut gradients = BTreeMap::new();
        for (name, gradient) in dense.iter().zip(found.by_ref()) {
            if gradient.defined() {
                gradients.insert((*name).to_owned(), Gradient::Dense(gradient));
            }
        }
        let mut tables: BTreeMap<&str, (Vec<&Tensor>, Vec<Tensor>)> = BTreeMap::new();
        for (lookup, gradient) in pass.lookups.iter().zip(found) {
            if gradient.defined() {
                let entry = tables.entry(&lookup.table).or_default();
                entry.0.push(&lookup.ids);
                entry.1.push(gradient);
            }
        }
        for (table, (ids, values)) in tables {
            let units = self.tensors[table].size()[1];
            let (ids, values) = torch::guard(|| {
                let values: Vec<Tensor> = values.iter().map(|values| values.reshape([-1, units])).collect();
                match (&ids[..], &values[..]) {
                    ([ids], [values]) => (ids.shallow_clone(), values.contiguous()),
                    _ => (Tensor::cat(&ids, 0), Tensor::cat(&values, 0)),
                }
            })?;
            let sum = RowGradient::sum(&ids, &values, units as usize)?;
            gradients.insert(table.to_owned(), Gradient::Rows(sum));
        }
        Ok(gradients)
    }
}

/// Adds the gradients of one more batch to `sum`, batch by batch in the order of the calls.
///
/// # Errors
/// What libtorch refuses.
pub fn add_gradients(
    sum: &mut BTreeMap<String, Gradient>,
    more: BTreeMap<String, Gradient>,
) -> Result<(), Error> {
    for (name, gradient) in more {
        let total = match (sum.remove(&name), gradient) {
            (Some(Gradient::Dense(total)), Gradient::Dense(own)) => {
                Gradient::Dense(torch::guard(|| total + own)?)
            }
            (Some(Gradient::Rows(total)), Gradient::Rows(own)) => Gradient::Rows(total.plus(&own)),
            (_, own) => own,
        };
        sum.insert(name, total);
    }
    Ok(())
}

impl RowGradient {
    /// The sum of two gradients of one table.
    fn plus(&self, other: &RowGradient) -> RowGradient {
        let units = self.units.max(1);
        let mut sum = RowGradient { rows: vec![], values: vec![], units: self.units };
        let (mut own, mut others) = (self.rows.iter().peekable(), other.rows.iter().peekable());
        let (mut values, mut more) = (self.values.chunks_exact(units), other.values.chunks_exact(units));
        loop {
            let row = match (own.peek(), others.peek()) {
                (Some(&&one), Some(&&two)) => one.min(two),
                (Some(&&row), None) | (None, Some(&&row)) => row,
                (None, None) => return sum,
            };
            let start = sum.values.len();
            if own.next_if_eq(&&row).is_some() {
                sum.values.extend_from_slice(values.next().unwrap_or_default());
            }
            if others.next_if_eq(&&row).is_some() {
                let contribution = more.next().unwrap_or_default();
                if sum.values.len() == start {
                    sum.values.extend_from_slice(contribution);
                } else {
                    sum.values[start..]
                        .iter_mut()
                        .zip(contribution)
                        .for_each(|(total, value)| *total += value);
                }
            }
            sum.rows.push(row);
        }
    }

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
    fn gradients_of_tables_are_added_row_by_row() {
        let one = RowGradient { rows: vec![0, 3, 7], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], units: 2 };
        let two = RowGradient { rows: vec![1, 3], values: vec![10.0, 20.0, 30.0, 40.0], units: 2 };
        let both = RowGradient {
            rows: vec![0, 1, 3, 7],
            values: vec![1.0, 2.0, 10.0, 20.0, 33.0, 44.0, 5.0, 6.0],
            units: 2,
        };
        assert_eq!(one.plus(&two), both);
        assert_eq!(two.plus(&one), both);
        assert_eq!(one.plus(&RowGradient { units: 2, ..RowGradient::default() }), one);
    }

    #[test]
    fn contributions_to_a_row_are_added() {
        let ids = Tensor::from_slice(&[5_i64, 0, 5]);
        let contributions = Tensor::from_slice(&[1.0_f32, 2.0, 10.0, 20.0, 100.0, 200.0]);
        let sum = RowGradient::sum(&ids, &contributions, 2).unwrap();
        assert_eq!(sum, RowGradient { rows: vec![0, 5], values: vec![10.0, 20.0, 101.0, 202.0], units: 2 });
    }
}
