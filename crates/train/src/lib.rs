//! Training: loop, optimisers, losses, checkpoints; and running trained networks over data sets.
//!
//! Invariant: weights, optimiser state and history are a pure function of the network, the data, the settings and the
//! seed. Threads, interruptions and the clock change none of their bits.

mod ahead;
mod average;
mod batch;
mod checkpoint;
mod clip;
mod criterion;
mod epoch;
mod error;
mod evaluate;
mod find;
mod fit;
mod head;
mod learner;
mod optimizer;
mod resume;
mod run;
mod sample;
mod scale;
mod scaler;
mod schedule;
mod size;
mod stopping;
mod stored;
mod thaw;

pub use criterion::Criterion;
pub use error::Error;
pub use evaluate::{Predicted, evaluate, features, predict, predict_all};
pub use find::FoundRate;
pub use fit::{EpochRecord, Fitted, Job, fit};
pub use optimizer::Optimizer;
pub use scale::standardize;
pub use stored::{Stored, Views, store};
