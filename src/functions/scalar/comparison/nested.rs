//! Comparison of arrays, tuples and maps, and of types that share a supertype.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::NullBuffer;
use base::Result;
use expr::FunctionContext;
use types::{Column, DataType, least_supertype};

use super::{Comparison, Kernel};
use crate::scalar::cast::conversion;
use crate::scalar::lane::{constant, flat};
use crate::scalar::order::comparator;

/// The kernel of two nested types; `None` where they have no common type.
pub(super) fn kernel(
    context: &FunctionContext,
    a: &DataType,
    b: &DataType,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    if let (DataType::Tuple(x), DataType::Tuple(y)) = (a, b)
        && x.len() != y.len()
    {
        return Ok(None);
    }
    let nested =
        |t: &DataType| matches!(t, DataType::Array(_) | DataType::Tuple(_) | DataType::Map(_));
    if !nested(a) || !nested(b) {
        return Ok(None);
    }
    match least_supertype(&[a.clone(), b.clone()]) {
        Some(common) => by_supertype(context, a, b, &common, comparison).map(Some),
        None => Ok(None),
    }
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
        let order = comparator(&common, &x, &y)?;
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
