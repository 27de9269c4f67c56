//! Arguments of `if`, `multiIf`, `and`, `or`, `coalesce` that are computed only where needed.

use arrow_array::{Array, BooleanArray, UInt32Array, downcast_primitive_array};
use arrow_buffer::BooleanBuffer;
use base::{Error, Result};
use types::{Column, DataType, default_array};

use super::{Call, Environment, Node, Program};

/// What the value of an argument says of the rows that the next ones are needed for.
enum NeededWhile {
    /// `and`: needed where it is not false.
    True,
    /// `or`: needed where it is not true.
    False,
    /// `coalesce`: needed where it is NULL.
    Null,
}

impl Program {
    /// The arguments of a short-circuit function. Rows for which an argument does not matter
    /// hold the default of its type.
    pub(super) fn guarded_arguments(
        &self,
        call: &Call,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
    ) -> Result<Vec<Column>> {
        let costly = call.arguments.iter().skip(1).any(|a| self.is_guarded(*a));
        if !costly {
            return call.arguments.iter().map(|a| self.value(*a, environment, done)).collect();
        }
        match call.function.declaration.name {
            "if" | "multiIf" => self.branches(call, environment, done),
            "and" => self.chain(call, environment, done, &NeededWhile::True),
            "or" => self.chain(call, environment, done, &NeededWhile::False),
            _ => self.chain(call, environment, done, &NeededWhile::Null),
        }
    }

    fn is_guarded(&self, at: usize) -> bool {
        matches!(&self.nodes[at], Node::Call(call) if call.guarded)
    }

    /// Condition, result, condition, result, ..., otherwise.
    fn branches(
        &self,
        call: &Call,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
    ) -> Result<Vec<Column>> {
        let mut left = BooleanBuffer::new_set(environment.rows);
        let mut values = Vec::with_capacity(call.arguments.len());
        let pairs = call.arguments.len() / 2;
        for pair in 0..pairs {
            let condition = self.where_needed(call, pair * 2, environment, done, &left)?;
            let holds = &truth(&condition)? & &left;
            values.push(condition);
            values.push(self.where_needed(call, pair * 2 + 1, environment, done, &holds)?);
            left = &left & &!&holds;
        }
        if call.arguments.len() % 2 == 1 {
            values.push(self.where_needed(call, pairs * 2, environment, done, &left)?);
        }
        Ok(values)
    }

    fn chain(
        &self,
        call: &Call,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
        role: &NeededWhile,
    ) -> Result<Vec<Column>> {
        let mut needed = BooleanBuffer::new_set(environment.rows);
        let mut values = Vec::with_capacity(call.arguments.len());
        for at in 0..call.arguments.len() {
            let value = self.where_needed(call, at, environment, done, &needed)?;
            let nulls = match value.nulls() {
                Some(nulls) => !nulls.inner(),
                None => BooleanBuffer::new_unset(environment.rows),
            };
            let stays = match role {
                NeededWhile::True => &truth(&value)? | &nulls,
                NeededWhile::False => !&truth(&value)?,
                NeededWhile::Null => nulls,
            };
            needed = &needed & &stays;
            values.push(value);
        }
        Ok(values)
    }

    /// An argument's values, computed only for the needed rows if it is costly.
    fn where_needed(
        &self,
        call: &Call,
        argument: usize,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
        needed: &BooleanBuffer,
    ) -> Result<Column> {
        let node = call.arguments[argument];
        let count = needed.count_set_bits();
        if !self.is_guarded(node) || count == environment.rows || done[node].is_some() {
            return self.value(node, environment, done);
        }
        let data_type = &call.argument_types[argument];
        if count == 0 {
            let value = default_array(data_type, 1)?;
            return Ok(Column::Constant { value, len: environment.rows });
        }
        let mask = BooleanArray::new(needed.clone(), None);
        let columns: Vec<Column> = environment
            .columns
            .iter()
            .map(|c| if c.len() == environment.rows { c.filter(&mask) } else { Ok(c.clone()) })
            .collect::<Result<_>>()?;
        let parameters = environment
            .parameters
            .iter()
            .map(|(id, c)| Ok((*id, c.filter(&mask)?)))
            .collect::<Result<_>>()?;
        let fewer = Environment {
            columns: &columns,
            parameters: &parameters,
            rows: count,
            expected_rows: environment.expected_rows,
        };
        let mut fresh = vec![None; self.nodes.len()];
        let values = self.value(node, &fewer, &mut fresh)?;
        scatter(&values, needed, data_type)
    }
}

/// Which rows are true; NULL is not.
fn truth(column: &Column) -> Result<BooleanBuffer> {
    let array = column.to_flat()?;
    let plain = array.as_ref();
    let set = downcast_primitive_array!(
        plain => other_than_zero(plain.values()),
        _ => return Err(Error::logical("a condition that is no number"))
    );
    Ok(match array.nulls() {
        Some(nulls) => &set & nulls.inner(),
        None => set,
    })
}

fn other_than_zero<T: Default + PartialEq>(values: &[T]) -> BooleanBuffer {
    let zero = T::default();
    BooleanBuffer::collect_bool(values.len(), |row| values[row] != zero)
}

/// Puts values at the set rows and the default at the others.
pub(super) fn scatter(
    values: &Column,
    rows: &BooleanBuffer,
    data_type: &DataType,
) -> Result<Column> {
    let values = values.to_flat()?;
    let default = default_array(data_type, 1)?;
    let both = arrow_select::concat::concat(&[values.as_ref(), default.as_ref()])
        .map_err(|e| Error::logical(e.to_string()))?;
    let missing = values.len() as u32;
    let mut next = 0;
    let indices: Vec<u32> = rows
        .iter()
        .map(|set| {
            if set {
                next += 1;
                next - 1
            } else {
                missing
            }
        })
        .collect();
    let placed = arrow_select::take::take(&both, &UInt32Array::from(indices), None)
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(Column::Flat(placed))
}
