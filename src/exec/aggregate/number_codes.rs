//! Codes in place of integers: asked for while rows are grouped, and values again when groups leave.
//!
//! Outside of an aggregation only strings come as codes, so that no function has to know codes of integers.

use base::Result;
use expr::Expr;
use plan::AggregateCall;
use types::{Column, DataType, Physical};

/// Functions that only compare their argument.
const COMPARING: [&str; 5] = ["uniqExact", "min", "max", "any", "anyLast"];

/// Columns of the input of which only equality and order matter, and which are grouped by or counted distinctly.
pub(super) fn wanted(keys: &[Expr], calls: &[AggregateCall]) -> Vec<usize> {
    let (mut wanted, mut read) = (Vec::new(), Vec::new());
    for key in keys {
        match key {
            Expr::Column { index, .. } => wanted.push(*index),
            other => read.extend(other.columns()),
        }
    }
    for call in calls {
        match call.arguments.as_slice() {
            [Expr::Column { index, .. }] if COMPARING.contains(&call.function.as_str()) => {
                if call.function == "uniqExact" {
                    wanted.push(*index);
                }
            }
            arguments => read.extend(arguments.iter().flat_map(Expr::columns)),
        }
    }
    wanted.retain(|column| !read.contains(column));
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// Whether codes of a type mean integers.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.physical() != Physical::Bytes
}

/// Turns codes of integers into integers.
pub(super) fn flatten(column: &mut Column, data_type: &DataType) -> Result<()> {
    if let Column::Dictionary(coded) = column
        && is_number(data_type)
    {
        *column = Column::Flat(coded.decode()?);
    }
    Ok(())
}
