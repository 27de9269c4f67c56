//! Texts as dates and times: by a pattern, or by best effort.

use arrow_array::Array;
use arrow_buffer::NullBuffer;
use base::{Result, bail, error};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration, Nulls};
use format::settings::DateTimeInput;
use types::time::{DAY, days_from_civil, days_in_month};
use types::{Column, DataType, Value};

use super::calendar::Zone;
use super::cast::{Mode, from_text_with, integer_argument, text_at, text_settings, zone_argument};
use super::date_format::{MONTHS, WEEKDAYS};
use super::lane::{argument, flat, without_nulls};

/// What a text that is no time becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Error,
    Zero,
    Null,
}

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "parseDateTime" (2, 3) "parseDateTime(text, pattern[, zone])"
        "The text read by a pattern of MySQL's specifiers, as %Y-%m-%d %H:%i:%s."
        "SELECT parseDateTime('29.02.2024 13:37', '%d.%m.%Y %H:%i', 'UTC')" => "2024-02-29 13:37:00";
        |c, a| by_pattern(c, a, Wrong::Error), nulls: Nulls::Custom;
    "parseDateTimeOrZero" (2, 3) "parseDateTimeOrZero(text, pattern[, zone])" "As parseDateTime; 1970-01-01 00:00:00 UTC for wrong texts."
        "SELECT parseDateTimeOrZero('?', '%Y', 'UTC')" => "1970-01-01 00:00:00";
        |c, a| by_pattern(c, a, Wrong::Zero), nulls: Nulls::Custom;
    "parseDateTimeOrNull" | "str_to_date" any_case true (2, 3) "parseDateTimeOrNull(text, pattern[, zone])" "As parseDateTime; NULL for wrong texts."
        "SELECT parseDateTimeOrNull('?', '%Y')" => "\\N";
        |c, a| by_pattern(c, a, Wrong::Null), nulls: Nulls::Custom;
    "parseDateTimeBestEffort" | "parseDateTime32BestEffort" (1, 2) "parseDateTimeBestEffort(text[, zone])" "The text, a time in any usual spelling, day before month."
        "SELECT parseDateTimeBestEffort('29/02/2024 13:37', 'UTC')" => "2024-02-29 13:37:00";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffort, Wrong::Error), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTimeBestEffortOrZero" | "parseDateTime32BestEffortOrZero" (1, 2) "parseDateTimeBestEffortOrZero(text[, zone])" "As parseDateTimeBestEffort; 1970-01-01 00:00:00 UTC for wrong texts."
        "SELECT parseDateTimeBestEffortOrZero('?', 'UTC')" => "1970-01-01 00:00:00";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffort, Wrong::Zero), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTimeBestEffortOrNull" | "parseDateTime32BestEffortOrNull" (1, 2) "parseDateTimeBestEffortOrNull(text[, zone])" "As parseDateTimeBestEffort; NULL for wrong texts."
        "SELECT parseDateTimeBestEffortOrNull('?')" => "\\N";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffort, Wrong::Null), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTimeBestEffortUS" (1, 2) "parseDateTimeBestEffortUS(text[, zone])" "The text, a time in any usual spelling, month before day."
        "SELECT parseDateTimeBestEffortUS('02/29/2024 13:37', 'UTC')" => "2024-02-29 13:37:00";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffortUs, Wrong::Error), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTimeBestEffortUSOrZero" (1, 2) "parseDateTimeBestEffortUSOrZero(text[, zone])" "As parseDateTimeBestEffortUS; 1970-01-01 00:00:00 UTC for wrong texts."
        "SELECT parseDateTimeBestEffortUSOrZero('?', 'UTC')" => "1970-01-01 00:00:00";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffortUs, Wrong::Zero), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTimeBestEffortUSOrNull" (1, 2) "parseDateTimeBestEffortUSOrNull(text[, zone])" "As parseDateTimeBestEffortUS; NULL for wrong texts."
        "SELECT parseDateTimeBestEffortUSOrNull('?')" => "\\N";
        |c, a| best_effort(c, a, false, DateTimeInput::BestEffortUs, Wrong::Null), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTime64BestEffort" (1, 3) "parseDateTime64BestEffort(text[, precision[, zone]])" "The text, a time in any usual spelling, with fractions of a second."
        "SELECT parseDateTime64BestEffort('2024-02-29 13:37:42.123', 3, 'UTC')" => "2024-02-29 13:37:42.123";
        |c, a| best_effort(c, a, true, DateTimeInput::BestEffort, Wrong::Error), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTime64BestEffortOrZero" (1, 3) "parseDateTime64BestEffortOrZero(text[, precision[, zone]])" "As parseDateTime64BestEffort; 1970-01-01 00:00:00 UTC for wrong texts."
        "SELECT parseDateTime64BestEffortOrZero('?', 3, 'UTC')" => "1970-01-01 00:00:00.000";
        |c, a| best_effort(c, a, true, DateTimeInput::BestEffort, Wrong::Zero), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTime64BestEffortOrNull" (1, 3) "parseDateTime64BestEffortOrNull(text[, precision[, zone]])" "As parseDateTime64BestEffort; NULL for wrong texts."
        "SELECT parseDateTime64BestEffortOrNull('?')" => "\\N";
        |c, a| best_effort(c, a, true, DateTimeInput::BestEffort, Wrong::Null), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "parseDateTime64BestEffortUS" (1, 3) "parseDateTime64BestEffortUS(text[, precision[, zone]])" "As parseDateTime64BestEffort, month before day."
        "SELECT parseDateTime64BestEffortUS('02/29/2024 13:37:42.5', 1, 'UTC')" => "2024-02-29 13:37:42.5";
        |c, a| best_effort(c, a, true, DateTimeInput::BestEffortUs, Wrong::Error), nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
};

fn require_text(arguments: &[Argument], name: &str) -> Result<()> {
    let data_type = &arguments[0].data_type;
    if data_type.inner().is_string() || data_type.is_null_literal() {
        return Ok(());
    }
    Err(error!(
        IllegalTypeOfArgument,
        "Illegal type {data_type} of first argument of function {name}. Should be String"
    ))
}

fn best_effort(
    context: &FunctionContext,
    arguments: &[Argument],
    with_fraction: bool,
    input: DateTimeInput,
    wrong: Wrong,
) -> Result<Bound> {
    let name = "parseDateTimeBestEffort";
    require_text(arguments, name)?;
    if arguments[0].data_type.is_null_literal() {
        return Ok(Bound::new(DataType::null(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let to = if with_fraction {
        let precision = match arguments.get(1) {
            Some(_) => integer_argument(arguments, 1, (0, 9), name)? as u8,
            None => 3,
        };
        DataType::DateTime64(precision, zone_argument(arguments, 2, name)?)
    } else {
        DataType::DateTime(zone_argument(arguments, 1, name)?)
    };
    let mut settings = text_settings(context);
    settings.date_time_input_format = input;
    let mode = if wrong == Wrong::Error { Mode::Wrap } else { Mode::OrNull };
    let parse = from_text_with(settings, &to, mode);
    read(arguments, to, wrong, move |array| parse(array))
}

/// Texts spelt plainly as times of a type; wrong ones become NULL or, of DateTime and DateTime64, 1970.
pub(super) fn plain(
    context: &FunctionContext,
    arguments: &[Argument],
    to: DataType,
    or_null: bool,
) -> Result<Bound> {
    let mut settings = text_settings(context);
    settings.date_time_input_format = DateTimeInput::Basic;
    let parse = from_text_with(settings, &to, Mode::OrNull);
    read(arguments, to, if or_null { Wrong::Null } else { Wrong::Zero }, move |array| parse(array))
}

/// Reads texts with a function that answers NULL (or fails) for wrong ones; NULL stays NULL.
fn read(
    arguments: &[Argument],
    to: DataType,
    wrong: Wrong,
    parse: impl Fn(&arrow_array::ArrayRef) -> Result<arrow_array::ArrayRef> + Send + Sync + 'static,
) -> Result<Bound> {
    let nullable = wrong == Wrong::Null || arguments[0].data_type.is_nullable();
    let return_type = if nullable { to.nullable() } else { to };
    Ok(Bound::new(return_type, move |columns, _| {
        let column = argument(columns, 0)?;
        let (array, len) = match column {
            Column::Constant { value, len } => (value.clone(), Some(*len)),
            other => (other.to_flat()?, None),
        };
        let nulls = array.nulls().filter(|n| n.null_count() > 0).cloned();
        let parsed = match &nulls {
            None => Column::Flat(parse(&array)?),
            Some(nulls) => {
                let rows: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
                let valid = Column::Flat(array.clone()).take(&rows.into())?;
                let parsed = Column::Flat(parse(&without_nulls(&valid)?.to_flat()?)?);
                let mut next = 0_u32;
                let places = nulls.iter().map(|valid| {
                    valid.then(|| {
                        next += 1;
                        next - 1
                    })
                });
                parsed.take(&places.collect())?
            }
        };
        let parsed = match wrong {
            Wrong::Zero => zeroed(&parsed)?.with_nulls(nulls)?,
            _ => parsed,
        };
        Ok(match len {
            Some(len) => Column::Constant { value: parsed.to_flat()?, len },
            None => parsed,
        })
    }))
}

/// 0 where a column is NULL.
fn zeroed(column: &Column) -> Result<Column> {
    let Some(nulls) = column.nulls() else { return Ok(column.clone()) };
    let zero = |row: usize| nulls.is_null(row);
    let array = column.to_flat()?;
    match array.data_type() {
        arrow_schema::DataType::UInt32 => {
            let values = super::lane::values::<u32>(column)?;
            Ok(flat((0..array.len()).map(|r| if zero(r) { 0 } else { values.at(r) }).collect()))
        }
        _ => {
            let values = super::lane::values::<i64>(column)?;
            Ok(flat((0..array.len()).map(|r| if zero(r) { 0 } else { values.at(r) }).collect()))
        }
    }
}

fn by_pattern(context: &FunctionContext, arguments: &[Argument], wrong: Wrong) -> Result<Bound> {
    let name = "parseDateTime";
    require_text(arguments, name)?;
    if arguments[0].data_type.is_null_literal() {
        return Ok(Bound::new(DataType::null(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let Some(pattern) = arguments[1].constant.as_ref().and_then(Value::as_bytes) else {
        bail!(IllegalColumn, "The pattern of function {name} must be a constant string");
    };
    let pattern = pattern.to_vec();
    let given = zone_argument(arguments, 2, name)?;
    let zone = given.unwrap_or_else(|| context.zone());
    read(arguments, DataType::DateTime(Some(zone)), wrong, move |array| {
        let zone = Zone::new(zone);
        let mut seconds = Vec::with_capacity(array.len());
        let mut valid = Vec::with_capacity(array.len());
        for row in 0..array.len() {
            match parse(&pattern, text_at(array, row), &zone) {
                Ok(found) => {
                    seconds.push(found);
                    valid.push(true);
                }
                Err(error) if wrong == Wrong::Error => return Err(error),
                Err(_) => {
                    seconds.push(0_u32);
                    valid.push(false);
                }
            }
        }
        let column = flat(seconds);
        if valid.iter().all(|v| *v) {
            return column.to_flat();
        }
        column.with_nulls(Some(NullBuffer::from(valid)))?.to_flat()
    })
}

/// What a pattern has found so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    half: Option<bool>,
    twelve: bool,
    minute: i64,
    second: i64,
    offset: Option<i64>,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> base::Error {
        error!(
            CannotParseDatetime,
            "Unable to parse '{}' as a time: expected {what} at position {}",
            String::from_utf8_lossy(self.text),
            self.at + 1
        )
    }

    fn number(&mut self, most: usize, bounds: (i64, i64), what: &str) -> Result<i64> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let number = rest[..length].iter().fold(0_i64, |n, b| n * 10 + i64::from(b - b'0'));
        if length == 0 || !(bounds.0..=bounds.1).contains(&number) {
            return Err(self.wrong(&format!("{what} from {} to {}", bounds.0, bounds.1)));
        }
        self.at += length;
        Ok(number)
    }

    /// A number of exactly so many digits.
    fn padded(&mut self, length: usize, bounds: (i64, i64), what: &str) -> Result<i64> {
        let start = self.at;
        let number = self.number(length, bounds, what)?;
        if self.at - start < length {
            self.at = start;
            return Err(self.wrong(&format!("{what} of {length} digits")));
        }
        Ok(number)
    }

    fn name(&mut self, names: &[&str], length: Option<usize>, what: &str) -> Result<usize> {
        for (at, name) in names.iter().enumerate() {
            let name = &name.as_bytes()[..length.unwrap_or(name.len())];
            let found = self.text.get(self.at..self.at + name.len());
            if found.is_some_and(|f| f.eq_ignore_ascii_case(name)) {
                self.at += name.len();
                return Ok(at);
            }
        }
        Err(self.wrong(what))
    }

    fn literal(&mut self, byte: u8) -> Result<()> {
        if self.text.get(self.at) == Some(&byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(&format!("'{}'", char::from(byte))))
    }

    /// Specifiers with a byte between them.
    fn several(&mut self, parts: &[u8], between: u8, found: &mut Found) -> Result<()> {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.literal(between)?;
            }
            self.specifier(*part, found)?;
        }
        Ok(())
    }

    fn specifier(&mut self, specifier: u8, found: &mut Found) -> Result<()> {
        match specifier {
            b'Y' => found.year = Some(self.number(4, (1970, 2106), "a year")?),
            b'y' => {
                let year = self.padded(2, (0, 99), "a year")?;
                found.year = Some(if year >= 70 { 1900 + year } else { 2000 + year });
            }
            b'm' => found.month = Some(self.padded(2, (1, 12), "a month")?),
            b'c' => found.month = Some(self.number(2, (1, 12), "a month")?),
            b'd' => found.day = Some(self.padded(2, (1, 31), "a day")?),
            b'e' => {
                while self.text.get(self.at) == Some(&b' ') {
                    self.at += 1;
                }
                found.day = Some(self.number(2, (1, 31), "a day")?);
            }
            b'j' => found.day_of_year = Some(self.padded(3, (1, 366), "a day of the year")?),
            b'b' => found.month = Some(self.name(&MONTHS, Some(3), "a month")? as i64 + 1),
            b'M' => found.month = Some(self.name(&MONTHS, None, "a month")? as i64 + 1),
            b'a' => {
                self.name(&WEEKDAYS, Some(3), "a weekday")?;
            }
            b'W' => {
                self.name(&WEEKDAYS, None, "a weekday")?;
            }
            b'H' => found.hour = self.padded(2, (0, 23), "an hour")?,
            b'k' => found.hour = self.number(2, (0, 23), "an hour")?,
            b'h' | b'I' => {
                found.hour = self.padded(2, (1, 12), "an hour")? % 12;
                found.twelve = true;
            }
            b'l' => {
                found.hour = self.number(2, (1, 12), "an hour")? % 12;
                found.twelve = true;
            }
            b'i' => found.minute = self.padded(2, (0, 59), "a minute")?,
            b's' | b'S' => found.second = self.padded(2, (0, 59), "a second")?,
            b'f' => {
                self.number(6, (0, 999_999), "a fraction")?;
            }
            b'p' => found.half = Some(self.name(&["AM", "PM"], None, "AM or PM")? == 1),
            b'F' => self.several(b"Ymd", b'-', found)?,
            b'D' => self.several(b"mdy", b'/', found)?,
            b'T' => self.several(b"His", b':', found)?,
            b'R' => self.several(b"Hi", b':', found)?,
            b'r' => {
                self.specifier(b'h', found)?;
                self.literal(b':')?;
                self.specifier(b'i', found)?;
                self.literal(b' ')?;
                self.specifier(b'p', found)?;
            }
            b'z' => {
                let sign = match self.text.get(self.at) {
                    Some(b'+') => 1,
                    Some(b'-') => -1,
                    _ => return Err(self.wrong("an offset such as +0100")),
                };
                self.at += 1;
                let hours = self.number(2, (0, 14), "hours")?;
                let minutes = self.number(2, (0, 59), "minutes")?;
                found.offset = Some(sign * (hours * 3600 + minutes * 60));
            }
            other => bail!(NotImplemented, "format is not supported for %{}", char::from(other)),
        }
        Ok(())
    }
}

/// The second of a text by a pattern.
fn parse(pattern: &[u8], text: &[u8], zone: &Zone) -> Result<u32> {
    let mut reader = Reader { text, at: 0 };
    let mut found = Found::default();
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            reader.literal(*byte)?;
            continue;
        }
        match bytes.next() {
            Some(b'%') => reader.literal(b'%')?,
            Some(b'n') => reader.literal(b'\n')?,
            Some(b't') => reader.literal(b'\t')?,
            Some(specifier) => reader.specifier(*specifier, &mut found)?,
            None => bail!(BadArguments, "A pattern of parseDateTime ends in '%'"),
        }
    }
    if reader.at < text.len() {
        return Err(reader.wrong("the end"));
    }
    found.seconds(zone).ok_or_else(|| reader.wrong("a day that exists"))
}

impl Found {
    fn seconds(&self, zone: &Zone) -> Option<u32> {
        let some_date = [self.month, self.day, self.day_of_year].iter().any(Option::is_some);
        let year = self.year.unwrap_or(if some_date { 2000 } else { 1970 }) as i32;
        let days = match self.day_of_year {
            Some(day) => days_from_civil(year, 1, 1) + day - 1,
            None => {
                let (month, day) = (self.month.unwrap_or(1) as u32, self.day.unwrap_or(1) as u32);
                if day > days_in_month(year, month) {
                    return None;
                }
                days_from_civil(year, month, day)
            }
        };
        let hour = match (self.twelve, self.half) {
            (true, Some(true)) => self.hour + 12,
            _ => self.hour,
        };
        let local = days * DAY + hour * 3600 + self.minute * 60 + self.second;
        let utc = match self.offset {
            Some(offset) => local - offset,
            None => zone.to_utc(local),
        };
        u32::try_from(utc).ok()
    }
}
