//! Typed access to columns of fixed-size values: the type is told apart once, when a function is
//! bound, and loops then run over slices of one kind.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::ArrowNativeType;
use base::{Error, Result};
use std::sync::Arc;
use types::{Column, DataType, I256, Physical, U256, wide};

use super::state_bytes::Plain;

/// A kind of fixed-size value.
pub(crate) trait Kind: Send + Sync + 'static {
    /// What lies in memory.
    type Native: Plain + PartialEq + std::fmt::Debug + ArrowNativeType;

    /// The arrow type of it.
    type Arrow: ArrowPrimitiveType<Native = Self::Native>;

    /// The sum of many.
    type Sum: Plain;

    /// Whether it is a floating-point number.
    const FLOAT: bool;

    /// The nearest floating-point number.
    fn to_f64(value: Self::Native) -> f64;

    /// The integer; truncated for floats.
    fn to_i128(value: Self::Native) -> i128;

    /// Whether one comes before another; NaN comes last.
    fn less(a: Self::Native, b: Self::Native) -> bool;

    /// Whether it is NaN.
    fn is_nan(value: Self::Native) -> bool;

    /// Adds, wrapping around.
    fn add(sum: Self::Sum, value: Self::Native) -> Self::Sum;

    /// Adds the same value many times.
    fn add_times(sum: Self::Sum, value: Self::Native, times: u64) -> Self::Sum;

    /// Adds two sums.
    fn add_sums(a: Self::Sum, b: Self::Sum) -> Self::Sum;

    /// Subtracts, wrapping around.
    fn minus(sum: Self::Sum, value: Self::Native) -> Self::Sum;

    /// A sum in the kind's own width, wrapped around.
    fn narrow(sum: Self::Sum) -> Self::Native;
}

macro_rules! integer_kind {
    ($kind:ty, $arrow:ty, $native:ty, $as:ty, $sum:ty) => {
        impl Kind for $kind {
            type Native = $native;
            type Arrow = $arrow;
            type Sum = $sum;

            const FLOAT: bool = false;

            fn to_f64(value: $native) -> f64 {
                value as $as as f64
            }

            fn to_i128(value: $native) -> i128 {
                value as i128
            }

            fn less(a: $native, b: $native) -> bool {
                (a as $as) < (b as $as)
            }

            fn is_nan(_value: $native) -> bool {
                false
            }

            fn add(sum: $sum, value: $native) -> $sum {
                sum.wrapping_add(value as $sum)
            }

            fn add_times(sum: $sum, value: $native, times: u64) -> $sum {
                sum.wrapping_add((value as $sum).wrapping_mul(times as $sum))
            }

            fn add_sums(a: $sum, b: $sum) -> $sum {
                a.wrapping_add(b)
            }

            fn minus(sum: $sum, value: $native) -> $sum {
                sum.wrapping_sub(value as $sum)
            }

            fn narrow(sum: $sum) -> $native {
                sum as $native
            }
        }
    };
}

macro_rules! float_kind {
    ($kind:ty, $native:ty) => {
        impl Kind for $kind {
            type Native = $native;
            type Arrow = $kind;
            type Sum = f64;

            const FLOAT: bool = true;

            fn to_f64(value: $native) -> f64 {
                f64::from(value)
            }

            fn to_i128(value: $native) -> i128 {
                value as i128
            }

            fn less(a: $native, b: $native) -> bool {
                a < b || (b.is_nan() && !a.is_nan())
            }

            fn is_nan(value: $native) -> bool {
                value.is_nan()
            }

            fn add(sum: f64, value: $native) -> f64 {
                sum + f64::from(value)
            }

            fn add_times(sum: f64, value: $native, times: u64) -> f64 {
                sum + f64::from(value) * times as f64
            }

            fn add_sums(a: f64, b: f64) -> f64 {
                a + b
            }

            fn minus(sum: f64, value: $native) -> f64 {
                sum - f64::from(value)
            }

            fn narrow(sum: f64) -> $native {
                sum as $native
            }
        }
    };
}

/// 128 bits without a sign, kept in the lanes of [`Decimal128Type`].
pub(crate) struct Unsigned128;

integer_kind!(UInt8Type, UInt8Type, u8, u8, u64);
integer_kind!(UInt16Type, UInt16Type, u16, u16, u64);
integer_kind!(UInt32Type, UInt32Type, u32, u32, u64);
integer_kind!(UInt64Type, UInt64Type, u64, u64, u64);
integer_kind!(Int8Type, Int8Type, i8, i8, i64);
integer_kind!(Int16Type, Int16Type, i16, i16, i64);
integer_kind!(Int32Type, Int32Type, i32, i32, i64);
integer_kind!(Int64Type, Int64Type, i64, i64, i64);
integer_kind!(Decimal128Type, Decimal128Type, i128, i128, i128);
integer_kind!(Unsigned128, Decimal128Type, i128, u128, i128);
float_kind!(Float32Type, f32);
float_kind!(Float64Type, f64);

/// Runs a block with a type name bound to the kind of a data type; the other block where values of
/// the type have no constant size of a number.
macro_rules! with_kind {
    ($data_type:expr, $kind:ident => $body:expr, otherwise $otherwise:expr) => {{
        use arrow_array::types as arrow;
        use types::Physical;
        let data_type: &types::DataType = $data_type;
        macro_rules! arm {
            ($found:ty) => {{
                type $kind = $found;
                $body
            }};
        }
        match data_type.physical() {
            Physical::UInt8 => arm!(arrow::UInt8Type),
            Physical::UInt16 => arm!(arrow::UInt16Type),
            Physical::UInt32 => arm!(arrow::UInt32Type),
            Physical::UInt64 => arm!(arrow::UInt64Type),
            Physical::Int8 => arm!(arrow::Int8Type),
            Physical::Int16 => arm!(arrow::Int16Type),
            Physical::Int32 => arm!(arrow::Int32Type),
            Physical::Int64 => arm!(arrow::Int64Type),
            Physical::Int128 if data_type.is_unsigned_128() => {
                arm!($crate::aggregate::kind::Unsigned128)
            }
            Physical::Int128 => arm!(arrow::Decimal128Type),
            Physical::Float32 => arm!(arrow::Float32Type),
            Physical::Float64 => arm!(arrow::Float64Type),
            _ => $otherwise,
        }
    }};
}

pub(crate) use with_kind;

/// Values of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input<'a, N> {
    /// One for each row.
    Slice(&'a [N]),
    /// The same for all rows.
    Constant(N),
}

impl<N: Copy> Input<'_, N> {
    /// The value of a row.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> N {
        match self {
            Input::Slice(values) => values[row],
            Input::Constant(value) => *value,
        }
    }

    /// Calls for every row's group and value.
    #[inline]
    pub(crate) fn for_each(&self, groups: &[u32], mut take: impl FnMut(usize, N)) {
        match self {
            Input::Slice(values) => {
                for (group, value) in groups.iter().zip(*values) {
                    take(*group as usize, *value);
                }
            }
            Input::Constant(value) => groups.iter().for_each(|group| take(*group as usize, *value)),
        }
    }
}

/// The error of a column that is not of the type that the function was bound to.
pub(crate) fn wrong_layout() -> Error {
    Error::logical("an aggregate function got a column of another type than it was bound to")
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&PrimitiveArray<T>> {
    array.as_primitive_opt::<T>().ok_or_else(wrong_layout)
}

/// An argument's values.
pub(crate) fn input<K: Kind>(arguments: &[Column], at: usize) -> Result<Input<'_, K::Native>> {
    match arguments.get(at) {
        Some(Column::Flat(array)) => Ok(Input::Slice(primitive::<K::Arrow>(array)?.values())),
        Some(Column::Constant { value, .. }) => {
            Ok(Input::Constant(primitive::<K::Arrow>(value)?.value(0)))
        }
        _ => Err(wrong_layout()),
    }
}

/// An array of values.
pub(crate) fn array<K: Kind>(values: Vec<K::Native>) -> ArrayRef {
    let array = PrimitiveArray::<K::Arrow>::new(values.into(), None);
    match K::Arrow::DATA_TYPE {
        // The layout of 128 bits has no scale.
        arrow_schema::DataType::Decimal128(..) => {
            Arc::new(array.with_data_type(arrow_schema::DataType::Decimal128(38, 0)))
        }
        _ => Arc::new(array),
    }
}

/// Numbers as floating point, decimals scaled.
#[derive(Debug)]
pub(crate) enum Floats<'a> {
    /// One for each row.
    Slice(Cow<'a, [f64]>),
    /// The same for all rows.
    Constant(f64),
}

impl Floats<'_> {
    /// As typed input.
    pub(crate) fn input(&self) -> Input<'_, f64> {
        match self {
            Floats::Slice(values) => Input::Slice(values),
            Floats::Constant(value) => Input::Constant(*value),
        }
    }
}

/// What values of a type are divided by to give the number that they stand for.
pub(crate) fn divisor(data_type: &DataType) -> Option<f64> {
    match data_type.inner() {
        DataType::Decimal { scale, .. } if *scale > 0 => Some(10f64.powi(i32::from(*scale))),
        _ => None,
    }
}

/// An argument's numbers as floating point.
pub(crate) fn floats<'a>(
    arguments: &'a [Column],
    at: usize,
    data_type: &DataType,
) -> Result<Floats<'a>> {
    let column = arguments.get(at).ok_or_else(wrong_layout)?;
    let divisor = divisor(data_type);
    if let (Column::Flat(array), None, Physical::Float64) = (column, divisor, data_type.physical())
    {
        return Ok(Floats::Slice(Cow::Borrowed(primitive::<Float64Type>(array)?.values())));
    }
    let scaled = |value: f64| divisor.map_or(value, |divisor| value / divisor);
    if let Some(signed) = data_type.wide_sign() {
        let number = |array: &ArrayRef| -> Result<Vec<f64>> {
            Ok(match signed {
                true => wide::numbers::<I256>(array)?.iter().map(|v| scaled(v.as_f64())).collect(),
                false => wide::numbers::<U256>(array)?.iter().map(|v| scaled(v.as_f64())).collect(),
            })
        };
        return match column {
            Column::Flat(array) => Ok(Floats::Slice(number(array)?.into())),
            Column::Constant { value, .. } => {
                number(value)?.first().copied().map(Floats::Constant).ok_or_else(wrong_layout)
            }
            Column::Dictionary(_) => Err(wrong_layout()),
        };
    }
    with_kind!(data_type, K => {
        Ok(match input::<K>(arguments, at)? {
            Input::Slice(values) => {
                Floats::Slice(values.iter().map(|v| scaled(<K as Kind>::to_f64(*v))).collect())
            }
            Input::Constant(value) => Floats::Constant(scaled(<K as Kind>::to_f64(value))),
        })
    }, otherwise Err(wrong_layout()))
}

/// Numbers as integers, of at most 64 bits, an unsigned one above the signed range wrapped.
pub(crate) fn integers(
    arguments: &[Column],
    at: usize,
    data_type: &DataType,
    rows: usize,
) -> Result<Vec<i64>> {
    with_kind!(data_type, K => {
        Ok(match input::<K>(arguments, at)? {
            Input::Slice(values) => {
                values.iter().map(|v| <K as Kind>::to_i128(*v) as i64).collect()
            }
            Input::Constant(value) => vec![<K as Kind>::to_i128(value) as i64; rows],
        })
    }, otherwise Err(wrong_layout()))
}
