//! From sequences to vectors, valid steps only.

use torch::{Kind, Tensor};

/// Valid steps of each row of a batch.
#[derive(Debug)]
pub(crate) struct Lengths {
    /// `[batch]`, `Int64`, on the CPU.
    pub(crate) count: Tensor,
}

impl Lengths {
    /// `[batch, time, 1]`, true at valid steps. Panics where libtorch refuses.
    pub(crate) fn valid(&self, like: &Tensor) -> Tensor {
        let time = like.size()[1];
        let steps = Tensor::arange(time, (Kind::Int64, self.count.device()));
        steps.unsqueeze(0).lt_tensor(&self.count.unsqueeze(1)).unsqueeze(2).to_device(like.device())
    }

    /// `[batch, 1]`: the number of valid steps, at least 1.
    pub(crate) fn at_least_one(&self, like: &Tensor) -> Tensor {
        self.count.clamp_min(1).unsqueeze(1).to_device(like.device())
    }

    /// Zeros in the rows of `values` `[batch, features]` that have no valid step.
    pub(crate) fn without_empty(&self, values: &Tensor) -> Tensor {
        if self.count.eq(0).any().int64_value(&[]) == 0 {
            return values.shallow_clone();
        }
        values.masked_fill(&self.count.eq(0).unsqueeze(1).to_device(values.device()), 0.0)
    }

    /// The last valid step of `[batch, time, features]`; where `directions` is 2 the second half of the features is
    /// taken from step 0 instead.
    pub(crate) fn last(&self, values: &Tensor, directions: usize) -> Tensor {
        let (_, _, width) = values.size3().expect("a sequence has three dimensions");
        let at = (self.at_least_one(values) - 1).unsqueeze(2);
        let step = |part: &Tensor| {
            let size = part.size();
            part.gather(1, &at.expand([size[0], 1, size[2]], false), false).squeeze_dim(1)
        };
        let found = if directions == 2 {
            let forward = step(&values.narrow(2, 0, width / 2));
            Tensor::cat(&[forward, values.select(1, 0).narrow(1, width / 2, width - width / 2)], 1)
        } else {
            step(values)
        };
        self.without_empty(&found)
    }

    /// The first `steps` of each row of `[batch, time, features]` as one vector, zeros behind its valid ones.
    pub(crate) fn flat(&self, values: &Tensor, steps: i64) -> Tensor {
        let valid = values.where_scalarother(&self.valid(values), 0.0);
        let size = valid.size();
        let kept = valid.narrow(1, 0, size[1].min(steps));
        kept.constant_pad_nd([0, 0, 0, (steps - size[1]).max(0)]).reshape([size[0], steps * size[2]])
    }

    /// Mean over valid steps.
    pub(crate) fn mean(&self, values: &Tensor) -> Tensor {
        let sum = values.where_scalarother(&self.valid(values), 0.0).sum_dim_intlist(1, false, Kind::Float);
        sum / self.at_least_one(values)
    }

    /// Maximum over valid steps; the first of equal ones gets the gradient.
    pub(crate) fn max(&self, values: &Tensor) -> Tensor {
        let (found, _) =
            values.masked_fill(&self.valid(values).logical_not(), f64::NEG_INFINITY).max_dim(1, false);
        self.without_empty(&found)
    }
}
