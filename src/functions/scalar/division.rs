//! Division and remainders of numbers.
//!
//! `divide` is of floats; `intDiv` truncates to the dividend's width; remainders have the dividend's sign
//! and the divisor's width. Integer division by 0 is ILLEGAL_DIVISION unless the function's name says
//! what to answer instead.

use arrow_buffer::NullBuffer;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Kernel};
use types::{Column, DataType, I256, U256};

use super::decimal_arithmetic::{self, floats, to_float};
use super::lane::{Kind, Lane, To, Values, argument, convert, map2, try_map2, values, with_lane};
use super::number_type::{illegal_pair, integer, is_native_number, plain, wider};
use crate::collection::tuple_arithmetic as tuples;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Arithmetic";
    "divide" (2, 2) "divide(x, y), x / y" "The quotient as Float64, of decimals as Decimal."
        "SELECT divide(7, 2)" => "3.5"; |c, a| of_tuples(c, a, "divide", bind_divide);
    "divideOrNull" (2, 2) "divideOrNull(x, y)" "The quotient, NULL where the divisor is 0."
        "SELECT divideOrNull(7, 0)" => "\\N"; |_, a| or_null(a, bind_divide(a)?);
    "intDiv" (2, 2) "intDiv(x, y)" "The quotient without its fraction."
        "SELECT intDiv(7, 2)" => "3"; |c, a| of_tuples(c, a, "intDiv", |a| bind_int_div(a, false));
    "intDivOrZero" (2, 2) "intDivOrZero(x, y)"
        "The quotient without its fraction; 0 where the divisor is 0 or the quotient does not fit."
        "SELECT intDivOrZero(7, 0)" => "0"; |_, a| bind_int_div(a, true);
    "intDivOrNull" (2, 2) "intDivOrNull(x, y)"
        "The quotient without its fraction; NULL where the divisor is 0."
        "SELECT intDivOrNull(7, 0)" => "\\N"; |_, a| or_null(a, bind_int_div(a, true)?);
    "modulo" | "mod" any_case true (2, 2) "modulo(x, y), x % y"
        "The remainder of a division, with the sign of the dividend."
        "SELECT modulo(-7, 3)" => "-1"; |c, a| of_tuples(c, a, "modulo", |a| bind_modulo(a, false, false));
    "moduloOrZero" (2, 2) "moduloOrZero(x, y)" "The remainder; 0 where the divisor is 0."
        "SELECT moduloOrZero(7, 0)" => "0"; |_, a| bind_modulo(a, true, false);
    "moduloOrNull" | "modOrNull" (2, 2) "moduloOrNull(x, y)" "The remainder; NULL where the divisor is 0."
        "SELECT moduloOrNull(7, 0)" => "\\N"; |_, a| or_null(a, bind_modulo(a, true, false)?);
    "positiveModulo" | "positive_modulo" | "pmod" any_case true (2, 2) "positiveModulo(x, y)"
        "The remainder that is not negative."
        "SELECT positiveModulo(-7, 3)" => "2"; |_, a| bind_modulo(a, false, true);
    "positiveModuloOrNull" | "positive_modulo_or_null" | "pmodOrNull" any_case true (2, 2)
        "positiveModuloOrNull(x, y)" "The remainder that is not negative; NULL where the divisor is 0."
        "SELECT positiveModuloOrNull(-7, 0)" => "\\N"; |_, a| or_null(a, bind_modulo(a, true, true)?);
};

/// Binds to numbers, or to the elements of tuples.
fn of_tuples(
    context: &FunctionContext,
    arguments: &[Argument],
    operation: &str,
    bind: fn(&[Argument]) -> Result<Bound>,
) -> Result<Bound> {
    match tuples::operator(context, operation, arguments)? {
        Some(bound) => Ok(bound),
        None => bind(arguments),
    }
}

fn has_decimal(arguments: &[Argument]) -> bool {
    arguments.iter().any(|a| matches!(a.data_type, DataType::Decimal { .. }))
}

fn bind_divide(arguments: &[Argument]) -> Result<Bound> {
    if has_decimal(arguments) {
        return decimal_arithmetic::bind_divide(arguments, false);
    }
    floats(arguments, "divide", |a, b| a / b)
}

/// The same with NULL where the second argument is 0.
fn or_null(arguments: &[Argument], bound: Bound) -> Result<Bound> {
    let divisor = arguments[1].data_type.clone();
    let Kernel::Plain(kernel) = bound.kernel else {
        bail!(LogicalError, "a division of higher order");
    };
    Ok(Bound::new(bound.return_type.nullable(), move |columns, rows| {
        let zero = to_float(argument(columns, 1)?, &divisor)?;
        let zero = values::<f64>(&zero)?;
        let valid: NullBuffer = (0..rows).map(|row| zero.at(row) != 0.0).collect();
        kernel(columns, rows)?.with_nulls(Some(valid))
    }))
}

/// The lane in which two integers are divided exactly.
fn common_lane(a: Kind, b: Kind) -> Kind {
    let unsigned = |k: Kind| {
        matches!(k, Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 | Kind::U128 | Kind::U256)
    };
    let wide = |k: Kind| matches!(k, Kind::U128 | Kind::I128);
    let small = |k: Kind| {
        matches!(k, Kind::U8 | Kind::U16 | Kind::I8 | Kind::I16) || matches!(k, Kind::I32)
    };
    match (a, b) {
        (a, b) if a.is_256() || b.is_256() => match unsigned(a) && unsigned(b) {
            true => Kind::U256,
            false => Kind::I256,
        },
        (a, b) if unsigned(a) && unsigned(b) => {
            if wide(a) || wide(b) {
                Kind::U128
            } else if a == Kind::U64 || b == Kind::U64 {
                Kind::U64
            } else {
                Kind::U32
            }
        }
        (a, b) if wide(a) || wide(b) || a == Kind::U64 || b == Kind::U64 => Kind::I128,
        (a, b) if small(a) && small(b) => Kind::I32,
        _ => Kind::I64,
    }
}

/// Integer division with the special cases told apart.
pub(crate) trait Divisible: Lane {
    fn quotient(self, by: Self) -> Option<Self>;
    fn remainder(self, by: Self) -> Option<Self>;
    fn positive_remainder(self, by: Self) -> Option<Self>;
}

macro_rules! divisible {
    ($($native:ty),*) => {$(
        impl Divisible for $native {
            #[inline]
            fn quotient(self, by: Self) -> Option<Self> { self.checked_div(by) }
            #[inline]
            fn remainder(self, by: Self) -> Option<Self> {
                if by == 0 { None } else { Some(self.wrapping_rem(by)) }
            }
            #[inline]
            fn positive_remainder(self, by: Self) -> Option<Self> {
                if by == 0 { None } else { Some(self.wrapping_rem_euclid(by)) }
            }
        }
    )*};
}

divisible!(u32, u64, u128, U256, i32, i64, i128, I256);

/// Runs an expression for the lanes of `common_lane`.
macro_rules! with_division_lane {
    ($kind:expr, $T:ident => $body:expr) => {
        match $kind {
            Kind::U32 => {
                type $T = u32;
                $body
            }
            Kind::U64 => {
                type $T = u64;
                $body
            }
            Kind::U128 => {
                type $T = u128;
                $body
            }
            Kind::I32 => {
                type $T = i32;
                $body
            }
            Kind::I64 => {
                type $T = i64;
                $body
            }
            Kind::U256 => {
                type $T = U256;
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

/// Which quantity of a division.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Quotient,
    Remainder,
    PositiveRemainder,
}

fn divide_integers<T: Divisible + To<R> + To<i128>, R: Lane>(
    left: &Column,
    right: &Column,
    want: Want,
    or_zero: bool,
    least: Option<i128>,
) -> Result<Column> {
    let failed = |by_zero: bool| -> Result<R> {
        if or_zero {
            return Ok(R::default());
        }
        if by_zero {
            bail!(IllegalDivision, "Division by zero");
        }
        bail!(IllegalDivision, "Division of minimal signed number by minus one")
    };
    // A divisor known to be neither 0 nor -1 makes the loop free of checks.
    if let Values::One(by) = values::<T>(right)?
        && let Values::Slice(slice) = values::<T>(left)?
        && by > T::default()
    {
        let f = match want {
            Want::Quotient => T::quotient,
            Want::Remainder => T::remainder,
            Want::PositiveRemainder => T::positive_remainder,
        };
        let out = slice.iter().map(|v| f(*v, by).unwrap_or_default().to()).collect();
        return Ok(super::lane::flat::<R>(out));
    }
    let overflows = |a: T, b: T| {
        least.is_some_and(|least| To::<i128>::to(b) == -1 && To::<i128>::to(a) == least)
    };
    try_map2::<T, T, R>(left, right, |a, b| {
        let found = match want {
            Want::Quotient => a.quotient(b).filter(|_| !overflows(a, b)),
            Want::Remainder => a.remainder(b),
            Want::PositiveRemainder => a.positive_remainder(b),
        };
        found.map_or_else(|| failed(b == T::default()), |v| Ok(v.to()))
    })
}

fn bind_int_div(arguments: &[Argument], or_zero: bool) -> Result<Bound> {
    if has_decimal(arguments) {
        return decimal_arithmetic::bind_int_div(arguments, or_zero);
    }
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    let (Some(a), Some(b), true, true) =
        (plain(left), plain(right), is_native_number(left), is_native_number(right))
    else {
        return Err(illegal_pair(arguments, "intDiv"));
    };
    let signed = [&a, &b].iter().any(|t| t.is_signed_integer() || t.is_float());
    let return_type = integer(signed, a.bits().unwrap_or(64));
    let to = Kind::require(&return_type)?;
    if a.is_float() || b.is_float() {
        return Ok(int_div_floats(a, b, return_type, to, or_zero));
    }
    if signed && a.is_signed_integer() != b.is_signed_integer() {
        return mixed_kernel(&a, &b, return_type, or_zero);
    }
    divide_kernel(&a, &b, return_type, Want::Quotient, or_zero)
}

/// Of floats, divided in the wider of their widths: the quotient must lie within the result's type.
fn int_div_floats(a: DataType, b: DataType, to: DataType, kind: Kind, or_zero: bool) -> Bound {
    let narrow = ![&a, &b].contains(&&DataType::Float64);
    // As ClickHouse has it, neither end is within.
    let end = 2f64.powi(to.bits().unwrap_or(64) as i32 - 1);
    Bound::new(to.clone(), move |columns, _| {
        let x = to_float(argument(columns, 0)?, &a)?;
        let y = to_float(argument(columns, 1)?, &b)?;
        let quotients = try_map2::<f64, f64, f64>(&x, &y, |x, y| {
            if or_zero && y == 0.0 {
                return Ok(0.0);
            }
            let quotient = if narrow { f64::from(x as f32 / y as f32) } else { x / y };
            if -end < quotient && quotient < end {
                return Ok(quotient.trunc());
            }
            bail!(
                IllegalDivision,
                "Cannot perform integer division: the result {quotient} does not fit into {to}"
            )
        })?;
        convert(&quotients, Kind::F64, kind)
    })
}

/// Of a signed and an unsigned integer: both are read as signed ones, the divisor at least as wide as the
/// dividend.
fn mixed_kernel(a: &DataType, b: &DataType, return_type: DataType, or_zero: bool) -> Result<Bound> {
    let (wide_a, wide_b) = (a.bits().unwrap_or(64), b.bits().unwrap_or(64));
    let (signed_a, signed_b) = (integer(true, wide_a), integer(true, wide_a.max(wide_b)));
    let (from_a, from_b) = (Kind::require(a)?, Kind::require(b)?);
    let (to_a, to_b) = (Kind::require(&signed_a)?, Kind::require(&signed_b)?);
    let bound = divide_kernel(&signed_a, &signed_b, return_type, Want::Quotient, or_zero)?;
    let Kernel::Plain(divide) = bound.kernel else {
        bail!(LogicalError, "a division of higher order");
    };
    Ok(Bound::new(bound.return_type, move |columns, rows| {
        let left = convert(argument(columns, 0)?, from_a, to_a)?;
        let right = convert(argument(columns, 1)?, from_b, to_b)?;
        divide(&[left, right], rows)
    }))
}

fn divide_kernel(
    a: &DataType,
    b: &DataType,
    return_type: DataType,
    want: Want,
    or_zero: bool,
) -> Result<Bound> {
    let (a, b, to) = (Kind::require(a)?, Kind::require(b)?, Kind::require(&return_type)?);
    if want != Want::Quotient && [a, b].iter().any(|k| matches!(k, Kind::U128 | Kind::U256)) {
        match (is_signed(a), is_signed(b)) {
            (true, false) => {
                return Ok(wide_remainder::<I256, U256>(
                    (a, Kind::I256),
                    (b, Kind::U256),
                    return_type,
                    want,
                    or_zero,
                ));
            }
            (false, true) => {
                return Ok(wide_remainder::<U256, I256>(
                    (a, Kind::U256),
                    (b, Kind::I256),
                    return_type,
                    want,
                    or_zero,
                ));
            }
            _ => {}
        }
    }
    let lane = common_lane(a, b);
    // The least Int8 divided by -1 does not fit Int8, though it fits the lane.
    let narrow_min = match to {
        Kind::I8 if want == Want::Quotient => Some(i128::from(i8::MIN)),
        Kind::I16 if want == Want::Quotient => Some(i128::from(i16::MIN)),
        Kind::I32 if want == Want::Quotient => Some(i128::from(i32::MIN)),
        Kind::I64 if want == Want::Quotient && lane == Kind::I128 => Some(i128::from(i64::MIN)),
        _ => None,
    };
    Ok(Bound::new(return_type, move |columns, _| {
        let left = convert(argument(columns, 0)?, a, lane)?;
        let right = convert(argument(columns, 1)?, b, lane)?;
        with_division_lane!(lane, T => {
            with_lane!(to, R => divide_integers::<T, R>(&left, &right, want, or_zero, narrow_min))
        })
    }))
}

fn is_signed(kind: Kind) -> bool {
    matches!(kind, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 | Kind::I128 | Kind::I256)
}

/// An integer as its magnitude, and whether it is negative.
trait Magnitude: Lane {
    fn magnitude(self) -> (U256, bool);
}

impl Magnitude for U256 {
    fn magnitude(self) -> (U256, bool) {
        (self, false)
    }
}

impl Magnitude for I256 {
    fn magnitude(self) -> (U256, bool) {
        (self.unsigned_abs(), self.is_negative())
    }
}

/// The remainder of a signed and an unsigned integer that have no signed type together.
fn wide_remainder<A: Magnitude, B: Magnitude>(
    (a, lane_a): (Kind, Kind),
    (b, lane_b): (Kind, Kind),
    return_type: DataType,
    want: Want,
    or_zero: bool,
) -> Bound {
    Bound::new(return_type.clone(), move |columns, _| {
        let left = convert(argument(columns, 0)?, a, lane_a)?;
        let right = convert(argument(columns, 1)?, b, lane_b)?;
        let rests = try_map2::<A, B, I256>(&left, &right, |left, right| {
            let ((left, negative), (right, _)) = (left.magnitude(), right.magnitude());
            let Some(rest) = left.checked_rem(right) else {
                if or_zero {
                    return Ok(I256::ZERO);
                }
                bail!(IllegalDivision, "Division by zero");
            };
            Ok(match (negative && rest != U256::ZERO, want) {
                (false, _) => rest,
                (true, Want::PositiveRemainder) => right - rest,
                (true, _) => rest.wrapping_neg(),
            }
            .as_i256())
        })?;
        convert(&rests, Kind::I256, Kind::require(&return_type)?)
    })
}

/// What the quotient without its fraction leaves: 0 is never -0, and nothing is known of an infinite divisor.
/// Beyond 53 bits the quotient is inexact and so is the rest, which then may have any sign, as in ClickHouse.
fn float_remainder(x: f64, y: f64) -> f64 {
    x - (x / y).trunc() * y + 0.0
}

fn bind_modulo(arguments: &[Argument], or_zero: bool, positive: bool) -> Result<Bound> {
    let name = if positive { "positiveModulo" } else { "modulo" };
    if has_decimal(arguments) {
        return decimal_arithmetic::bind_modulo(arguments, or_zero, positive);
    }
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    let time = |t: &DataType| t.is_date() || matches!(t, DataType::DateTime(_) | DataType::Ipv4);
    let (Some(a), Some(b)) = (plain(left), plain(right)) else {
        return Err(illegal_pair(arguments, name));
    };
    if !(is_native_number(left) || time(left)) || !is_native_number(right) {
        return Err(illegal_pair(arguments, name));
    }
    if a.is_float() || b.is_float() {
        let signed = a.is_signed_integer() || a.is_float();
        return Ok(Bound::new(DataType::Float64, move |columns, _| {
            let x = to_float(argument(columns, 0)?, &a)?;
            let y = to_float(argument(columns, 1)?, &b)?;
            map2::<f64, f64, f64>(&x, &y, move |x, y| {
                let rest = float_remainder(x, y);
                if positive && signed && rest < 0.0 && y != 0.0 { rest + y.abs() } else { rest }
            })
        }));
    }
    let bits = b.bits().unwrap_or(64);
    let return_type = match a.is_signed_integer() && !positive {
        true => integer(true, wider(bits)),
        false => integer(false, bits),
    };
    let want = if positive { Want::PositiveRemainder } else { Want::Remainder };
    divide_kernel(&a, &b, return_type, want, or_zero)
}
