//! `+`, `-`, `*` and signs of numbers, dates and intervals.
//!
//! Integers give the next wider integer (64 bits stay) and wrap around; a float among the arguments
//! gives Float64; `-` gives a signed type. Decimals: see `decimal_arithmetic`.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, I256, IntervalKind, U256};

use super::calendar::{TimeType, ticks_of};
use super::clock_arithmetic;
use super::decimal_arithmetic::{self, to_float};
use super::interval_arithmetic;
use super::lane::{
    Kind, Lane, To, argument, convert, map, map2, try_map2, with_integer_lane, with_lane,
};
use super::number_type::{illegal, illegal_pair, integer, is_native_number, plain, wider};
use crate::collection::tuple_arithmetic as tuples;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Arithmetic";
    "plus" (2, 2) "plus(x, y), x + y" "The sum; also of a date or time and a number or interval."
        "SELECT plus(1, 2)" => "3", "SELECT toDate('2024-01-31') + INTERVAL 1 MONTH" => "2024-02-29";
        |c, a| bind(c, a, Op::Plus);
    "minus" (2, 2) "minus(x, y), x - y"
        "The difference, signed; also of a date or time and a number or interval, and of two dates or times."
        "SELECT minus(1, 3)" => "-2", "SELECT toDate('2024-03-01') - toDate('2024-02-01')" => "29";
        |c, a| bind(c, a, Op::Minus);
    "multiply" (2, 2) "multiply(x, y), x * y" "The product."
        "SELECT multiply(6, 7)" => "42"; |c, a| bind(c, a, Op::Multiply);
    "gcd" (2, 2) "gcd(x, y)" "The greatest common divisor of two integers that are not 0."
        "SELECT gcd(12, 18)" => "6"; |_, a| bind_divisor(a, true);
    "lcm" (2, 2) "lcm(x, y)" "The least common multiple of two integers that are not 0."
        "SELECT lcm(4, 6)" => "12"; |_, a| bind_divisor(a, false);
    "negate" (1, 1) "negate(x), -x" "The number with the other sign, as a signed type."
        "SELECT negate(5)" => "-5"; bind_negate;
    "abs" any_case true (1, 1) "abs(x)" "The absolute value; of signed integers as an unsigned type."
        "SELECT abs(-5)" => "5"; bind_abs;
    "sign" any_case true (1, 1) "sign(x)" "-1, 0 or 1 by the sign of a number."
        "SELECT sign(-2.5)" => "-1"; bind_sign;
    "max2" any_case true (2, 2) "max2(x, y)" "The greater of two numbers, as Float64."
        "SELECT max2(-1, 2)" => "2"; |_, a| bind_float_pair(a, "max2", |x, y| if x > y { x } else { y });
    "min2" any_case true (2, 2) "min2(x, y)" "The smaller of two numbers, as Float64."
        "SELECT min2(-1, 2)" => "-1"; |_, a| bind_float_pair(a, "min2", |x, y| if x < y { x } else { y });
    "byteSwap" any_case true (1, 1) "byteSwap(x)" "The integer with its bytes in reverse order."
        "SELECT byteSwap(toUInt16(1))" => "256"; bind_byte_swap;
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Plus,
    Minus,
    Multiply,
}

impl Op {
    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Op::Plus => "plus",
            Op::Minus => "minus",
            Op::Multiply => "multiply",
        }
    }
}

/// Integers that wrap around, and floats.
trait Wrapping: Lane {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

macro_rules! wrapping {
    ($($native:ty),*) => {$(
        impl Wrapping for $native {
            #[inline]
            fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline]
            fn minus(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline]
            fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
        }
    )*};
}

wrapping!(u8, u16, u32, u64, u128, U256, i8, i16, i32, i64, i128, I256);

macro_rules! wrapping_floats {
    ($($native:ty),*) => {$(
        impl Wrapping for $native {
            #[inline]
            fn plus(self, other: Self) -> Self { self + other }
            #[inline]
            fn minus(self, other: Self) -> Self { self - other }
            #[inline]
            fn times(self, other: Self) -> Self { self * other }
        }
    )*};
}

wrapping_floats!(f32, f64);

fn bind(context: &FunctionContext, arguments: &[Argument], op: Op) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    if let Some(bound) = tuples::operator(context, op.name(), arguments)? {
        return Ok(bound);
    }
    if let Some(bound) = bind_time(context, arguments, op)? {
        return Ok(bound);
    }
    if left.is_time() || right.is_time() {
        return clock_arithmetic::bind(arguments, op);
    }
    if matches!(left, DataType::Decimal { .. }) || matches!(right, DataType::Decimal { .. }) {
        return decimal_arithmetic::bind(arguments, op);
    }
    let interval = match (left, right) {
        (DataType::Interval(a), DataType::Interval(b)) => a == b && op != Op::Multiply,
        (DataType::Interval(_), _) | (_, DataType::Interval(_)) => false,
        _ => true,
    };
    let (Some(a), Some(b)) = (plain(left), plain(right)) else {
        return Err(illegal_pair(arguments, op.name()));
    };
    let is_time = |t: &DataType| t.is_date() || t.is_datetime();
    if !interval || is_time(left) || is_time(right) {
        return Err(illegal_pair(arguments, op.name()));
    }
    let return_type = match left {
        DataType::Interval(_) => left.clone(),
        _ => sum_type(&a, &b, op).ok_or_else(|| illegal_pair(arguments, op.name()))?,
    };
    native(&a, &b, return_type, op)
}

/// The type of a sum, difference or product of plain numbers; `None` where there is none.
fn sum_type(a: &DataType, b: &DataType, op: Op) -> Option<DataType> {
    let (left, right) = (a.bits()?, b.bits()?);
    if a.is_float() || b.is_float() {
        // Twice the bits of the wider side.
        let float = if left.max(right) <= 16 { DataType::Float32 } else { DataType::Float64 };
        return (left < 128 && right < 128).then_some(float);
    }
    let signed = op == Op::Minus || a.is_signed_integer() || b.is_signed_integer();
    Some(integer(signed, wider(left.max(right))))
}

fn native(a: &DataType, b: &DataType, return_type: DataType, op: Op) -> Result<Bound> {
    let (a, b, to) = (Kind::require(a)?, Kind::require(b)?, Kind::require(&return_type)?);
    Ok(Bound::new(return_type, move |columns, _| {
        let left = convert(argument(columns, 0)?, a, to)?;
        let right = convert(argument(columns, 1)?, b, to)?;
        with_lane!(to, T => match op {
            Op::Plus => map2::<T, T, T>(&left, &right, Wrapping::plus),
            Op::Minus => map2::<T, T, T>(&left, &right, Wrapping::minus),
            Op::Multiply => map2::<T, T, T>(&left, &right, Wrapping::times),
        })
    }))
}

/// Binds where a date or time is among the arguments.
fn bind_time(context: &FunctionContext, arguments: &[Argument], op: Op) -> Result<Option<Bound>> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    let (a, b) = (TimeType::of(left, context), TimeType::of(right, context));
    if op == Op::Multiply || (a.is_none() && b.is_none()) {
        return Ok(None);
    }
    if let (Some(a), Some(b)) = (a, b) {
        return difference(arguments, a, b, op).map(Some);
    }
    let sign = if op == Op::Minus { -1 } else { 1 };
    let swapped = a.is_none();
    if swapped && op == Op::Minus {
        bail!(
            IllegalTypeOfArgument,
            "Wrong order of arguments for function minus: a date or time cannot be subtracted from {left}"
        );
    }
    let (time, amount) = if swapped { (right, left) } else { (left, right) };
    let unit = match amount {
        DataType::Interval(unit) => *unit,
        other if is_native_number(other) && time.is_date() => IntervalKind::Day,
        other if is_native_number(other) => IntervalKind::Second,
        _ => return Err(illegal_pair(arguments, op.name())),
    };
    let bound = interval_arithmetic::bind(context, time, amount, unit, sign)?;
    if !swapped {
        return Ok(Some(bound));
    }
    let expr::Kernel::Plain(kernel) = bound.kernel else {
        bail!(LogicalError, "an addition of intervals of higher order");
    };
    Ok(Some(Bound::new(bound.return_type, move |columns, rows| {
        kernel(&[argument(columns, 1)?.clone(), argument(columns, 0)?.clone()], rows)
    })))
}

/// Differences of dates in days, of times in seconds.
fn difference(arguments: &[Argument], a: TimeType, b: TimeType, op: Op) -> Result<Bound> {
    let precision = |t: TimeType| match t {
        TimeType::DateTime64(precision, _) => Some(precision),
        _ => None,
    };
    let both_plain = matches!(
        (a, b),
        (TimeType::Date, TimeType::Date) | (TimeType::DateTime(_), TimeType::DateTime(_))
    );
    let with_ticks =
        (precision(a).is_some() || precision(b).is_some()) && !a.is_date() && !b.is_date();
    if op != Op::Minus || !(both_plain || with_ticks) {
        return Err(illegal_pair(arguments, op.name()));
    }
    if both_plain {
        return Ok(Bound::new(DataType::Int32, move |columns, _| {
            let left = convert(argument(columns, 0)?, a.kind(), Kind::I32)?;
            let right = convert(argument(columns, 1)?, b.kind(), Kind::I32)?;
            map2::<i32, i32, i32>(&left, &right, i32::wrapping_sub)
        }));
    }
    let (p, q) = (precision(a).unwrap_or(0), precision(b).unwrap_or(0));
    let scale = p.max(q);
    let (x, y) = (ticks_of(scale - p), ticks_of(scale - q));
    Ok(Bound::new(DataType::Decimal { precision: 18, scale }, move |columns, _| {
        let left = convert(argument(columns, 0)?, a.kind(), Kind::I64)?;
        let right = convert(argument(columns, 1)?, b.kind(), Kind::I64)?;
        map2::<i64, i64, i64>(&left, &right, |a, b| {
            a.wrapping_mul(x).wrapping_sub(b.wrapping_mul(y))
        })
    }))
}

fn bind_negate(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if matches!(data_type, DataType::Tuple(_)) {
        return tuples::negate(context, arguments);
    }
    if matches!(data_type, DataType::Decimal { .. } | DataType::Interval(_)) {
        let kind = Kind::require(data_type)?;
        return Ok(Bound::new(data_type.clone(), move |columns, _| {
            negate(argument(columns, 0)?, kind)
        }));
    }
    if !is_native_number(data_type) {
        return Err(illegal(data_type, "negate"));
    }
    let bits = data_type.bits().unwrap_or(64);
    let return_type = match data_type {
        float if float.is_float() => float.clone(),
        signed if signed.is_signed_integer() => signed.clone(),
        _ => integer(true, wider(bits)),
    };
    let (from, to) = (Kind::require(data_type)?, Kind::require(&return_type)?);
    Ok(Bound::new(return_type, move |columns, _| {
        negate(&convert(argument(columns, 0)?, from, to)?, to)
    }))
}

fn negate(column: &Column, kind: Kind) -> Result<Column> {
    match kind {
        Kind::F32 => map::<f32, f32>(column, |v| -v),
        Kind::F64 => map::<f64, f64>(column, |v| -v),
        _ => with_integer_lane!(kind, T => map::<T, T>(column, T::wrapping_neg),
            bail!(LogicalError, "a float among integers")),
    }
}

fn bind_abs(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    let kind = match data_type {
        DataType::Decimal { .. } => Kind::require(data_type)?,
        other if is_native_number(other) => Kind::require(other)?,
        other => return Err(illegal(other, "abs")),
    };
    let return_type = match data_type {
        DataType::Bool => DataType::UInt8,
        signed if signed.is_signed_integer() => integer(false, signed.bits().unwrap_or(64)),
        other => other.clone(),
    };
    let decimal = matches!(data_type, DataType::Decimal { .. });
    Ok(Bound::new(return_type, move |columns, _| {
        let column = argument(columns, 0)?;
        match kind {
            Kind::I32 if decimal => map::<i32, i32>(column, i32::wrapping_abs),
            Kind::I64 if decimal => map::<i64, i64>(column, i64::wrapping_abs),
            Kind::I128 if decimal => map::<i128, i128>(column, i128::wrapping_abs),
            Kind::I256 if decimal => map::<I256, I256>(column, I256::wrapping_abs),
            Kind::I8 => map::<i8, u8>(column, i8::unsigned_abs),
            Kind::I16 => map::<i16, u16>(column, i16::unsigned_abs),
            Kind::I32 => map::<i32, u32>(column, i32::unsigned_abs),
            Kind::I64 => map::<i64, u64>(column, i64::unsigned_abs),
            Kind::I128 => map::<i128, u128>(column, i128::unsigned_abs),
            Kind::I256 => map::<I256, U256>(column, I256::unsigned_abs),
            Kind::F32 => map::<f32, f32>(column, f32::abs),
            Kind::F64 => map::<f64, f64>(column, f64::abs),
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 | Kind::U128 | Kind::U256 => {
                Ok(column.clone())
            }
        }
    }))
}

fn bind_sign(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !is_native_number(data_type) && !matches!(data_type, DataType::Decimal { .. }) {
        return Err(illegal(data_type, "sign"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::Int8, move |columns, _| {
        with_lane!(kind, T => map::<T, i8>(argument(columns, 0)?, |v| {
            // NaN counts as positive.
            i8::from(v != T::default()) - 2 * i8::from(v < T::default())
        }))
    }))
}

fn bind_float_pair(
    arguments: &[Argument],
    name: &'static str,
    f: fn(f64, f64) -> f64,
) -> Result<Bound> {
    let fits = |a: &Argument| {
        let is_decimal = matches!(a.data_type, DataType::Decimal { .. });
        is_decimal || is_native_number(&a.data_type) && a.data_type.bits() < Some(128)
    };
    if !arguments.iter().all(fits) {
        return Err(illegal_pair(arguments, name));
    }
    let (a, b) = (arguments[0].data_type.clone(), arguments[1].data_type.clone());
    Ok(Bound::new(DataType::Float64, move |columns, _| {
        let left = to_float(argument(columns, 0)?, &a)?;
        let right = to_float(argument(columns, 1)?, &b)?;
        map2::<f64, f64, f64>(&left, &right, f)
    }))
}

fn bind_divisor(arguments: &[Argument], greatest: bool) -> Result<Bound> {
    let name = if greatest { "gcd" } else { "lcm" };
    let integers = |a: &Argument| a.data_type.is_integer() || a.data_type == DataType::Bool;
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    let (Some(a), Some(b), true) = (plain(left), plain(right), arguments.iter().all(integers))
    else {
        return Err(illegal_pair(arguments, name));
    };
    let return_type = sum_type(&a, &b, Op::Plus).ok_or_else(|| illegal_pair(arguments, name))?;
    let (a, b, to) = (Kind::require(&a)?, Kind::require(&b)?, Kind::require(&return_type)?);
    if to.is_256() {
        return Ok(wide_divisor((a, b, to), return_type, greatest));
    }
    let magnitude = |kind: Kind| -> fn(&Column) -> Result<Column> {
        match kind {
            Kind::I8 => |c| map::<i8, u128>(c, |v| u128::from(v.unsigned_abs())),
            Kind::I16 => |c| map::<i16, u128>(c, |v| u128::from(v.unsigned_abs())),
            Kind::I32 => |c| map::<i32, u128>(c, |v| u128::from(v.unsigned_abs())),
            Kind::I64 => |c| map::<i64, u128>(c, |v| u128::from(v.unsigned_abs())),
            Kind::I128 => |c| map::<i128, u128>(c, i128::unsigned_abs),
            Kind::U8 => |c| map::<u8, u128>(c, u128::from),
            Kind::U16 => |c| map::<u16, u128>(c, u128::from),
            Kind::U32 => |c| map::<u32, u128>(c, u128::from),
            Kind::U64 => |c| map::<u64, u128>(c, u128::from),
            _ => |c| Ok(c.clone()),
        }
    };
    let (left, right) = (magnitude(a), magnitude(b));
    Ok(Bound::new(return_type, move |columns, _| {
        let (x, y) = (left(argument(columns, 0)?)?, right(argument(columns, 1)?)?);
        let found = try_map2::<u128, u128, u128>(&x, &y, |x, y| {
            if x == 0 || y == 0 {
                bail!(IllegalDivision, "Division by zero");
            }
            let divisor = common_divisor(x, y);
            Ok(if greatest { divisor } else { (x / divisor).wrapping_mul(y) })
        })?;
        with_lane!(to, T => map::<u128, T>(&found, To::<T>::to))
    }))
}

/// As `bind_divisor`, in 256 bits.
fn wide_divisor((a, b, to): (Kind, Kind, Kind), return_type: DataType, greatest: bool) -> Bound {
    let magnitude = |column: &Column, kind: Kind| match kind {
        Kind::U256 => Ok(column.clone()),
        other => map::<I256, U256>(&convert(column, other, Kind::I256)?, I256::unsigned_abs),
    };
    Bound::new(return_type, move |columns, _| {
        let x = magnitude(argument(columns, 0)?, a)?;
        let y = magnitude(argument(columns, 1)?, b)?;
        let found = try_map2::<U256, U256, U256>(&x, &y, |x, y| {
            if x == U256::ZERO || y == U256::ZERO {
                bail!(IllegalDivision, "Division by zero");
            }
            let (mut divisor, mut rest) = (x, y);
            while rest != U256::ZERO {
                (divisor, rest) = (rest, divisor % rest);
            }
            Ok(if greatest { divisor } else { (x / divisor).wrapping_mul(y) })
        })?;
        convert(&found, Kind::U256, to)
    })
}

/// Euclid's algorithm; 64 bits where they suffice.
fn common_divisor(mut x: u128, mut y: u128) -> u128 {
    if let (Ok(mut a), Ok(mut b)) = (u64::try_from(x), u64::try_from(y)) {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        return u128::from(a);
    }
    while y != 0 {
        (x, y) = (y, x % y);
    }
    x
}

fn bind_byte_swap(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() {
        return Err(illegal(data_type, "byteSwap"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(data_type.clone(), move |columns, _| {
        with_integer_lane!(kind, T => map::<T, T>(argument(columns, 0)?, T::swap_bytes),
            bail!(LogicalError, "a float among integers"))
    }))
}
