//! Dates with times in any usual spelling: ISO 8601, RFC 1123, `Jan 2 2020 3:04 PM`,
//! `2.1.2020 03:04`, digits without separators, Unix timestamps, with offsets and zones.

use base::{Result, error};
use types::time::{DAY, civil_from_days, days_in_month};

use super::cursor::{Cursor, visible};
use super::instant::{Zone, days_or_epoch, read_fraction, to_ticks};
use crate::settings::DateTimeInput;

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
    minute: u32,
    second: u32,
    fraction: i64,
    afternoon: Option<bool>,
    /// Seconds east of UTC.
    offset: Option<i64>,
}

/// Reads a whole text as an instant in ticks of 10^-precision seconds; without `with_fraction` a Unix
/// timestamp has whole seconds.
///
/// # Errors
/// CANNOT_PARSE_DATETIME
pub(crate) fn read(
    text: &[u8],
    precision: u8,
    with_fraction: bool,
    style: DateTimeInput,
    zone: &mut Zone,
) -> Result<i64> {
    let refused = || error!(CannotParseDatetime, "Cannot read DateTime here: '{}'", visible(text));
    let mut cursor = Cursor::new(text);
    cursor.skip_spaces();
    if let Some(ticks) = timestamp(&mut cursor, precision, with_fraction) {
        return Ok(ticks);
    }
    let mut found = Found::default();
    while let Some(byte) = cursor.peek() {
        let understood = match byte {
            b'0'..=b'9' => numbers(&mut cursor, &mut found, style, precision),
            b'+' | b'-' if found.hour.is_some() => zone_offset(&mut cursor, &mut found),
            b' ' | b',' | b'\t' => {
                cursor.advance(1);
                Some(())
            }
            b'A'..=b'Z' | b'a'..=b'z' => word(&mut cursor, &mut found),
            _ => None,
        };
        understood.ok_or_else(refused)?;
    }
    found.instant(precision, zone).ok_or_else(refused)
}

/// A Unix timestamp: 9, 10 or 13 digits, of DateTime64 maybe a fraction.
fn timestamp(cursor: &mut Cursor<'_>, precision: u8, with_fraction: bool) -> Option<i64> {
    let text = cursor.rest();
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let fraction = match text.get(count) {
        None => &[][..],
        Some(b'.') if with_fraction && text[count + 1..].iter().all(u8::is_ascii_digit) => {
            &text[count + 1..]
        }
        Some(_) => return None,
    };
    let whole = std::str::from_utf8(&text[..count]).ok()?.parse::<i64>().ok()?;
    match count {
        9 | 10 => {
            let fraction = read_fraction(&mut Cursor::new(fraction), precision);
            Some(to_ticks(whole, fraction, precision))
        }
        13 if text.len() == count => {
            let seconds = to_ticks(whole / 1000, 0, precision);
            Some(seconds.saturating_add(thousandths(whole, precision)))
        }
        _ => None,
    }
}

/// The ticks of the milliseconds of a timestamp in milliseconds.
fn thousandths(whole: i64, precision: u8) -> i64 {
    let rest = whole % 1000;
    match precision.checked_sub(3) {
        Some(more) => rest * 10_i64.pow(u32::from(more.min(15))),
        None => rest / 10_i64.pow(u32::from(3 - precision)),
    }
}

/// A run of digits, read as far as it is one.
fn digits(cursor: &mut Cursor<'_>) -> (u64, usize) {
    let start = cursor.position();
    let mut number = 0_u64;
    while let Some(byte @ b'0'..=b'9') = cursor.peek() {
        number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        cursor.advance(1);
    }
    (number, cursor.position() - start)
}

/// What starts with digits: a date, a time, a day or a year.
fn numbers(
    cursor: &mut Cursor<'_>,
    found: &mut Found,
    style: DateTimeInput,
    precision: u8,
) -> Option<()> {
    let (number, count) = digits(cursor);
    let next = cursor.peek();
    let number_32 = (number % 100_000_000_000) as u32;
    match count {
        14 => {
            found.date(number / 1_000_000);
            found.clock(number % 1_000_000);
        }
        8 => found.date(number),
        12 => {
            found.date(number / 10_000);
            found.clock(number % 10_000 * 100);
        }
        6 if found.year.is_some() => {
            found.clock(number);
            read_subseconds(cursor, found, precision);
        }
        6 => found.date(number * 100 + 1),
        4 if found.year.is_none() => {
            found.year = Some(number_32);
            return year_first(cursor, found);
        }
        4 => found.clock(number * 100),
        1 | 2 if next == Some(b':') && found.hour.is_none() => {
            found.hour = Some(number_32);
            cursor.advance(1);
            let (minute, length) = digits(cursor);
            if length == 0 || length > 2 {
                return None;
            }
            found.minute = minute as u32;
            if cursor.eat(b':') {
                let (second, length) = digits(cursor);
                if length == 0 || length > 2 {
                    return None;
                }
                found.second = second as u32;
                read_subseconds(cursor, found, precision);
            }
        }
        1 | 2 if matches!(next, Some(b'/' | b'-' | b'.')) && found.day.is_none() => {
            return day_first(cursor, number_32, found, style);
        }
        1 | 2 if found.day.is_none() => found.day = Some(number_32),
        1 | 2 if found.hour.is_none() => found.hour = Some(number_32),
        _ => return None,
    }
    Some(())
}

/// What follows a year: `-01-02`, `/1/2`, `.01`, and the T before a time.
fn year_first(cursor: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    if let Some(separator @ (b'-' | b'/' | b'.')) = cursor.peek() {
        cursor.advance(1);
        let (month, length) = digits(cursor);
        if length == 0 || length > 2 {
            return None;
        }
        found.month = Some(month as u32);
        if cursor.eat(separator) {
            let (day, length) = digits(cursor);
            if length == 0 || length > 2 {
                return None;
            }
            found.day = Some(day as u32);
        }
        if matches!(cursor.peek(), Some(b'T' | b't')) {
            cursor.advance(1);
        }
    }
    Some(())
}

fn read_subseconds(cursor: &mut Cursor<'_>, found: &mut Found, precision: u8) {
    if cursor.eat(b'.') || cursor.eat(b',') {
        found.fraction = read_fraction(cursor, precision);
    }
}

/// `02/01/2020`, `2.1.2020`, `2-Jan-2020`, `2/1/20`
fn day_first(
    cursor: &mut Cursor<'_>,
    first: u32,
    found: &mut Found,
    style: DateTimeInput,
) -> Option<()> {
    let separator = cursor.peek()?;
    cursor.advance(1);
    if cursor.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
        found.day = Some(first);
        word(cursor, found)?;
    } else {
        let (second, length) = digits(cursor);
        if length == 0 || length > 2 {
            return None;
        }
        let us = style == DateTimeInput::BestEffortUs;
        let (day, month) = if us { (second as u32, first) } else { (first, second as u32) };
        found.day = Some(day);
        found.month = Some(month);
    }
    if cursor.eat(separator) {
        let (year, length) = digits(cursor);
        found.year = match length {
            4 => Some(year as u32),
            2 => Some(year as u32 + if year < 70 { 2000 } else { 1900 }),
            _ => return None,
        };
    }
    Some(())
}

/// `+03:00`, `-0530`, `+3`
fn zone_offset(cursor: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    let sign = if cursor.peek() == Some(b'-') { -1 } else { 1 };
    cursor.advance(1);
    let (number, length) = digits(cursor);
    let (hours, minutes) = match length {
        1 | 2 if cursor.eat(b':') => {
            let (minutes, length) = digits(cursor);
            (number, if length == 2 { minutes } else { return None })
        }
        1 | 2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return None,
    };
    found.offset = Some(sign * (hours * 3600 + minutes * 60) as i64);
    Some(())
}

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

const DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// A word: a month, a day of the week, AM or PM, a zone, or the T between date and time.
fn word(cursor: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    let rest = cursor.rest();
    let length = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = rest[..length].to_ascii_lowercase();
    cursor.advance(length);
    match word.as_slice() {
        b"t" => return Some(()),
        b"z" | b"utc" | b"gmt" => found.offset = Some(found.offset.unwrap_or(0)),
        b"msk" => found.offset = Some(3 * 3600),
        b"msd" => found.offset = Some(4 * 3600),
        b"am" => found.afternoon = Some(false),
        b"pm" => found.afternoon = Some(true),
        name => {
            let start = name.get(..3)?;
            if let Some(at) = MONTHS.iter().position(|month| *month == start) {
                found.month = Some(at as u32 + 1);
            } else if !DAYS.contains(&start) {
                return None;
            }
        }
    }
    Some(())
}

impl Found {
    /// `YYYYMMDD`
    fn date(&mut self, number: u64) {
        self.year = Some((number / 10_000 % 10_000) as u32);
        self.month = Some((number / 100 % 100) as u32);
        self.day = Some((number % 100) as u32);
    }

    /// `hhmmss`
    fn clock(&mut self, number: u64) {
        self.hour = Some((number / 10_000 % 100) as u32);
        self.minute = (number / 100 % 100) as u32;
        self.second = (number % 100) as u32;
    }

    /// The instant, if a date or a time was found and the date exists. Of a date, 0 is as good as nothing.
    fn instant(self, precision: u8, zone: &mut Zone) -> Option<i64> {
        let set = |part: Option<u32>| part.filter(|p| *p != 0);
        let (year, month, day) = (set(self.year), set(self.month), set(self.day));
        if [year, month, day, self.hour].iter().all(Option::is_none) {
            return None;
        }
        let mut hour = self.hour.unwrap_or(0);
        match self.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
        let year = year.unwrap_or_else(this_year);
        if !(1..=12).contains(&month) || day > days_in_month(year as i32, month) {
            return None;
        }
        let local = days_or_epoch(year, month, day) * DAY
            + i64::from(hour * 3600 + self.minute * 60 + self.second);
        let seconds = match self.offset {
            Some(offset) => local - offset,
            None => zone.utc(local),
        };
        Some(to_ticks(seconds, self.fraction, precision))
    }
}

/// The year of the clock, for dates without one.
fn this_year() -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let days = now.map_or(0, |since| since.as_secs() as i64 / DAY);
    civil_from_days(days).year.max(0) as u32
}

#[cfg(test)]
mod tests {
    use super::{DateTimeInput, Zone, read};
    use types::TimeZone;

    fn parsed(text: &str) -> i64 {
        let mut zone = Zone::new(TimeZone::UTC);
        read(text.as_bytes(), 0, false, DateTimeInput::BestEffort, &mut zone)
            .unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn usual_spellings_are_understood() {
        let at = 1_577_934_245; // 2020-01-02 03:04:05
        for text in [
            "2020-01-02 03:04:05",
            "2020-01-02T03:04:05Z",
            "2020-01-02T05:04:05+02:00",
            "2020-01-02 03:04:05.678",
            "1577934245",
            "20200102030405",
            "20200102T030405Z",
            "20200102T030405",
            "Jan 2 2020 3:04:05 AM",
            "Thu, 02 Jan 2020 03:04:05 GMT",
            "02/01/2020 03:04:05",
            "2.1.2020 3:04:05",
            "2020/01/02 03:04:05",
            "2020-01-02 03:04:05 +0000",
            "2-Jan-2020 03:04:05",
            "1577934245123",
        ] {
            assert_eq!(parsed(text), at, "{text}");
        }
        assert_eq!(parsed("Dec 15, 2021"), 1_639_526_400);
        assert_eq!(parsed("2020-01-02"), 1_577_923_200);
        assert_eq!(parsed("202001"), 1_577_836_800);
        assert_eq!(parsed("2020"), 1_577_836_800);
        assert_eq!(parsed("2020-01-02 3:4"), 1_577_923_200 + 3 * 3600 + 240);
        assert_eq!(parsed("2018-08-18 07:22:16 +0300"), parsed("2018-08-18 04:22:16"));
    }

    #[test]
    fn nonsense_is_refused_and_nothing_panics() {
        let mut zone = Zone::new(TimeZone::UTC);
        for text in
            ["", "abc", "2020-13-01", "2023-02-29", "0", "12345", "--", "1:2:3:4", "2020-01-02 x"]
        {
            assert!(
                read(text.as_bytes(), 3, true, DateTimeInput::BestEffort, &mut zone).is_err(),
                "{text}"
            );
        }
    }
}
