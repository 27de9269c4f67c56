//! Times of day and spans: `[-]H:MM:SS[.fraction]`, also `MM:SS` and seconds alone.

use base::{Result, bail};

use super::cursor::{Cursor, visible};
use super::instant::{push_two, read_fraction, write_fraction};
use types::time::MOST_SECONDS;

/// Appends a time of ticks of 10^-precision seconds.
pub(super) fn write(ticks: i64, precision: u8, out: &mut Vec<u8>) {
    let scale = 10_u64.pow(u32::from(precision.min(18)));
    if ticks < 0 {
        out.push(b'-');
    }
    let (seconds, fraction) = (ticks.unsigned_abs() / scale, ticks.unsigned_abs() % scale);
    let hours = seconds / 3600;
    if hours >= 100 {
        out.extend_from_slice(itoa::Buffer::new().format(hours).as_bytes());
    } else {
        push_two(hours as u32, out);
    }
    for part in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        push_two(part as u32, out);
    }
    write_fraction(fraction as i64, precision, out);
}

/// Reads a time as ticks of 10^-precision seconds.
///
/// # Errors
/// CANNOT_PARSE_DATETIME where no digit begins it.
pub(super) fn read(cursor: &mut Cursor<'_>, precision: u8) -> Result<i64> {
    let negative = cursor.eat(b'-');
    let rest = cursor.rest();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        bail!(CannotParseDatetime, "Cannot parse time here: '{}'", visible(rest));
    }
    let number = |text: &[u8]| text.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let two = |at: usize| -> Option<i64> {
        let part = rest.get(at..at + 3)?;
        let plain = part[0] == b':' && part[1].is_ascii_digit() && part[2].is_ascii_digit();
        plain.then(|| number(&part[1..]))
    };
    let (seconds, length) = match (digits, two(digits), two(digits + 3)) {
        (1..=3, Some(minutes), Some(seconds)) => {
            (number(&rest[..digits]) * 3600 + minutes * 60 + seconds, digits + 6)
        }
        (1..=2, Some(seconds), None) => (number(&rest[..digits]) * 60 + seconds, digits + 3),
        _ => (number(&rest[..digits.min(2)]), digits.min(2)),
    };
    cursor.advance(length);
    let scale = 10_i64.pow(u32::from(precision.min(18)));
    let mut fraction = 0;
    if precision > 0 && cursor.eat(b'.') {
        fraction = read_fraction(cursor, precision);
    }
    let ticks = if seconds > MOST_SECONDS {
        MOST_SECONDS * scale + (scale - 1)
    } else {
        seconds * scale + fraction
    };
    Ok(if negative { -ticks } else { ticks })
}

#[cfg(test)]
mod tests {
    use super::{Cursor, read, write};

    #[test]
    fn times_are_written_as_they_are_read() {
        for (text, precision, ticks) in [
            ("00:00:05", 0, 5),
            ("999:59:59", 0, 3_599_999),
            ("-01:00:01.500", 3, -3_601_500),
            ("-00:00:00.5", 1, -5),
        ] {
            assert_eq!(
                read(&mut Cursor::new(text.as_bytes()), precision).unwrap(),
                ticks,
                "{text}"
            );
            let mut out = Vec::new();
            write(ticks, precision, &mut out);
            assert_eq!(out, text.as_bytes());
        }
        for (text, seconds, read_to) in [("5", 5, 1), ("12:34", 754, 5), ("123456", 12, 2)] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(read(&mut cursor, 0).unwrap(), seconds);
            assert_eq!(cursor.position(), read_to, "{text}");
        }
        assert!(read(&mut Cursor::new(b"x"), 0).is_err());
    }
}
