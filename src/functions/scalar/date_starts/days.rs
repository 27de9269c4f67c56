//! Dates rounded down to weeks and longer units.

use base::Result;
use expr::{Argument, Bound, FunctionContext};
use types::time::{civil_from_days, days_from_civil, days_in_month};
use types::{Column, DataType};

use crate::scalar::calendar::{TimeType, local_days, weekday};
use crate::scalar::date_parts::{mode_argument, time_argument};
use crate::scalar::lane::{Kind, argument, convert, map};

pub(super) fn month_start(days: i64, months: u32) -> i64 {
    let civil = civil_from_days(days);
    days_from_civil(civil.year, (civil.month - 1) / months * months + 1, 1)
}

pub(super) fn month_end(days: i64) -> i64 {
    let civil = civil_from_days(days);
    days_from_civil(civil.year, civil.month, days_in_month(civil.year, civil.month))
}

/// Local days as Date, kept within its range.
pub(super) fn as_date(days: &Column) -> Result<Column> {
    map::<i64, u16>(days, |d| d.clamp(0, 65_535) as u16)
}

/// Whether the results of times of a wide range have a wide range too.
pub(super) fn extended(context: &FunctionContext, time: TimeType) -> bool {
    matches!(time, TimeType::Date32 | TimeType::DateTime64(..))
        && context.flag("enable_extended_results_for_datetime_functions")
}

/// A function whose results are local days.
fn days(
    context: &FunctionContext,
    time: TimeType,
    local: impl Fn(&[Column]) -> Result<Column> + Send + Sync + 'static,
) -> Bound {
    if extended(context, time) {
        return Bound::new(DataType::Date32, move |columns, _| {
            convert(&local(columns)?, Kind::I64, Kind::I32)
        });
    }
    Bound::new(DataType::Date, move |columns, _| as_date(&local(columns)?))
}

pub(super) fn to_day(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    f: fn(i64) -> i64,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    Ok(days(context, time, move |columns| {
        map::<i64, i64>(&local_days(argument(columns, 0)?, time)?, f)
    }))
}

pub(super) fn bind_week(
    context: &FunctionContext,
    arguments: &[Argument],
    last: bool,
) -> Result<Bound> {
    let name = if last { "toLastDayOfWeek" } else { "toStartOfWeek" };
    let time = time_argument(context, arguments, 2, name)?;
    let monday_first = mode_argument(arguments, name)? & 1 != 0;
    let more = if last { 6 } else { 0 };
    Ok(days(context, time, move |columns| {
        map::<i64, i64>(&local_days(argument(columns, 0)?, time)?, |d| {
            let since = if monday_first { weekday(d) } else { (weekday(d) + 1) % 7 };
            d - since + more
        })
    }))
}
