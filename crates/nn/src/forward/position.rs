//! Vectors of places.

use torch::{Kind, Tensor};

use super::{At, Value};
use crate::error::Error;

/// Rows of a table from `offset` on, the same for every row of the batch.
pub(super) fn learned(at: &At<'_>, offset: usize) -> Result<Value, Error> {
    let (table, lengths) = (at.param(0), at.lengths()?);
    let size = at.tensor().size();
    let (rows, offset) = (table.size()[0], offset as i64);
    let (longest, most) = (lengths.count.max().int64_value(&[]), rows - offset);
    if longest > most {
        return Err(Error::TooLong { node: at.node().name.clone(), steps: longest, most });
    }
    let taken = size[1].min(most);
    // Padding may reach past the table: what stands there is never used.
    let found = table.narrow(0, offset, taken).constant_pad_nd([0, 0, 0, size[1] - taken]);
    Ok(at.same_steps(found.unsqueeze(0).expand([size[0], size[1], -1], false)))
}

/// Sines and cosines of the places, in 64 bits.
pub(super) fn sinusoidal(at: &At<'_>) -> Value {
    let (input, options) = (at.tensor(), (Kind::Double, at.tensor().device()));
    let size = input.size();
    let places = Tensor::arange(size[1], options).unsqueeze(1);
    let features = Tensor::arange(size[2], options);
    let pairs = features.divide_scalar_mode(2.0, "floor") * 2.0;
    let angles = places * (pairs * (-(10000_f64.ln()) / size[2] as f64)).exp();
    let odd = features.remainder(2.0).eq(1.0);
    let found = angles.cos().where_self(&odd, &angles.sin()).to_kind(Kind::Float);
    at.same_steps(found.unsqueeze(0).expand_as(input))
}

/// The row of each step's part, which the separators before it count.
pub(super) fn segments(at: &At<'_>, separator: Option<usize>) -> Value {
    let (table, ids) = (at.param(0), at.tensor());
    let mut size = ids.size();
    size.push(table.size()[1]);
    let Some(separator) = separator else {
        return at.same_steps(table.narrow(0, 0, 1).unsqueeze(0).expand(size, false));
    };
    let ends = ids.eq(separator as i64).to_kind(Kind::Int64);
    let parts = (ends.cumsum(1, Kind::Int64) - ends).clamp_max(table.size()[0] - 1);
    at.same_steps(table.index_select(0, &parts.reshape([-1])).reshape(size))
}
