//! Windows over sequences: each row as if it stood alone, whatever the padding by longer rows.

use std::rc::Rc;

use network::Window;
use torch::{Kind, Tensor};

use crate::sequence::Lengths;

impl Lengths {
    /// `[batch, time, features]` as `[batch, features, time]` with `fill` in place of padding, before the first step
    /// as the window wants it, and behind the last as far as any place reaches. Panics where libtorch refuses.
    pub(crate) fn laid_out(&self, values: &Tensor, window: &Window, fill: f64) -> Tensor {
        let masked = values.where_scalarother(&self.valid(values), fill).transpose(1, 2);
        let time = values.size()[1];
        let places = window.places(time as usize).max(1);
        let (before, end) = (window.padding[0], (places - 1) * window.stride + window.reach());
        let behind = (end as i64 - before as i64 - time).max(0);
        let wide = |count: i64| {
            let size = masked.size();
            Tensor::full([size[0], size[1], count], fill, (masked.kind(), masked.device()))
        };
        match (before, behind) {
            (0, 0) => masked,
            _ => Tensor::cat(&[wide(before as i64), masked.shallow_clone(), wide(behind)], 2),
        }
    }

    /// `[batch, units, places]` as a sequence `[batch, places, units]`, zeros where a row has no such place.
    pub(crate) fn slid(&self, values: Tensor, window: &Window) -> (Tensor, Rc<Lengths>) {
        let lengths = Lengths { count: self.each(|steps| if steps == 0 { 0 } else { window.places(steps) }) };
        let steps = values.transpose(1, 2);
        (steps.where_scalarother(&lengths.valid(&steps), 0.0), Rc::new(lengths))
    }

    /// `[batch, places]`: the steps that each place covers, those of the padding too where they count; at least 1.
    pub(crate) fn covered(&self, window: &Window, places: i64, padding_counts: bool) -> Tensor {
        let [before, behind] = window.padding.map(|size| size as i64);
        let options = (Kind::Int64, self.count.device());
        let start = Tensor::arange(places, options) * window.stride as i64 - before;
        let end = &start + window.kernel as i64;
        let steps = self.count.unsqueeze(1);
        let covered = if padding_counts {
            end.minimum(&(steps + behind)) - start
        } else {
            end.minimum(&steps) - start.clamp_min(0)
        };
        covered.clamp_min(1)
    }

    /// The mean of each of `places` equal parts of a row's valid steps, `[batch, features, places]`.
    pub(crate) fn adaptive_mean(&self, values: &Tensor, places: i64) -> Tensor {
        let inside = self.parts(values, places).to_kind(Kind::Float);
        let count = inside.sum_dim_intlist([2].as_slice(), true, Kind::Float).clamp_min(1.0);
        let values = values.where_scalarother(&self.valid(values), 0.0);
        (inside / count).bmm(&values).transpose(1, 2)
    }

    /// As [`Lengths::adaptive_mean`] for the maximum; the first of equal ones gets the gradient.
    pub(crate) fn adaptive_max(&self, values: &Tensor, places: i64) -> Tensor {
        let outside = self.parts(values, places).logical_not().unsqueeze(3);
        let (found, _) = values.unsqueeze(1).masked_fill(&outside, f64::NEG_INFINITY).max_dim(2, false);
        let found = found.transpose(1, 2);
        self.without_empty(&found.flatten(1, 2)).view_as(&found)
    }

    /// `[batch, places, time]`: the steps of each part, from floor(i steps / places) to ceil((i + 1) steps / places).
    fn parts(&self, values: &Tensor, places: i64) -> Tensor {
        let options = (Kind::Int64, self.count.device());
        let (part, steps) = (Tensor::arange(places, options), self.count.unsqueeze(1));
        let start = (&part * &steps).floor_divide_scalar(places).unsqueeze(2);
        let end = ((part + 1) * steps + (places - 1)).floor_divide_scalar(places).unsqueeze(2);
        let time = Tensor::arange(values.size()[1], options);
        time.ge_tensor(&start).logical_and(&time.lt_tensor(&end)).to_device(values.device())
    }

    /// Valid steps by those of each row now.
    fn each(&self, steps: impl Fn(usize) -> usize) -> Tensor {
        let now = Vec::<i64>::try_from(&self.count).expect("lengths are one dimension of Int64 on the CPU");
        let then: Vec<i64> = now.iter().map(|&now| steps(now.max(0) as usize) as i64).collect();
        Tensor::from_slice(&then)
    }
}
