//! What each stage kind is: parameters, ports and checks. How it runs is the worker's.
//!
//! A kind is one file here, one line in [`KINDS`], one arm of [`Params`], and one file in the worker. Nothing here
//! opens a data file: a check sees the facts that stages before it declared, and the headers of sources.

mod augment;
mod average;
mod boosting;
mod check;
mod class_names;
mod class_weights;
mod cluster;
mod compare;
mod decoding;
mod evaluate;
mod export;
mod fact;
mod features;
mod finetune;
mod fit;
mod freeze;
mod frozen;
mod goal;
mod group;
mod groups;
mod header;
mod inputs;
mod join;
mod knn;
mod label;
mod learnt;
mod lengths;
mod linear;
mod load_network;
mod loss;
mod measuring;
mod metric;
mod optimizer;
mod output;
mod precision;
mod predict;
mod preprocess;
mod project;
mod rate;
mod rows;
mod schedule;
mod shorthand;
mod stopping;
mod subnet;
mod table;
mod target;
mod tokenizers;
mod told;
mod train;
mod training;
mod tsne;
mod word_vectors;

pub use average::{Average, Ema, Swa, SwaSchedule};
pub use boosting::GradientBoosting;
pub use check::{Context, Imported, Outside, SourceFact, column_hint};
pub use class_names::{ClassNames, KnownClasses};
pub use class_weights::{ClassWeights, FittedWeights, UnknownClass};
pub use cluster::Cluster;
pub use compare::Compare;
pub use decoding::DecodePictures;
pub use evaluate::Evaluate;
pub use export::{Export, Import};
pub use fact::{DatasetFact, Fact, FeaturesFact, HeadFact, LabelFact, NetworkFact};
pub use features::ExtractFeatures;
pub use finetune::Finetune;
pub use fit::{Fit, Shapes};
pub use freeze::{Freeze, Unfreeze};
pub use frozen::{ExtractFrozen, IsolateFrozen, Views};
pub use goal::{Goal, Goals, Output, in_units_of};
pub use group::Group;
pub use groups::{LayerRate, Misplaced, Moves, NoDecay, Thaw};
pub use inputs::Inputs;
pub use join::JoinNetworks;
pub use knn::{Distance, Knn, Votes};
pub use learnt::Learnt;
pub use lengths::shorter_texts;
pub use linear::Linear;
pub use load_network::LoadNetwork;
pub use loss::{
    BinaryCrossEntropy, BinaryFocal, CategoricalCrossEntropy, CategoricalFocal, Huber, Loss, OfNumbers,
};
pub use measuring::{BestThreshold, Calibrate, CalibrateOn, Confidence, Threshold};
pub use metric::{Measure, Metric};
pub use optimizer::{Adagrad, Adam, Adamax, ClipGradient, Lamb, Lion, Nadam, Optimizer, Radam, Rmsprop, Sgd};
pub use precision::Precision;
pub use predict::Predict;
pub use preprocess::{OnLeak, Preprocess};
pub use project::Project;
pub use rate::{Rate, Search};
pub use rows::{RowSet, Rows};
pub use schedule::{
    Anneal, By, Constant, Cosine, CosineRestarts, Exponential, LinearDecay, MultiStep, OnPlateau, OneCycle,
    Polynomial, Schedule, StepDecay, ThresholdMode, WarmUp,
};
pub use stopping::EarlyStopping;
pub use subnet::LoadSubnet;
pub use table::{
    Declaration, Extent, KINDS, Names, Numeric, OutsidePath, Params, Reference, Stage, declaration,
};
pub use target::Target;
pub use train::Train;
pub use training::{Batch, BatchSize, Fitting, Training};
pub use tsne::Tsne;
pub use word_vectors::{MissingVectors, WordVectors};
