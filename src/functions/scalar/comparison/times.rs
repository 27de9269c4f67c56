//! Comparison of dates and times with each other and with numbers.

use base::Result;
use types::DataType;

use super::numbers::{compare, same};
use super::{Comparison, Kernel};
use crate::scalar::calendar::{LAST_COMMON_DAY, TimeType, Zone, raw};
use crate::scalar::cast::stored_time;
use crate::scalar::lane::map;

/// The kernel of two types of dates or times.
pub(super) fn kernel(a: TimeType, b: TimeType, comparison: Comparison) -> Kernel {
    if a.kind() == b.kind() && a.ticks() == b.ticks() {
        let kind = a.kind();
        return Box::new(move |left, right, _| compare(left, right, kind, kind, comparison));
    }
    if a.is_date() && b.is_date() {
        return Box::new(move |left, right, _| {
            same::<i64>(&raw(left, a)?, &raw(right, b)?, comparison)
        });
    }
    // A date is the midnight that it begins with, in the zone of the other side.
    let zone = if a.is_date() { b.zone() } else { a.zone() };
    let ticks = i128::from(a.ticks().max(b.ticks()));
    let last = match (a, b) {
        (TimeType::Date, TimeType::DateTime(_)) | (TimeType::DateTime(_), TimeType::Date) => {
            LAST_COMMON_DAY
        }
        _ => i64::MAX,
    };
    let aligned = move |column: &types::Column, time: TimeType| -> Result<types::Column> {
        let raw = raw(column, time)?;
        if time.is_date() {
            let zone = Zone::new(zone);
            let begin = |days: i64| i128::from(zone.midnight(days.min(last), time)) * ticks;
            return map::<i64, i128>(&raw, begin);
        }
        let factor = ticks / i128::from(time.ticks());
        map::<i64, i128>(&raw, |v| i128::from(v) * factor)
    };
    Box::new(move |left, right, _| {
        same::<i128>(&aligned(left, a)?, &aligned(right, b)?, comparison)
    })
}

/// DateTime and DateTime64 against numbers of seconds; dates are not comparable with numbers.
pub(super) fn with_number(
    a: &DataType,
    b: &DataType,
    comparison: Comparison,
) -> Result<Option<Kernel>> {
    let as_number = |t: &DataType| match t {
        DataType::DateTime(_) => Some(DataType::UInt32),
        DataType::DateTime64(0, _) => Some(DataType::Int64),
        DataType::DateTime64(scale, _) => Some(DataType::Decimal { precision: 18, scale: *scale }),
        other => stored_time(other),
    };
    if let (Some(x), Some(y)) = (stored_time(a), stored_time(b)) {
        return super::numbers::kernel(&x, &y, comparison);
    }
    let (x, y) = match (as_number(a), as_number(b)) {
        (Some(x), None) if b.is_number() => (x, b.clone()),
        (None, Some(y)) if a.is_number() => (a.clone(), y),
        _ => return Ok(None),
    };
    super::numbers::kernel(&x, &y, comparison)
}
