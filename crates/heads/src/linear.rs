//! Linear models: logistic regression, multinomial or of two classes, and least squares, with penalties.
//!
//! Definitions are scikit-learn's (`LogisticRegression`, `Ridge`, `ElasticNet`). With S the sum of the rows' weights,
//! what is minimised is `sum(weight loss) / S + l2 / 2 |w|² + l1 |w|`; the intercept is not penalised.

mod columns;
mod minimise;
mod vectors;

use std::borrow::Cow;

use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use columns::Columns;
use minimise::{Stop, minimise};
use vectors::BLOCK;

use crate::{Error, Matrix};

/// What a row's outputs cost beside its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Labels 0 and 1; one output, the logit of 1; log-loss.
    Binary,
    /// Labels `0..classes`; as many outputs, the logits; log-loss of their softmax.
    Multinomial {
        /// Number of classes.
        classes: usize,
    },
    /// Any number; one output; half the squared error.
    Squares,
}

impl Loss {
    /// Outputs a row.
    pub fn outputs(self) -> usize {
        match self {
            Loss::Multinomial { classes } => classes,
            Loss::Binary | Loss::Squares => 1,
        }
    }

    /// The largest second derivative of the mean loss by one output, roughly: what the solver expects of a column.
    fn curvature(self) -> f64 {
        match self {
            Loss::Binary => 0.25,
            Loss::Multinomial { classes } => (1.0 - 1.0 / classes as f64) / classes as f64,
            Loss::Squares => 1.0,
        }
    }
}

/// How a linear model is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// The loss.
    pub loss: Loss,
    /// Penalty on half the squares of the coefficients, beside the mean loss.
    pub l2: f64,
    /// Penalty on the absolute coefficients, beside the mean loss.
    pub l1: f64,
    /// Whether there is an intercept.
    pub intercept: bool,
    /// Whether the penalties are on coefficients of columns of deviation 1.
    pub standardize: bool,
    /// Steps of the solver at most.
    pub max_iter: usize,
    /// The largest entry of the gradient at which the solver stops, with columns and labels scaled to curvature 1.
    pub tolerance: f64,
}

/// A linear model: outputs are `row · coefficients + intercept`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    width: usize,
    /// `[outputs, width]`.
    coefficients: Vec<f64>,
    /// `[outputs]`.
    intercepts: Vec<f64>,
}

/// A fitted model, and how the fit went.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The model.
    pub model: Linear,
    /// Steps of the solver.
    pub steps: usize,
    /// Whether it stopped because nothing was left to gain.
    pub converged: bool,
}

/// Fits a linear model to rows with their labels and weights.
///
/// # Errors
/// No rows or columns, shapes that differ, labels of one class.
pub fn fit(rows: &Matrix, labels: &[f64], weights: Option<&[f64]>, params: &Params) -> Result<Fitted, Error> {
    let count = rows.rows();
    for (what, found) in [("rows", count), ("columns", rows.width())] {
        if found == 0 {
            return Err(Error::Empty { what });
        }
    }
    let weights = weights.map_or_else(|| Cow::Owned(vec![1.0; count]), Cow::Borrowed);
    for (what, found) in [("labels", labels.len()), ("weights", weights.len())] {
        if found != count {
            return Err(Error::Shape { what, expected: count, found });
        }
    }
    if params.loss != Loss::Squares && labels.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Error::OneClass { rows: count });
    }
    let columns = Columns::new(rows, &weights, params.intercept);
    let scaling = Scaling::of(&columns, labels, &weights, params);
    let problem = Problem::new(&columns, labels, &weights, params, &scaling);
    let l1 = problem.l1.clone();
    let stop = Stop { steps: params.max_iter, gradient: params.tolerance };
    let mut work = Work::new(count, rows.width(), problem.outputs);
    // Within the pool of threads, whose tasks need not be handed over to it one by one.
    let minimum =
        rayon::scope(|_| minimise(|x, gradient| problem.evaluate(x, gradient, &mut work), &l1, stop));
    let model = problem.model(&minimum.x);
    Ok(Fitted { model, steps: minimum.steps, converged: minimum.converged })
}

/// What the solver's variables are multiplied by, so that the curvature along each is about 1. The minimum is the
/// same.
struct Scaling {
    /// Of each column, `[width]`.
    columns: Vec<f64>,
    /// Of the intercept.
    intercept: f64,
    /// The penalties of each column, `[width]`.
    l2: Vec<f64>,
    l1: Vec<f64>,
    /// What labels that are numbers are lowered and divided by.
    shift: f64,
    unit: f64,
}

impl Scaling {
    fn of(columns: &Columns<'_>, labels: &[f64], weights: &[f64], params: &Params) -> Self {
        let total: f64 = weights.iter().sum();
        let mean = |values: Vec<f64>| values.into_iter().map(|sum| sum / total).collect::<Vec<f64>>();
        let (squares, means) = (mean(columns.squares(weights)), mean(columns.sums(weights)));
        let deviations: Vec<f64> = squares
            .iter()
            .zip(&means)
            .map(|(square, mean)| (square - mean * mean).max(0.0).sqrt())
            // A column that is always the same has no deviation to be measured by.
            .map(|deviation| if params.standardize && deviation > 0.0 { deviation } else { 1.0 })
            .collect();
        let (mut shift, mut unit) = (0.0, 1.0);
        if params.loss == Loss::Squares {
            let of = |value: &dyn Fn(f64) -> f64| {
                labels.iter().zip(weights).map(|(label, weight)| value(*label) * weight).sum::<f64>() / total
            };
            if params.intercept {
                shift = of(&|label| label);
            }
            unit = of(&|label| (label - shift).powi(2)).sqrt();
            unit = if unit > 0.0 { unit } else { 1.0 };
        }
        let l2: Vec<f64> = deviations.iter().map(|deviation| params.l2 * deviation * deviation).collect();
        // In units of the labels all but the penalty on absolute values shrinks with their square.
        let l1 = deviations.iter().map(|deviation| params.l1 / unit * deviation).collect();
        let curvature = params.loss.curvature();
        let inverse = |curvature: f64| if curvature > 0.0 { curvature.sqrt().recip() } else { 1.0 };
        Scaling {
            columns: squares.iter().zip(&l2).map(|(square, l2)| inverse(curvature * square + l2)).collect(),
            intercept: inverse(curvature),
            l2,
            l1,
            shift,
            unit,
        }
    }
}

/// Outputs of all rows and their derivatives, output after output.
struct Work {
    outputs: Vec<f64>,
    coefficients: Vec<f64>,
}

impl Work {
    fn new(rows: usize, width: usize, outputs: usize) -> Self {
        Work { outputs: vec![0.0; rows * outputs], coefficients: vec![0.0; width] }
    }
}

/// The function that is minimised. Its variables are, for each output, the scaled coefficients and the intercept.
struct Problem<'a> {
    columns: &'a Columns<'a>,
    scaling: &'a Scaling,
    loss: Loss,
    intercept: bool,
    outputs: usize,
    labels: Vec<f64>,
    /// Shares of the rows, which sum to 1.
    weights: Vec<f64>,
    /// Penalties on the absolute values of the variables.
    l1: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(
        columns: &'a Columns<'a>,
        labels: &[f64],
        weights: &[f64],
        params: &Params,
        scaling: &'a Scaling,
    ) -> Self {
        let total: f64 = weights.iter().sum();
        let outputs = params.loss.outputs();
        let own = scaling.l1.iter().zip(&scaling.columns).map(|(l1, scale)| l1 * scale);
        let own: Vec<f64> = own.chain(params.intercept.then_some(0.0)).collect();
        Problem {
            columns,
            scaling,
            loss: params.loss,
            intercept: params.intercept,
            outputs,
            labels: labels.iter().map(|label| (label - scaling.shift) / scaling.unit).collect(),
            weights: weights.iter().map(|weight| weight / total).collect(),
            l1: std::iter::repeat_n(own, outputs).flatten().collect(),
        }
    }

    /// Variables of one output.
    fn size(&self) -> usize {
        self.columns.width() + usize::from(self.intercept)
    }

    fn evaluate(&self, x: &[f64], gradient: &mut [f64], work: &mut Work) -> f64 {
        let (rows, width) = (self.labels.len(), self.columns.width());
        for (x, outputs) in x.chunks_exact(self.size()).zip(work.outputs.chunks_exact_mut(rows)) {
            let each = (&mut work.coefficients, &x[..width], &self.scaling.columns).into_par_iter();
            each.with_min_len(BLOCK).for_each(|(coefficient, x, scale)| *coefficient = x * scale);
            let intercept = if self.intercept { x[width] * self.scaling.intercept } else { 0.0 };
            self.columns.times(&work.coefficients, intercept, outputs);
        }
        let mut value = self.losses(&mut work.outputs);
        let of_outputs = x.chunks_exact(self.size()).zip(gradient.chunks_exact_mut(self.size()));
        for ((x, gradient), derivatives) in of_outputs.zip(work.outputs.chunks_exact(rows)) {
            self.columns.transposed_times(derivatives, &mut gradient[..width]);
            let blocks = (
                gradient[..width].par_chunks_mut(BLOCK),
                x[..width].par_chunks(BLOCK),
                self.scaling.columns.par_chunks(BLOCK),
                self.scaling.l2.par_chunks(BLOCK),
            );
            let penalty = |(gradient, x, scale, l2): (&mut [f64], &[f64], &[f64], &[f64])| {
                let mut penalty = 0.0;
                for at in 0..x.len() {
                    let coefficient = x[at] * scale[at];
                    gradient[at] = scale[at] * (gradient[at] + l2[at] * coefficient);
                    penalty += 0.5 * l2[at] * coefficient * coefficient;
                }
                penalty
            };
            value += blocks.into_par_iter().map(penalty).collect::<Vec<f64>>().iter().sum::<f64>();
            if self.intercept {
                gradient[width] = self.scaling.intercept * derivatives.iter().sum::<f64>();
            }
        }
        value
    }

    /// The mean loss; puts its derivatives in the place of the outputs.
    fn losses(&self, outputs: &mut [f64]) -> f64 {
        let rows = self.labels.len();
        let of_one = |of: fn(f64, f64) -> (f64, f64), outputs: &mut [f64]| -> f64 {
            let losses: Vec<f64> = outputs
                .par_iter_mut()
                .zip(self.labels.par_iter().zip(&self.weights))
                .map(|(output, (label, weight))| {
                    let (loss, derivative) = of(*output, *label);
                    *output = derivative * weight;
                    loss * weight
                })
                .collect();
            losses.iter().sum()
        };
        match self.loss {
            Loss::Squares => of_one(|z, label| (0.5 * (z - label).powi(2), z - label), outputs),
            Loss::Binary => of_one(
                |z, label| {
                    // log(1 + exp(z)) - label z, without overflow.
                    let exp = (-z.abs()).exp();
                    let one = if z >= 0.0 { 1.0 / (1.0 + exp) } else { exp / (1.0 + exp) };
                    (z.max(0.0) + exp.ln_1p() - label * z, one - label)
                },
                outputs,
            ),
            Loss::Multinomial { classes } => {
                let mut value = 0.0;
                for (row, (label, weight)) in self.labels.iter().zip(&self.weights).enumerate() {
                    let at = |class: usize| class * rows + row;
                    let most = (0..classes).map(|class| outputs[at(class)]).fold(f64::NEG_INFINITY, f64::max);
                    let right = outputs[at(*label as usize)];
                    let mut sum = 0.0;
                    for class in 0..classes {
                        outputs[at(class)] = (outputs[at(class)] - most).exp();
                        sum += outputs[at(class)];
                    }
                    for class in 0..classes {
                        let truth = f64::from(u8::from(class == *label as usize));
                        outputs[at(class)] = weight * (outputs[at(class)] / sum - truth);
                    }
                    value += weight * (sum.ln() + most - right);
                }
                value
            }
        }
    }

    /// The model of the columns and labels as they came.
    fn model(&self, x: &[f64]) -> Linear {
        let width = self.columns.width();
        let (mut coefficients, mut intercepts) = (vec![], vec![]);
        for x in x.chunks_exact(self.size()) {
            let own: Vec<f64> =
                x.iter().zip(&self.scaling.columns).map(|(x, scale)| x * scale * self.scaling.unit).collect();
            let shifted: f64 = own.iter().zip(&self.columns.means).map(|(factor, mean)| factor * mean).sum();
            intercepts.push(match self.intercept {
                true => x[width] * self.scaling.intercept * self.scaling.unit + self.scaling.shift - shifted,
                false => 0.0,
            });
            coefficients.extend(own);
        }
        Linear { width, coefficients, intercepts }
    }
}

impl Linear {
    /// Columns of the rows that it was fitted on.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Outputs a row.
    pub fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    /// The coefficients of an output, `[width]`.
    pub fn coefficients(&self, output: usize) -> &[f64] {
        &self.coefficients[output * self.width..(output + 1) * self.width]
    }

    /// The intercept of each output.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Outputs `[rows, outputs]`, row after row.
    ///
    /// # Errors
    /// [`Error::Shape`] for rows of other columns.
    pub fn outputs_of(&self, rows: &Matrix) -> Result<Vec<f64>, Error> {
        if rows.width() != self.width {
            return Err(Error::Shape { what: "columns", expected: self.width, found: rows.width() });
        }
        let outputs = self.outputs();
        let mut values = vec![0.0; rows.rows() * outputs];
        values.par_chunks_mut(outputs).enumerate().for_each(|(row, into)| {
            for (output, into) in into.iter_mut().enumerate() {
                let (dense, sparse) = self.coefficients(output).split_at(rows.dense_width());
                let of_dense =
                    rows.dense(row).iter().zip(dense).map(|(x, factor)| f64::from(*x) * factor).sum::<f64>();
                let of_sparse = rows.sparse().row(row).map(|(place, x)| x * sparse[place]).sum::<f64>();
                *into = of_dense + of_sparse + self.intercepts[output];
            }
        });
        Ok(values)
    }

    /// The model's bytes, safetensors: `coefficients` f64 `[outputs, width]` and `intercepts` f64 `[outputs]`.
    ///
    /// # Errors
    /// None that a fitted model gives rise to.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (coefficients, intercepts) = (bytes(&self.coefficients), bytes(&self.intercepts));
        let view =
            |shape: Vec<usize>, bytes| TensorView::new(Dtype::F64, shape, bytes).map_err(Error::damaged);
        let tensors = [
            ("coefficients", view(vec![self.outputs(), self.width], &coefficients)?),
            ("intercepts", view(vec![self.outputs()], &intercepts)?),
        ];
        safetensors::serialize(tensors, None).map_err(Error::damaged)
    }

    /// The model of bytes that [`Linear::to_bytes`] gave.
    ///
    /// # Errors
    /// [`Error::Damaged`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(Error::damaged)?;
        let read = |name: &str| {
            let view = tensors.tensor(name).map_err(Error::damaged)?;
            if view.dtype() != Dtype::F64 {
                return Err(Error::damaged(format!("`{name}` is not of 64-bit floats")));
            }
            let values = view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            Ok((view.shape().to_vec(), values.collect::<Vec<f64>>()))
        };
        let (shape, coefficients) = read("coefficients")?;
        let (of_outputs, intercepts) = read("intercepts")?;
        match (&shape[..], &of_outputs[..]) {
            ([outputs, width], [same]) if outputs == same && *outputs > 0 => {
                Ok(Linear { width: *width, coefficients, intercepts })
            }
            _ => Err(Error::damaged("its intercepts do not fit its coefficients")),
        }
    }
}
