//! UUIDs as text, as 16 bytes and as the times that are in them.
//!
//! Bytes are in the order of the text (variant 1), or with the first three groups turned around, as Microsoft keeps
//! them (variant 2).

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::{DataType, Value};

use super::declare;
use super::hash::fixed_column;
use super::strings::{Strings, illegal, require_text, write};
use crate::scalar::lane;

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("UUID", "UUIDStringToNum", "UUIDStringToNum(s[, variant])", "The 16 bytes of a UUID; of variant 2 with the first three groups turned around.",
        "SELECT hex(UUIDStringToNum('61f0c404-5cb3-11e7-907b-a6006ad3dba0'))" => "61F0C4045CB311E7907BA6006AD3DBA0", (1, 2), of_text),
    declare!("UUID", "UUIDNumToString", "UUIDNumToString(bytes[, variant])", "A UUID given by its 16 bytes as text.",
        "SELECT UUIDNumToString(UUIDStringToNum('61f0c404-5cb3-11e7-907b-a6006ad3dba0'))" => "61f0c404-5cb3-11e7-907b-a6006ad3dba0", (1, 2), to_text),
    declare!("UUID", "UUIDToNum", "UUIDToNum(uuid[, variant])", "The 16 bytes of a UUID; of variant 2 with the first three groups turned around.",
        "SELECT hex(UUIDToNum(toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), 2))" => "04C4F061B35CE711907BA6006AD3DBA0", (1, 2), of_uuid),
    declare!("UUID", "UUIDv7ToDateTime", "UUIDv7ToDateTime(uuid[, zone])", "The time in a UUID of version 7; 1970 for others.",
        "SELECT UUIDv7ToDateTime(toUUID('018f05c9-4ab8-7b86-b64e-c9f03fbd45d1'), 'UTC')" => "2024-04-22 12:30:29.048", (1, 2), time),
];

/// Whether the constant argument after the first asks for the bytes in Microsoft's order.
fn turned(function: &str, arguments: &[Argument]) -> Result<bool> {
    let Some(variant) = arguments.get(1) else { return Ok(false) };
    if !variant.data_type.is_integer() {
        return Err(illegal(function, variant));
    }
    match &variant.constant {
        Some(Value::Int(1)) => Ok(false),
        Some(Value::Int(2)) => Ok(true),
        Some(other) => bail!(ArgumentOutOfBound, "Expected UUID variant 1 or 2, got {other}"),
        None => bail!(IllegalColumn, "The variant of function {function} must be constant"),
    }
}

/// Turns the first three groups around.
fn turn(bytes: &mut [u8]) {
    for group in [0..4, 4..6, 6..8] {
        if let Some(part) = bytes.get_mut(group) {
            part.reverse();
        }
    }
}

fn of_text(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("UUIDStringToNum", arguments, 0)?;
    let turned = turned("UUIDStringToNum", arguments)?;
    Ok(Bound::new(DataType::FixedString(16), move |columns, rows| {
        let mut uuids: Vec<[u8; 16]> = Vec::with_capacity(rows);
        Strings::new(&columns[0])?.each(rows, |text| {
            let digits: Vec<u8> = text
                .iter()
                .filter(|b| **b != b'-')
                .map(|b| (*b as char).to_digit(16).unwrap_or(0) as u8)
                .collect();
            let mut bytes = [0; 16];
            if text.len() == 36 && digits.len() == 32 {
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair[0] << 4 | pair[1];
                }
            }
            if turned {
                turn(&mut bytes);
            }
            uuids.push(bytes);
        });
        fixed_column(16, uuids.iter().map(<[u8; 16]>::as_slice))
    }))
}

fn to_text(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if arguments[0].data_type != DataType::FixedString(16) {
        return Err(illegal("UUIDNumToString", &arguments[0]));
    }
    let turned = turned("UUIDNumToString", arguments)?;
    Ok(write(move |bytes, out| {
        let mut bytes = bytes.to_vec();
        if turned {
            turn(&mut bytes);
        }
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
    }))
}

fn require_uuid(function: &str, arguments: &[Argument]) -> Result<()> {
    match arguments[0].data_type {
        DataType::Uuid => Ok(()),
        _ => Err(illegal(function, &arguments[0])),
    }
}

fn of_uuid(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_uuid("UUIDToNum", arguments)?;
    let turned = turned("UUIDToNum", arguments)?;
    Ok(Bound::new(DataType::FixedString(16), move |columns, rows| {
        let uuids = lane::values::<u128>(&columns[0])?;
        let bytes = |row| {
            let mut bytes = uuids.at(row).to_be_bytes();
            if turned {
                turn(&mut bytes);
            }
            bytes
        };
        let all: Vec<[u8; 16]> = (0..rows).map(bytes).collect();
        fixed_column(16, all.iter().map(<[u8; 16]>::as_slice))
    }))
}

fn time(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_uuid("UUIDv7ToDateTime", arguments)?;
    let zone = match arguments.get(1) {
        Some(zone) => match zone.constant.as_ref().and_then(Value::as_str) {
            Some(name) => Some(types::TimeZone::parse(name)?),
            None => return Err(illegal("UUIDv7ToDateTime", zone)),
        },
        None => None,
    };
    Ok(Bound::new(DataType::DateTime64(3, zone), |columns, _| {
        lane::map::<u128, i64>(&columns[0], |uuid| match uuid >> 76 & 0xF {
            7 => (uuid >> 80) as i64,
            _ => 0,
        })
    }))
}
