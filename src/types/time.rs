//! Civil dates and time zones.
//!
//! Days are counted from 1970-01-01 in the proleptic Gregorian calendar; the conversions are
//! those of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::fmt;
use std::sync::OnceLock;

use base::{Result, error};
use chrono::{LocalResult, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::Tz;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The most seconds that a `Time` has, in hours: 999:59:59.
pub const MOST_SECONDS: i64 = 3_599_999;

/// The first and last second that a time zone is asked about (years -9999 to 9999 about).
const FARTHEST: i64 = 250_000_000_000;

/// 2037-03-01: from about then on the compiled database has no changes of offsets.
const FIRST_UNTOLD: i64 = 2_119_478_400;

/// Zones whose rules follow the moon; their changes are told further.
const FOLLOWING_THE_MOON: [&str; 4] =
    ["Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron"];

/// A time zone of the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeZone(Tz);

static SERVER_ZONE: OnceLock<TimeZone> = OnceLock::new();

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: TimeZone = TimeZone(Tz::UTC);

    /// A zone by its name, as in `Europe/Berlin`.
    pub fn parse(name: &str) -> Result<TimeZone> {
        let zone = name.parse::<Tz>().or_else(|error| match name {
            "Etc/UTC" | "utc" => Ok(Tz::UTC),
            _ => Err(error),
        });
        zone.map(TimeZone).map_err(|_| error!(BadArguments, "Cannot load time zone {name}"))
    }

    /// The zone of times without one of their own: UTC unless set at start.
    pub fn server() -> TimeZone {
        *SERVER_ZONE.get_or_init(|| TimeZone::UTC)
    }

    /// Sets the server's zone; only the first call counts.
    pub fn set_server(zone: TimeZone) {
        SERVER_ZONE.get_or_init(|| zone);
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Seconds that local time is ahead of UTC at an instant (seconds since 1970-01-01 UTC).
    pub fn offset(self, utc: i64) -> i64 {
        if self.0 == Tz::UTC {
            return 0;
        }
        let utc = utc - self.beyond(utc);
        match chrono::DateTime::from_timestamp(utc.clamp(-FARTHEST, FARTHEST), 0) {
            Some(at) => {
                i64::from(self.0.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
            }
            None => 0,
        }
    }

    /// The instant (UTC seconds) of a local time given as seconds since 1970-01-01 00:00 local.
    /// Of two instants the earlier one; a time that is skipped moves on by the gap.
    pub fn to_utc(self, local: i64) -> i64 {
        if self.0 == Tz::UTC {
            return local;
        }
        let beyond = self.beyond(local);
        if beyond != 0 {
            return self.to_utc(local - beyond) + beyond;
        }
        let Some(at) = chrono::DateTime::from_timestamp(local.clamp(-FARTHEST, FARTHEST), 0) else {
            return local;
        };
        let naive: NaiveDateTime = at.naive_utc();
        match self.0.offset_from_local_datetime(&naive) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                local - i64::from(offset.fix().local_minus_utc())
            }
            LocalResult::None => local - self.offset(local - DAY),
        }
    }
}

impl TimeZone {
    /// How many seconds a time lies after the same time of one of the last years the database tells of, where it is
    /// later than they all: rules of months and weekdays stay as they were last.
    fn beyond(self, seconds: i64) -> i64 {
        if seconds < FIRST_UNTOLD || FOLLOWING_THE_MOON.contains(&self.name()) {
            return 0;
        }
        let days = seconds.div_euclid(DAY);
        // Years from March to February have the same weekdays if they begin with the same one.
        let Civil { year, month, .. } = civil_from_days(days);
        let start = days_from_civil(year - i32::from(month < 3), 3, 1);
        let same = (2026..=2036).map(|year| days_from_civil(year, 3, 1));
        let found = same.into_iter().find(|told| (start - told) % 7 == 0);
        found.map_or(0, |told| (start - told) * DAY)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

/// The day of the calendar of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> Civil {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    let year = (year_of_era + era * 400) as i32 + i32::from(month <= 2);
    Civil { year, month, day }
}

/// Days since 1970-01-01 of a day of the calendar; the day may be out of its month's range.
pub fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days of a month.
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Whether a year has 366 days.
pub fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::{Civil, TimeZone, civil_from_days, days_from_civil};

    #[test]
    fn days_and_civil_dates_are_inverse() {
        for days in (-1_000_000..1_000_000).step_by(37) {
            let Civil { year, month, day } = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(civil_from_days(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(days_from_civil(2024, 2, 29), 19_782);
    }

    #[test]
    fn zones_know_summer_time() {
        let berlin = TimeZone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.offset(1_700_000_000), 3600);
        assert_eq!(berlin.offset(1_690_000_000), 7200);
        assert_eq!(berlin.to_utc(1_700_000_000 + 3600), 1_700_000_000);
        assert!(TimeZone::parse("Mars/Olympus").is_err());
    }
}
