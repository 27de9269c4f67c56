//! `and`, `or`, `xor`, `not` with SQL's third truth value.
//!
//! A number is true unless it is 0. `and` is 0 where any argument is, whatever the others, `or`
//! likewise 1; else NULL where any argument is NULL. The result is Bool if any argument is
//! (of `and` and `or`: any that cannot be NULL).

use arrow_buffer::{BooleanBuffer, NullBuffer};
use base::{Result, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType};

use super::lane::{Kind, Values, argument, constant, flat, map, values, with_lane};
use super::number_type::is_native_number;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Logical";
    "and" any_case true (2, usize::MAX) "and(a, b, ...), a AND b" "Whether all arguments are true."
        "SELECT and(1, 0), NULL AND 0" => "0\t0"; |_, a| bind(a, Connective::And),
        nulls: Nulls::Custom, short_circuit: true;
    "or" any_case true (2, usize::MAX) "or(a, b, ...), a OR b" "Whether any argument is true."
        "SELECT or(1, 0), NULL OR 1" => "1\t1"; |_, a| bind(a, Connective::Or),
        nulls: Nulls::Custom, short_circuit: true;
    "xor" any_case true (2, usize::MAX) "xor(a, b, ...)" "Whether an odd number of arguments is true."
        "SELECT xor(1, 1, 1)" => "1"; |_, a| bind(a, Connective::Xor);
    "not" any_case true (1, 1) "not(a), NOT a" "Whether the argument is false."
        "SELECT not(5)" => "0"; bind_not;
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connective {
    And,
    Or,
    Xor,
}

impl Connective {
    fn name(self) -> &'static str {
        match self {
            Connective::And => "and",
            Connective::Or => "or",
            Connective::Xor => "xor",
        }
    }
}

fn bind(arguments: &[Argument], connective: Connective) -> Result<Bound> {
    let mut kinds = Vec::with_capacity(arguments.len());
    for (at, argument) in arguments.iter().enumerate() {
        let inner = argument.data_type.inner();
        if !(is_native_number(inner) && inner.bits() < Some(128)) && *inner != DataType::Nothing {
            return Err(error!(
                IllegalTypeOfArgument,
                "Illegal type ({}) of {} argument of function {}",
                argument.data_type,
                at + 1,
                connective.name()
            ));
        }
        kinds.push(Kind::require(inner)?);
    }
    let any_bool = arguments.iter().any(|argument| match connective {
        // As in ClickHouse, where these two do not look below Nullable.
        Connective::And | Connective::Or => argument.data_type == DataType::Bool,
        Connective::Xor => *argument.data_type.inner() == DataType::Bool,
    });
    let nullable = arguments.iter().any(|a| a.data_type.is_nullable());
    let base = if any_bool { DataType::Bool } else { DataType::UInt8 };
    let return_type = if nullable { base.nullable() } else { base };
    Ok(Bound::new(return_type, move |columns, rows| {
        let truths: Vec<Column> =
            columns.iter().zip(&kinds).map(|(c, k)| truth(c, *k)).collect::<Result<_>>()?;
        if columns.iter().all(|c| c.nulls().is_none()) {
            return two_valued(&truths, rows, connective);
        }
        let nulls: Vec<Option<NullBuffer>> = columns.iter().map(Column::nulls).collect();
        three_valued(&truths, &nulls, rows, connective)
    }))
}

/// 0 or 1 for every row, whatever lies under NULL.
fn truth(column: &Column, kind: Kind) -> Result<Column> {
    with_lane!(kind, T => map::<T, u8>(column, |v| u8::from(v != T::default())))
}

fn two_valued(truths: &[Column], rows: usize, connective: Connective) -> Result<Column> {
    let start = u8::from(connective == Connective::And);
    let mut fixed = start;
    let mut out: Option<Vec<u8>> = None;
    for column in truths {
        match (values::<u8>(column)?, &mut out) {
            (Values::One(one), _) => {
                fixed = match connective {
                    Connective::And => fixed & one,
                    Connective::Or => fixed | one,
                    Connective::Xor => fixed ^ one,
                }
            }
            (Values::Slice(slice), None) => out = Some(slice.into_owned()),
            (Values::Slice(slice), Some(out)) => {
                let pairs = out.iter_mut().zip(slice.iter());
                match connective {
                    Connective::And => pairs.for_each(|(o, v)| *o &= v),
                    Connective::Or => pairs.for_each(|(o, v)| *o |= v),
                    Connective::Xor => pairs.for_each(|(o, v)| *o ^= v),
                }
            }
        }
    }
    let Some(mut out) = out else { return Ok(constant(fixed, rows)) };
    match connective {
        Connective::And if fixed == 0 => Ok(constant(0_u8, rows)),
        Connective::Or if fixed == 1 => Ok(constant(1_u8, rows)),
        Connective::Xor if fixed == 1 => {
            out.iter_mut().for_each(|v| *v ^= 1);
            Ok(flat(out))
        }
        _ => Ok(flat(out)),
    }
}

fn three_valued(
    truths: &[Column],
    nulls: &[Option<NullBuffer>],
    rows: usize,
    connective: Connective,
) -> Result<Column> {
    // What decides the result alone: false for `and`, true for `or`.
    let deciding = u8::from(connective == Connective::Or);
    let mut decided = vec![0_u8; rows];
    let mut unknown = vec![0_u8; rows];
    let mut parity = vec![0_u8; rows];
    for (column, nulls) in truths.iter().zip(nulls) {
        let truth = values::<u8>(column)?;
        for row in 0..rows {
            let null = u8::from(nulls.as_ref().is_some_and(|n| n.is_null(row)));
            let value = truth.at(row);
            unknown[row] |= null;
            decided[row] |= u8::from(value == deciding) & (1 - null);
            parity[row] ^= value & (1 - null);
        }
    }
    let (out, valid): (Vec<u8>, BooleanBuffer) = match connective {
        Connective::Xor => (parity, unknown.iter().map(|u| *u == 0).collect()),
        _ => (
            decided.iter().map(|d| if *d == 1 { deciding } else { 1 - deciding }).collect(),
            unknown.iter().zip(&decided).map(|(u, d)| *u == 0 || *d == 1).collect(),
        ),
    };
    flat(out).with_nulls(Some(NullBuffer::new(valid)))
}

fn bind_not(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !is_native_number(data_type) || data_type.bits() >= Some(128) {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type ({data_type}) of argument of function not"
        ));
    }
    let return_type = if *data_type == DataType::Bool { DataType::Bool } else { DataType::UInt8 };
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(
        return_type,
        move |columns, _| with_lane!(kind, T => map::<T, u8>(argument(columns, 0)?, |v| u8::from(v == T::default()))),
    ))
}
