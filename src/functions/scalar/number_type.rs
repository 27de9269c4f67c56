//! Result types of arithmetic, and what to say of types that do not fit.

use base::{Error, error};
use expr::Argument;
use types::DataType;

/// The integer type of so many bits (rounded up).
pub(crate) fn integer(signed: bool, bits: u32) -> DataType {
    match (signed, bits) {
        (false, 0..=8) => DataType::UInt8,
        (false, 9..=16) => DataType::UInt16,
        (false, 17..=32) => DataType::UInt32,
        (false, 33..=64) => DataType::UInt64,
        (false, 65..=128) => DataType::UInt128,
        (false, _) => DataType::UInt256,
        (true, 0..=8) => DataType::Int8,
        (true, 9..=16) => DataType::Int16,
        (true, 17..=32) => DataType::Int32,
        (true, 33..=64) => DataType::Int64,
        (true, 65..=128) => DataType::Int128,
        (true, _) => DataType::Int256,
    }
}

/// The next wider size, for results that may not fit: 64 bits stay.
pub(crate) fn wider(bits: u32) -> u32 {
    if bits < 64 { bits * 2 } else { bits }
}

/// The numeric type that plain arithmetic takes a type for: Bool and IPv4 as integers of their size.
pub(crate) fn plain(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Bool => DataType::UInt8,
        DataType::Ipv4 => DataType::UInt32,
        DataType::Interval(_) => DataType::Int64,
        DataType::Date => DataType::UInt16,
        DataType::Date32 => DataType::Int32,
        DataType::DateTime(_) => DataType::UInt32,
        DataType::Nothing => DataType::UInt8,
        other if other.is_integer() || other.is_float() => other.clone(),
        _ => return None,
    })
}

/// Whether a type is an integer, a float or Bool.
pub(crate) fn is_native_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_float() || *data_type == DataType::Bool
}

/// The width class of a decimal: 9, 18, 38 or 76 digits.
pub(crate) fn decimal_class(precision: u8) -> u8 {
    match precision {
        0..=9 => 9,
        10..=18 => 18,
        19..=38 => 38,
        _ => 76,
    }
}

/// ILLEGAL_TYPE_OF_ARGUMENT for a function of one argument, or for one of its arguments.
pub(crate) fn illegal(data_type: &DataType, function: &str) -> Error {
    error!(IllegalTypeOfArgument, "Illegal type {data_type} of argument of function {function}")
}

/// ILLEGAL_TYPE_OF_ARGUMENT for a function of two.
pub(crate) fn illegal_pair(arguments: &[Argument], function: &str) -> Error {
    let names: Vec<String> = arguments.iter().map(|a| a.data_type.to_string()).collect();
    error!(
        IllegalTypeOfArgument,
        "Illegal types {} of arguments of function {function}",
        names.join(" and ")
    )
}

/// 10 to a power as the nearest Float64.
pub(crate) fn float_power_of_ten(exponent: u32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// 10 to a power, as far as 128 bits go.
pub(crate) fn power_of_ten(exponent: u32) -> i128 {
    10_i128.checked_pow(exponent).unwrap_or(i128::MAX)
}
