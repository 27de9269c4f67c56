//! Numbers to numbers: integers, floats, Bool, decimals, enums, addresses, intervals.

#![allow(
    clippy::useless_conversion,
    clippy::unnecessary_fallible_conversions,
    reason = "macros write these for all widths"
)]

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail, error};
use types::wide::{self, AsI256};
use types::{Column, DataType, I256, brain_float};

use super::{ArrayConversion, Mode};
use crate::scalar::decimal_arithmetic::to_float;
use crate::scalar::lane::{Kind, Lane, To, convert, map, try_map, with_integer_lane, with_lane};
use crate::scalar::number_type::float_power_of_ten;

/// The conversion between two number types; `None` where one is none.
pub(super) fn conversion(
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<Option<ArrayConversion>> {
    if let Some(found) = addresses(from, to, mode)? {
        return Ok(Some(found));
    }
    let number = |t: &DataType| t.is_number() || t.is_enum() || matches!(t, DataType::Interval(_));
    if !number(from) || !number(to) {
        return Ok(None);
    }
    if *to == DataType::BFloat16 {
        let wider = if *from == DataType::Float32 {
            None
        } else {
            conversion(from, &DataType::Float32, mode)?
        };
        return Ok(Some(Arc::new(move |array| {
            let floats = match &wider {
                Some(wider) => wider(array)?,
                None => array.clone(),
            };
            map::<f32, f32>(&Column::Flat(floats), brain_float)?.to_flat()
        })));
    }
    let (a, b) = (Kind::require(from)?, Kind::require(to)?);
    if let Some(values) = to.enum_values().cloned() {
        return enumeration(from, (a, b), values.iter().map(|(_, n)| n).collect(), to, mode);
    }
    if *to == DataType::Bool {
        return Ok(Some(Arc::new(move |array| {
            let column = Column::Flat(array.clone());
            with_lane!(a, T => map::<T, u8>(&column, |v| u8::from(v != T::default())))?.to_flat()
        })));
    }
    let scale = |t: &DataType| match t {
        DataType::Decimal { scale, .. } => Some(u32::from(*scale)),
        _ => None,
    };
    Ok(Some(match (scale(from), scale(to)) {
        (None, None) => plain(from, to, a, b, mode),
        (Some(_), None) if to.is_float() => {
            let from = from.clone();
            Arc::new(move |array| {
                let floats = to_float(&Column::Flat(array.clone()), &from)?;
                convert(&floats, Kind::F64, b)?.to_flat()
            })
        }
        (Some(scale), None) => fallible(mode, a, b, (scale, 0), "Convert overflow"),
        (None, Some(scale)) if from.is_float() => float_to_decimal(a, b, scale, to, mode),
        (None, Some(scale)) => fallible(mode, a, b, (0, scale), "Decimal convert overflow"),
        (Some(old), Some(new)) if new >= old => {
            fallible(mode, a, b, (0, new - old), "Decimal convert overflow")
        }
        (Some(old), Some(new)) => fallible(mode, a, b, (old - new, 0), "Decimal convert overflow"),
    }))
}

/// Applies a partial function to every value: what it has no answer for is an error or NULL.
fn partial<A: Lane, R: Lane>(
    array: &ArrayRef,
    mode: Mode,
    f: impl Fn(A) -> Option<R>,
    failed: impl Fn() -> Error,
) -> Result<ArrayRef> {
    let column = Column::Flat(array.clone());
    if mode != Mode::OrNull {
        return try_map::<A, R>(&column, |v| f(v).ok_or_else(&failed))?.to_flat();
    }
    let values = A::view(array)?;
    let valid: NullBuffer = values.iter().map(|v| f(*v).is_some()).collect();
    map::<A, R>(&column, |v| f(v).unwrap_or_default())?.with_nulls(Some(valid))?.to_flat()
}

/// Whole numbers with so many digits taken off and so many zeros put on, into a lane that may be too narrow.
fn fallible(
    mode: Mode,
    a: Kind,
    b: Kind,
    (off, on): (u32, u32),
    message: &'static str,
) -> ArrayConversion {
    let failed = move || error!(DecimalOverflow, "{message}");
    let (divisor, factor) = (wide::power_of_ten(off), wide::power_of_ten(on));
    let (Ok(divisor), Ok(factor), false) =
        (i128::try_from(divisor), i128::try_from(factor), a.is_256() || b.is_256())
    else {
        return fallible_wide(mode, (a, b), (divisor, factor), message);
    };
    Arc::new(move |array| {
        let not_integers = || Error::logical("a float among decimals");
        with_integer_lane!(b, R => with_integer_lane!(a, A => partial::<A, R>(array, mode, |v| {
            let wide = i128::try_from(v).ok()?;
            R::try_from((wide / divisor).checked_mul(factor)?).ok()
        }, failed), Err(not_integers())), Err(not_integers()))
    })
}

/// As `fallible`, in 256 bits.
fn fallible_wide(
    mode: Mode,
    (a, b): (Kind, Kind),
    (divisor, factor): (I256, I256),
    message: &'static str,
) -> ArrayConversion {
    let failed = move || error!(DecimalOverflow, "{message}");
    Arc::new(move |array| {
        let not_integers = || Error::logical("a float among decimals");
        let wide = convert(&Column::Flat(array.clone()), a, Kind::I256)?.to_flat()?;
        with_integer_lane!(b, R => partial::<I256, R>(&wide, mode, |v| {
            // What is beyond the signed range has become negative.
            if a == Kind::U256 && v < 0 {
                return None;
            }
            R::try_from((v / divisor).checked_mul(factor)?).ok()
        }, failed), Err(not_integers()))
    })
}

fn float_to_decimal(a: Kind, b: Kind, scale: u32, to: &DataType, mode: Mode) -> ArrayConversion {
    // A Float32 is multiplied as such.
    let factor = if a == Kind::F32 { 1.0 } else { float_power_of_ten(scale) };
    let to = to.clone();
    Arc::new(move |array| {
        let column = Column::Flat(array.clone());
        let floats = match a {
            Kind::F32 => {
                let factor = float_power_of_ten(scale) as f32;
                map::<f32, f64>(&column, |v| f64::from(v * factor))?.to_flat()?
            }
            _ => convert(&column, a, Kind::F64)?.to_flat()?,
        };
        let failed = || {
            error!(DecimalOverflow, "Decimal convert overflow: a float is infinite or beyond {to}")
        };
        if b == Kind::I256 {
            return partial::<f64, I256>(&floats, mode, |v| whole_of_float(v * factor), failed);
        }
        with_integer_lane!(b, R => partial::<f64, R>(&floats, mode, |v| {
            let scaled = v * factor;
            if !scaled.is_finite() || scaled.abs() >= 1.7e38 {
                return None;
            }
            R::try_from(scaled as i128).ok()
        }, failed), Err(Error::logical("a float among decimals")))
    })
}

/// A float without its fraction, if 256 bits hold it.
fn whole_of_float(value: f64) -> Option<I256> {
    const BEYOND: f64 = 5.7e76;
    (value.is_finite() && value.abs() < BEYOND).then(|| value.as_i256())
}

/// Integers and floats.
fn plain(from: &DataType, to: &DataType, a: Kind, b: Kind, mode: Mode) -> ArrayConversion {
    let (from, to) = (from.clone(), to.clone());
    if !matches!(mode, Mode::Wrap | Mode::Common) {
        return accurate(from, to, a, b, mode);
    }
    let checks = from.is_float() && !to.is_float();
    Arc::new(move |array| {
        let column = Column::Flat(array.clone());
        if checks {
            let floats = convert(&column, a, Kind::F64)?.to_flat()?;
            if f64::view(&floats)?.iter().any(|v| !v.is_finite()) {
                bail!(CannotConvertType, "Unexpected inf or nan to integer conversion");
            }
        }
        convert(&column, a, b)?.to_flat()
    })
}

/// Only values that the target holds exactly.
fn accurate(from: DataType, to: DataType, a: Kind, b: Kind, mode: Mode) -> ArrayConversion {
    let failed = move || {
        error!(
            CannotConvertType,
            "Value in column {from} cannot be safely converted into type {to}"
        )
    };
    Arc::new(move |array| {
        let float = |k: Kind| matches!(k, Kind::F32 | Kind::F64);
        match (float(a), float(b)) {
            (_, true) => exact_floats(array, (a, b), mode, &failed),
            (true, false) => {
                let floats = convert(&Column::Flat(array.clone()), a, Kind::F64)?.to_flat()?;
                with_integer_lane!(b, R => partial::<f64, R>(&floats, mode, |v| {
                    if v.fract() != 0.0 {
                        return None;
                    }
                    R::try_from(whole_of_float(v)?).ok()
                }, &failed), Err(Error::logical("a float among integers")))
            }
            (false, false) => {
                let not_integers = || Error::logical("a float among integers");
                with_integer_lane!(b, R => with_integer_lane!(a, A => {
                    partial::<A, R>(array, mode, |v| R::try_from(v).ok(), &failed)
                }, Err(not_integers())), Err(not_integers()))
            }
        }
    })
}

/// Numbers as floats that are the same numbers.
fn exact_floats(
    array: &ArrayRef,
    (a, b): (Kind, Kind),
    mode: Mode,
    failed: &dyn Fn() -> Error,
) -> Result<ArrayRef> {
    let source = Column::Flat(array.clone());
    let floats = convert(&source, a, b)?;
    let wide = convert(&floats, b, Kind::F64)?.to_flat()?;
    let wide = f64::view(&wide)?;
    let same: Vec<bool> = if matches!(a, Kind::F32 | Kind::F64) {
        let before = convert(&source, a, Kind::F64)?.to_flat()?;
        let before = f64::view(&before)?;
        before.iter().zip(wide.iter()).map(|(x, y)| x == y || x.is_nan()).collect()
    } else {
        with_integer_lane!(a, A => {
            let same = |(x, y): (&A, &f64)| whole_of_float(*y).and_then(|y| A::try_from(y).ok()) == Some(*x);
            A::view(array)?.iter().zip(wide.iter()).map(same).collect()
        }, return Err(Error::logical("a float among integers")))
    };
    match same.iter().enumerate().position(|(row, same)| !same && array.is_valid(row)) {
        None => floats.to_flat(),
        Some(_) if mode == Mode::OrNull => {
            let kept = NullBuffer::union(Some(&NullBuffer::from(same)), array.nulls());
            floats.with_nulls(kept)?.to_flat()
        }
        Some(_) => Err(failed()),
    }
}

fn enumeration(
    from: &DataType,
    (a, b): (Kind, Kind),
    numbers: Vec<i16>,
    to: &DataType,
    mode: Mode,
) -> Result<Option<ArrayConversion>> {
    if let (Some(old), Some(new)) = (from.enum_values(), to.enum_values()) {
        for (name, number) in old.iter() {
            match new.number(name.as_bytes()) {
                Some(found) if found != number => bail!(
                    CannotConvertType,
                    "Enum conversion changes value for element '{name}' from {number} to {found}"
                ),
                _ => {}
            }
        }
    }
    if matches!(from, DataType::Decimal { .. }) {
        return Ok(None);
    }
    let (to, of_float) = (to.clone(), from.is_float());
    Ok(Some(Arc::new(move |array| {
        let wide = convert(&Column::Flat(array.clone()), a, Kind::I64)?.to_flat()?;
        let is_known = |value: &i64| {
            i16::try_from(*value).is_ok_and(|number| numbers.binary_search(&number).is_ok())
        };
        let known: Vec<bool> = i64::view(&wide)?.iter().map(is_known).collect();
        let converted = || convert(&Column::Flat(wide.clone()), Kind::I64, b);
        match known.iter().position(|known| !known) {
            None => converted()?.to_flat(),
            Some(_) if mode == Mode::OrNull => {
                converted()?.with_nulls(Some(NullBuffer::from(known)))?.to_flat()
            }
            Some(row) => {
                let value = i64::view(&wide)?[row];
                if of_float {
                    bail!(CannotConvertType, "Value {value} cannot be converted to enum type {to}");
                }
                bail!(UnknownElementOfEnum, "Unexpected value {value} in enum {to}")
            }
        }
    })))
}

/// IP addresses and UUIDs from and to numbers and each other.
fn addresses(from: &DataType, to: &DataType, mode: Mode) -> Result<Option<ArrayConversion>> {
    let (a, b) = match (from, to) {
        (DataType::Ipv4, DataType::Ipv6) => {
            return Ok(Some(Arc::new(|array| {
                map::<u32, u128>(&Column::Flat(array.clone()), |v| {
                    0xFFFF_0000_0000 | To::<u128>::to(v)
                })?
                .to_flat()
            })));
        }
        (DataType::Ipv6, DataType::Ipv4) => {
            return Ok(Some(Arc::new(|array| {
                try_map::<u128, u32>(&Column::Flat(array.clone()), |v| {
                    if v >> 32 != 0xFFFF {
                        bail!(
                            CannotConvertType,
                            "IPv6 address {v:032x} is not in the range of IPv4-mapped addresses"
                        );
                    }
                    Ok(v as u32)
                })?
                .to_flat()
            })));
        }
        (DataType::Ipv4, other) if other.is_integer() || other.is_float() => {
            (Kind::U32, Kind::require(other)?)
        }
        (other, DataType::Ipv4) if other.is_integer() => {
            return Ok(Some(plain(other, to, Kind::require(other)?, Kind::U32, mode)));
        }
        (DataType::Ipv6 | DataType::Uuid, DataType::UInt128)
        | (DataType::UInt128, DataType::Ipv6 | DataType::Uuid) => (Kind::U128, Kind::U128),
        _ => return Ok(None),
    };
    Ok(Some(Arc::new(move |array| convert(&Column::Flat(array.clone()), a, b)?.to_flat())))
}
