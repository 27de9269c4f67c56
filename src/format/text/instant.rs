//! Dates and times out to text, and the plain spellings back.

use base::{Result, bail};
use types::TimeZone;
use types::time::{DAY, civil_from_days, days_from_civil, days_in_month};

use super::cursor::{Cursor, visible};
use super::number::read_i64;
use crate::settings::DateTimeOutput;

/// The last day of `Date`, 2149-06-06.
const LAST_DATE: i64 = 65_535;

/// A time zone that remembers the offset of the last quarter of an hour it was asked about:
/// neighbouring rows mostly ask about the same one, and offsets change only between quarters.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    zone: TimeZone,
    is_utc: bool,
    to_local: (i64, i64),
    to_utc: (i64, i64),
}

const QUARTER: i64 = 900;

impl Zone {
    pub(crate) fn new(zone: TimeZone) -> Zone {
        let is_utc = zone == TimeZone::UTC;
        Zone { zone, is_utc, to_local: (i64::MIN, 0), to_utc: (i64::MIN, 0) }
    }

    /// Local seconds of an instant.
    #[inline]
    pub(crate) fn local(&mut self, utc: i64) -> i64 {
        if self.is_utc {
            return utc;
        }
        let quarter = utc.div_euclid(QUARTER);
        // Before 1970 offsets changed at odd seconds.
        if self.to_local.0 != quarter || utc < 0 {
            self.to_local = (quarter, self.zone.offset(utc));
        }
        utc.saturating_add(self.to_local.1)
    }

    /// The instant of local seconds.
    #[inline]
    pub(crate) fn utc(&mut self, local: i64) -> i64 {
        if self.is_utc {
            return local;
        }
        let quarter = local.div_euclid(QUARTER);
        if self.to_utc.0 != quarter || local < DAY {
            self.to_utc = (quarter, self.zone.to_utc(local).saturating_sub(local));
        }
        local.saturating_add(self.to_utc.1)
    }
}

pub(super) fn push_two(number: u32, out: &mut Vec<u8>) {
    let number = number % 100;
    out.push(b'0' + (number / 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// Appends `YYYY-MM-DD`.
pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    let day = civil_from_days(days);
    let year = day.year.clamp(0, 9999) as u32;
    push_two(year / 100, out);
    push_two(year, out);
    out.push(b'-');
    push_two(day.month, out);
    out.push(b'-');
    push_two(day.day, out);
}

fn write_clock(second_of_day: i64, out: &mut Vec<u8>) {
    let second = second_of_day as u32;
    push_two(second / 3600, out);
    out.push(b':');
    push_two(second / 60 % 60, out);
    out.push(b':');
    push_two(second % 60, out);
}

/// 0000-01-01 00:00:00 and 9999-12-31 23:59:59: what four digits of a year can tell.
const FIRST_SECOND: i64 = -62_167_219_200;
const LAST_SECOND: i64 = 253_402_300_799;

/// Appends an instant, of ticks of 10^-precision seconds.
pub(crate) fn write_instant(
    ticks: i64,
    precision: u8,
    zone: &mut Zone,
    style: DateTimeOutput,
    out: &mut Vec<u8>,
) {
    let scale = 10_i64.pow(u32::from(precision.min(18)));
    if style == DateTimeOutput::UnixTimestamp {
        return super::number::write_decimal(i128::from(ticks), precision, true, out);
    }
    let (utc, fraction) = (ticks.div_euclid(scale), ticks.rem_euclid(scale));
    let local = if style == DateTimeOutput::Iso { utc } else { zone.local(utc) };
    let local = local.clamp(FIRST_SECOND, LAST_SECOND);
    write_date(local.div_euclid(DAY), out);
    out.push(if style == DateTimeOutput::Iso { b'T' } else { b' ' });
    write_clock(local.rem_euclid(DAY), out);
    write_fraction(fraction, precision, out);
    if style == DateTimeOutput::Iso {
        out.push(b'Z');
    }
}

/// Appends the point and digits of a fraction, where the precision has any.
pub(super) fn write_fraction(fraction: i64, precision: u8, out: &mut Vec<u8>) {
    if precision > 0 {
        out.push(b'.');
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(fraction).as_bytes();
        out.resize(out.len() + usize::from(precision).saturating_sub(digits.len()), b'0');
        out.extend_from_slice(digits);
    }
}

fn digits(text: &[u8]) -> Option<u32> {
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    Some(number)
}

/// Days of a date whose parts were read; others when they cannot be one, as in ClickHouse.
fn days_or(year: u32, month: u32, day: u32, otherwise: i64) -> i64 {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9999 {
        return otherwise;
    }
    days_from_civil(year as i32, month, day)
}

/// As `days_or`, with 1970-01-01.
pub(crate) fn days_or_epoch(year: u32, month: u32, day: u32) -> i64 {
    days_or(year, month, day, 0)
}

/// Whether `YYYY-MM-DD` at the start of a text is a day of the calendar.
pub(crate) fn is_day(text: &[u8]) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).and_then(digits).unwrap_or(0);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Every month has 28 days.
    (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (day <= 28 || day <= days_in_month(year as i32, month))
        && year > 0
}

/// Reads `YYYY-MM-DD`, `YYYY-M-D` or `YYYYMMDD` as days since 1970; 0 where there is no such day.
///
/// # Errors
/// CANNOT_PARSE_DATE
pub(crate) fn read_days(cursor: &mut Cursor<'_>) -> Result<i64> {
    read_days_or(cursor, 0)
}

/// As `read_days`, with what a day that is none becomes.
pub(crate) fn read_days_or(cursor: &mut Cursor<'_>, otherwise: i64) -> Result<i64> {
    let rest = cursor.rest();
    if let Some(text) = rest.get(..10)
        && let (b'-', b'-') = (text[4], text[7])
        && let (Some(year), Some(month), Some(day)) =
            (digits(&text[..4]), digits(&text[5..7]), digits(&text[8..]))
    {
        cursor.advance(10);
        return Ok(days_or(year, month, day, otherwise));
    }
    let refused = || -> Result<i64> {
        bail!(
            CannotParseDate,
            "Cannot parse date here: '{}': expected a date in the YYYY-MM-DD or YYYYMMDD format",
            visible(rest)
        )
    };
    let Some(year) = rest.get(..4).and_then(digits) else { return refused() };
    if let Some((month, day)) = rest.get(4..6).and_then(digits).zip(rest.get(6..8).and_then(digits))
    {
        cursor.advance(8);
        return Ok(days_or(year, month, day, otherwise));
    }
    let mut at = 4;
    let mut part = || -> Option<u32> {
        if rest.get(at).is_none_or(|b| b.is_ascii_digit() || !(b.is_ascii_punctuation())) {
            return None;
        }
        at += 1;
        let length = rest[at..].iter().take(2).take_while(|b| b.is_ascii_digit()).count();
        let number = digits(&rest[at..at + length]).filter(|_| length > 0);
        at += length;
        number
    };
    let (month, day) = (part(), part());
    match (month, day) {
        (Some(month), Some(day)) => {
            cursor.advance(at);
            Ok(days_or(year, month, day, otherwise))
        }
        _ => refused(),
    }
}

/// What `Date` keeps of days: those out of its range become the nearest.
pub(crate) fn to_date(days: i64) -> u16 {
    days.clamp(0, LAST_DATE) as u16
}

/// Reads `hh:mm:ss` as a second of the day; more than 59 minutes or 23 hours count on.
fn read_clock(cursor: &mut Cursor<'_>) -> Option<i64> {
    let rest = cursor.rest();
    let hour = rest.get(..2).and_then(digits)?;
    let minute = rest.get(3..5).and_then(digits)?;
    let second = rest.get(6..8).and_then(digits)?;
    if rest[2] != b':' || rest[5] != b':' {
        return None;
    }
    cursor.advance(8);
    Some(i64::from(hour * 3600 + minute * 60 + second))
}

/// Reads the digits behind a point as a number of ticks; more digits than the precision are cut.
pub(crate) fn read_fraction(cursor: &mut Cursor<'_>, precision: u8) -> i64 {
    let mut ticks = 0_i64;
    let mut read = 0;
    while let Some(byte @ b'0'..=b'9') = cursor.peek() {
        if read < precision {
            ticks = ticks * 10 + i64::from(byte - b'0');
            read += 1;
        }
        cursor.advance(1);
    }
    ticks * 10_i64.pow(u32::from(precision.saturating_sub(read)))
}

/// Ticks of seconds and a fraction, as far as 64 bits hold them.
pub(crate) fn to_ticks(seconds: i64, fraction: i64, precision: u8) -> i64 {
    let scale = 10_i64.pow(u32::from(precision.min(18)));
    seconds.saturating_mul(scale).saturating_add(fraction)
}

/// Reads `YYYY-MM-DD hh:mm:ss[.fraction]`, a date alone, or a Unix timestamp, as ticks.
///
/// # Errors
/// CANNOT_PARSE_DATETIME
pub(crate) fn read_basic(cursor: &mut Cursor<'_>, precision: u8, zone: &mut Zone) -> Result<i64> {
    let rest = cursor.rest();
    let separates = |b: &u8| !b.is_ascii_digit() && (*b != b'.' || rest.get(7) == Some(b));
    if rest.get(4).is_some_and(separates) && rest[..4].iter().all(u8::is_ascii_digit) {
        let (Some(year), Some(month), Some(day)) = (
            rest.get(..4).and_then(digits),
            rest.get(5..7).and_then(digits),
            rest.get(8..10).and_then(digits),
        ) else {
            bail!(CannotParseDatetime, "Cannot parse DateTime here: '{}'", visible(rest));
        };
        cursor.advance(10);
        let days = days_or_epoch(year, month, day);
        let mut second = 0;
        let mut fraction = 0;
        if matches!(cursor.peek(), Some(b' ' | b'T')) {
            let before = cursor.position();
            cursor.advance(1);
            match read_clock(cursor) {
                Some(clock) => second = clock,
                None => cursor.seek(before),
            }
            if second >= 0 && precision > 0 && cursor.eat(b'.') {
                fraction = read_fraction(cursor, precision);
            }
        }
        if days == 0 && rest.starts_with(b"0000") {
            return Ok(0);
        }
        return Ok(to_ticks(zone.utc(days * DAY + second), fraction, precision));
    }
    read_timestamp(cursor, precision)
}

/// Reads a Unix timestamp, with a fraction where there can be one, as ticks. A timestamp of a
/// DateTime64 with more than 10 digits already counts ticks.
pub(crate) fn read_timestamp(cursor: &mut Cursor<'_>, precision: u8) -> Result<i64> {
    let start = cursor.position();
    let negative = cursor.peek() == Some(b'-');
    let seconds = read_i64(cursor);
    if cursor.position() == start {
        bail!(CannotParseDatetime, "Cannot parse DateTime here: '{}'", visible(cursor.rest()));
    }
    let digits = cursor.position() - start - usize::from(negative);
    if precision == 0 {
        return Ok(seconds);
    }
    if digits > 10 && cursor.peek() != Some(b'.') {
        return Ok(seconds);
    }
    let mut fraction = 0;
    if cursor.eat(b'.') {
        fraction = read_fraction(cursor, precision);
        if negative {
            fraction = -fraction;
        }
    }
    Ok(to_ticks(seconds, fraction, precision))
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Zone, read_basic, read_days, write_instant};
    use crate::settings::DateTimeOutput;
    use types::TimeZone;

    fn written(ticks: i64, precision: u8, zone: &str, style: DateTimeOutput) -> String {
        let mut out = Vec::new();
        let mut zone = Zone::new(TimeZone::parse(zone).unwrap());
        write_instant(ticks, precision, &mut zone, style, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn instants_are_written_in_their_zone() {
        let simple = DateTimeOutput::Simple;
        assert_eq!(written(1_577_934_245, 0, "UTC", simple), "2020-01-02 03:04:05");
        assert_eq!(written(1_577_934_245, 0, "Europe/Berlin", simple), "2020-01-02 04:04:05");
        assert_eq!(written(-1500, 3, "UTC", simple), "1969-12-31 23:59:58.500");
        assert_eq!(
            written(1_577_934_245_123, 3, "UTC", DateTimeOutput::Iso),
            "2020-01-02T03:04:05.123Z"
        );
        assert_eq!(
            written(-315_619_199_900, 3, "UTC", DateTimeOutput::UnixTimestamp),
            "-315619199.900"
        );
    }

    #[test]
    fn plain_spellings_are_read() {
        let mut zone = Zone::new(TimeZone::UTC);
        let mut read = |text: &str, precision| {
            read_basic(&mut Cursor::new(text.as_bytes()), precision, &mut zone).unwrap()
        };
        assert_eq!(read("2020-01-02 03:04:05", 0), 1_577_934_245);
        assert_eq!(read("2020-01-02T03:04:05.12", 3), 1_577_934_245_120);
        assert_eq!(read("2020-01-02", 0), 1_577_923_200);
        assert_eq!(read("0000-00-00 00:00:00", 0), 0);
        assert_eq!(read("-1.5", 3), -1500);
        assert_eq!(read("1577934245123", 3), 1_577_934_245_123);
        for (text, days) in [("2020-1-2", 18_263), ("20200102", 18_263), ("2020-02-30", 18_322)] {
            assert_eq!(read_days(&mut Cursor::new(text.as_bytes())).unwrap(), days, "{text}");
        }
        assert_eq!(read_days(&mut Cursor::new(b"2020-13-02")).unwrap(), 0);
        assert!(read_days(&mut Cursor::new(b"18263")).is_err());
        assert!(read_days(&mut Cursor::new(b"")).is_err());
    }
}
