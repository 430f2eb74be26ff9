//! Sums over long vectors, on any number of threads.
//!
//! Invariant: each sum has one order: lanes within blocks, then block after block.

use rayon::prelude::*;

/// Numbers that one task takes: their results stay in a core's cache.
pub(crate) const BLOCK: usize = 1 << 14;

/// Sums side by side, so that the processor need not wait for each.
const LANES: usize = 8;

/// The sum of the products of two vectors of one length.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    if a.len() <= BLOCK {
        return short_dot(a, b);
    }
    let sums: Vec<f64> = a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK)).map(|(a, b)| short_dot(a, b)).collect();
    sums.iter().sum()
}

/// Adds a multiple of a vector to another, and gives the product of what comes of it with a third: one pass for two
/// steps of a recursion that memory bounds.
pub(crate) fn add_dot(to: &mut [f64], scale: f64, values: &[f32], with: &[f32]) -> f64 {
    let blocks = (to.par_chunks_mut(BLOCK), values.par_chunks(BLOCK), with.par_chunks(BLOCK));
    let sums: Vec<f64> =
        blocks.into_par_iter().map(|(to, values, with)| short_add_dot(to, scale, values, with)).collect();
    sums.iter().sum()
}

fn short_add_dot(to: &mut [f64], scale: f64, values: &[f32], with: &[f32]) -> f64 {
    let (to, to_rest) = to.as_chunks_mut::<LANES>();
    let (values, values_rest) = values.as_chunks::<LANES>();
    let (with, with_rest) = with.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for ((to, values), with) in to.iter_mut().zip(values).zip(with) {
        for lane in 0..LANES {
            to[lane] += scale * f64::from(values[lane]);
            sums[lane] += to[lane] * f64::from(with[lane]);
        }
    }
    let rest = to_rest.iter_mut().zip(values_rest).zip(with_rest).map(|((to, value), with)| {
        *to += scale * f64::from(*value);
        *to * f64::from(*with)
    });
    let rest: f64 = rest.sum();
    sums.iter().sum::<f64>() + rest
}

/// The product of a sparse vector with a dense one.
pub(crate) fn sparse_dot(places: &[u32], values: &[f32], of: &[f64]) -> f64 {
    let (places, places_rest) = places.as_chunks::<LANES>();
    let (values, values_rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (places, values) in places.iter().zip(values) {
        for lane in 0..LANES {
            sums[lane] += f64::from(values[lane]) * of[places[lane] as usize];
        }
    }
    let rest = places_rest.iter().zip(values_rest);
    sums.iter().sum::<f64>() + rest.map(|(place, value)| f64::from(*value) * of[*place as usize]).sum::<f64>()
}

fn short_dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
