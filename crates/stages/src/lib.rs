//! What each stage kind is: parameters, ports and checks. How it runs is the worker's.

mod training;

pub use training::{
    Adam, Batch, ClipGradient, EarlyStopping, Loss, Metric, Optimizer, Sgd, Training,
};
