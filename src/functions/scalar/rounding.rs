//! Rounding of numbers to decimal places, and to the nearest of certain values.
//!
//! `round` of floats takes the even neighbour of a tie (as the processor rounds), of integers and
//! decimals the one away from 0; `roundBankers` always the even one.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::wide;
use types::{Column, DataType, I256};

use super::decimal_arithmetic::to_float;
use super::lane::{
    Kind, Lane, To, Values, argument, convert, flat, map, map2, values, with_integer_lane,
};
use super::number_type::{illegal, is_native_number, power_of_ten};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Rounding";
    "floor" any_case true (1, 2) "floor(x[, places])"
        "The greatest number of so many decimal places that is not above x."
        "SELECT floor(-2.5), floor(123, -1)" => "-3\t120"; |_, a| bind(a, Mode::Floor);
    "ceil" | "ceiling" any_case true (1, 2) "ceil(x[, places])"
        "The least number of so many decimal places that is not below x."
        "SELECT ceil(2.1)" => "3"; |_, a| bind(a, Mode::Ceil);
    "trunc" | "truncate" any_case true (1, 2) "trunc(x[, places])"
        "x without the digits after so many decimal places."
        "SELECT trunc(-2.7)" => "-2"; |_, a| bind(a, Mode::Trunc);
    "round" any_case true (1, 2) "round(x[, places])"
        "x rounded to so many decimal places; ties of floats go to the even neighbour, others away from 0."
        "SELECT round(3.14159, 2), round(1250, -2)" => "3.14\t1300"; |_, a| bind(a, Mode::Round);
    "roundBankers" (1, 2) "roundBankers(x[, places])"
        "x rounded to so many decimal places, ties to the even neighbour."
        "SELECT roundBankers(25, -1)" => "20"; |_, a| bind(a, Mode::Bankers);
    "roundToExp2" (1, 1) "roundToExp2(x)" "The greatest power of two that is not above x; 0 below 1."
        "SELECT roundToExp2(100)" => "64"; bind_to_exp2;
    "roundDuration" (1, 1) "roundDuration(seconds)"
        "A duration rounded down to one of 0, 1, 10, 30, 60, 120, 180, 240, 300, 600, 1200, 1800, 3600, 7200, 18000 and 36000 seconds."
        "SELECT roundDuration(100)" => "60"; bind_duration;
    "roundAge" (1, 1) "roundAge(years)" "An age rounded down to one of 0, 17, 18, 25, 35, 45 and 55."
        "SELECT roundAge(30)" => "25"; bind_age;
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Floor,
    Ceil,
    Trunc,
    Round,
    Bankers,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Floor => "floor",
            Mode::Ceil => "ceil",
            Mode::Trunc => "trunc",
            Mode::Round => "round",
            Mode::Bankers => "roundBankers",
        }
    }
}

fn bind(arguments: &[Argument], mode: Mode) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !data_type.is_number() {
        return Err(illegal(&data_type, mode.name()));
    }
    let places_kind = match arguments.get(1) {
        Some(places) if places.data_type.is_integer() => Some(Kind::require(&places.data_type)?),
        Some(places) => {
            return Err(error!(
                IllegalTypeOfArgument,
                "The number of decimal places of {} must be an integer, not {}",
                mode.name(),
                places.data_type
            ));
        }
        None => None,
    };
    let kind = Kind::require(&data_type)?;
    let brain = data_type == DataType::BFloat16;
    let scale = match &data_type {
        DataType::Decimal { scale, .. } => Some(i64::from(*scale)),
        _ => None,
    };
    Ok(Bound::new(data_type, move |columns, rows| {
        let column = argument(columns, 0)?;
        let places = match places_kind {
            Some(kind) => convert(argument(columns, 1)?, kind, Kind::I64)?,
            None => super::lane::constant(0_i64, rows),
        };
        match kind {
            Kind::F32 if brain => {
                map::<f32, f32>(&round_floats::<f32>(column, &places, mode)?, types::brain_float)
            }
            Kind::F32 => round_floats::<f32>(column, &places, mode),
            Kind::F64 => round_floats::<f64>(column, &places, mode),
            Kind::I256 | Kind::U256 => round_wide(column, &places, kind, mode, scale),
            _ => round_integers(column, &places, kind, mode, scale),
        }
    }))
}

/// Rounding of one float type at a scale.
trait Roundable: Lane {
    fn apply(self, mode: Mode) -> Self;
    fn power_of_ten(places: i64) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
    fn finite(self) -> bool;
}

macro_rules! roundable {
    ($($native:ty),*) => {$(
        impl Roundable for $native {
            #[inline]
            fn apply(self, mode: Mode) -> Self {
                match mode {
                    Mode::Floor => self.floor(),
                    Mode::Ceil => self.ceil(),
                    Mode::Trunc => self.trunc(),
                    Mode::Round | Mode::Bankers => self.round_ties_even(),
                }
            }
            fn power_of_ten(places: i64) -> Self {
                format!("1e{places}").parse().unwrap_or(<$native>::INFINITY)
            }
            #[inline]
            fn times(self, other: Self) -> Self { self * other }
            #[inline]
            fn over(self, other: Self) -> Self { self / other }
            #[inline]
            fn finite(self) -> bool { self.is_finite() }
        }
    )*};
}

roundable!(f32, f64);

fn round_float<T: Roundable>(value: T, places: i64, power: T, mode: Mode) -> T {
    if places == 0 {
        return value.apply(mode);
    }
    if places < 0 {
        return value.over(power).apply(mode).times(power);
    }
    let scaled = value.times(power);
    if scaled.finite() { scaled.apply(mode).over(power) } else { value }
}

fn round_floats<T: Roundable>(column: &Column, places: &Column, mode: Mode) -> Result<Column> {
    match values::<i64>(places)? {
        Values::One(0) => map::<T, T>(column, |v| v.apply(mode)),
        Values::One(places) => {
            let power = T::power_of_ten(places.abs().min(400));
            map::<T, T>(column, |v| round_float(v, places, power, mode))
        }
        Values::Slice(places) => {
            let numbers = values::<T>(column)?;
            let one = |(row, places): (usize, &i64)| {
                let power = T::power_of_ten(places.saturating_abs().min(400));
                round_float(numbers.at(row), *places, power, mode)
            };
            Ok(flat(places.iter().enumerate().map(one).collect()))
        }
    }
}

/// An integer as a multiple of a power of ten.
fn round_integer(value: i128, power: i128, mode: Mode) -> i128 {
    let (whole, rest) = (value.div_euclid(power), value.rem_euclid(power));
    let up = match mode {
        Mode::Floor => false,
        Mode::Ceil => rest > 0,
        Mode::Trunc => rest > 0 && value < 0,
        Mode::Round => rest * 2 > power || (rest * 2 == power && value > 0),
        Mode::Bankers => rest * 2 > power || (rest * 2 == power && whole.rem_euclid(2) == 1),
    };
    (whole + i128::from(up)).wrapping_mul(power)
}

/// A number as the type's width holds it.
fn own(value: i128, kind: Kind) -> i128 {
    match kind {
        Kind::I8 => i128::from(value as i8),
        Kind::I16 => i128::from(value as i16),
        Kind::I32 => i128::from(value as i32),
        Kind::U8 => i128::from(value as u8),
        Kind::U16 => i128::from(value as u16),
        Kind::U32 => i128::from(value as u32),
        Kind::U64 => i128::from(value as u64),
        Kind::I128 | Kind::U128 => value,
        _ => i128::from(value as i64),
    }
}

/// As `round_integer`, where what is added wraps around in the width of the type, as in ClickHouse.
fn round_wrapping(value: i128, power: i128, mode: Mode, kind: Kind) -> i128 {
    // Sums of the narrow ones have 32 bits.
    let sum = |v: i128| match kind {
        Kind::I8 | Kind::I16 | Kind::U8 | Kind::U16 => v,
        _ => own(v, kind),
    };
    let below = |by: i128| if value < 0 { own(value - by, kind) } else { value };
    match mode {
        Mode::Floor => below(power - 1) / power * power,
        Mode::Ceil => {
            (if value < 0 { value } else { own(value + power - 1, kind) }) / power * power
        }
        Mode::Trunc => value / power * power,
        Mode::Round => sum(below(power) + power / 2) / power * power,
        Mode::Bankers => {
            let shifted = below(power);
            let moved = sum(shifted + power / 2);
            let whole = moved / power;
            match moved % power {
                // In the middle of two multiples: the even one.
                0 => ((whole + i128::from(shifted < 0)) & !1) * power,
                _ => whole * power,
            }
        }
    }
}

fn round_integers(
    column: &Column,
    places: &Column,
    kind: Kind,
    mode: Mode,
    scale: Option<i64>,
) -> Result<Column> {
    let cut = |places: i64| scale.unwrap_or(0).saturating_sub(places);
    let wraps = scale.is_none() && !matches!(kind, Kind::I128 | Kind::U128);
    let one = |value: i128, places: i64| -> i128 {
        match cut(places) {
            digits if digits <= 0 => value,
            digits if digits >= 38 => 0,
            digits => match power_of_ten(digits as u32) {
                // A power that the type does not hold has no multiple but 0.
                power if own(power, kind) != power => 0,
                power if wraps => round_wrapping(value, power, mode, kind),
                power => round_integer(value, power, mode),
            },
        }
    };
    match values::<i64>(places)? {
        Values::One(places) if cut(places) <= 0 => Ok(column.clone()),
        Values::One(places) => with_integer_lane!(kind, T => map::<T, T>(column, |v| {
            To::<T>::to(one(To::<i128>::to(v), places))
        }), bail!(LogicalError, "a float among integers")),
        Values::Slice(places) => {
            let wide = convert(column, kind, Kind::I128)?;
            let numbers = values::<i128>(&wide)?;
            let out: Vec<i128> =
                places.iter().enumerate().map(|(row, p)| one(numbers.at(row), *p)).collect();
            convert(&flat(out), Kind::I128, kind)
        }
    }
}

/// As `round_integer`, in 256 bits.
fn round_wide_integer(value: I256, power: I256, mode: Mode) -> I256 {
    let (whole, rest) = (value.div_euclid(power), value.rem_euclid(power));
    let order = (rest * 2).cmp(&power);
    let up = match mode {
        Mode::Floor => false,
        Mode::Ceil => rest > 0,
        Mode::Trunc => rest > 0 && value < 0,
        Mode::Round => order.is_gt() || (order.is_eq() && value > 0),
        Mode::Bankers => order.is_gt() || (order.is_eq() && whole.rem_euclid(I256::new(2)) == 1),
    };
    whole.wrapping_add(I256::from(up)).wrapping_mul(power)
}

/// As `round_integers`, in 256 bits; of unsigned ones those beyond the signed range wrap around.
fn round_wide(
    column: &Column,
    places: &Column,
    kind: Kind,
    mode: Mode,
    scale: Option<i64>,
) -> Result<Column> {
    let wide = convert(column, kind, Kind::I256)?;
    let rounded = map2::<I256, i64, I256>(&wide, places, |value, places| {
        match scale.unwrap_or(0).saturating_sub(places) {
            digits if digits <= 0 => value,
            digits if digits >= 76 => I256::ZERO,
            digits => round_wide_integer(value, wide::power_of_ten(digits as u32), mode),
        }
    })?;
    convert(&rounded, Kind::I256, kind)
}

fn bind_to_exp2(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !is_native_number(&data_type) || data_type == DataType::Bool {
        return Err(illegal(&data_type, "roundToExp2"));
    }
    let kind = Kind::require(&data_type)?;
    if kind.is_256() {
        bail!(NotImplemented, "roundToExp2 is not implemented for {data_type}");
    }
    Ok(Bound::new(data_type, move |columns, _| {
        let column = argument(columns, 0)?;
        match kind {
            Kind::F32 => map::<f32, f32>(column, |v| float_to_exp2(f64::from(v)) as f32),
            Kind::F64 => map::<f64, f64>(column, float_to_exp2),
            _ => with_integer_lane!(kind, T => map::<T, T>(column, |v| {
                let bits = T::BITS - 1 - v.leading_zeros().min(T::BITS - 1);
                if v < 1 { T::default() } else { To::<T>::to(1_u8) << bits }
            }), bail!(LogicalError, "a float among integers")),
        }
    }))
}

/// The exponent alone, with the sign kept.
fn float_to_exp2(value: f64) -> f64 {
    f64::from_bits(value.to_bits() & !((1 << 52) - 1))
}

fn steps(
    arguments: &[Argument],
    name: &str,
    return_type: DataType,
    step: fn(f64) -> u16,
) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !is_native_number(&data_type) {
        return Err(illegal(&data_type, name));
    }
    let to = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, _| {
        let numbers = to_float(argument(columns, 0)?, &data_type)?;
        convert(&map::<f64, u16>(&numbers, step)?, Kind::U16, to)
    }))
}

fn bind_duration(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    const STEPS: [u16; 15] =
        [1, 10, 30, 60, 120, 180, 240, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000];
    steps(arguments, "roundDuration", DataType::UInt16, |seconds| {
        STEPS.iter().rev().find(|s| f64::from(**s) <= seconds).copied().unwrap_or(0)
    })
}

fn bind_age(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    const STEPS: [u16; 5] = [18, 25, 35, 45, 55];
    steps(arguments, "roundAge", DataType::UInt8, |years| {
        let step = STEPS.iter().rev().find(|s| f64::from(**s) <= years).copied();
        step.unwrap_or(if years >= 1.0 { 17 } else { 0 })
    })
}
