//! `=`, `<>`, `<`, `<=`, `>`, `>=` over all pairs of types that can be compared.
//!
//! 1. `>` and `>=` are `<` and `<=` with the sides exchanged, so four loops a native type remain.
//! 2. A constant string is parsed once into the type of the other side.
//! 3. An integer constant takes the column's type if it fits; else the answer is the same in every row.
//! 4. Numbers of different types are compared by value, never after a lossy conversion.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, Value};

use super::calendar::TimeType;
use super::decimal_arithmetic::to_float;
use super::lane::{argument, constant};
use crate::search::candidates;
use crate::text::clob;

mod bytes;
mod nested;
mod numbers;
mod times;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Comparison";
    "equals" (2, 2) "equals(a, b), a = b, a == b" "Whether two values are equal."
        "SELECT equals(1, 1)" => "1", "SELECT toDate('2024-01-01') = '2024-01-01'" => "1";
        |c, a| bind(c, a, Comparison::Equals, false, "equals"), of_clob: Some(clob::equals),
        search: Some(candidates::EQUALS);
    "notEquals" (2, 2) "notEquals(a, b), a <> b, a != b" "Whether two values differ."
        "SELECT notEquals(1, 2)" => "1";
        |c, a| bind(c, a, Comparison::NotEquals, false, "notEquals"), of_clob: Some(clob::not_equals);
    "less" (2, 2) "less(a, b), a < b" "Whether a is smaller than b."
        "SELECT less(1, 2)" => "1"; |c, a| bind(c, a, Comparison::Less, false, "less");
    "lessOrEquals" (2, 2) "lessOrEquals(a, b), a <= b" "Whether a is smaller than b or equal."
        "SELECT lessOrEquals(2, 2)" => "1";
        |c, a| bind(c, a, Comparison::LessOrEquals, false, "lessOrEquals");
    "greater" (2, 2) "greater(a, b), a > b" "Whether a is greater than b."
        "SELECT greater(2, 1)" => "1"; |c, a| bind(c, a, Comparison::Less, true, "greater");
    "greaterOrEquals" (2, 2) "greaterOrEquals(a, b), a >= b"
        "Whether a is greater than b or equal." "SELECT greaterOrEquals(2, 3)" => "0";
        |c, a| bind(c, a, Comparison::LessOrEquals, true, "greaterOrEquals");
    "isDistinctFrom" (2, 2) "isDistinctFrom(a, b), a IS DISTINCT FROM b"
        "Whether two values differ, where NULL equals NULL."
        "SELECT isDistinctFrom(1, NULL)" => "1"; |c, a| bind_distinct(c, a, true), nulls: Nulls::Custom;
    "isNotDistinctFrom" (2, 2) "isNotDistinctFrom(a, b), a <=> b"
        "Whether two values are equal, where NULL equals NULL."
        "SELECT isNotDistinctFrom(NULL, NULL)" => "1"; |c, a| bind_distinct(c, a, false), nulls: Nulls::Custom;
};

/// What is asked of left and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals,
    NotEquals,
    Less,
    LessOrEquals,
}

impl Comparison {
    /// The answer for an order.
    #[inline]
    pub(crate) fn of(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equals => order.is_eq(),
            Comparison::NotEquals => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEquals => order.is_le(),
        }
    }
}

/// Compares whole columns: left, right.
pub(crate) type Kernel = Box<dyn Fn(&Column, &Column, usize) -> Result<Column> + Send + Sync>;

fn illegal(arguments: &[Argument], name: &str) -> base::Error {
    let inner = |at: usize| arguments[at].data_type.inner();
    let mixed = |text: usize, other: usize| inner(text).is_string() && inner(other).is_number();
    if mixed(0, 1) || mixed(1, 0) {
        return error!(
            NoCommonType,
            "There is no supertype for types {}, {} because some of them are String/FixedString/Enum and some of them are not",
            arguments[0].data_type,
            arguments[1].data_type
        );
    }
    error!(
        IllegalTypeOfArgument,
        "Illegal types of arguments (`{}`, `{}`) of function `{name}`",
        arguments[0].data_type,
        arguments[1].data_type
    )
}

/// Binds a comparison; `swap` exchanges the sides.
pub(crate) fn bind(
    context: &FunctionContext,
    arguments: &[Argument],
    comparison: Comparison,
    swap: bool,
    name: &str,
) -> Result<Bound> {
    let (first, second) = if swap { (1, 0) } else { (0, 1) };
    let kernel = kernel(context, &arguments[first], &arguments[second], comparison)?
        .ok_or_else(|| illegal(arguments, name))?;
    let nulls_inside = arguments.iter().any(|a| nested::has_nullable_place(&a.data_type));
    let return_type = if nulls_inside { DataType::UInt8.nullable() } else { DataType::UInt8 };
    Ok(Bound::new(return_type, move |columns, rows| {
        kernel(argument(columns, first)?, argument(columns, second)?, rows)
    }))
}

/// The kernel of a pair of types; `None` where they cannot be compared.
fn kernel(
    context: &FunctionContext,
    left: &Argument,
    right: &Argument,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    let (a, b) = (&left.data_type, &right.data_type);
    if a.is_string() && b.is_string() {
        return Ok(Some(bytes::kernel(a, b, comparison)));
    }
    if let Some(text) = text_of(left).filter(|_| !b.is_string()) {
        return with_text(context, b, &text, comparison, true);
    }
    if let Some(text) = text_of(right).filter(|_| !a.is_string()) {
        return with_text(context, a, &text, comparison, false);
    }
    match typed(context, a, b, comparison)? {
        Some(kernel) => Ok(Some(kernel)),
        None => nested::kernel(context, left, right, comparison),
    }
}

/// The kernel of two types neither of which is to be parsed.
fn typed(
    context: &FunctionContext,
    a: &DataType,
    b: &DataType,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    if (a.is_enum() && b.is_string()) || (a.is_string() && b.is_enum()) {
        return nested::by_supertype(context, a, b, &DataType::String, comparison).map(Some);
    }
    if let (Some(x), Some(y)) = (TimeType::of(a, context), TimeType::of(b, context)) {
        return Ok(Some(times::kernel(x, y, comparison)));
    }
    if let Some(found) = times::with_number(a, b, comparison)? {
        return Ok(Some(found));
    }
    if let Some(found) = numbers::kernel(a, b, comparison)? {
        return Ok(Some(found));
    }
    if *a == DataType::Nothing || *b == DataType::Nothing {
        return Ok(Some(Box::new(|_, _, rows| Ok(constant(0_u8, rows)))));
    }
    Ok(None)
}

/// The bytes of a constant string.
fn text_of(argument: &Argument) -> Option<Vec<u8>> {
    if !argument.data_type.is_string() {
        return None;
    }
    argument.constant.as_ref().and_then(Value::as_bytes).map(<[u8]>::to_vec)
}

/// A column against a constant string, parsed as the column's type.
fn with_text(
    context: &FunctionContext,
    data_type: &DataType,
    text: &[u8],
    comparison: Comparison,
    text_is_left: bool,
) -> Result<Option<Kernel>> {
    if let Some(values) = data_type.enum_values()
        && values.number(text).is_none()
    {
        // No such name: equal to none of them.
        return Ok(match comparison {
            Comparison::Equals | Comparison::NotEquals => {
                let answer = u8::from(comparison == Comparison::NotEquals);
                Some(Box::new(move |_, _, rows| Ok(constant(answer, rows))))
            }
            _ => bail!(
                UnknownElementOfEnum,
                "Unknown element '{}' for type {data_type}",
                String::from_utf8_lossy(text)
            ),
        });
    }
    let parsed = super::cast::parse_value(context, data_type, text).map_err(|e| {
        if data_type.is_number() {
            let shown = String::from_utf8_lossy(text);
            error!(TypeMismatch, "Cannot convert string '{shown}' to type {data_type}")
        } else {
            e
        }
    })?;
    let value = Column::constant(data_type, &parsed, 1)?;
    let side = Argument { data_type: data_type.clone(), constant: None, lambda: None };
    let inner = match typed(context, data_type, data_type, comparison)? {
        Some(inner) => Some(inner),
        None => nested::kernel(context, &side, &side, comparison)?,
    };
    let Some(inner) = inner else { return Ok(None) };
    Ok(Some(Box::new(move |left, right, rows| {
        let Column::Constant { value, .. } = &value else {
            bail!(LogicalError, "a constant that is none");
        };
        let parsed = Column::Constant { value: value.clone(), len: rows };
        if text_is_left { inner(&parsed, right, rows) } else { inner(left, &parsed, rows) }
    })))
}

/// Which rows of a float column are no numbers.
fn nan_rows(column: &Column, data_type: &DataType, rows: usize) -> Result<Vec<bool>> {
    let floats = to_float(&super::lane::without_nulls(column)?, data_type)?;
    let floats = super::lane::values::<f64>(&floats)?;
    Ok((0..rows).map(|row| floats.at(row).is_nan()).collect())
}

/// `isDistinctFrom` and its opposite: NULL is a value like others.
pub(crate) fn bind_distinct(
    context: &FunctionContext,
    arguments: &[Argument],
    distinct: bool,
) -> Result<Bound> {
    let name = if distinct { "isDistinctFrom" } else { "isNotDistinctFrom" };
    let bare: Vec<Argument> = arguments
        .iter()
        .map(|a| Argument {
            data_type: match &a.data_type {
                DataType::Nullable(inner) => inner.as_ref().clone(),
                other => other.clone(),
            },
            ..a.clone()
        })
        .collect();
    let inner = kernel(context, &bare[0], &bare[1], Comparison::Equals)?
        .ok_or_else(|| illegal(arguments, name))?;
    // NaN is the same as NaN where one of the two can be NULL, as in ClickHouse.
    let types: Vec<DataType> = bare.iter().map(|a| a.data_type.clone()).collect();
    let with_nan =
        arguments.iter().any(|a| a.data_type.is_nullable()) && types.iter().all(DataType::is_float);
    let always_null = [0, 1].map(|at: usize| arguments[at].data_type.is_null_literal());
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (left, right) = (argument(columns, 0)?, argument(columns, 1)?);
        let nulls = |column: &Column, always: bool| {
            if always { Some(arrow_buffer::NullBuffer::new_null(rows)) } else { column.nulls() }
        };
        let (a, b) = (nulls(left, always_null[0]), nulls(right, always_null[1]));
        let equal =
            inner(&super::lane::without_nulls(left)?, &super::lane::without_nulls(right)?, rows)?;
        let equal = super::lane::values::<u8>(&equal)?;
        let nan = match with_nan {
            true => Some((nan_rows(left, &types[0], rows)?, nan_rows(right, &types[1], rows)?)),
            false => None,
        };
        let both_nan = |row: usize| nan.as_ref().is_some_and(|(a, b)| a[row] && b[row]);
        let is_null = |nulls: &Option<arrow_buffer::NullBuffer>, row: usize| {
            nulls.as_ref().is_some_and(|n| n.is_null(row))
        };
        let same = |row: usize| match (is_null(&a, row), is_null(&b, row)) {
            (false, false) => equal.at(row) != 0 || both_nan(row),
            (x, y) => x == y,
        };
        Ok(super::lane::flat((0..rows).map(|row| u8::from(same(row) != distinct)).collect()))
    }))
}
