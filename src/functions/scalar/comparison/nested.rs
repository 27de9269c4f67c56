//! Comparison of arrays, tuples and maps, and of types that share a supertype.
//!
//! Tuples are compared place by place, with three truth values: `=` is false where any place is, and else NULL where
//! any is; `<` is told by the first place that is not equal, and NULL where that is. Of two constant tuples with a bare
//! NULL nothing is known, which is ClickHouse's rule.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, ArrayRef, UInt8Array};
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use expr::{Argument, FunctionContext};
use types::{Column, DataType, TupleField, Value, least_supertype};

use super::{Comparison, Kernel};
use crate::scalar::cast::conversion;
use crate::scalar::lane::{constant, flat};
use crate::scalar::order::{Missing, comparator};

/// The kernel of two nested types; `None` where they have no common type.
pub(super) fn kernel(
    context: &FunctionContext,
    left: &Argument,
    right: &Argument,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    let (a, b) = (&left.data_type, &right.data_type);
    if let (DataType::Tuple(x), DataType::Tuple(y)) = (a, b)
        && x.len() != y.len()
    {
        return Ok(None);
    }
    if left.constant.is_some()
        && right.constant.is_some()
        && (has_null_literal(a) || has_null_literal(b))
    {
        return Ok(Some(unknown()));
    }
    let nested = |t: &DataType| {
        matches!(t, DataType::Array(_) | DataType::Tuple(_) | DataType::Map(_) | DataType::Json(_))
    };
    if !nested(a) || !nested(b) {
        return Ok(None);
    }
    if let Some(kernel) = by_place(context, left, right, comparison)? {
        return Ok(Some(kernel));
    }
    match least_supertype(&[a.clone(), b.clone()]).or_else(|| wide_arrays(a, b)) {
        Some(common) => by_supertype(context, a, b, &common, comparison).map(Some),
        None => Ok(None),
    }
}

/// Arrays of integers without a common type are compared as 128-bit ones.
fn wide_arrays(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::Array(x), DataType::Array(y)) => wide_arrays(x, y).map(DataType::array),
        _ => {
            let narrow = |t: &DataType| t.inner().is_integer() && t.inner().bits() <= Some(64);
            let nullable = a.is_nullable() || b.is_nullable();
            let wide = if nullable { DataType::Int128.nullable() } else { DataType::Int128 };
            (narrow(a) && narrow(b)).then_some(wide)
        }
    }
}

/// Whether a tuple has a place that is always NULL.
fn has_null_literal(data_type: &DataType) -> bool {
    match data_type {
        DataType::Tuple(fields) => fields.iter().any(|field| field.data_type.is_null_literal()),
        _ => false,
    }
}

/// Whether a tuple has a place that can be NULL.
pub(super) fn has_nullable_place(data_type: &DataType) -> bool {
    match data_type {
        DataType::Tuple(fields) => fields
            .iter()
            .any(|field| field.data_type.is_nullable() || has_nullable_place(&field.data_type)),
        _ => false,
    }
}

/// What is known of a place of two tuples.
struct Place {
    equal: Kernel,
    less: Kernel,
}

/// The kernel of a place that is always NULL.
fn unknown() -> Kernel {
    Box::new(|_, _, rows| Column::constant(&DataType::UInt8.nullable(), &Value::Null, rows))
}

/// The places of a tuple as arguments of their own.
fn places_of(tuple: &Argument) -> Option<Vec<Argument>> {
    let DataType::Tuple(fields) = &tuple.data_type else { return None };
    let constant = |at: usize| match &tuple.constant {
        Some(Value::Tuple(values)) => values.get(at).filter(|v| !v.is_null()).cloned(),
        _ => None,
    };
    let argument = |(at, field): (usize, &TupleField)| Argument {
        data_type: field.data_type.inner().clone(),
        constant: constant(at),
        lambda: None,
    };
    Some(fields.iter().enumerate().map(argument).collect())
}

/// The kernel of tuples of equally many places; `None` where one cannot be compared.
fn by_place(
    context: &FunctionContext,
    left: &Argument,
    right: &Argument,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    let (Some(left), Some(right)) = (places_of(left), places_of(right)) else { return Ok(None) };
    let mut places = Vec::with_capacity(left.len());
    for (a, b) in left.iter().zip(&right) {
        if [a, b].iter().any(|place| place.data_type == DataType::Nothing) {
            places.push(Place { equal: unknown(), less: unknown() });
            continue;
        }
        let equal = super::kernel(context, a, b, Comparison::Equals)?;
        let less = super::kernel(context, a, b, Comparison::Less)?;
        let (Some(equal), Some(less)) = (equal, less) else { return Ok(None) };
        places.push(Place { equal, less });
    }
    let equality = matches!(comparison, Comparison::Equals | Comparison::NotEquals);
    Ok(Some(Box::new(move |left, right, rows| {
        let constants = left.is_constant() && right.is_constant();
        let count = if constants { rows.min(1) } else { rows };
        // What is known so far: less, equal, greater or different, unknown.
        let mut known = vec![Known::Equal; count];
        for (at, place) in places.iter().enumerate() {
            let (x, x_nulls) = field(left, at, count)?;
            let (y, y_nulls) = field(right, at, count)?;
            let equal = flags(&(place.equal)(&x, &y, count)?)?;
            let less = if equality { None } else { Some(flags(&(place.less)(&x, &y, count)?)?) };
            let nulls = [x_nulls, y_nulls];
            for (row, known) in known.iter_mut().enumerate() {
                let null = nulls.iter().flatten().any(|n| n.is_null(row));
                let equal = if null { None } else { equal[row] };
                *known = match (*known, equal) {
                    (before, Some(true)) => before,
                    (Known::Equal | Known::Unknown, Some(false)) if equality => Known::Other,
                    (Known::Equal, Some(false)) => match less.as_ref().and_then(|l| l[row]) {
                        Some(true) => Known::Less,
                        Some(false) => Known::Other,
                        None => Known::Unknown,
                    },
                    (Known::Equal, None) => Known::Unknown,
                    (before, _) => before,
                };
            }
        }
        let answer = |known: &Known| match (comparison, known) {
            (_, Known::Unknown) => None,
            (Comparison::Equals, known) => Some(u8::from(*known == Known::Equal)),
            (Comparison::NotEquals, known) => Some(u8::from(*known != Known::Equal)),
            (Comparison::Less, known) => Some(u8::from(*known == Known::Less)),
            (Comparison::LessOrEquals, known) => Some(u8::from(*known != Known::Other)),
        };
        let answers: UInt8Array = known.iter().map(answer).collect();
        let answers = if answers.null_count() == 0 {
            UInt8Array::new(answers.values().clone(), None)
        } else {
            answers
        };
        let value: ArrayRef = Arc::new(answers);
        Ok(if constants { Column::Constant { value, len: rows } } else { Column::Flat(value) })
    })))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Less,
    Equal,
    /// Greater, or different where no order is asked for.
    Other,
    Unknown,
}

/// A place of tuples as a column of its own without NULLs, and where these are.
fn field(column: &Column, at: usize, rows: usize) -> Result<(Column, Option<NullBuffer>)> {
    let array = match column {
        Column::Constant { value, .. } => value.clone(),
        other => other.to_flat()?,
    };
    let fields = array.as_struct_opt().and_then(|s| s.columns().get(at));
    let array = fields.ok_or_else(|| Error::logical("a tuple without a place"))?;
    let nulls = array.nulls().cloned();
    let bare = Column::Flat(array.clone()).with_nulls(None)?;
    if !column.is_constant() {
        return Ok((bare, nulls));
    }
    let nulls = nulls.filter(|n| n.null_count() > 0).map(|_| NullBuffer::new_null(rows));
    Ok((Column::Constant { value: bare.to_flat()?, len: rows }, nulls))
}

/// The answers of a comparison, NULL where nothing is known.
fn flags(answers: &Column) -> Result<Vec<Option<bool>>> {
    let array = answers.to_flat()?;
    let array = array
        .as_primitive_opt::<UInt8Type>()
        .ok_or_else(|| Error::logical("a comparison that gives no UInt8"))?;
    Ok(array.iter().map(|flag| flag.map(|flag| flag != 0)).collect())
}

/// Compares after converting both sides to one type.
pub(super) fn by_supertype(
    context: &FunctionContext,
    a: &DataType,
    b: &DataType,
    common: &DataType,
    comparison: Comparison,
) -> Result<Kernel> {
    let (left_cast, right_cast) =
        (conversion(context, a, common)?, conversion(context, b, common)?);
    let common = common.clone();
    Ok(Box::new(move |left, right, rows| {
        let constants = left.is_constant() && right.is_constant();
        let one = |column: &Column| if constants { column.slice(0, 1) } else { column.clone() };
        let count = if constants { 1 } else { rows };
        let x = left_cast(&one(left), count)?.to_flat()?;
        let y = right_cast(&one(right), count)?.to_flat()?;
        let order = comparator(&common, &x, &y, Missing::Greatest)?;
        let out: Vec<u8> = (0..count).map(|row| u8::from(comparison.of(order(row, row)))).collect();
        let nulls = NullBuffer::union(field_nulls(&x).as_ref(), field_nulls(&y).as_ref());
        if constants && nulls.is_none() {
            return Ok(constant(out.first().copied().unwrap_or(0), rows));
        }
        let flat = flat(out).with_nulls(nulls)?;
        match constants {
            true => Ok(Column::Constant { value: flat.to_flat()?, len: rows }),
            false => Ok(flat),
        }
    }))
}

/// Rows in which a field of a tuple is NULL: nothing is known of their order.
fn field_nulls(array: &arrow_array::ArrayRef) -> Option<NullBuffer> {
    let fields = array.as_struct_opt()?;
    let mut union = None;
    for field in fields.columns() {
        union = NullBuffer::union(union.as_ref(), field.nulls());
    }
    union
}
