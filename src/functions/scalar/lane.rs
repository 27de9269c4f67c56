//! Typed views of columns and plain loops over them.
//!
//! A lane is a native number type that column values are computed in; UInt128, UUID and IPv6 are
//! `u128` lanes over arrow's signed 128 bits; those of 256 bits see `wide`. Loops are monomorphic and free of checks, so that the
//! compiler vectorizes them; a constant argument is never expanded.

mod wide;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use base::{Error, Result};
use types::{Column, DataType, Physical};

/// The native type that a data type's values are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    U8,
    U16,
    U32,
    U64,
    U128,
    U256,
    I8,
    I16,
    I32,
    I64,
    I128,
    I256,
    F32,
    F64,
}

impl Kind {
    /// Whether the values have 256 bits.
    pub(crate) fn is_256(self) -> bool {
        matches!(self, Kind::U256 | Kind::I256)
    }

    /// The lane of a type (`Nullable` looked through); `None` for strings and nested types.
    pub(crate) fn of(data_type: &DataType) -> Option<Kind> {
        Some(match data_type.physical() {
            Physical::UInt8 => Kind::U8,
            Physical::UInt16 => Kind::U16,
            Physical::UInt32 => Kind::U32,
            Physical::UInt64 => Kind::U64,
            Physical::Int8 => Kind::I8,
            Physical::Int16 => Kind::I16,
            Physical::Int32 => Kind::I32,
            Physical::Int64 => Kind::I64,
            Physical::Int128 if data_type.is_unsigned_128() => Kind::U128,
            Physical::Int128 => Kind::I128,
            Physical::Float32 => Kind::F32,
            Physical::Float64 => Kind::F64,
            Physical::Fixed(_) => match data_type.wide_sign()? {
                true => Kind::I256,
                false => Kind::U256,
            },
            Physical::Bytes | Physical::List | Physical::Struct => return None,
        })
    }

    /// As `of`, failing for types without lane.
    pub(crate) fn require(data_type: &DataType) -> Result<Kind> {
        Kind::of(data_type).ok_or_else(|| Error::logical(format!("{data_type} is no number")))
    }
}

/// A native type of column values.
pub(crate) trait Lane: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// The values of an array of this layout.
    fn view(array: &ArrayRef) -> Result<Cow<'_, [Self]>>;
    /// An array of values.
    fn array(values: Vec<Self>) -> ArrayRef;
}

macro_rules! lanes {
    ($($native:ty: $arrow:ty),*) => {$(
        impl Lane for $native {
            fn view(array: &ArrayRef) -> Result<Cow<'_, [Self]>> {
                match array.as_any().downcast_ref::<PrimitiveArray<$arrow>>() {
                    Some(found) => Ok(Cow::Borrowed(found.values())),
                    None => Err(mismatch(array, stringify!($native))),
                }
            }

            fn array(values: Vec<Self>) -> ArrayRef {
                Arc::new(PrimitiveArray::<$arrow>::new(ScalarBuffer::from(values), None))
            }
        }
    )*};
}

lanes!(
    u8: UInt8Type, u16: UInt16Type, u32: UInt32Type, u64: UInt64Type,
    i8: Int8Type, i16: Int16Type, i32: Int32Type, i64: Int64Type,
    f32: Float32Type, f64: Float64Type
);

fn mismatch(array: &ArrayRef, wanted: &str) -> Error {
    Error::logical(format!("an array of {} where {wanted} was planned", array.data_type()))
}

impl Lane for i128 {
    fn view(array: &ArrayRef) -> Result<Cow<'_, [Self]>> {
        match array.as_any().downcast_ref::<PrimitiveArray<Decimal128Type>>() {
            Some(found) => Ok(Cow::Borrowed(found.values())),
            None => Err(mismatch(array, "i128")),
        }
    }

    fn array(values: Vec<Self>) -> ArrayRef {
        let array = PrimitiveArray::<Decimal128Type>::new(ScalarBuffer::from(values), None);
        Arc::new(array.with_data_type(arrow_schema::DataType::Decimal128(38, 0)))
    }
}

impl Lane for u128 {
    fn view(array: &ArrayRef) -> Result<Cow<'_, [Self]>> {
        Ok(Cow::Owned(i128::view(array)?.iter().map(|v| *v as u128).collect()))
    }

    fn array(values: Vec<Self>) -> ArrayRef {
        i128::array(values.into_iter().map(|v| v as i128).collect())
    }
}

/// An arm for each of some kinds, in which a type name is bound to the kind's native type.
macro_rules! lane_arms {
    ($kind:expr, $T:ident => $body:expr, [$($variant:ident $native:ty)*] $($rest:tt)*) => {
        match $kind {
            $($crate::scalar::lane::Kind::$variant => {
                type $T = $native;
                $body
            })*
            $($rest)*
        }
    };
}

/// Runs an expression with a type name bound to the native type of a [`Kind`].
macro_rules! with_lane {
    ($kind:expr, $T:ident => $body:expr) => {
        $crate::scalar::lane::lane_arms!($kind, $T => $body, [
            U8 u8 U16 u16 U32 u32 U64 u64 U128 u128 U256 types::U256
            I8 i8 I16 i16 I32 i32 I64 i64 I128 i128 I256 types::I256
            F32 f32 F64 f64
        ])
    };
}

/// As `with_lane`, for integers alone; floats take the other expression.
macro_rules! with_integer_lane {
    ($kind:expr, $T:ident => $body:expr, $other:expr) => {
        $crate::scalar::lane::lane_arms!($kind, $T => $body, [
            U8 u8 U16 u16 U32 u32 U64 u64 U128 u128 U256 types::U256
            I8 i8 I16 i16 I32 i32 I64 i64 I128 i128 I256 types::I256
        ] $crate::scalar::lane::Kind::F32 | $crate::scalar::lane::Kind::F64 => $other,)
    };
}

pub(crate) use {lane_arms, with_integer_lane, with_lane};

/// The values of an argument: a slice, or one for all rows.
pub(crate) enum Values<'a, T: Lane> {
    /// One a row.
    Slice(Cow<'a, [T]>),
    /// The same in every row.
    One(T),
}

impl<T: Lane> Values<'_, T> {
    /// The value of a row.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> T {
        match self {
            Values::Slice(slice) => slice[row],
            Values::One(one) => *one,
        }
    }
}

/// The typed values of a column, which must not be a dictionary.
pub(crate) fn values<T: Lane>(column: &Column) -> Result<Values<'_, T>> {
    match column {
        Column::Flat(array) => Ok(Values::Slice(T::view(array)?)),
        Column::Constant { value, .. } => match T::view(value)?.first() {
            Some(one) => Ok(Values::One(*one)),
            None => Err(Error::logical("an empty constant")),
        },
        Column::Dictionary(_) => Err(Error::logical("a dictionary of numbers")),
    }
}

/// The argument at a place.
pub(crate) fn argument(columns: &[Column], at: usize) -> Result<&Column> {
    columns.get(at).ok_or_else(|| Error::logical(format!("no argument {at}")))
}

/// A flat column.
pub(crate) fn flat<T: Lane>(values: Vec<T>) -> Column {
    Column::Flat(T::array(values))
}

/// A constant column.
pub(crate) fn constant<T: Lane>(value: T, len: usize) -> Column {
    Column::Constant { value: T::array(vec![value]), len }
}

/// Applies a function to every value.
pub(crate) fn map<A: Lane, R: Lane>(column: &Column, f: impl Fn(A) -> R) -> Result<Column> {
    Ok(match values::<A>(column)? {
        Values::Slice(slice) => flat(slice.iter().map(|v| f(*v)).collect()),
        Values::One(one) => constant(f(one), column.len()),
    })
}

/// Applies a function that can fail.
pub(crate) fn try_map<A: Lane, R: Lane>(
    column: &Column,
    f: impl Fn(A) -> Result<R>,
) -> Result<Column> {
    Ok(match values::<A>(column)? {
        Values::Slice(slice) => flat(slice.iter().map(|v| f(*v)).collect::<Result<_>>()?),
        Values::One(one) => constant(f(one)?, column.len()),
    })
}

/// Applies a function to the values of two columns.
pub(crate) fn map2<A: Lane, B: Lane, R: Lane>(
    left: &Column,
    right: &Column,
    f: impl Fn(A, B) -> R,
) -> Result<Column> {
    use Values::{One, Slice};
    Ok(match (values::<A>(left)?, values::<B>(right)?) {
        (Slice(a), Slice(b)) => flat(a.iter().zip(b.iter()).map(|(a, b)| f(*a, *b)).collect()),
        (Slice(a), One(b)) => flat(a.iter().map(|a| f(*a, b)).collect()),
        (One(a), Slice(b)) => flat(b.iter().map(|b| f(a, *b)).collect()),
        (One(a), One(b)) => constant(f(a, b), left.len()),
    })
}

/// Applies a function that can fail to the values of two columns.
pub(crate) fn try_map2<A: Lane, B: Lane, R: Lane>(
    left: &Column,
    right: &Column,
    f: impl Fn(A, B) -> Result<R>,
) -> Result<Column> {
    let (a, b) = (values::<A>(left)?, values::<B>(right)?);
    if let (Values::One(a), Values::One(b)) = (&a, &b) {
        return Ok(constant(f(*a, *b)?, left.len()));
    }
    let out: Result<Vec<R>> = (0..left.len()).map(|row| f(a.at(row), b.at(row))).collect();
    Ok(flat(out?))
}

/// Conversion between lanes as a C cast does it on common machines.
pub(crate) trait To<R> {
    /// Wraps integers; floats lose their fraction.
    fn to(self) -> R;
}

macro_rules! integer_casts {
    ($($from:ty => $($to:ty),*;)*) => {$($(
        impl To<$to> for $from {
            #[inline]
            fn to(self) -> $to { self as $to }
        }
    )*)*};
}

integer_casts! {
    u8 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    u16 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    u32 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    u64 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    u128 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    i8 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    i16 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    i32 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    i64 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    i128 => u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64;
    f32 => f32, f64;
    f64 => f32, f64;
}

/// Floats outside of Int64 become its least value, as the processor answers.
macro_rules! float_casts {
    ($($from:ty => $($to:ty),*;)*) => {$($(
        impl To<$to> for $from {
            #[inline]
            fn to(self) -> $to { float_to_i64(f64::from(self)) as $to }
        }
    )*)*};
}

float_casts! {
    f32 => u8, u16, u32, i8, i16, i32, i64;
    f64 => u8, u16, u32, i8, i16, i32, i64;
}

#[inline]
fn float_to_i64(value: f64) -> i64 {
    if value.abs() < 9_223_372_036_854_775_808.0 { value as i64 } else { i64::MIN }
}

macro_rules! wide_float_casts {
    ($($from:ty),*) => {$(
        impl To<u64> for $from {
            #[inline]
            fn to(self) -> u64 { if self < 0.0 { self as i64 as u64 } else { self as u64 } }
        }
        impl To<i128> for $from {
            #[inline]
            fn to(self) -> i128 { self as i128 }
        }
        impl To<u128> for $from {
            #[inline]
            fn to(self) -> u128 { if self < 0.0 { self as i128 as u128 } else { self as u128 } }
        }
    )*};
}

wide_float_casts!(f32, f64);

/// The values of a column in another lane, by C casts.
pub(crate) fn convert(column: &Column, from: Kind, to: Kind) -> Result<Column> {
    if from == to {
        return Ok(column.clone());
    }
    with_lane!(from, A => with_lane!(to, R => map::<A, R>(column, To::<R>::to)))
}

/// A column without nulls (values under NULL stay as they are).
pub(crate) fn without_nulls(column: &Column) -> Result<Column> {
    match column {
        Column::Constant { value, len } => {
            let one = Column::Flat(value.clone()).with_nulls(None)?.to_flat()?;
            Ok(Column::Constant { value: one, len: *len })
        }
        other if other.nulls().is_none() => Ok(other.clone()),
        other => other.with_nulls(None),
    }
}
