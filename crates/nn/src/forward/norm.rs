//! Normalisation.

use torch::{Kind, Tensor};

use super::{At, Mode, Value};

/// PyTorch's `BatchNorm1d` and `BatchNorm2d`, over the valid steps of a sequence. A training batch with one value a
/// channel has no variance: it is normalised by the running statistics and leaves them as they are (PyTorch refuses
/// such a batch).
pub(super) fn batch(at: &At<'_>, epsilon: f64, momentum: f64) -> Value {
    let part = |part: usize| Some(at.param(part));
    let momentum = match at.mode {
        Mode::Train { share: Some(share), .. } => share,
        _ => momentum,
    };
    let moves = at.is_training() && !at.node().uses_running_statistics(&at.module.network.frozen);
    let norm = |input: &Tensor| {
        let values: i64 = input.size().iter().product();
        let training = moves && values > input.size()[1];
        let (weight, bias, mean, variance) = (part(0), part(1), part(2), part(3));
        input.batch_norm(weight, bias, mean, variance, training, momentum, epsilon, false)
    };
    let input = at.tensor();
    let Some(lengths) = &at.inputs[0].lengths else { return at.same_steps(norm(input)) };
    let steps = input.flatten(0, 1);
    if !moves {
        return at.same_steps(norm(&steps).view_as(input));
    }
    let valid = lengths.valid(input).flatten(0, 2).nonzero().squeeze_dim(1);
    let found = norm(&steps.index_select(0, &valid));
    at.same_steps(steps.zeros_like().index_copy(0, &valid, &found).view_as(input))
}

/// PyTorch's `LayerNorm` over one dimension.
pub(super) fn layer(at: &At<'_>, epsilon: f64, axis: i64) -> Value {
    let input = at.tensor();
    let width = input.size()[axis as usize];
    // The dimension goes to the end and back; where it is there already nothing moves.
    let last = input.transpose(axis, -1);
    let found = last.layer_norm([width], at.has_param(0), at.has_param(1), epsilon, false);
    at.same_steps(found.transpose(axis, -1))
}

/// PyTorch's `functional.normalize` of the features or channels.
pub(super) fn unit(at: &At<'_>) -> Value {
    let input = at.tensor();
    let axis = at.node().signal.channel_axis() as i64;
    // Of a length of 0 there is no gradient.
    let length = input.square().sum_dim_intlist(axis, true, Kind::Float).clamp_min(1e-24).sqrt();
    at.same_steps(input / length)
}

/// PyTorch's `GroupNorm`, over the valid steps of a sequence; without `groups` its `InstanceNorm`.
pub(super) fn group(at: &At<'_>, groups: Option<usize>, epsilon: f64) -> Value {
    let input = at.tensor();
    let (weight, bias) = (at.has_param(0), at.has_param(1));
    let channels = input.size()[at.node().signal.channel_axis()];
    let groups = groups.map_or(channels, |groups| groups as i64);
    let Some(lengths) = &at.inputs[0].lengths else {
        return Value::new(input.group_norm(groups, weight, bias, epsilon, false), None);
    };
    let size = input.size();
    let valid = lengths.valid(input).unsqueeze(3);
    let parts = input.reshape([size[0], size[1], groups, channels / groups]);
    let count = lengths.at_least_one(input).reshape([-1, 1, 1, 1]) * (channels / groups);
    let mean = |values: &Tensor| {
        values.where_scalarother(&valid, 0.0).sum_dim_intlist([1, 3].as_slice(), true, Kind::Float) / &count
    };
    let centred = &parts - mean(&parts);
    let found = (&centred * (mean(&centred.square()) + epsilon).rsqrt()).view_as(input);
    let found = if let Some(weight) = weight { found * weight } else { found };
    at.same_steps(if let Some(bias) = bias { found + bias } else { found })
}
