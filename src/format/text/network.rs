//! UUIDs and addresses in and out of text. A UUID or IPv6 address is a number of 128 bits whose
//! highest byte is the first of its text.

use std::net::{Ipv4Addr, Ipv6Addr};

use base::{Result, bail};

use super::cursor::{Cursor, visible};

/// Appends a UUID.
pub(crate) fn write_uuid(number: u128, out: &mut Vec<u8>) {
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
        out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
    }
}

/// Reads a UUID, with or without hyphens.
///
/// # Errors
/// CANNOT_PARSE_UUID
pub(crate) fn read_uuid(cursor: &mut Cursor<'_>) -> Result<u128> {
    let rest = cursor.rest();
    let mut number = 0_u128;
    let mut digits = 0;
    for (at, byte) in rest.iter().take(36).enumerate() {
        match char::from(*byte).to_digit(16) {
            Some(digit) => {
                number = (number << 4) | u128::from(digit);
                digits += 1;
                if digits == 32 {
                    cursor.advance(at + 1);
                    return Ok(number);
                }
            }
            None if *byte == b'-' && matches!(at, 8 | 13 | 18 | 23) => {}
            None => break,
        }
    }
    bail!(CannotParseUuid, "Cannot parse uuid {}", visible(rest))
}

/// Appends an IPv4 address.
pub(crate) fn write_ipv4(number: u32, out: &mut Vec<u8>) {
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        super::number::write_integer(byte, out);
    }
}

/// The bytes at the cursor that can belong to an address.
fn address<'a>(cursor: &Cursor<'a>, is_part: impl Fn(u8) -> bool) -> Option<&'a str> {
    let rest = cursor.rest();
    let end = rest.iter().take(46).position(|b| !is_part(*b)).unwrap_or(rest.len().min(46));
    std::str::from_utf8(&rest[..end]).ok()
}

/// Reads an IPv4 address.
///
/// # Errors
/// CANNOT_PARSE_IPV4
pub(crate) fn read_ipv4(cursor: &mut Cursor<'_>) -> Result<u32> {
    let text = address(cursor, |b| b.is_ascii_digit() || b == b'.').unwrap_or("");
    let mut number = 0_u32;
    let mut parts = 0;
    for part in text.split('.') {
        match part.parse::<u8>() {
            Ok(byte) if part.len() <= 3 => number = (number << 8) | u32::from(byte),
            _ => bail!(CannotParseIpv4, "Cannot parse IPv4 {}", visible(cursor.rest())),
        }
        parts += 1;
    }
    if parts != 4 {
        bail!(CannotParseIpv4, "Cannot parse IPv4 {}", visible(cursor.rest()));
    }
    cursor.advance(text.len());
    Ok(number)
}

/// Appends an IPv6 address; mapped IPv4 addresses as `::ffff:1.2.3.4`.
pub(crate) fn write_ipv6(number: u128, out: &mut Vec<u8>) {
    out.extend_from_slice(Ipv6Addr::from(number).to_string().as_bytes());
}

/// Reads an IPv6 address, or an IPv4 address as a mapped one.
///
/// # Errors
/// CANNOT_PARSE_IPV6
pub(crate) fn read_ipv6(cursor: &mut Cursor<'_>) -> Result<u128> {
    let text = address(cursor, |b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).unwrap_or("");
    let number = match (text.parse::<Ipv6Addr>(), text.parse::<Ipv4Addr>()) {
        (Ok(address), _) => u128::from(address),
        (_, Ok(address)) => u128::from(address.to_ipv6_mapped()),
        _ => bail!(CannotParseIpv6, "Cannot parse IPv6 {}", visible(cursor.rest())),
    };
    cursor.advance(text.len());
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::{Cursor, read_ipv4, read_ipv6, read_uuid, write_ipv4, write_ipv6, write_uuid};

    #[test]
    fn addresses_and_uuids_read_back() {
        let id = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
        let mut out = Vec::new();
        write_uuid(read_uuid(&mut Cursor::new(id.as_bytes())).unwrap(), &mut out);
        assert_eq!(out, id.as_bytes());
        let bare = id.replace('-', "").to_uppercase();
        out.clear();
        write_uuid(read_uuid(&mut Cursor::new(bare.as_bytes())).unwrap(), &mut out);
        assert_eq!(out, id.as_bytes());
        assert!(read_uuid(&mut Cursor::new(b"61f0")).is_err());

        for text in ["::ffff:1.2.3.4", "2001:db8::1", "::", "::1"] {
            out.clear();
            write_ipv6(read_ipv6(&mut Cursor::new(text.as_bytes())).unwrap(), &mut out);
            assert_eq!(out, text.as_bytes());
        }
        out.clear();
        write_ipv4(read_ipv4(&mut Cursor::new(b"1.20.255.0\t")).unwrap(), &mut out);
        assert_eq!(out, b"1.20.255.0");
        for bad in ["1.2.3", "1.2.3.256", "", "1..2.3", "1.2.3.4.5"] {
            assert!(read_ipv4(&mut Cursor::new(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
