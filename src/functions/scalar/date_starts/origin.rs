//! Intervals counted from an origin: of fixed length, or of months.

use base::{Result, bail};
use expr::{Argument, Bound};
use types::IntervalKind;
use types::time::DAY;

use crate::scalar::calendar::{TimeType, Zone, raw};
use crate::scalar::interval_arithmetic;
use crate::scalar::lane::{Kind, argument, convert, map2};

/// How long an interval is.
#[derive(Clone, Copy)]
enum Step {
    /// In days of dates, in ticks of times.
    Fixed(i64),
    Months(i64),
}

/// `toStartOfInterval(time, interval, origin)` of `n` units.
pub(super) fn with_origin(
    arguments: &[Argument],
    time: TimeType,
    origin: &Argument,
    unit: IntervalKind,
    n: i64,
) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if origin.data_type != data_type {
        bail!(
            IllegalTypeOfArgument,
            "The origin of toStartOfInterval must be of the type of the time, {data_type}, not {}",
            origin.data_type
        );
    }
    let Some(step) = step(time, unit, n) else {
        bail!(IllegalTypeOfArgument, "Illegal interval kind for argument data type {data_type}");
    };
    Ok(Bound::new(data_type, move |columns, _| {
        let (times, origins) =
            (raw(argument(columns, 0)?, time)?, raw(argument(columns, 2)?, time)?);
        let zone = Zone::new(time.zone());
        let floored = map2::<i64, i64, i64>(&times, &origins, |v, origin| match step {
            Step::Fixed(step) => {
                let since = (i128::from(v) - i128::from(origin)).rem_euclid(i128::from(step));
                (i128::from(v) - since).max(i128::from(i64::MIN)) as i64
            }
            Step::Months(months) => whole_months(v, origin, months, time, &zone),
        })?;
        convert(&floored, Kind::I64, time.kind())
    }))
}

/// The length of an interval; `None` of one shorter than a day for dates.
fn step(time: TimeType, unit: IntervalKind, n: i64) -> Option<Step> {
    use IntervalKind::{
        Day, Hour, Microsecond, Millisecond, Minute, Month, Nanosecond, Quarter, Second, Week, Year,
    };
    let (per_second, seconds) = match unit {
        Month => return Some(Step::Months(n)),
        Quarter => return Some(Step::Months(n.saturating_mul(3))),
        Year => return Some(Step::Months(n.saturating_mul(12))),
        Nanosecond => (1_000_000_000, 1),
        Microsecond => (1_000_000, 1),
        Millisecond => (1_000, 1),
        Second => (1, 1),
        Minute => (1, 60),
        Hour => (1, 3600),
        Day => (1, DAY),
        Week => (1, 7 * DAY),
    };
    let length = match time.is_date() {
        true if seconds < DAY => return None,
        true => n.saturating_mul(seconds / DAY),
        false => {
            let ticks = i128::from(n) * i128::from(seconds) * i128::from(time.ticks()) / per_second;
            i64::try_from(ticks).unwrap_or(i64::MAX)
        }
    };
    Some(Step::Fixed(length.max(1)))
}

/// The last of the times that lie a multiple of some months after the origin and not after `v`.
fn whole_months(v: i64, origin: i64, months: i64, time: TimeType, zone: &Zone) -> i64 {
    let shift = |k: i64| {
        let months = k.saturating_mul(months);
        interval_arithmetic::shift(origin, time, zone, IntervalKind::Month, months)
    };
    // No month is longer than this, so that no step but the last goes too far, nor beyond the calendar's ends.
    let longest = if time.is_date() { 31 } else { 31 * DAY * time.ticks() };
    let longest = longest.saturating_mul(months).max(1);
    let (mut k, mut at) = (0, shift(0));
    while at > v {
        let less = k - (at.saturating_sub(v) / longest).max(1);
        let before = shift(less);
        if before >= at {
            break;
        }
        (k, at) = (less, before);
    }
    loop {
        let more = k + (v.saturating_sub(at) / longest).max(1);
        let behind = shift(more);
        if behind > v || behind <= at {
            return at;
        }
        (k, at) = (more, behind);
    }
}
