//! The least type that holds the values of several types, as ClickHouse finds it for arrays,
//! `if`, `CASE`, `UNION` and comparisons of sets.

use std::sync::Arc;

use base::{Result, bail};

use crate::{DataType, TupleField};

/// The least common type, or an error that names the types.
///
/// # Errors
/// NO_COMMON_TYPE
pub fn require_supertype(types: &[DataType]) -> Result<DataType> {
    match least_supertype(types) {
        Some(found) => Ok(found),
        None => {
            let names: Vec<String> = types.iter().map(DataType::to_string).collect();
            bail!(NoCommonType, "There is no supertype for types {}", names.join(", "))
        }
    }
}

/// The least common type that holds the values as they are, else a Variant of the types: decimals are no floats.
///
/// # Errors
/// NO_COMMON_TYPE where one of the types cannot be in a Variant.
pub fn common_or_variant(types: &[DataType]) -> Result<DataType> {
    let any = |test: fn(&DataType) -> bool| types.iter().any(|t| test(t.inner()));
    let exact = !any(DataType::is_float) || !any(|t| matches!(t, DataType::Decimal { .. }));
    let common = if exact { least_supertype(types) } else { None };
    match common.or_else(|| variant_of(types)) {
        Some(found) => Ok(found),
        None => require_supertype(types),
    }
}

/// The least common type; `None` where there is none.
pub fn least_supertype(types: &[DataType]) -> Option<DataType> {
    let first = types.first()?;
    if types.iter().all(|t| t == first) {
        return Some(first.clone());
    }
    if types.iter().any(DataType::is_clob) {
        let strings: Vec<DataType> = types.iter().map(DataType::without_clob).collect();
        let all = types.iter().all(|t| t.is_clob() || t.is_null_literal());
        return if all { Some(DataType::Clob.nullable()) } else { least_supertype(&strings) };
    }
    if types.iter().any(|t| matches!(t, DataType::Dynamic(_))) {
        return Some(DataType::dynamic());
    }
    if let Some(found) = common_variant(types) {
        return Some(found);
    }
    let bare: Vec<DataType> = types.iter().map(DataType::without_low_cardinality).collect();
    let nullable = bare.iter().any(DataType::is_nullable);
    let inner: Vec<DataType> =
        bare.iter().map(|t| t.inner().clone()).filter(|t| *t != DataType::Nothing).collect();
    let common = match inner.split_first() {
        None => DataType::Nothing,
        Some((first, rest)) if rest.iter().all(|t| t == first) => first.clone(),
        Some(_) => common_of(&inner)?,
    };
    if !nullable {
        return Some(common);
    }
    let can = common.can_be_nullable();
    can.then(|| common.nullable())
}

/// Of several types one of which is a Variant: all members together.
fn common_variant(types: &[DataType]) -> Option<DataType> {
    if !types.iter().any(|t| matches!(t, DataType::Variant(_))) {
        return None;
    }
    variant_of(types)
}

/// The Variant that holds the values of all types.
pub fn variant_of(types: &[DataType]) -> Option<DataType> {
    let mut members = Vec::new();
    for data_type in types {
        match data_type.without_low_cardinality().without_clob() {
            DataType::Variant(own) => members.extend(own.iter().cloned()),
            DataType::Nullable(inner) if *inner == DataType::Nothing => {}
            DataType::Nullable(inner) => members.push(inner.as_ref().clone()),
            DataType::Nothing => {}
            other => members.push(other),
        }
    }
    DataType::variant(members).ok()
}

fn common_of(types: &[DataType]) -> Option<DataType> {
    if types.iter().all(|t| matches!(t, DataType::Array(_))) {
        let items: Vec<DataType> = types.iter().filter_map(DataType::list_item).collect();
        return least_supertype(&items).map(DataType::array);
    }
    if types.iter().all(|t| matches!(t, DataType::Tuple(_))) {
        return common_tuple(types);
    }
    if types.iter().all(|t| matches!(t, DataType::Map(_))) {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for data_type in types {
            if let DataType::Map(pair) = data_type {
                keys.push(pair.0.clone());
                values.push(pair.1.clone());
            }
        }
        return Some(DataType::map(least_supertype(&keys)?, least_supertype(&values)?));
    }
    if types.iter().all(DataType::is_string) {
        return Some(DataType::String);
    }
    if types.iter().all(|t| t.is_string() || t.is_enum()) && types.iter().any(DataType::is_string) {
        return Some(DataType::String);
    }
    if types.iter().any(DataType::is_enum) {
        return common_of_enums(types);
    }
    if types.contains(&DataType::Ipv4) && types.iter().any(is_unsigned) {
        return common_of_addresses(types);
    }
    if types.iter().all(|t| t.is_date() || t.is_datetime()) {
        return common_time(types);
    }
    if types.iter().all(DataType::is_time) {
        let precision = types.iter().filter_map(|t| match t {
            DataType::Time64(precision) => Some(*precision),
            _ => None,
        });
        return precision.max().map(DataType::Time64);
    }
    if types.iter().all(|t| t.is_integer() || t.is_float() || *t == DataType::Bool) {
        return common_number(types);
    }
    if types
        .iter()
        .all(|t| matches!(t, DataType::Decimal { .. } | DataType::Bool) || t.is_integer())
    {
        return common_decimal(types);
    }
    if types.iter().all(|t| matches!(t, DataType::Decimal { .. }) || t.is_integer() || t.is_float())
    {
        return Some(DataType::Float64);
    }
    if types.iter().all(|t| matches!(t, DataType::Ipv4 | DataType::Ipv6)) {
        return Some(DataType::Ipv6);
    }
    None
}

/// Different enums, and enums among numbers, are their numbers.
fn common_of_enums(types: &[DataType]) -> Option<DataType> {
    let number = |data_type: &DataType| match data_type {
        DataType::Enum8(_) => Some(DataType::Int8),
        DataType::Enum16(_) => Some(DataType::Int16),
        other if other.is_integer() || other.is_float() || *other == DataType::Bool => {
            Some(other.clone())
        }
        _ => None,
    };
    least_supertype(&types.iter().map(number).collect::<Option<Vec<_>>>()?)
}

fn is_unsigned(data_type: &DataType) -> bool {
    *data_type == DataType::Bool || data_type.is_integer() && !data_type.is_signed_integer()
}

/// IPv4 among integers without a sign is its number.
fn common_of_addresses(types: &[DataType]) -> Option<DataType> {
    let number = |data_type: &DataType| match data_type {
        DataType::Ipv4 => Some(DataType::UInt32),
        other => is_unsigned(other).then(|| other.clone()),
    };
    least_supertype(&types.iter().map(number).collect::<Option<Vec<_>>>()?)
}

fn common_tuple(types: &[DataType]) -> Option<DataType> {
    let tuples: Vec<&Arc<[TupleField]>> = types
        .iter()
        .filter_map(|t| match t {
            DataType::Tuple(fields) => Some(fields),
            _ => None,
        })
        .collect();
    let first = tuples.first()?;
    if tuples.iter().any(|t| t.len() != first.len()) {
        return None;
    }
    let same_names =
        tuples.iter().all(|t| t.iter().zip(first.iter()).all(|(a, b)| a.name == b.name));
    let mut fields = Vec::with_capacity(first.len());
    for at in 0..first.len() {
        let parts: Vec<DataType> = tuples.iter().map(|t| t[at].data_type.clone()).collect();
        fields.push(TupleField {
            name: if same_names { first[at].name.clone() } else { None },
            data_type: least_supertype(&parts)?,
        });
    }
    Some(DataType::Tuple(fields.into()))
}

fn common_time(types: &[DataType]) -> Option<DataType> {
    // The zone is that of the finest type, of the first where there are several.
    let finest = types.iter().filter_map(|t| match t {
        DataType::DateTime64(precision, zone) => Some((*precision, *zone)),
        _ => None,
    });
    let finest = finest.reduce(|best, other| if other.0 > best.0 { other } else { best });
    let seconds = types.iter().find_map(|t| match t {
        DataType::DateTime(zone) => Some(*zone),
        _ => None,
    });
    let wide = types.contains(&DataType::Date32);
    Some(match (finest, seconds) {
        (Some((precision, zone)), _) => DataType::DateTime64(precision, zone),
        (None, Some(_)) if wide => DataType::DateTime64(0, None),
        (None, Some(zone)) => DataType::DateTime(zone),
        (None, None) => DataType::Date32,
    })
}

fn common_number(types: &[DataType]) -> Option<DataType> {
    if types.iter().any(DataType::is_float) {
        let integers =
            types.iter().filter(|t| !t.is_float()).filter_map(DataType::bits).max().unwrap_or(0);
        let floats =
            types.iter().filter(|t| t.is_float()).filter_map(DataType::bits).max().unwrap_or(0);
        // A float's mantissa must hold the integers: 8 bits, 24 or 53.
        return match (integers, floats) {
            (0..=8, 16) => Some(DataType::BFloat16),
            (0..=16, 16 | 32) => Some(DataType::Float32),
            (0..=32, _) => Some(DataType::Float64),
            _ => None,
        };
    }
    let signed = types.iter().filter(|t| t.is_signed_integer()).filter_map(DataType::bits).max();
    let unsigned = types.iter().filter(|t| !t.is_signed_integer()).filter_map(DataType::bits).max();
    // Of Bool and UInt8 the first one is taken, as in ClickHouse.
    if types.iter().all(|t| matches!(t, DataType::Bool | DataType::UInt8)) {
        return types.first().cloned();
    }
    Some(match (signed, unsigned) {
        (None, Some(bits)) => match bits {
            8 => DataType::UInt8,
            16 => DataType::UInt16,
            32 => DataType::UInt32,
            64 => DataType::UInt64,
            128 => DataType::UInt128,
            _ => DataType::UInt256,
        },
        (Some(signed), unsigned) => {
            // An unsigned one needs a bit more, so the next wider signed type.
            let needed = signed.max(unsigned.map_or(0, |bits| bits * 2));
            match needed {
                8 => DataType::Int8,
                16 => DataType::Int16,
                32 => DataType::Int32,
                64 => DataType::Int64,
                128 if signed == 128 || unsigned != Some(64) => DataType::Int128,
                256 => DataType::Int256,
                _ => return None,
            }
        }
        (None, None) => return None,
    })
}

fn common_decimal(types: &[DataType]) -> Option<DataType> {
    // Decimals keep the width that the widest has; integers need room for all their digits.
    let (mut whole, mut scale, mut width) = (0, 0, 0);
    for data_type in types {
        let (digits, after) = match data_type {
            DataType::Decimal { precision, scale } => {
                width = width.max(*precision);
                (0, *scale)
            }
            other => (
                match other.bits()? {
                    8 => 3,
                    16 => 5,
                    32 => 10,
                    64 => 20,
                    _ => return None,
                },
                0,
            ),
        };
        whole = whole.max(digits);
        scale = scale.max(after);
    }
    // Integers alone beside decimals without a fraction: their own width is enough, which is ClickHouse's rule.
    let widest = types.iter().filter(|t| t.is_integer()).max_by_key(|t| t.bits());
    let whole = match widest {
        Some(DataType::Int32) if scale == 0 && whole == 10 => 9,
        Some(DataType::Int64) if scale == 0 && whole == 20 => 18,
        _ => whole,
    };
    let needed = if whole > 0 { width.max(whole + scale) } else { width };
    let precision = match needed {
        0..=9 => 9,
        10..=18 => 18,
        19..=38 => 38,
        39..=76 => 76,
        _ => return None,
    };
    Some(DataType::Decimal { precision, scale })
}
