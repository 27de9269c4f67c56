//! Columns of one type into another, where an input's types are not the table's.
//!
//! Numbers wrap as in text; what has no direct way goes through its text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, StructArray, make_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use types::{DataType, Physical, U256};

use crate::FormatSettings;
use crate::text::{ColumnParser, ColumnText, Escaping};

/// A column in the type that was wanted.
pub(crate) struct Converted {
    pub(crate) array: ArrayRef,
    /// Rows that were NULL where the wanted type has none.
    pub(crate) defaulted: Option<BooleanBuffer>,
}

/// Turns the values of a column into another type. NULLs that the type has not become its
/// default where `input_format_null_as_default` allows it.
///
/// # Errors
/// The codes of wrong texts where values go through text; TYPE_MISMATCH.
pub(crate) fn convert(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    settings: &FormatSettings,
) -> Result<Converted> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
    let values = convert_values(array, from.inner(), to.inner(), settings)?;
    if to.is_nullable() || nulls.is_none() {
        return Ok(Converted { array: with_nulls(&values, nulls)?, defaulted: None });
    }
    let Some(nulls) = nulls else {
        return Ok(Converted { array: values, defaulted: None });
    };
    if !settings.input_format_null_as_default {
        bail!(
            TypeMismatch,
            "Cannot convert NULL value to non-Nullable type {to}; \
             input_format_null_as_default = 1 would insert its default"
        );
    }
    let default = types::default_array(to, 1)?;
    let rows = nulls.len();
    let indices: Vec<(usize, usize)> =
        (0..rows).map(|row| if nulls.is_null(row) { (1, 0) } else { (0, row) }).collect();
    let values = with_nulls(&values, None)?;
    let array = arrow_select::interleave::interleave(&[&values, &default], &indices)
        .map_err(|e| Error::logical(format!("defaults for NULLs: {e}")))?;
    Ok(Converted { array, defaulted: Some(!nulls.inner()) })
}

fn with_nulls(array: &ArrayRef, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    if array.nulls().is_none() && nulls.is_none() {
        return Ok(array.clone());
    }
    let data = array.to_data().into_builder().nulls(nulls).build();
    Ok(make_array(data.map_err(|e| Error::logical(format!("nulls of a column: {e}")))?))
}

fn convert_values(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let same = from == to
        || matches!(
            (from, to),
            (DataType::DateTime(_), DataType::DateTime(_))
                | (DataType::UInt16, DataType::Date)
                | (DataType::UInt32, DataType::DateTime(_) | DataType::Ipv4)
                | (DataType::Int32, DataType::Date32)
        )
        || matches!((from, to), (DataType::DateTime64(a, _), DataType::DateTime64(b, _)) if a == b);
    if same {
        return Ok(array.clone());
    }
    match (from, to) {
        (DataType::FixedString(16), DataType::Uuid | DataType::Ipv6) => {
            return wide(array, i128::from_be_bytes);
        }
        (DataType::FixedString(16), DataType::Int128 | DataType::UInt128) => {
            return wide(array, i128::from_le_bytes);
        }
        (DataType::FixedString(types::wide::BYTES), to) if to.wide_sign().is_some() => {
            return wider(array, to.wide_sign() == Some(true));
        }
        (DataType::Array(_), DataType::Array(_)) | (DataType::Map(_), DataType::Map(_)) => {
            return lists(array, from, to, settings);
        }
        (DataType::Tuple(_), DataType::Tuple(_)) => return tuples(array, from, to, settings),
        (_, DataType::Dynamic(_)) => return types::tagged::tag_array(array, from),
        (DataType::Variant(own), DataType::Variant(members))
            if own.iter().all(|member| members.contains(member)) =>
        {
            return Ok(array.clone());
        }
        (_, DataType::Variant(members)) if members.contains(from) => {
            return types::tagged::tag_array(array, from);
        }
        _ => {}
    }
    if let Some(array) = instants(array, from, to)? {
        return Ok(array);
    }
    if is_plain_number(from) && is_number_like(to) {
        return numbers(array, to.physical());
    }
    through_text(array, from, to, settings)
}

/// Integers, floats and truth values.
fn is_plain_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_float() || *data_type == DataType::Bool
}

/// What numbers can become by their value alone.
fn is_number_like(data_type: &DataType) -> bool {
    is_plain_number(data_type)
        || data_type.is_date()
        || data_type.is_enum()
        || matches!(
            data_type,
            DataType::DateTime(_) | DataType::DateTime64(0, _) | DataType::Interval(_)
        )
}

/// Bytes of numbers of 256 bits, the lowest first.
fn wider(array: &ArrayRef, signed: bool) -> Result<ArrayRef> {
    let numbers = types::wide::numbers::<U256>(array.as_ref())?;
    let ordered = numbers.iter().map(|n| types::wide::from_little(n.to_be_bytes(), signed));
    types::wide::array(ordered.map(U256::from_be_bytes), array.nulls().cloned())
}

fn wide(array: &ArrayRef, number: fn([u8; 16]) -> i128) -> Result<ArrayRef> {
    let strings = array
        .as_fixed_size_binary_opt()
        .ok_or_else(|| Error::logical("a fixed string of another layout"))?;
    let values: Vec<i128> =
        strings.values().as_chunks::<16>().0.iter().map(|chunk| number(*chunk)).collect();
    let array = PrimitiveArray::<Decimal128Type>::new(values.into(), array.nulls().cloned());
    Ok(Arc::new(array.with_data_type(ArrowType::Decimal128(38, 0))))
}

/// Between dates and times of different units.
fn instants(array: &ArrayRef, from: &DataType, to: &DataType) -> Result<Option<ArrayRef>> {
    const DAY: i64 = types::time::DAY;
    let nulls = array.nulls().cloned();
    let ticks = |array: &ArrayRef| -> Option<Vec<i64>> {
        let array = array.as_primitive_opt::<Int64Type>()?;
        Some(array.values().to_vec())
    };
    let power = |precision: u8| 10_i64.pow(u32::from(precision.min(18)));
    Ok(match (from, to) {
        (DataType::Date32, DataType::Date) => {
            let days = array.as_primitive::<Int32Type>().values();
            let days = days.iter().map(|day| (*day).clamp(0, 65_535) as u16);
            Some(Arc::new(PrimitiveArray::<UInt16Type>::new(
                days.collect::<Vec<_>>().into(),
                nulls,
            )))
        }
        (DataType::Date32, DataType::DateTime(_)) => {
            let days = array.as_primitive::<Int32Type>().values();
            let last = i64::from(u32::MAX);
            let seconds = days.iter().map(|day| (i64::from(*day) * DAY).clamp(0, last) as u32);
            let seconds: Vec<u32> = seconds.collect();
            Some(Arc::new(PrimitiveArray::<UInt32Type>::new(seconds.into(), nulls)))
        }
        (DataType::DateTime64(precision, _), DataType::DateTime(_)) => {
            let Some(ticks) = ticks(array) else { return Ok(None) };
            let scale = power(*precision);
            let last = i64::from(u32::MAX);
            let seconds: Vec<u32> =
                ticks.iter().map(|t| t.div_euclid(scale).clamp(0, last) as u32).collect();
            Some(Arc::new(PrimitiveArray::<UInt32Type>::new(seconds.into(), nulls)))
        }
        (DataType::DateTime64(precision, _), DataType::Date | DataType::Date32) => {
            let Some(ticks) = ticks(array) else { return Ok(None) };
            let scale = power(*precision).saturating_mul(DAY);
            let days: Vec<i32> = ticks.iter().map(|t| t.div_euclid(scale) as i32).collect();
            let days: ArrayRef = Arc::new(PrimitiveArray::<Int32Type>::new(days.into(), nulls));
            return convert_values(&days, &DataType::Date32, to, &FormatSettings::default())
                .map(Some);
        }
        (DataType::DateTime64(from, _), DataType::DateTime64(to, _)) => {
            let Some(ticks) = ticks(array) else { return Ok(None) };
            let ticks: Vec<i64> = if from < to {
                ticks.iter().map(|t| t.saturating_mul(power(to - from))).collect()
            } else {
                ticks.iter().map(|t| t.div_euclid(power(from - to))).collect()
            };
            Some(Arc::new(PrimitiveArray::<Int64Type>::new(ticks.into(), nulls)))
        }
        _ => None,
    })
}

/// Numbers by their values.
fn numbers(array: &ArrayRef, to: Physical) -> Result<ArrayRef> {
    fn integers<T: ArrowPrimitiveType>(array: &ArrayRef, to: Physical) -> Option<Result<ArrayRef>>
    where
        T::Native: Number,
    {
        let values = array.as_primitive_opt::<T>()?;
        let nulls = values.nulls().cloned();
        macro_rules! into {
            ($target:ty, $native:ty) => {
                Arc::new(PrimitiveArray::<$target>::new(
                    values
                        .values()
                        .iter()
                        .map(|v| v.integer() as $native)
                        .collect::<Vec<_>>()
                        .into(),
                    nulls,
                ))
            };
        }
        Some(Ok(match to {
            Physical::UInt8 => into!(UInt8Type, u8),
            Physical::UInt16 => into!(UInt16Type, u16),
            Physical::UInt32 => into!(UInt32Type, u32),
            Physical::UInt64 => into!(UInt64Type, u64),
            Physical::Int8 => into!(Int8Type, i8),
            Physical::Int16 => into!(Int16Type, i16),
            Physical::Int32 => into!(Int32Type, i32),
            Physical::Int64 => into!(Int64Type, i64),
            Physical::Float32 => Arc::new(PrimitiveArray::<Float32Type>::new(
                values.values().iter().map(|v| v.float() as f32).collect::<Vec<_>>().into(),
                nulls,
            )),
            Physical::Float64 => Arc::new(PrimitiveArray::<Float64Type>::new(
                values.values().iter().map(|v| v.float()).collect::<Vec<_>>().into(),
                nulls,
            )),
            Physical::Int128 => {
                let wide: Vec<i128> = values.values().iter().map(|v| v.integer()).collect();
                let array = PrimitiveArray::<Decimal128Type>::new(wide.into(), nulls);
                Arc::new(array.with_data_type(ArrowType::Decimal128(38, 0)))
            }
            _ => return Some(Err(Error::logical("numbers into something else"))),
        }))
    }
    integers::<UInt8Type>(array, to)
        .or_else(|| integers::<UInt16Type>(array, to))
        .or_else(|| integers::<UInt32Type>(array, to))
        .or_else(|| integers::<UInt64Type>(array, to))
        .or_else(|| integers::<Int8Type>(array, to))
        .or_else(|| integers::<Int16Type>(array, to))
        .or_else(|| integers::<Int32Type>(array, to))
        .or_else(|| integers::<Int64Type>(array, to))
        .or_else(|| integers::<Decimal128Type>(array, to))
        .or_else(|| integers::<Float32Type>(array, to))
        .or_else(|| integers::<Float64Type>(array, to))
        .unwrap_or_else(|| Err(Error::logical("numbers of an unknown layout")))
}

/// Numbers that become others.
trait Number: Copy {
    fn integer(self) -> i128;
    fn float(self) -> f64;
}

macro_rules! number {
    ($($native:ty)*) => {
        $(impl Number for $native {
            #[inline]
            fn integer(self) -> i128 {
                self as i128
            }

            #[inline]
            fn float(self) -> f64 {
                self as f64
            }
        })*
    };
}

number!(u8 u16 u32 u64 i8 i16 i32 i64 i128 f32 f64);

fn lists(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let (Some(list), Some(item), Some(wanted), ArrowType::List(field)) =
        (array.as_list_opt::<i32>(), from.list_item(), to.list_item(), to.arrow_type())
    else {
        return Err(Error::logical("an array of another layout"));
    };
    let items = convert(list.values(), &item, &wanted, settings)?.array;
    let nulls = list.nulls().cloned();
    let array = ListArray::try_new(field, list.offsets().clone(), items, nulls);
    Ok(Arc::new(array.map_err(|e| Error::logical(format!("converted array: {e}")))?))
}

/// Tuples by the names of their fields where all have one, else by position.
fn tuples(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let (Some(parts), DataType::Tuple(given), DataType::Tuple(wanted), ArrowType::Struct(fields)) =
        (array.as_struct_opt(), from, to, to.arrow_type())
    else {
        return Err(Error::logical("a tuple of another layout"));
    };
    let named = given.iter().chain(wanted.iter()).all(|field| field.name.is_some());
    let mut columns = Vec::new();
    for (at, field) in wanted.iter().enumerate() {
        let source = if named { given.iter().position(|g| g.name == field.name) } else { Some(at) };
        columns.push(
            match source.and_then(|at| Some((parts.columns().get(at)?, given.get(at)?))) {
                Some((part, given)) => {
                    convert(part, &given.data_type, &field.data_type, settings)?.array
                }
                None => types::default_array(&field.data_type, array.len())?,
            },
        );
    }
    let nulls = array.nulls().cloned();
    let array = StructArray::try_new_with_length(fields, columns, nulls, array.len());
    Ok(Arc::new(array.map_err(|e| Error::logical(format!("converted tuple: {e}")))?))
}

fn through_text(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let texts = ColumnText::new(array, from, settings)?;
    let mut parser = ColumnParser::new(to, settings);
    let mut text = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            parser.push_default();
            continue;
        }
        text.clear();
        texts.write(row, Escaping::Raw, settings, &mut text);
        parser.push_text(&text, Escaping::Raw, settings).map_err(|e| {
            Error::new(e.code(), format!("{}: while converting {from} to {to}", e.message()))
        })?;
    }
    let values = parser.finish()?;
    with_nulls(&values, array.nulls().cloned())
}
