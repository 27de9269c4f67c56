//! Conversion of values from any type to any other that makes sense.
//!
//! [`conversion`] is what `CAST`, the `to...` functions, conditionals and comparisons share.
//!
//! 1. A conversion works on flat arrays; a constant is converted as one row.
//! 2. NULL stays NULL if the target can hold it, else it is an error. What lies under a NULL never
//!    fails: if a conversion fails and there are NULLs, it is done again on the other rows alone.
//! 3. Integers wrap and floats are cut unless the mode is accurate; decimals never overflow silently.
//! 4. Strings are parsed by the `format` room, and everything is written by it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail, error};
use expr::FunctionContext;
use format::{FormatSettings, text};
use types::{Column, DataType, Value, clob, value_at};

mod clock;
mod functions;
mod nested;
mod numbers;
mod parse;
mod tagged;
mod targets;
mod times;

pub(crate) use clock::{precision as time_precision, stored as stored_time};
pub(crate) use functions::FUNCTIONS;
pub(crate) use parse::{from_text_with, padded, text_at};
pub(crate) use targets::FUNCTIONS as TARGET_FUNCTIONS;
pub(crate) use targets::{integer_argument, zone_argument};
pub(crate) use times::{DATE32_DAYS, DATE32_DEFAULT, between, first_seconds};

/// Converts a column of so many rows.
pub(crate) type Conversion = Arc<dyn Fn(&Column, usize) -> Result<Column> + Send + Sync>;

/// Converts an array without nulls (values under NULL are arbitrary).
type ArrayConversion = Arc<dyn Fn(&ArrayRef) -> Result<ArrayRef> + Send + Sync>;

/// What to do with values that the target cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Integers wrap around, floats are cut; texts must be right, but for nullable targets: see `OrNull`.
    Wrap,
    /// As `Wrap`, but days that DateTime does not hold become its last: conversions to a common type.
    Common,
    /// All of that is an error.
    Accurate,
    /// All of that is NULL; the target must be nullable.
    OrNull,
}

/// Nesting of types beyond this is refused.
const DEPTH_LIMIT: usize = 100;

/// The settings of texts for a query.
pub(crate) fn text_settings(context: &FunctionContext) -> FormatSettings {
    FormatSettings { time_zone: context.zone(), ..FormatSettings::default() }
}

/// The value of a text of a type.
///
/// # Errors
/// The codes of wrong texts.
pub(crate) fn parse_value(
    context: &FunctionContext,
    data_type: &DataType,
    text: &[u8],
) -> Result<Value> {
    let texts = types::array_from_values(&DataType::String, &[Value::from(text)])?;
    let parsed = conversion(context, &DataType::String, data_type)?(&Column::Flat(texts), 1)?;
    Ok(value_at(&parsed.to_flat()?, data_type, 0))
}

/// How values of a type become values of another, a common one.
///
/// # Errors
/// CANNOT_CONVERT_TYPE, TYPE_MISMATCH for types between which there is no conversion.
pub(crate) fn conversion(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
) -> Result<Conversion> {
    conversion_as(context, from, to, Mode::Common)
}

/// As [`conversion`], with what to do about values that do not fit.
pub(crate) fn conversion_as(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<Conversion> {
    let (from, to) = (from.without_low_cardinality(), to.without_low_cardinality());
    if from == to || same_values(&from, &to) {
        return Ok(Arc::new(|column, _| Ok(column.clone())));
    }
    if from.is_clob() || to.is_clob() {
        return of_clob(context, &from, &to, mode);
    }
    let inner = nullable(context, &from, &to, mode, 0)?;
    Ok(Arc::new(move |column, _| match column {
        Column::Constant { value, len } => Ok(Column::Constant { value: inner(value)?, len: *len }),
        other => Ok(Column::Flat(inner(&other.to_flat()?)?)),
    }))
}

/// Texts from and to CLOB by way of String; between two of CLOB they stay where they lie.
fn of_clob(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<Conversion> {
    if from.is_clob() && to.is_clob() {
        let to = to.clone();
        return Ok(Arc::new(move |column, _| {
            if column.nulls().is_some_and(|nulls| nulls.null_count() > 0) {
                bail!(CannotInsertNullInOrdinaryColumn, "Cannot convert NULL value to {to}");
            }
            Ok(column.clone())
        }));
    }
    let (bare_from, bare_to) = (from.without_clob(), to.without_clob());
    let inner = conversion_as(context, &bare_from, &bare_to, mode)?;
    let (is_from, is_to) = (from.is_clob(), to.is_clob());
    Ok(Arc::new(move |column, rows| {
        let column = if is_from { &column.clob_texts()? } else { column };
        let column = inner(column, rows)?;
        Ok(match column {
            column if !is_to => column,
            Column::Constant { value, len } => {
                Column::Constant { value: clob::from_strings(&value)?, len }
            }
            other => Column::Flat(clob::from_strings(&other.to_flat()?)?),
        })
    }))
}

/// Whether two types differ in what is shown only, not in what is stored.
fn same_values(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Nullable(a), DataType::Nullable(b)) => same_values(a, b),
        (a, DataType::Nullable(b)) if !a.is_nullable() => a == b.as_ref() || same_values(a, b),
        (DataType::DateTime(_), DataType::DateTime(_)) => true,
        (DataType::DateTime64(p, _), DataType::DateTime64(q, _)) => p == q,
        (DataType::Geo(kind), other) => same_values(kind.base(), other),
        (other, DataType::Geo(kind)) => same_values(other, kind.base()),
        (DataType::SimpleAggregateFunction(simple), other) => simple.1 == *other,
        (other, DataType::SimpleAggregateFunction(simple)) => simple.1 == *other,
        (a, b) => a == b,
    }
}

/// Takes NULLs off, converts, and puts them on again.
fn nullable(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
    depth: usize,
) -> Result<ArrayConversion> {
    if depth > DEPTH_LIMIT {
        bail!(TooDeepAst, "Types nested too deep to convert");
    }
    if same_values(from, to) {
        return Ok(Arc::new(|array| Ok(array.clone())));
    }
    if from.is_null_literal() || *from == DataType::Nothing {
        return null_to(from, to);
    }
    if let Some(found) = tagged::conversion(context, from, to, mode, depth)? {
        return Ok(found);
    }
    let (source, target) = (unwrapped(from), unwrapped(to));
    let mode = if to.is_nullable() && source.is_string() && is_null_when_wrong(target) {
        Mode::OrNull
    } else {
        mode
    };
    let plain: ArrayConversion = if same_values(source, target) {
        Arc::new(|array| Ok(array.clone()))
    } else {
        without_null(context, source, target, mode, depth)?
    };
    let target = target.clone();
    let keeps = to.is_nullable();
    Ok(Arc::new(move |array| {
        let Some(nulls) = array.nulls().filter(|n| n.null_count() > 0).cloned() else {
            return plain(array);
        };
        if !keeps {
            bail!(
                CannotInsertNullInOrdinaryColumn,
                "Cannot convert NULL value to non-Nullable type {target}"
            );
        }
        let bare = Column::Flat(array.clone()).with_nulls(None)?.to_flat()?;
        match plain(&bare) {
            Ok(converted) => {
                let nulls = NullBuffer::union(Some(&nulls), converted.nulls());
                Column::Flat(converted).with_nulls(nulls)?.to_flat()
            }
            Err(_) => on_valid_rows(&bare, &nulls, &plain),
        }
    }))
}

/// Whether a text that is no value of a type becomes NULL where the target is nullable. Names of enums and truth
/// values stay errors, as in ClickHouse.
fn is_null_when_wrong(target: &DataType) -> bool {
    (target.is_number() && *target != DataType::Bool)
        || target.is_date()
        || target.is_datetime()
        || target.is_time()
        || matches!(
            target,
            DataType::Decimal { .. }
                | DataType::Uuid
                | DataType::Ipv4
                | DataType::Ipv6
                | DataType::FixedString(_)
        )
}

fn unwrapped(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Nullable(inner) => unwrapped(inner),
        DataType::SimpleAggregateFunction(simple) => unwrapped(&simple.1),
        other => other,
    }
}

/// NULL, or an element of an empty array, as another type.
fn null_to(from: &DataType, to: &DataType) -> Result<ArrayConversion> {
    let target = to.clone();
    if to.is_nullable() || *from == DataType::Nothing {
        return Ok(Arc::new(move |array| match target.is_nullable() {
            true => Ok(new_null_array(&target.arrow_type(), array.len())),
            false => types::default_array(&target, array.len()),
        }));
    }
    bail!(CannotConvertType, "Cannot convert NULL to a non-nullable type")
}

/// Converts the rows that are not NULL and puts them back in their places.
fn on_valid_rows(
    array: &ArrayRef,
    nulls: &NullBuffer,
    convert: &ArrayConversion,
) -> Result<ArrayRef> {
    let arrow = |e: arrow_schema::ArrowError| Error::logical(format!("conversion: {e}"));
    let rows: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
    let valid = arrow_select::take::take(array, &UInt32Array::from(rows), None).map_err(arrow)?;
    let converted = convert(&valid)?;
    let mut next = 0_u32;
    let places = nulls.iter().map(|valid| {
        valid.then(|| {
            next += 1;
            next - 1
        })
    });
    let places: UInt32Array = places.collect();
    arrow_select::take::take(&converted, &places, None).map_err(arrow)
}

/// The conversion between two types neither of which is nullable.
fn without_null(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
    depth: usize,
) -> Result<ArrayConversion> {
    if *to == DataType::String {
        let (from, settings) = (from.clone(), text_settings(context));
        return Ok(Arc::new(move |array| text::array_to_text(array, &from, &settings)));
    }
    if let (DataType::String | DataType::FixedString(_), DataType::FixedString(length)) = (from, to)
    {
        return Ok(parse::to_fixed_string(from.clone(), *length, mode));
    }
    if from.is_string() {
        return Ok(parse::from_text(context, to, mode));
    }
    if let Some(found) = nested::conversion(context, from, to, mode, depth)? {
        return Ok(found);
    }
    if let Some(found) = clock::conversion(context, from, to, mode)? {
        return Ok(found);
    }
    if let Some(found) = times::conversion(context, from, to, mode)? {
        return Ok(found);
    }
    if let Some(found) = numbers::conversion(from, to, mode)? {
        return Ok(found);
    }
    Err(no_conversion(from, to))
}

fn no_conversion(from: &DataType, to: &DataType) -> Error {
    match (from, to) {
        (_, DataType::Uuid) | (DataType::Uuid, _) => error!(
            NotImplemented,
            "Conversion between {from} and {to} is not supported. Probably the passed UUID is unquoted"
        ),
        (_, DataType::Array(_)) => error!(
            TypeMismatch,
            "CAST AS Array can only be performed between arrays of as many dimensions, maps or strings, not from {from}"
        ),
        (_, DataType::Tuple(_)) => error!(
            TypeMismatch,
            "CAST AS Tuple can only be performed between tuple types or from String, not from {from}"
        ),
        (_, DataType::Map(_)) => {
            error!(TypeMismatch, "Unsupported types to CAST AS Map: from {from}")
        }
        (DataType::Array(_) | DataType::Tuple(_) | DataType::Map(_), _) => {
            error!(IllegalTypeOfArgument, "Illegal type {from} of argument of a conversion to {to}")
        }
        _ => error!(CannotConvertType, "Conversion from {from} to {to} is not supported"),
    }
}
