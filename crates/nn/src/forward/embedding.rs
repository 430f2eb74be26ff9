//! Tables of vectors.

use torch::{Device, no_grad_guard};

use super::{At, Lookup, Value};

/// Rows of the table. In training on the CPU the looked-up rows themselves are leaves of autograd: a gradient of the
/// whole table, mostly zeros, would cost more than the network. A table that another layer uses too has a gradient that is
/// not.
pub(super) fn lookup(at: &mut At<'_>) -> Value {
    let (table, ids) = (at.param(0), at.tensor());
    let flat = ids.reshape([-1]);
    let mut shape = ids.size();
    shape.push(table.size()[1]);
    let records = at.is_training()
        && at.module.device == Device::Cpu
        && at.module.is_trainable(at.node())
        && !at.module.tied.contains(&at.node().params[0].name);
    if !records {
        return at.same_steps(table.index_select(0, &flat).reshape(&shape));
    }
    let rows = {
        let _no_grad = no_grad_guard();
        table.index_select(0, &flat).reshape(&shape)
    };
    let rows = rows.set_requires_grad(true);
    let table = at.node().params[0].name.clone();
    at.lookups.push(Lookup { table, ids: flat, values: rows.shallow_clone() });
    at.same_steps(rows)
}
