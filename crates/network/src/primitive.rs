//! What nodes compute: the vocabulary that `nn` implements, and how it is shown.

use std::fmt;

use serde::Serialize;

use crate::window::Window;

/// A primitive operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primitive {
    /// A data column.
    Column,
    /// Parameters: `weight [rows, units]`.
    Embedding,
    /// A row for each step. Parameters: `weight [length, units]`.
    PositionEmbedding {
        /// The row of the first step.
        offset: usize,
    },
    /// Sines and cosines of each step's place.
    SinusoidalPositions,
    /// A row for each part of a text. Parameters: `weight [segments, units]`.
    SegmentEmbedding {
        /// The token index that ends a part.
        separator: Option<usize>,
    },
    /// Of queries, keys and values: three inputs, or one that holds them side by side.
    Attention {
        /// Parts of the features.
        heads: usize,
        /// Dropout of the weights.
        dropout: f64,
    },
    /// Parameters for stacked layer k, as PyTorch names them: `weight_ih_lk`, `weight_hh_lk`, `bias_ih_lk`,
    /// `bias_hh_lk`, then the same with `_reverse`.
    Recurrent {
        /// Which one.
        recurrence: Recurrence,
        /// State length of each direction.
        units: usize,
        /// Whether both directions run.
        bidirectional: bool,
        /// Stacked layers.
        layers: usize,
        /// Dropout between stacked layers.
        dropout: f64,
    },
    /// Parameters: `weight [units, features]` and perhaps `bias [units]`.
    Linear {
        /// Whether the weight is two parameters: the length of each row, and a matrix of which only the rows' directions
        /// count.
        weight_norm: bool,
    },
    /// Parameters: `weight [units, channels / groups, kernel...]` and perhaps `bias [units]`.
    Conv {
        /// One an axis: along the steps of a sequence, or what lies behind the channels.
        windows: Vec<Window>,
        /// Parts of the channels that are convolved on their own.
        groups: usize,
        /// As in `Linear`.
        weight_norm: bool,
    },
    /// Parameters: `weight`, `bias`; buffers: `running_mean`, `running_var`.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
        /// Weight of the newest batch in the running statistics.
        momentum: f64,
    },
    /// Over one dimension. Parameters: perhaps `weight`, `bias`.
    LayerNorm {
        /// Added to the variance.
        epsilon: f64,
        /// The dimension, the batch's being 0.
        axis: usize,
    },
    /// Over groups of channels of each row. Parameters: perhaps `weight`, `bias`.
    GroupNorm {
        /// How many; `None` for each channel on its own.
        groups: Option<usize>,
        /// Added to the variance.
        epsilon: f64,
    },
    /// Features or channels divided by their length.
    UnitNorm,
    /// Off outside training and in frozen parts.
    Dropout {
        /// The share set to zero.
        rate: f64,
    },
    /// As dropout, of whole features of a sequence or channels of an image.
    SpatialDropout {
        /// The share set to zero.
        rate: f64,
    },
    /// As dropout, of whole rows.
    StochasticDepth {
        /// The share set to zero.
        rate: f64,
    },
    /// Times a parameter: `[features]`, or `[channels, 1...]`.
    Scale,
    /// A function of each value, or of the last dimension.
    Activation(Function),
    /// Half of the features or channels times the sigmoid of the other half.
    Glu,
    /// The first step.
    SequenceFirst,
    /// The last valid step; the first for the backward half where `signal.directions` of the input is 2.
    SequenceLast,
    /// Over all valid steps, or over all that lies behind the channels.
    GlobalPool(Pooling),
    /// Parameters: `projection.weight [units, features]`, `projection.bias [units]`, `score.weight [1, units]`.
    AttentionPool,
    /// Over each place of the windows, axes as in `Conv`.
    WindowPool {
        /// What of each place.
        pooling: Pooling,
        /// One an axis.
        windows: Vec<Window>,
    },
    /// Over places of equal parts of each axis; a sequence becomes `[batch, features, size]`.
    AdaptivePool {
        /// What of each place.
        pooling: Pooling,
        /// Places, one number an axis.
        size: Vec<usize>,
    },
    /// Joined along features or channels.
    Concat,
    /// The sum of the inputs, sizes of 1 repeated.
    Add,
    /// The product of the inputs, sizes of 1 repeated.
    Multiply,
    /// The values in their order in the node's shape.
    Reshape,
    /// So many steps of each row of a sequence as one vector, zeros behind the valid ones.
    FlattenSteps(usize),
    /// The dimensions behind the batch, counted from 1, in this order.
    Permute(Vec<usize>),
    /// Zeros before and behind the features or channels.
    PadChannels {
        /// How many before.
        before: usize,
        /// How many behind.
        behind: usize,
    },
    /// Times a deviation, plus a mean. Buffers: `deviation [1]`, `mean [1]`.
    LabelScale,
}

/// Which recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recurrence {
    /// Gates in PyTorch's order: reset, update, new.
    Gru,
    /// Gates in PyTorch's order: input, forget, cell, output.
    Lstm,
    /// No gates, tanh of the state.
    RnnTanh,
    /// No gates, relu of the state.
    RnnRelu,
}

/// What a pool takes of many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The largest; the first of equal ones gets the gradient.
    Max,
    /// The mean, zeros of a padding included.
    Mean,
    /// The mean of what is no padding.
    MeanOfValues,
}

/// A function of each value, or of the last dimension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x where it is positive, else slope x.
    LeakyRelu {
        /// The slope below zero.
        slope: f64,
    },
    /// x where it is positive, else alpha (exp(x) - 1).
    Elu {
        /// The value far below zero, negated.
        alpha: f64,
    },
    /// x times the normal distribution's share below x.
    Gelu {
        /// Whether it is the approximation by tanh.
        tanh: bool,
    },
    /// x / (1 + exp(-x)).
    Silu,
    /// ln(1 + exp(x)).
    Softplus,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// x min(max(x + 3, 0), 6) / 6.
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// Shares of the last dimension that sum to 1.
    Softmax,
    /// The logarithm of those.
    LogSoftmax,
}

impl Recurrence {
    /// Rows of its weight matrices a unit of state.
    pub fn gates(self) -> usize {
        match self {
            Recurrence::Gru => 3,
            Recurrence::Lstm => 4,
            Recurrence::RnnTanh | Recurrence::RnnRelu => 1,
        }
    }
}

impl Function {
    /// Its name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Function::Relu => "relu",
            Function::Relu6 => "relu6",
            Function::LeakyRelu { .. } => "leaky-relu",
            Function::Elu { .. } => "elu",
            Function::Gelu { tanh: false } => "gelu",
            Function::Gelu { tanh: true } => "gelu-tanh",
            Function::Silu => "silu",
            Function::Softplus => "softplus",
            Function::Tanh => "tanh",
            Function::Sigmoid => "sigmoid",
            Function::HardSwish => "hard-swish",
            Function::HardSigmoid => "hard-sigmoid",
            Function::Softmax => "softmax",
            Function::LogSoftmax => "log-softmax",
        }
    }
}

/// The operation's name with what shapes do not tell.
impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Primitive::Column => f.write_str("column"),
            Primitive::Embedding => f.write_str("embedding"),
            Primitive::PositionEmbedding { offset: 0 } => f.write_str("position-embedding"),
            Primitive::PositionEmbedding { offset } => write!(f, "position-embedding from row {offset}"),
            Primitive::SinusoidalPositions => f.write_str("sinusoidal-positions"),
            Primitive::SegmentEmbedding { separator: None } => f.write_str("segment-embedding"),
            Primitive::SegmentEmbedding { separator: Some(token) } => {
                write!(f, "segment-embedding, parts end at token {token}")
            }
            Primitive::Attention { heads, .. } => write!(f, "attention, {heads} heads"),
            Primitive::Recurrent { recurrence, bidirectional, layers, .. } => {
                f.write_str(match recurrence {
                    Recurrence::Gru => "gru",
                    Recurrence::Lstm => "lstm",
                    Recurrence::RnnTanh => "rnn",
                    Recurrence::RnnRelu => "rnn, relu",
                })?;
                f.write_str(if *bidirectional { ", both directions" } else { "" })?;
                if *layers > 1 { write!(f, ", {layers} layers") } else { Ok(()) }
            }
            Primitive::Linear { weight_norm } => write!(f, "linear{}", normed(*weight_norm)),
            Primitive::Conv { windows, groups, weight_norm } => {
                write!(f, "conv{}d {}", windows.len(), Windows(windows))?;
                if *groups > 1 {
                    write!(f, ", {groups} groups")?;
                }
                f.write_str(normed(*weight_norm))
            }
            Primitive::BatchNorm { .. } => f.write_str("batch-norm"),
            Primitive::LayerNorm { .. } => f.write_str("layer-norm"),
            Primitive::GroupNorm { groups: Some(groups), .. } => write!(f, "group-norm, {groups} groups"),
            Primitive::GroupNorm { groups: None, .. } => f.write_str("instance-norm"),
            Primitive::UnitNorm => f.write_str("unit-norm"),
            Primitive::Dropout { rate } => write!(f, "dropout {rate}"),
            Primitive::SpatialDropout { rate } => write!(f, "spatial-dropout {rate}"),
            Primitive::StochasticDepth { rate } => write!(f, "stochastic-depth {rate}"),
            Primitive::Scale => f.write_str("layer-scale"),
            Primitive::Activation(Function::LeakyRelu { slope }) => write!(f, "leaky-relu {slope}"),
            Primitive::Activation(Function::Elu { alpha }) => write!(f, "elu {alpha}"),
            Primitive::Activation(function) => f.write_str(function.name()),
            Primitive::Glu => f.write_str("glu"),
            Primitive::SequenceFirst => f.write_str("sequence-first"),
            Primitive::SequenceLast => f.write_str("sequence-last"),
            Primitive::GlobalPool(Pooling::Max) => f.write_str("max-pool"),
            Primitive::GlobalPool(_) => f.write_str("mean-pool"),
            Primitive::AttentionPool => f.write_str("attention-pool"),
            Primitive::WindowPool { pooling, windows } => {
                write!(f, "{}{}d {}", pooling.name(), windows.len(), Windows(windows))
            }
            Primitive::AdaptivePool { pooling, size } => {
                write!(f, "adaptive-{}{}d {}", pooling.name(), size.len(), crossed(size))
            }
            Primitive::Concat => f.write_str("concat"),
            Primitive::Add => f.write_str("add"),
            Primitive::Multiply => f.write_str("multiply"),
            Primitive::Reshape => f.write_str("reshape"),
            Primitive::FlattenSteps(steps) => write!(f, "flatten {steps} steps"),
            Primitive::PadChannels { before, behind } => write!(f, "pad-channels {before}, {behind}"),
            Primitive::Permute(order) => write!(f, "permute {order:?}"),
            Primitive::LabelScale => f.write_str("label-scale"),
        }
    }
}

impl Pooling {
    fn name(self) -> &'static str {
        match self {
            Pooling::Max => "max-pool",
            Pooling::Mean | Pooling::MeanOfValues => "average-pool",
        }
    }
}

/// Windows in words: `3x3, stride 2x2`.
struct Windows<'w>(&'w [Window]);

impl fmt::Display for Windows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = |of: fn(&Window) -> usize| self.0.iter().map(of).collect::<Vec<_>>();
        f.write_str(&crossed(&sizes(|window| window.kernel)))?;
        for (word, sizes, usual) in [
            ("stride", sizes(|window| window.stride), 1),
            ("padding", sizes(|window| window.padding[1]), 0),
            ("dilation", sizes(|window| window.dilation), 1),
        ] {
            if sizes.iter().any(|size| *size != usual) {
                write!(f, ", {word} {}", crossed(&sizes))?;
            }
        }
        Ok(())
    }
}

fn normed(weight_norm: bool) -> &'static str {
    if weight_norm { ", weight norm" } else { "" }
}

fn crossed(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}
