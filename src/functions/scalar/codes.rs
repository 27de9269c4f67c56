//! Numbers made of numbers: bits that alternate, buckets of hashes, times within identifiers, digits.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, Value, struct_fields};

use std::sync::Arc;

use super::calendar::ticks_of;
use super::cast::zone_argument;
use super::lane::{
    Kind, Lane, Values, argument, convert, flat, map, try_map2, values, with_integer_lane,
};
use super::number_type::illegal;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Encoding";
    "mortonEncode" (1, 9) "mortonEncode([(widths, ...),] x, ...)"
        "The bits of up to 8 unsigned integers in turn, the lowest ones first (a code of Morton); each is first widened so many times."
        "SELECT mortonEncode(1, 2, 3)" => "53"; bind_morton_encode;
    "mortonDecode" (2, 2) "mortonDecode(count or (widths, ...), code)" "The unsigned integers of a code of Morton."
        "SELECT mortonDecode(3, 53)" => "(1,2,3)"; bind_morton_decode;
    "jumpConsistentHash" (2, 2) "jumpConsistentHash(hash, buckets)"
        "The bucket of a hash; few hashes move when there are more buckets."
        "SELECT jumpConsistentHash(256, 100)" => "16"; bind_jump;
    "snowflakeIDToDateTime" (1, 3) "snowflakeIDToDateTime(id[, epoch[, zone]])"
        "The time of a Snowflake identifier; its milliseconds are counted from the epoch."
        "SELECT snowflakeIDToDateTime(toUInt64(7204436857747984384), 0, 'UTC')" => "2024-06-06 10:59:58";
        |_, a| bind_from_snowflake(a, "snowflakeIDToDateTime", false);
    "snowflakeIDToDateTime64" (1, 3) "snowflakeIDToDateTime64(id[, epoch[, zone]])"
        "The time of a Snowflake identifier, with milliseconds."
        "SELECT snowflakeIDToDateTime64(toUInt64(7204436857747984384), 0, 'UTC')" => "2024-06-06 10:59:58.851";
        |_, a| bind_from_snowflake(a, "snowflakeIDToDateTime64", true);
    "dateTimeToSnowflakeID" (1, 2) "dateTimeToSnowflakeID(time[, epoch])"
        "The least Snowflake identifier of a second."
        "SELECT dateTimeToSnowflakeID(toDateTime('2021-08-15 18:57:56', 'Asia/Shanghai'))" => "6832626392367104000";
        |_, a| bind_to_snowflake(a, "dateTimeToSnowflakeID");
    "dateTime64ToSnowflakeID" (1, 2) "dateTime64ToSnowflakeID(time[, epoch])"
        "The least Snowflake identifier of a millisecond."
        "SELECT dateTime64ToSnowflakeID(toDateTime64('2021-08-15 18:57:56.492', 3, 'Asia/Shanghai'))" => "6832626394430701568";
        |_, a| bind_to_snowflake(a, "dateTime64ToSnowflakeID");
    "countDigits" (1, 1) "countDigits(x)" "How many decimal digits an integer, or a decimal without its point, has."
        "SELECT countDigits(-123), countDigits(toDecimal32(1.5, 2))" => "3\t3"; bind_digits;
};

/// The most numbers in a code of Morton.
const MOST_PARTS: usize = 8;

/// How many times the bits of each part are widened, from a constant tuple.
fn widths(name: &str, argument: &Argument) -> Result<Option<Vec<u32>>> {
    if !matches!(argument.data_type, DataType::Tuple(_)) {
        return Ok(None);
    }
    let wrong = || {
        error!(
            ArgumentOutOfBound,
            "Illegal argument of function {name}: the tuple must hold constant numbers from 1 to 8"
        )
    };
    let Some(Value::Tuple(items)) = &argument.constant else { return Err(wrong()) };
    let one = |value: &Value| match value {
        Value::Int(number @ 1..=8) => Ok(*number as u32),
        _ => Err(wrong()),
    };
    items.iter().map(one).collect::<Result<Vec<u32>>>().map(Some)
}

/// Each bit as the highest of so many.
fn widened(number: u64, times: u32) -> u64 {
    (0..u64::BITS / times)
        .fold(0, |out, bit| out | (number >> bit & 1) << (bit * times + times - 1))
}

/// The highest of so many bits each.
fn narrowed(number: u64, times: u32) -> u64 {
    (0..u64::BITS / times)
        .fold(0, |out, bit| out | (number >> (bit * times + times - 1) & 1) << bit)
}

fn bind_morton_encode(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "mortonEncode";
    let widths = widths(name, &arguments[0])?;
    let skipped = usize::from(widths.is_some());
    let parts = &arguments[skipped..];
    if parts.is_empty() || parts.len() > MOST_PARTS {
        bail!(NumberOfArgumentsDoesntMatch, "Function {name} takes 1 to {MOST_PARTS} numbers");
    }
    if let Some(bad) =
        parts.iter().find(|a| !a.data_type.is_unsigned_integer() || a.data_type.bits() > Some(64))
    {
        return Err(illegal(&bad.data_type, name));
    }
    let widths = widths.unwrap_or_else(|| vec![1; parts.len()]);
    if widths.len() != parts.len() {
        bail!(
            ArgumentOutOfBound,
            "The tuple of function {name} must have as many elements as numbers follow"
        );
    }
    let kinds: Vec<Kind> =
        parts.iter().map(|a| Kind::require(&a.data_type)).collect::<Result<_>>()?;
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let mut numbers = Vec::with_capacity(kinds.len());
        for (column, kind) in columns[skipped..].iter().zip(&kinds) {
            numbers.push(convert(column, *kind, Kind::U64)?);
        }
        let numbers: Vec<Values<'_, u64>> =
            numbers.iter().map(values::<u64>).collect::<Result<_>>()?;
        let count = numbers.len() as u32;
        let code = |row: usize| {
            let mut code = 0;
            for (at, (numbers, times)) in numbers.iter().zip(&widths).enumerate() {
                let number = widened(numbers.at(row), *times);
                for bit in 0..(u64::BITS - at as u32).div_ceil(count) {
                    code |= (number >> bit & 1) << (bit * count + at as u32);
                }
            }
            code
        };
        Ok(flat((0..rows).map(code).collect()))
    }))
}

fn bind_morton_decode(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "mortonDecode";
    let widths = match (widths(name, &arguments[0])?, &arguments[0].constant) {
        (Some(widths), _) if (1..=MOST_PARTS).contains(&widths.len()) => widths,
        (None, Some(Value::Int(count @ 1..=8))) => vec![1; *count as usize],
        (None, None) => bail!(IllegalColumn, "The first argument of {name} must be constant"),
        _ => bail!(
            ArgumentOutOfBound,
            "Illegal first argument for function {name}, should be a number in range 1-{MOST_PARTS} or a Tuple of such size"
        ),
    };
    let code = &arguments[1].data_type;
    if !code.is_unsigned_integer() || code.bits() > Some(64) {
        return Err(illegal(code, name));
    }
    let kind = Kind::require(code)?;
    let return_type = DataType::tuple(vec![DataType::UInt64; widths.len()]);
    Ok(Bound::new(return_type, move |columns, rows| {
        let codes = convert(argument(columns, 1)?, kind, Kind::U64)?;
        let codes = values::<u64>(&codes)?;
        let count = widths.len() as u32;
        let mut parts = Vec::with_capacity(widths.len());
        for (at, times) in widths.iter().enumerate() {
            let part = |row: usize| {
                let code = codes.at(row);
                let bits = 0..(u64::BITS - at as u32).div_ceil(count);
                let number =
                    bits.fold(0, |out, bit| out | (code >> (bit * count + at as u32) & 1) << bit);
                narrowed(number, *times)
            };
            parts.push(<u64 as Lane>::array((0..rows).map(part).collect()));
        }
        let fields = struct_fields(std::iter::repeat_n(DataType::UInt64.arrow_type(), parts.len()));
        let tuples = arrow_array::StructArray::try_new_with_length(fields, parts, None, rows);
        let tuples = tuples.map_err(|e| base::Error::logical(format!("tuple: {e}")))?;
        Ok(Column::Flat(Arc::new(tuples)))
    }))
}

fn bind_jump(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "jumpConsistentHash";
    for argument in arguments {
        if !argument.data_type.is_integer() || argument.data_type.bits() > Some(64) {
            return Err(illegal(&argument.data_type, name));
        }
    }
    let (a, b) = (Kind::require(&arguments[0].data_type)?, Kind::require(&arguments[1].data_type)?);
    Ok(Bound::new(DataType::Int32, move |columns, _| {
        let hashes = convert(argument(columns, 0)?, a, Kind::U64)?;
        let buckets = convert(argument(columns, 1)?, b, Kind::I64)?;
        try_map2::<u64, i64, i32>(&hashes, &buckets, |hash, buckets| {
            if buckets <= 0 {
                bail!(
                    BadArguments,
                    "The second argument of function {name} (number of buckets) must be positive number"
                );
            }
            if buckets > i64::from(i32::MAX) {
                bail!(
                    BadArguments,
                    "The value of the second argument of function {name} (number of buckets) must not be greater than {}",
                    i32::MAX
                );
            }
            Ok(jump(hash, buckets))
        })
    }))
}

/// The algorithm of Lamping and Veach: each step jumps to the next number of buckets at which the hash would move.
fn jump(mut key: u64, buckets: i64) -> i32 {
    let (mut bucket, mut next) = (-1_i64, 0_i64);
    while next < buckets {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let share = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * share) as i64;
    }
    bucket as i32
}

/// The constant epoch in milliseconds.
fn epoch(name: &str, arguments: &[Argument]) -> Result<i64> {
    let Some(given) = arguments.get(1) else { return Ok(0) };
    match &given.constant {
        Some(Value::Int(number)) if given.data_type.is_integer() => i64::try_from(*number)
            .map_err(|_| error!(ArgumentOutOfBound, "The epoch of function {name} is too great")),
        _ => Err(illegal(&given.data_type, name)),
    }
}

/// Milliseconds stand above so many bits.
const SNOWFLAKE_BITS: u32 = 22;

fn bind_from_snowflake(arguments: &[Argument], name: &'static str, exact: bool) -> Result<Bound> {
    if arguments[0].data_type != DataType::UInt64 {
        return Err(illegal(&arguments[0].data_type, name));
    }
    let epoch = epoch(name, arguments)?;
    let zone = zone_argument(arguments, 2, name)?;
    let return_type = match exact {
        true => DataType::DateTime64(3, zone),
        false => DataType::DateTime(zone),
    };
    let time = move |id: u64| ((id >> SNOWFLAKE_BITS) as i64).wrapping_add(epoch);
    Ok(Bound::new(return_type, move |columns, _| {
        let ids = argument(columns, 0)?;
        match exact {
            true => map::<u64, i64>(ids, time),
            false => map::<u64, u32>(ids, |id| time(id).div_euclid(1000) as u32),
        }
    }))
}

fn bind_to_snowflake(arguments: &[Argument], name: &'static str) -> Result<Bound> {
    let time = &arguments[0].data_type;
    let kind = Kind::require(time)?;
    let ticks = match time {
        DataType::DateTime(_) if name == "dateTimeToSnowflakeID" => 1,
        DataType::DateTime64(precision, _) if name == "dateTime64ToSnowflakeID" => {
            ticks_of(*precision)
        }
        _ => return Err(illegal(time, name)),
    };
    let epoch = epoch(name, arguments)?;
    Ok(Bound::new(DataType::UInt64, move |columns, _| {
        let times = convert(argument(columns, 0)?, kind, Kind::I64)?;
        map::<i64, u64>(&times, |time| {
            let milliseconds = (i128::from(time) * 1000).div_euclid(i128::from(ticks));
            ((milliseconds - i128::from(epoch)) as u64) << SNOWFLAKE_BITS
        })
    }))
}

fn bind_digits(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() && !matches!(data_type, DataType::Decimal { .. }) {
        return Err(illegal(data_type, "countDigits"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        with_integer_lane!(kind, T => map::<T, u8>(argument(columns, 0)?, |v| {
            v.to_string().bytes().filter(u8::is_ascii_digit).count() as u8
        }), bail!(LogicalError, "a float among integers"))
    }))
}
