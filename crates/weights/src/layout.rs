//! A tensor's place in its storage: offset, shape and strides, checked.

use crate::dtype::Dtype;
use crate::error::Reason;
use crate::limits::Limits;

/// A view of a storage. Invariant: every element lies inside the storage it was checked against, and the byte size
/// does not overflow.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// The first element, in bytes from the storage's start.
    pub(crate) start: usize,
    /// Strides in elements, or `None` where the elements lie in order without gaps.
    strides: Option<Vec<usize>>,
    /// Bytes of all elements.
    pub(crate) size: usize,
}

impl Layout {
    /// The elements of a view in row-major order, which begins at `start` bytes.
    pub(crate) fn contiguous(dtype: Dtype, shape: Vec<usize>, start: usize) -> Option<Self> {
        let size = count(&shape)?.checked_mul(dtype.size())?;
        start.checked_add(size)?;
        Some(Self { dtype, shape, start, strides: None, size })
    }

    /// A view as PyTorch declares it (offset and strides in elements), of a storage of `held` bytes.
    pub(crate) fn strided(
        dtype: Dtype,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
        held: usize,
        limits: &Limits,
    ) -> Result<Self, Reason> {
        if shape.len() > limits.dimensions {
            return Err(Reason::Limit { what: "dimensions in a tensor", limit: limits.dimensions });
        }
        if shape.len() != strides.len() {
            let text = format!("a tensor of {} dimensions has {} strides", shape.len(), strides.len());
            return Err(Reason::Damaged(text));
        }
        let outside = || Reason::Damaged(format!("a tensor of shape {shape:?} reaches past its storage"));
        let span = span(&shape, &strides).ok_or_else(outside)?;
        let end =
            offset.checked_add(span).and_then(|end| end.checked_mul(dtype.size())).ok_or_else(outside)?;
        if end > held {
            return Err(outside());
        }
        let size = count(&shape).and_then(|count| count.checked_mul(dtype.size())).ok_or_else(outside)?;
        let is_ordered = size == 0 || in_order(&shape, &strides);
        // a side of 1 is never walked along, and its stride may be anything
        let walked = |(&side, stride): (&usize, usize)| if side == 1 { 0 } else { stride };
        let strides = (!is_ordered).then(|| shape.iter().zip(strides).map(walked).collect());
        Ok(Self { dtype, shape, start: offset * dtype.size(), strides, size })
    }

    /// Whether the elements lie in row-major order without gaps.
    pub(crate) fn is_contiguous(&self) -> bool {
        self.strides.is_none()
    }

    /// The elements in row-major order; `storage` is what the view was checked against.
    pub(crate) fn gather(&self, storage: &[u8]) -> Vec<u8> {
        let item = self.dtype.size();
        let mut out = Vec::with_capacity(self.size);
        let Some(strides) = &self.strides else {
            out.extend_from_slice(&storage[self.start..self.start + self.size]);
            return out;
        };
        let mut place = vec![0; self.shape.len()];
        let mut at = self.start;
        while out.len() < self.size {
            out.extend_from_slice(&storage[at..at + item]);
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                at += strides[axis] * item;
                if place[axis] < self.shape[axis] {
                    break;
                }
                at -= place[axis] * strides[axis] * item;
                place[axis] = 0;
            }
        }
        out
    }
}

fn count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side))
}

/// Elements from the first to the last, both counted; 0 where there are none.
fn span(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .zip(strides)
        .try_fold(1usize, |span, (&side, &stride)| span.checked_add((side - 1).checked_mul(stride)?))
}

/// Whether the strides are those of row-major order; a side of 1 has none.
fn in_order(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    for (&side, &stride) in shape.iter().zip(strides).rev() {
        if side != 1 && stride != expected {
            return false;
        }
        expected *= side;
    }
    true
}
