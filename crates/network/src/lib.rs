//! Declared networks: layers as a recipe writes them, and the graph of primitive nodes that they mean.
//!
//! Invariant: no tensors here. Shapes, parameter names and node names of a network are known from its declaration
//! and the sizes of its inputs alone; a size that only the data can tell stays symbolic until the data is read.

mod build;
mod graph;
mod join;
mod layer;
mod lower;
mod network;
mod prefix;
mod primitive;
mod select;
mod shape;
mod window;

pub use graph::{Graph, Initial, Node, Param, is_inside};
pub use layer::{Activation, KINDS, Layer, LayerKind, Op};
pub use lower::Problem;
pub use network::{Network, Unknown};
pub use prefix::Prefix;
pub use primitive::{Function, Pooling, Primitive, Recurrence};
pub use select::{NoMatch, Selection, nearest};
pub use shape::{Dim, Input, Shape, Signal};
pub use window::Window;
