//! Quantiles of all values.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::{Levels, has_order, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::collected::{Collect, collected};
use crate::aggregate::kind::{self, Input, Kind, floats, input, with_kind};

/// Which value stands for a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The one at `level * count`.
    Plain,
    /// The lower one of two in the middle.
    Low,
    /// The higher one of two in the middle.
    High,
}

const EXACT: [AggregateDeclaration; 2] = quantile!(
    "quantileExact",
    "quantilesExact",
    "medianExact",
    "x",
    "The value at a level of the sorted values, which are all kept.",
    "0.9",
    "number",
    "9",
    |call, many| bind(call, many, Rule::Plain)
);
const LOW: [AggregateDeclaration; 2] = quantile!(
    "quantileExactLow",
    "quantilesExactLow",
    "medianExactLow",
    "x",
    "The value at a level of the sorted values; of two in the middle the lower one.",
    "0.5",
    "number",
    "5",
    |call, many| bind(call, many, Rule::Low)
);
const HIGH: [AggregateDeclaration; 2] = quantile!(
    "quantileExactHigh",
    "quantilesExactHigh",
    "medianExactHigh",
    "x",
    "The value at a level of the sorted values; of two in the middle the higher one.",
    "0.5",
    "number",
    "5",
    |call, many| bind(call, many, Rule::High)
);
const INCLUSIVE: [AggregateDeclaration; 2] = quantile!(
    "quantileExactInclusive",
    "quantilesExactInclusive",
    "medianExactInclusive",
    "x",
    "The level between the smallest (0) and the greatest (1) of all values, interpolated, as PERCENTILE.INC.",
    "0.25",
    "number",
    "2.5",
    |call, many| bind_between(call, many, true)
);
const EXCLUSIVE: [AggregateDeclaration; 2] = quantile!(
    "quantileExactExclusive",
    "quantilesExactExclusive",
    "medianExactExclusive",
    "x",
    "The level of the population of which all values are a sample, interpolated, as PERCENTILE.EXC.",
    "0.25",
    "number",
    "2",
    |call, many| bind_between(call, many, false)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] = &[
    EXACT[0],
    EXACT[1],
    LOW[0],
    LOW[1],
    HIGH[0],
    HIGH[1],
    INCLUSIVE[0],
    INCLUSIVE[1],
    EXCLUSIVE[0],
    EXCLUSIVE[1],
];

fn bind(call: &AggregateArguments<'_>, many: bool, rule: Rule) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
    let data_type = call.only()?;
    if !has_order(data_type) {
        return Err(call.illegal(data_type));
    }
    let result = levels.result(data_type.clone());
    with_kind!(data_type, K => {
        Ok(collected(result, Exact::<K> { levels, rule, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

struct Exact<K> {
    levels: Levels,
    rule: Rule,
    kind: PhantomData<fn() -> K>,
}

impl Rule {
    /// The place of the value of a level among `count` sorted ones.
    fn place(self, level: f64, count: usize) -> usize {
        let plain = if level < 1.0 { (level * count as f64) as usize } else { count - 1 };
        let place = match self {
            Rule::Low if level == 0.5 => (count - 1) / 2,
            Rule::High if level == 0.5 => count / 2,
            _ => plain,
        };
        place.min(count - 1)
    }
}

impl<K: Kind> Collect for Exact<K> {
    type Item = K::Native;
    type Output = Vec<K::Native>;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, K::Native) -> Result<()>,
    ) -> Result<()> {
        let values = input::<K>(arguments, 0)?;
        for row in 0..rows {
            let value = values.at(row);
            // NaN has no place in an order.
            if !K::is_nan(value) {
                take(row, value)?;
            }
        }
        Ok(())
    }

    fn slice<'a>(&self, arguments: &'a [Column]) -> Result<Option<&'a [K::Native]>> {
        Ok(match input::<K>(arguments, 0)? {
            Input::Slice(values) if !K::FLOAT => Some(values),
            _ => None,
        })
    }

    fn result(&self, items: &mut Vec<K::Native>) -> Result<Vec<K::Native>> {
        let order = |a: &K::Native, b: &K::Native| K::less(*b, *a).cmp(&K::less(*a, *b));
        if items.is_empty() {
            let default = if K::FLOAT { not_a_number::<K>() } else { K::Native::default() };
            return Ok(self.levels.iter().map(|_| default).collect());
        }
        let few = self.levels.iter().count() <= 4;
        if !few {
            items.sort_unstable_by(order);
        }
        let mut found = Vec::new();
        for level in self.levels.iter() {
            let place = self.rule.place(level, items.len());
            if few {
                items.select_nth_unstable_by(place, order);
            }
            found.push(items[place]);
        }
        Ok(found)
    }

    fn column(&self, results: Vec<Vec<K::Native>>) -> Result<ArrayRef> {
        let groups = results.len();
        self.levels.column(kind::array::<K>(results.into_iter().flatten().collect()), groups)
    }
}

/// NaN of a floating-point kind.
fn not_a_number<K: Kind>() -> K::Native {
    use crate::aggregate::state_bytes::Plain;
    let mut bytes = Vec::new();
    match <K::Native as Plain>::BYTES {
        4 => f32::NAN.write(&mut bytes),
        _ => f64::NAN.write(&mut bytes),
    }
    K::Native::read(&mut bytes.as_slice()).unwrap_or_default()
}

fn bind_between(
    call: &AggregateArguments<'_>,
    many: bool,
    inclusive: bool,
) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
    let data_type = call.only()?;
    let decimal = matches!(
        data_type,
        DataType::Decimal { .. } | DataType::DateTime64(..) | DataType::Time64(_)
    );
    if !has_order(data_type) || decimal {
        return Err(call.illegal(data_type));
    }
    if !inclusive && levels.iter().any(|level| level == 0.0 || level == 1.0) {
        bail!(BadArguments, "{} cannot interpolate for the percentiles 1 and 0", call.name);
    }
    let data_type = data_type.clone();
    Ok(collected(levels.result(DataType::Float64), Between { levels, inclusive, data_type }))
}

/// Inclusive (type 7 of Hyndman and Fan) and exclusive (type 6).
struct Between {
    levels: Levels,
    inclusive: bool,
    data_type: DataType,
}

impl Collect for Between {
    type Item = f64;
    type Output = Vec<f64>;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, f64) -> Result<()>,
    ) -> Result<()> {
        let values = floats(arguments, 0, &self.data_type)?;
        let values = values.input();
        (0..rows)
            .map(|row| (row, values.at(row)))
            .filter(|(_, v)| !v.is_nan())
            .try_for_each(|(row, value)| take(row, value))
    }

    fn result(&self, items: &mut Vec<f64>) -> Result<Vec<f64>> {
        items.sort_unstable_by(f64::total_cmp);
        let count = items.len() as f64;
        let place = |level: f64| {
            if self.inclusive { level * (count - 1.0) } else { level * (count + 1.0) - 1.0 }
        };
        let one = |level: f64| {
            let at = place(level);
            let Some(last) = items.len().checked_sub(1) else { return f64::NAN };
            let low = (at.max(0.0) as usize).min(last);
            let high = (low + 1).min(last);
            let part = if at < 0.0 { 0.0 } else { at - at.floor() };
            items[low] + part * (items[high] - items[low])
        };
        Ok(self.levels.iter().map(one).collect())
    }

    fn column(&self, results: Vec<Vec<f64>>) -> Result<ArrayRef> {
        let groups = results.len();
        let flat: Vec<f64> = results.into_iter().flatten().collect();
        self.levels.column(kind::array::<Float64Type>(flat), groups)
    }
}
