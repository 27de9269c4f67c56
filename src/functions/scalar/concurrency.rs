//! How many events are going on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use base::{Result, bail};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration};
use types::DataType;

use super::lane::{Kind, argument, convert, flat, values};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Other";
    "runningConcurrency" (2, 2) "runningConcurrency(start, end)"
        "How many events of a block have begun and not ended when that of the row begins; the rows must be sorted by start."
        "SELECT runningConcurrency(toDate('2024-01-01'), toDate('2024-01-05'))" => "1"; bind, determinism: Determinism::Never;
};

fn bind(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (start, end) = (&arguments[0].data_type, &arguments[1].data_type);
    if !matches!(start, DataType::Date | DataType::DateTime(_) | DataType::DateTime64(..)) {
        bail!(
            IllegalTypeOfArgument,
            "Arguments for function runningConcurrency must be Date, DateTime, or DateTime64"
        );
    }
    if start != end {
        bail!(
            IllegalTypeOfArgument,
            "Function runningConcurrency must be called with two arguments having the same type"
        );
    }
    let kind = Kind::require(start)?;
    Ok(Bound::new(DataType::UInt32, move |columns, rows| {
        let starts = convert(argument(columns, 0)?, kind, Kind::I64)?;
        let ends = convert(argument(columns, 1)?, kind, Kind::I64)?;
        let (starts, ends) = (values::<i64>(&starts)?, values::<i64>(&ends)?);
        let mut going: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (start, end) = (starts.at(row), ends.at(row));
            if start > end {
                bail!(IncorrectData, "Incorrect order of events: one ends before it begins");
            }
            while going.peek().is_some_and(|Reverse(end)| *end <= start) {
                going.pop();
            }
            going.push(Reverse(end));
            out.push(going.len() as u32);
        }
        Ok(flat(out))
    }))
}
