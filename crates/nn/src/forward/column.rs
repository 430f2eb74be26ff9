//! Data columns, and nodes whose values are given.

use std::rc::Rc;

use network::Node;
use torch::Kind;

use super::{Column, Inputs, Value};
use crate::error::Error;
use crate::sequence::Lengths;

/// The batch's column that the node is, or the node's given values.
pub(super) fn read(node: &Node, inputs: &Inputs) -> Result<Value, Error> {
    let wanted = match (&node.signal.ids, node.signal.is_sequence()) {
        (Some(_), true) => "sequence",
        (Some(_), false) => "category",
        (None, _) => "number",
    };
    match (inputs.get(&node.name), wanted) {
        (Some(Column::Sequence { ids, lengths }), "sequence") => {
            // Only empty rows: one step of padding keeps every operation defined.
            let empty = ids.size().get(1) == Some(&0);
            let ids = if empty {
                ids.new_zeros([ids.size()[0], 1], (Kind::Int64, ids.device()))
            } else {
                ids.shallow_clone()
            };
            Ok(Value::new(ids, Some(Rc::new(Lengths { count: lengths.shallow_clone() }))))
        }
        (Some(Column::Category(ids)), "category") => Ok(Value::new(ids.shallow_clone(), None)),
        (Some(Column::Number(numbers)), "number") => Ok(Value::new(numbers.shallow_clone(), None)),
        (Some(Column::Values { values, lengths }), _) if lengths.is_some() == node.signal.is_sequence() => {
            let lengths = lengths.as_ref().map(|count| Rc::new(Lengths { count: count.shallow_clone() }));
            Ok(Value::new(values.shallow_clone(), lengths))
        }
        _ => Err(Error::Column { name: node.name.clone(), wanted }),
    }
}
