//! Arithmetic of decimals.
//!
//! Sums have the greater scale, products the sum of the scales, quotients the dividend's. A result lies
//! in the wider of the arguments' storage; what does not fit that is DECIMAL_OVERFLOW. With a float
//! among the arguments all is Float64.

use base::{Result, bail, error};
use expr::{Argument, Bound};
use types::wide::power_of_ten;
use types::{Column, DataType, I256};

use super::arithmetic::Op;
use super::lane::{Kind, Lane, Values, argument, convert, map, map2, try_map, try_map2, values};
use super::number_type::{decimal_class, float_power_of_ten, illegal_pair, is_native_number};

/// An argument of a decimal operation: its lane and scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) kind: Kind,
    pub(crate) scale: u8,
    pub(crate) precision: Option<u8>,
}

/// The scale and lane of a decimal or integer argument.
pub(crate) fn operand(data_type: &DataType) -> Option<Operand> {
    let kind = Kind::of(data_type)?;
    match data_type {
        DataType::Decimal { precision, scale } => {
            Some(Operand { kind, scale: *scale, precision: Some(*precision) })
        }
        other if is_native_number(other) && !other.is_float() => {
            Some(Operand { kind, scale: 0, precision: None })
        }
        _ => None,
    }
}

/// The precision of a result: that of the only decimal, or the wider class of two.
fn result_precision(a: Operand, b: Operand) -> u8 {
    match (a.precision, b.precision) {
        (Some(a), Some(b)) => decimal_class(a.max(b)),
        (a, b) => a.or(b).unwrap_or(76),
    }
}

/// A column of any number as Float64, decimals descaled.
pub(crate) fn to_float(column: &Column, data_type: &DataType) -> Result<Column> {
    let floats = convert(column, Kind::require(data_type)?, Kind::F64)?;
    match data_type.inner() {
        DataType::Decimal { scale, .. } if *scale > 0 => {
            let divisor = float_power_of_ten(u32::from(*scale));
            map::<f64, f64>(&floats, |v| v / divisor)
        }
        _ => Ok(floats),
    }
}

/// Native integers of decimals, with checks.
pub(crate) trait Checked: Lane + TryFrom<I256> {
    /// Bits beside the sign.
    const DIGITS: u32;
    fn add(self, other: Self) -> Option<Self>;
    fn sub(self, other: Self) -> Option<Self>;
    fn mul(self, other: Self) -> Option<Self>;
    /// The operation, wrapping around.
    fn wrap(self, other: Self, op: Op) -> Self;
    /// The quotient without its fraction by a divisor that is not 0.
    fn quotient(self, by: Self) -> Self;
    /// The remainder of a divisor that is not 0, with the dividend's sign or never negative.
    fn remainder(self, by: Self, positive: bool) -> Self;
    /// All values lie from `-2^bits` to below `2^bits`.
    fn bits(values: &[Self]) -> u32;
}

macro_rules! checked {
    ($($native:ty),*) => {$(
        impl Checked for $native {
            const DIGITS: u32 = <$native>::BITS - 1;
            #[inline]
            fn add(self, other: Self) -> Option<Self> { self.checked_add(other) }
            #[inline]
            fn sub(self, other: Self) -> Option<Self> { self.checked_sub(other) }
            #[inline]
            fn mul(self, other: Self) -> Option<Self> { self.checked_mul(other) }
            #[inline]
            fn wrap(self, other: Self, op: Op) -> Self {
                match op {
                    Op::Plus => self.wrapping_add(other),
                    Op::Minus => self.wrapping_sub(other),
                    Op::Multiply => self.wrapping_mul(other),
                }
            }
            #[inline]
            fn quotient(self, by: Self) -> Self { self.wrapping_div(by) }
            #[inline]
            fn remainder(self, by: Self, positive: bool) -> Self {
                if positive { self.wrapping_rem_euclid(by) } else { self.wrapping_rem(by) }
            }
            fn bits(values: &[Self]) -> u32 {
                let all = values.iter().fold(Self::default(), |all, v| all | (*v ^ (*v >> Self::DIGITS)));
                <$native>::BITS - all.leading_zeros()
            }
        }
    )*};
}

checked!(i32, i64, i128, I256);

pub(crate) fn overflow() -> base::Error {
    error!(DecimalOverflow, "Decimal math overflow")
}

/// Runs an expression for the native type of a decimal's kind.
macro_rules! with_decimal_lane {
    ($kind:expr, $T:ident => $body:expr) => {
        match $kind {
            Kind::I32 => {
                type $T = i32;
                $body
            }
            Kind::I64 => {
                type $T = i64;
                $body
            }
            Kind::I256 => {
                type $T = I256;
                $body
            }
            _ => {
                type $T = i128;
                $body
            }
        }
    };
}

/// `+`, `-`, `*` with a decimal among the arguments.
pub(crate) fn bind(arguments: &[Argument], op: Op) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    if left.is_float() || right.is_float() {
        return floats(
            arguments,
            op.name(),
            match op {
                Op::Plus => |a, b| a + b,
                Op::Minus => |a, b| a - b,
                Op::Multiply => |a, b| a * b,
            },
        );
    }
    let (Some(a), Some(b)) = (operand(left), operand(right)) else {
        return Err(illegal_pair(arguments, op.name()));
    };
    let precision = result_precision(a, b);
    let scale = if op == Op::Multiply { a.scale + b.scale } else { a.scale.max(b.scale) };
    let most = decimal_class(precision);
    if scale > most {
        bail!(ArgumentOutOfBound, "Scale {scale} is out of bounds (max scale: {most})");
    }
    let return_type = DataType::Decimal { precision: precision.max(scale), scale };
    let to = Kind::require(&return_type)?;
    let (x, y) = match op {
        Op::Multiply => (I256::ONE, I256::ONE),
        _ => (power_of_ten(u32::from(scale - a.scale)), power_of_ten(u32::from(scale - b.scale))),
    };
    Ok(Bound::new(return_type, move |columns, _| {
        with_decimal_lane!(to, T => {
            let left = scaled::<T>(argument(columns, 0)?, a.kind, to, x)?;
            let right = scaled::<T>(argument(columns, 1)?, b.kind, to, y)?;
            compute::<T>(&left, &right, op)
        })
    }))
}

/// An operation on the values of two columns of one scale; checked one by one only where the greatest of them
/// could overflow.
fn compute<T: Checked>(left: &Column, right: &Column, op: Op) -> Result<Column> {
    let bits = |column: &Column| {
        Ok::<u32, base::Error>(match values::<T>(column)? {
            Values::Slice(slice) => T::bits(&slice),
            Values::One(one) => T::bits(&[one]),
        })
    };
    let (a, b) = (bits(left)?, bits(right)?);
    let fits = if op == Op::Multiply { a + b < T::DIGITS } else { a.max(b) + 1 < T::DIGITS };
    match op {
        Op::Plus if fits => map2::<T, T, T>(left, right, |a, b| a.wrap(b, Op::Plus)),
        Op::Minus if fits => map2::<T, T, T>(left, right, |a, b| a.wrap(b, Op::Minus)),
        Op::Multiply if fits => map2::<T, T, T>(left, right, |a, b| a.wrap(b, Op::Multiply)),
        Op::Plus => try_map2::<T, T, T>(left, right, |a, b| a.add(b).ok_or_else(overflow)),
        Op::Minus => try_map2::<T, T, T>(left, right, |a, b| a.sub(b).ok_or_else(overflow)),
        Op::Multiply => try_map2::<T, T, T>(left, right, |a, b| a.mul(b).ok_or_else(overflow)),
    }
}

/// A column in the lane of a result, times a factor.
fn scaled<T: Checked>(column: &Column, from: Kind, to: Kind, factor: I256) -> Result<Column> {
    let wide_integer = matches!(from, Kind::U64 | Kind::I64 | Kind::U128 | Kind::I128 | Kind::U32);
    let column = if (wide_integer || from.is_256()) && from != to {
        // Integers wider than the decimal: those that do not fit overflow.
        let wide = convert(column, from, Kind::I256)?;
        try_map::<I256, T>(&wide, |v| T::try_from(v).map_err(|_| overflow()))?
    } else {
        convert(column, from, to)?
    };
    if factor == I256::ONE {
        return Ok(column);
    }
    let factor = T::try_from(factor).map_err(|_| overflow())?;
    try_map::<T, T>(&column, |v| v.mul(factor).ok_or_else(overflow))
}

/// An operation of two numbers as Float64.
pub(crate) fn floats(arguments: &[Argument], name: &str, f: fn(f64, f64) -> f64) -> Result<Bound> {
    let (left, right) = (arguments[0].data_type.clone(), arguments[1].data_type.clone());
    if !left.is_number() || !right.is_number() {
        return Err(illegal_pair(arguments, name));
    }
    Ok(Bound::new(DataType::Float64, move |columns, _| {
        let a = to_float(argument(columns, 0)?, &left)?;
        let b = to_float(argument(columns, 1)?, &right)?;
        map2::<f64, f64, f64>(&a, &b, f)
    }))
}

/// `/` of decimals: the dividend's scale, truncated.
pub(crate) fn bind_divide(arguments: &[Argument], or_zero: bool) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    if left.is_float() || right.is_float() {
        return floats(arguments, "divide", |a, b| a / b);
    }
    let (Some(a), Some(b)) = (operand(left), operand(right)) else {
        return Err(illegal_pair(arguments, "divide"));
    };
    let scale = if a.precision.is_some() { a.scale } else { b.scale };
    if a.precision.is_some() && b.scale > a.scale {
        bail!(ArgumentOutOfBound, "Decimal result's scale is less than argument's one");
    }
    // dividend / 10^a / (divisor / 10^b) * 10^scale
    let left = power_of_ten(u32::from(scale + b.scale - a.scale));
    let return_type = DataType::Decimal { precision: result_precision(a, b), scale };
    quotient(
        return_type,
        (a, b),
        or_zero,
        Division { left, right: I256::ONE, want: Want::Quotient },
    )
}

/// `%` of decimals: at the greater scale, with the dividend's sign.
pub(crate) fn bind_modulo(arguments: &[Argument], or_zero: bool, positive: bool) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    if left.is_float() || right.is_float() {
        return match positive {
            true => floats(arguments, "positiveModulo", |a, b| match a % b {
                rest if rest < 0.0 => rest + b.abs(),
                // Never -0.
                rest => rest + 0.0,
            }),
            false => floats(arguments, "modulo", |a, b| a % b + 0.0),
        };
    }
    let (Some(a), Some(b)) = (operand(left), operand(right)) else {
        return Err(illegal_pair(arguments, "modulo"));
    };
    let scale = a.scale.max(b.scale);
    let return_type = DataType::Decimal { precision: result_precision(a, b), scale };
    let want = if positive { Want::PositiveRemainder } else { Want::Remainder };
    quotient(return_type, (a, b), or_zero, Division::aligned(a, b, want))
}

/// `intDiv` of decimals: as wide as the dividend, and as the decimal is. (In ClickHouse the quotient of a UInt8 is an
/// Int8, which 200 is not.)
pub(crate) fn bind_int_div(arguments: &[Argument], or_zero: bool) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    let (Some(a), Some(b)) = (operand(left), operand(right)) else {
        return Err(illegal_pair(arguments, "intDiv"));
    };
    let class = match left.inner() {
        DataType::Decimal { precision, .. } => decimal_class(*precision),
        integer => {
            let own = match integer.bits() {
                Some(..=32) => 9,
                Some(64) => 18,
                Some(128) => 38,
                _ => 76,
            };
            own.max(decimal_class(result_precision(a, b)))
        }
    };
    let return_type = match class {
        9 => DataType::Int32,
        18 => DataType::Int64,
        38 => DataType::Int128,
        _ => DataType::Int256,
    };
    quotient(return_type, (a, b), or_zero, Division::aligned(a, b, Want::Quotient))
}

/// Which quantity of a division.
#[derive(Debug, Clone, Copy)]
enum Want {
    Quotient,
    Remainder,
    PositiveRemainder,
}

/// A division of two unscaled integers: what each is multiplied by, and what is wanted.
#[derive(Debug, Clone, Copy)]
struct Division {
    left: I256,
    right: I256,
    want: Want,
}

impl Division {
    /// Of two operands brought to the greater scale.
    fn aligned(a: Operand, b: Operand, want: Want) -> Division {
        let scale = a.scale.max(b.scale);
        let factor = |of: Operand| power_of_ten(u32::from(scale - of.scale));
        Division { left: factor(a), right: factor(b), want }
    }
}

fn quotient(
    return_type: DataType,
    (a, b): (Operand, Operand),
    or_zero: bool,
    division: Division,
) -> Result<Bound> {
    let to = Kind::require(&return_type)?;
    let wide = to.is_256() || a.kind.is_256() || b.kind.is_256();
    Ok(Bound::new(return_type, move |columns, _| {
        let lane = if wide { Kind::I256 } else { Kind::I128 };
        let left = convert(argument(columns, 0)?, a.kind, lane)?;
        let right = convert(argument(columns, 1)?, b.kind, lane)?;
        with_decimal_lane!(to, T => match wide {
            true => divide::<I256, T>(&left, &right, or_zero, division),
            false => divide::<i128, T>(&left, &right, or_zero, division),
        })
    }))
}

fn divide<W: Checked, T: Lane + TryFrom<W>>(
    left: &Column,
    right: &Column,
    or_zero: bool,
    division: Division,
) -> Result<Column> {
    let factor = |factor: I256| W::try_from(factor).map_err(|_| overflow());
    let (by_left, by_right) = (factor(division.left)?, factor(division.right)?);
    try_map2::<W, W, T>(left, right, |x, y| {
        if y == W::default() {
            if or_zero {
                return Ok(T::default());
            }
            bail!(IllegalDivision, "Division by zero");
        }
        let (Some(x), Some(y)) = (x.mul(by_left), y.mul(by_right)) else { return Err(overflow()) };
        let found = match division.want {
            Want::Quotient => x.quotient(y),
            Want::Remainder => x.remainder(y, false),
            Want::PositiveRemainder => x.remainder(y, true),
        };
        T::try_from(found).map_err(|_| overflow())
    })
}
