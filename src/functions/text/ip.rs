//! Addresses of IP and UUIDs as text and as numbers.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, UInt32Type};
use arrow_array::{ArrayRef, Decimal128Array, StructArray, UInt32Array};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::{Column, DataType, struct_fields};

use super::declare;
use super::hash::fixed_column;
use super::strings::{
    BytesBuilder, Integers, Strings, flag, illegal, numbers, require_integer, require_text,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("IP address", "IPv4NumToString", "IPv4NumToString(n)", "An IPv4 address given by its number as text.",
        "SELECT IPv4NumToString(toUInt32(16909060))" => "1.2.3.4", (1, 1), |_, a| v4_to_text("IPv4NumToString", a, false),
        aliases: &["INET_NTOA"], case_insensitive: true),
    declare!("IP address", "IPv4NumToStringClassC", "IPv4NumToStringClassC(n)", "As `IPv4NumToString`, with `xxx` for the last byte.",
        "SELECT IPv4NumToStringClassC(toUInt32(16909060))" => "1.2.3.xxx", (1, 1), |_, a| v4_to_text("IPv4NumToStringClassC", a, true)),
    declare!("IP address", "IPv4StringToNum", "IPv4StringToNum(s)", "The number of an IPv4 address; an error if it is none.",
        "SELECT IPv4StringToNum('1.2.3.4')" => "16909060", (1, 1), |_, a| v4_of_text("IPv4StringToNum", a, Failure::Error),
        aliases: &["INET_ATON"], case_insensitive: true),
    declare!("IP address", "IPv4StringToNumOrDefault", "IPv4StringToNumOrDefault(s)", "As `IPv4StringToNum`; 0 if it is no address.",
        "SELECT IPv4StringToNumOrDefault('x')" => "0", (1, 1), |_, a| v4_of_text("IPv4StringToNumOrDefault", a, Failure::Default)),
    declare!("IP address", "IPv4StringToNumOrNull", "IPv4StringToNumOrNull(s)", "As `IPv4StringToNum`; NULL if it is no address.",
        "SELECT IPv4StringToNumOrNull('x')" => "\\N", (1, 1), |_, a| v4_of_text("IPv4StringToNumOrNull", a, Failure::Null)),
    declare!("IP address", "IPv6NumToString", "IPv6NumToString(n)", "An IPv6 address given by its 16 bytes as text.",
        "SELECT IPv6NumToString(IPv6StringToNum('2001:db8::1'))" => "2001:db8::1", (1, 1), v6_to_text,
        aliases: &["INET6_NTOA"], case_insensitive: true),
    declare!("IP address", "IPv6StringToNum", "IPv6StringToNum(s)", "The 16 bytes of an IPv6 address; an error if it is none.",
        "SELECT hex(IPv6StringToNum('::1'))" => "00000000000000000000000000000001", (1, 1), |_, a| v6_of_text("IPv6StringToNum", a, Failure::Error),
        aliases: &["INET6_ATON"], case_insensitive: true),
    declare!("IP address", "IPv6StringToNumOrDefault", "IPv6StringToNumOrDefault(s)", "As `IPv6StringToNum`; zeros if it is no address.",
        "SELECT hex(IPv6StringToNumOrDefault('x'))" => "00000000000000000000000000000000", (1, 1), |_, a| v6_of_text("IPv6StringToNumOrDefault", a, Failure::Default)),
    declare!("IP address", "IPv6StringToNumOrNull", "IPv6StringToNumOrNull(s)", "As `IPv6StringToNum`; NULL if it is no address.",
        "SELECT IPv6StringToNumOrNull('x')" => "\\N", (1, 1), |_, a| v6_of_text("IPv6StringToNumOrNull", a, Failure::Null)),
    declare!("IP address", "IPv4ToIPv6", "IPv4ToIPv6(address)", "An IPv4 address as an IPv6 address.",
        "SELECT IPv4ToIPv6(toIPv4('1.2.3.4'))" => "::ffff:1.2.3.4", (1, 1), v4_to_v6),
    declare!("IP address", "isIPv4String", "isIPv4String(s)", "1 where a string is an IPv4 address.",
    "SELECT isIPv4String('1.2.3.4'), isIPv4String('::1')" => "1\t0", (1, 1), |_, a| {
        require_text("isIPv4String", a, 0)?;
        Ok(flag(|text| parse_v4(text).is_some()))
    }),
    declare!("IP address", "isIPv6String", "isIPv6String(s)", "1 where a string is an IPv6 address.",
    "SELECT isIPv6String('::1'), isIPv6String('1.2.3.4')" => "1\t0", (1, 1), |_, a| {
        require_text("isIPv6String", a, 0)?;
        Ok(flag(|text| parse_v6(text).is_some()))
    }),
    declare!("IP address", "isIPAddressInRange", "isIPAddressInRange(address, prefix)", "1 where an address lies in a network given as `address/bits`.",
        "SELECT isIPAddressInRange('10.1.2.3', '10.0.0.0/8')" => "1", (2, 2), in_range),
    declare!("IP address", "IPv4CIDRToRange", "IPv4CIDRToRange(address, bits)", "The first and last address of a network.",
        "SELECT IPv4CIDRToRange(toIPv4('10.1.2.3'), 8)" => "('10.0.0.0','10.255.255.255')", (2, 2), v4_range),
    declare!("IP address", "IPv6CIDRToRange", "IPv6CIDRToRange(address, bits)", "The first and last address of a network.",
        "SELECT IPv6CIDRToRange(toIPv6('2001:db8::1'), 32)" => "('2001:db8::','2001:db8:ffff:ffff:ffff:ffff:ffff:ffff')", (2, 2), v6_range),
    declare!("IP address", "cutIPv6", "cutIPv6(address, bytes6, bytes4)", "An IPv6 address as text with so many bytes at its end set to zero; other numbers for those that hold an IPv4 address.",
        "SELECT cutIPv6(IPv6StringToNum('2001:db8::1'), 2, 1)" => "2001:db8::", (3, 3), cut_v6),
];

/// What to answer for what cannot be read.
#[derive(Clone, Copy, PartialEq)]
enum Failure {
    Error,
    Default,
    Null,
}

fn parse_v4(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse::<Ipv4Addr>().ok().map(u32::from)
}

fn parse_v6(text: &[u8]) -> Option<u128> {
    std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(u128::from)
}

/// An IPv6 address, or an IPv4 one within it.
fn parse_any(text: &[u8]) -> Option<u128> {
    parse_v6(text)
        .or_else(|| parse_v4(text).map(|v4| u128::from(Ipv4Addr::from(v4).to_ipv6_mapped())))
}

fn v4_to_text(function: &str, arguments: &[Argument], class_c: bool) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if *data_type != DataType::Ipv4 && !data_type.is_unsigned_integer() {
        return Err(illegal(function, &arguments[0]));
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let addresses = Integers::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let [a, b, c, d] = (addresses.get(row) as u32).to_be_bytes();
            let text =
                if class_c { format!("{a}.{b}.{c}.xxx") } else { format!("{a}.{b}.{c}.{d}") };
            out.append(text.as_bytes());
        }
        out.column()
    }))
}

fn v4_of_text(function: &str, arguments: &[Argument], failure: Failure) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let return_type = match failure {
        Failure::Null => DataType::UInt32.nullable(),
        _ => DataType::UInt32,
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let parsed: Vec<Option<u32>> = (0..rows).map(|row| parse_v4(texts.get(row))).collect();
        if failure == Failure::Error && parsed.contains(&None) {
            bail!(CannotParseIpv4, "Invalid IPv4 value");
        }
        if failure == Failure::Null {
            return Ok(Column::Flat(Arc::new(UInt32Array::from(parsed))));
        }
        Ok(numbers::<UInt32Type>(parsed.into_iter().map(Option::unwrap_or_default).collect()))
    }))
}

fn v6_of_text(function: &str, arguments: &[Argument], failure: Failure) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let return_type = match failure {
        Failure::Null => DataType::FixedString(16).nullable(),
        _ => DataType::FixedString(16),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let parsed: Vec<Option<u128>> = (0..rows).map(|row| parse_any(texts.get(row))).collect();
        if failure == Failure::Error && parsed.contains(&None) {
            bail!(CannotParseIpv6, "Invalid IPv6 value");
        }
        let bytes: Vec<[u8; 16]> =
            parsed.iter().map(|v| v.unwrap_or_default().to_be_bytes()).collect();
        let column = fixed_column(16, bytes.iter().map(<[u8; 16]>::as_slice))?;
        if failure == Failure::Null {
            return column.with_nulls(Some(parsed.iter().map(Option::is_some).collect()));
        }
        Ok(column)
    }))
}

/// The 16 bytes of a row as an address.
fn sixteen(bytes: &[u8]) -> u128 {
    bytes.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// Addresses of a column of IPv6 or of 16 bytes.
fn v6_values(column: &Column, rows: usize) -> Result<Vec<u128>> {
    let array = column.to_flat()?;
    if let Some(values) = array.as_primitive_opt::<Decimal128Type>() {
        return Ok(values.values().iter().map(|v| *v as u128).collect());
    }
    let texts = Strings::of_array(array.as_ref())?;
    Ok((0..rows).map(|row| sixteen(texts.get(row))).collect())
}

fn require_v6(function: &str, argument: &Argument) -> Result<()> {
    match argument.data_type {
        DataType::Ipv6 | DataType::FixedString(16) => Ok(()),
        _ => Err(illegal(function, argument)),
    }
}

fn v6_to_text(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_v6("IPv6NumToString", &arguments[0])?;
    Ok(Bound::new(DataType::String, |columns, rows| {
        let mut out = BytesBuilder::new(rows);
        for address in v6_values(&columns[0], rows)? {
            out.append(v6_text(address).as_bytes());
        }
        out.column()
    }))
}

/// As ClickHouse writes it: the last 32 bits as an IPv4 address where the rest is that of one.
fn v6_text(address: u128) -> String {
    Ipv6Addr::from(address).to_string()
}

fn v4_to_v6(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    match arguments[0].data_type {
        DataType::Ipv4 | DataType::UInt32 => {}
        _ => return Err(illegal("IPv4ToIPv6", &arguments[0])),
    }
    let as_bytes = arguments[0].data_type == DataType::UInt32;
    let return_type = if as_bytes { DataType::FixedString(16) } else { DataType::Ipv6 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let addresses = Integers::new(&columns[0])?;
        let mapped = (0..rows).map(|row| 0xFFFF_0000_0000 | u128::from(addresses.get(row) as u32));
        if as_bytes {
            let bytes: Vec<[u8; 16]> = mapped.map(u128::to_be_bytes).collect();
            return fixed_column(16, bytes.iter().map(<[u8; 16]>::as_slice));
        }
        wide(mapped.collect()).map(Column::Flat)
    }))
}

/// An array of the layout of IPv6.
fn wide(values: Vec<u128>) -> Result<ArrayRef> {
    let values: Vec<i128> = values.into_iter().map(|v| v as i128).collect();
    let array = Decimal128Array::from(values).with_precision_and_scale(38, 0);
    Ok(Arc::new(array.map_err(|e| Error::logical(e.to_string()))?))
}

/// A network: its address, and the mask of its bits.
fn parse_prefix(text: &[u8]) -> Option<(u128, u128, bool)> {
    let at = memchr::memchr(b'/', text)?;
    let bits: u32 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
    let (address, is_v4) = match parse_v4(&text[..at]) {
        Some(v4) => (u128::from(v4), true),
        None => (parse_v6(&text[..at])?, false),
    };
    let all = if is_v4 { 32 } else { 128 };
    (bits <= all).then(|| (address, mask(bits, all), is_v4))
}

/// The mask of the first bits of so many.
fn mask(bits: u32, all: u32) -> u128 {
    let whole = if all == 128 { u128::MAX } else { (1 << all) - 1 };
    whole & whole.checked_shl(all - bits).unwrap_or(0)
}

fn in_range(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("isIPAddressInRange", arguments, 0)?;
    require_text("isIPAddressInRange", arguments, 1)?;
    Ok(Bound::new(DataType::UInt8, |columns, rows| {
        let (texts, prefixes) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (text, prefix) = (texts.get(row), prefixes.get(row));
            let Some((network, mask, network_v4)) = parse_prefix(prefix) else {
                bail!(
                    CannotParseText,
                    "The text does not contain '/': {}",
                    String::from_utf8_lossy(prefix)
                );
            };
            let (address, is_v4) = match (parse_v4(text), parse_v6(text)) {
                (Some(v4), _) => (u128::from(v4), true),
                (None, Some(v6)) => (v6, false),
                _ => bail!(
                    CannotParseText,
                    "Neither IPv4 nor IPv6 address: '{}'",
                    String::from_utf8_lossy(text)
                ),
            };
            let mapped = address >> 32 == 0xFFFF && !is_v4;
            let found = match (network_v4, is_v4) {
                (true, true) | (false, false) => address & mask == network & mask,
                (true, false) => mapped && address & 0xFFFF_FFFF & mask == network & mask,
                (false, true) => false,
            };
            out.push(u8::from(found));
        }
        Ok(numbers::<arrow_array::types::UInt8Type>(out))
    }))
}

/// A column of pairs.
fn pairs(data_type: &DataType, first: ArrayRef, last: ArrayRef) -> Result<Column> {
    let fields = struct_fields([data_type.arrow_type(), data_type.arrow_type()].into_iter());
    let pairs = StructArray::try_new(fields, vec![first, last], None);
    Ok(Column::Flat(Arc::new(pairs.map_err(|e| Error::logical(e.to_string()))?)))
}

fn v4_range(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if !matches!(arguments[0].data_type, DataType::Ipv4 | DataType::UInt32) {
        return Err(illegal("IPv4CIDRToRange", &arguments[0]));
    }
    require_integer("IPv4CIDRToRange", arguments, 1)?;
    Ok(Bound::new(DataType::tuple([DataType::Ipv4, DataType::Ipv4]), |columns, rows| {
        let (addresses, bits) = (Integers::new(&columns[0])?, Integers::new(&columns[1])?);
        let (mut first, mut last) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..rows {
            let mask = mask(bits.get(row).clamp(0, 32) as u32, 32) as u32;
            let address = addresses.get(row) as u32 & mask;
            first.push(address);
            last.push(address | !mask);
        }
        pairs(
            &DataType::Ipv4,
            Arc::new(UInt32Array::from(first)),
            Arc::new(UInt32Array::from(last)),
        )
    }))
}

fn v6_range(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_v6("IPv6CIDRToRange", &arguments[0])?;
    require_integer("IPv6CIDRToRange", arguments, 1)?;
    Ok(Bound::new(DataType::tuple([DataType::Ipv6, DataType::Ipv6]), |columns, rows| {
        let bits = Integers::new(&columns[1])?;
        let (mut first, mut last) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, address) in v6_values(&columns[0], rows)?.into_iter().enumerate() {
            let mask = mask(bits.get(row).clamp(0, 128) as u32, 128);
            first.push(address & mask);
            last.push(address | !mask);
        }
        pairs(&DataType::Ipv6, wide(first)?, wide(last)?)
    }))
}

fn cut_v6(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_v6("cutIPv6", &arguments[0])?;
    require_integer("cutIPv6", arguments, 1)?;
    require_integer("cutIPv6", arguments, 2)?;
    Ok(Bound::new(DataType::String, |columns, rows| {
        let (six, four) = (Integers::new(&columns[1])?, Integers::new(&columns[2])?);
        let mut out = BytesBuilder::new(rows);
        for (row, address) in v6_values(&columns[0], rows)?.into_iter().enumerate() {
            let cut = if address >> 32 == 0xFFFF { four.get(row) } else { six.get(row) };
            let kept = mask(128 - 8 * cut.clamp(0, 16) as u32, 128);
            out.append(v6_text(address & kept).as_bytes());
        }
        out.column()
    }))
}
