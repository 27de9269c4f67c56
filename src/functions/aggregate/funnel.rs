//! Chains of events: `windowFunnel`, `retention`, `sequenceMatch`, `sequenceCount`.

use arrow_array::ArrayRef;
use arrow_array::types::{UInt8Type, UInt64Type};
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::collected::{Collect, collected};
use super::grouped::{Function, bound};
use super::kind::{self, input, integers};
use super::pattern::Pattern;
use super::state_bytes::Plain;

/// The most conditions of a call.
const MOST: usize = 32;

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "windowFunnel",
        syntax: "windowFunnel(window[, mode, ...])(time, condition1, condition2, ...)",
        description: "How many of the conditions were met one after another within a window of time. Modes: \
            'strict_deduplication' (a condition met again ends the chain), 'strict_order' (no other event \
            between), 'strict_increase' (times must rise).",
        examples: &[example(
            "SELECT windowFunnel(10)(toUInt32(number), number = 1, number = 3, number = 2) FROM numbers(5)",
            "2",
        )],
        bind: |_, call| bind_funnel(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "retention",
        syntax: "retention(condition1, condition2, ...)",
        description: "An array of flags: whether the first condition was ever met, and for the others whether both it \
            and the first were.",
        examples: &[example(
            "SELECT retention(number = 1, number = 9, number = 2) FROM numbers(5)",
            "[1,0,1]",
        )],
        nulls: expr::NullRows::SkipThenEmpty,
        bind: |_, call| {
            call.no_parameters()?;
            conditions(call, 0, 2)?;
            let count = call.types.len();
            Ok(bound(DataType::array(DataType::UInt8), Retention { count }))
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "sequenceMatch",
        syntax: "sequenceMatch(pattern)(time, condition1, ...)",
        description: "Whether the events, in the order of time, hold a chain as in the pattern: (?N) an event that \
            meets condition N, . any event, .* any events, (?t<=S) at most S seconds after the last one.",
        examples: &[example(
            "SELECT sequenceMatch('(?1).*(?2)')(toUInt32(number), number = 1, number = 3) FROM numbers(5)",
            "1",
        )],
        bind: |_, call| bind_sequence(call, false),
        ..USUAL
    },
    AggregateDeclaration {
        name: "sequenceCount",
        syntax: "sequenceCount(pattern)(time, condition1, ...)",
        description: "How many chains as in the pattern there are one after another, not over one another.",
        examples: &[example(
            "SELECT sequenceCount('(?1).*(?2)')(toUInt32(number), number % 4 = 1, number % 4 = 3) FROM numbers(12)",
            "3",
        )],
        bind: |_, call| bind_sequence(call, true),
        ..USUAL
    },
];

/// Checks the conditions from an argument on.
fn conditions(call: &AggregateArguments<'_>, from: usize, least: usize) -> Result<()> {
    let given = call.types.get(from..).unwrap_or_default();
    if given.len() < least {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Not enough event arguments for aggregate function {}",
            call.name
        );
    }
    if given.len() > MOST {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Too many event arguments for aggregate function {}",
            call.name
        );
    }
    for (at, data_type) in given.iter().enumerate() {
        if !matches!(data_type, DataType::UInt8 | DataType::Bool) {
            bail!(
                IllegalTypeOfArgument,
                "Illegal type {data_type} of argument {} of aggregate function {}, must be UInt8",
                from + at + 1,
                call.name
            );
        }
    }
    Ok(())
}

/// Which conditions each row meets, as bits.
fn events(arguments: &[Column], from: usize, count: usize, rows: usize) -> Result<Vec<u32>> {
    let mut events = vec![0u32; rows];
    for condition in 0..count {
        let values = input::<UInt8Type>(arguments, from + condition)?;
        for (row, event) in events.iter_mut().enumerate() {
            *event |= u32::from(values.at(row) != 0) << condition;
        }
    }
    Ok(events)
}

fn time_type(call: &AggregateArguments<'_>) -> Result<DataType> {
    match call.types.first() {
        Some(t) if t.is_date() || t.is_datetime() => Ok(t.clone()),
        Some(t) if t.is_unsigned_integer() && *t != DataType::UInt128 => Ok(t.clone()),
        Some(other) => bail!(
            IllegalTypeOfArgument,
            "Illegal type {other} of first argument of aggregate function {}, must be Unsigned \
             Number, Date, DateTime",
            call.name
        ),
        None => bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires at least two arguments",
            call.name
        ),
    }
}

fn bind_funnel(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    let time = time_type(call)?;
    conditions(call, 1, 1)?;
    if call.parameters.is_empty() {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires at least one parameter: <window>, [option, [option, ...]]",
            call.name
        );
    }
    let window = i64::try_from(call.natural(0, 0)?).unwrap_or(i64::MAX);
    let mut funnel = Funnel {
        time,
        steps: call.types.len() - 1,
        window,
        once: false,
        order: false,
        rise: false,
    };
    for mode in &call.parameters[1..] {
        match mode.as_str() {
            Some("strict" | "strict_deduplication") => funnel.once = true,
            Some("strict_order") => funnel.order = true,
            Some("strict_increase") => funnel.rise = true,
            _ => bail!(
                BadArguments,
                "Aggregate function {} doesn't support a parameter: {mode}",
                call.name
            ),
        }
    }
    Ok(collected(DataType::UInt8, funnel))
}

struct Funnel {
    time: DataType,
    steps: usize,
    window: i64,
    /// A step met again ends the chain.
    once: bool,
    /// No event between the steps.
    order: bool,
    /// Times must rise.
    rise: bool,
}

impl Funnel {
    fn longest(&self, events: &[(i64, u8)]) -> u8 {
        // Of each step reached: when its chain began, and when it was reached.
        let mut reached: Vec<Option<(i64, i64)>> = vec![None; self.steps];
        let mut begun = false;
        for (time, step) in events {
            // 0 is an event that meets no condition.
            let Some(step) = usize::from(*step).checked_sub(1) else {
                if self.order && begun {
                    break;
                }
                continue;
            };
            if step == 0 {
                if self.once && reached[0].is_some() && self.steps > 1 && reached[1].is_some() {
                    break;
                }
                reached[0] = Some((*time, *time));
                begun = true;
                continue;
            }
            if self.once && reached[step].is_some() {
                break;
            }
            let Some((start, before)) = reached[step - 1] else {
                if self.order && begun {
                    break;
                }
                continue;
            };
            let within = time.saturating_sub(start) <= self.window;
            if within && (!self.rise || before < *time) {
                reached[step] = Some((start, *time));
                if step + 1 == self.steps {
                    break;
                }
            }
        }
        reached.iter().rposition(Option::is_some).map_or(0, |last| last as u8 + 1)
    }
}

impl Collect for Funnel {
    type Item = (i64, u8);
    type Output = u8;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (i64, u8)) -> Result<()>,
    ) -> Result<()> {
        let times = integers(arguments, 0, &self.time, rows)?;
        let events = events(arguments, 1, self.steps, rows)?;
        for (row, mut event) in events.into_iter().enumerate() {
            if event == 0 && self.order {
                take(row, (times[row], 0))?;
            }
            while event != 0 {
                let step = event.trailing_zeros();
                take(row, (times[row], step as u8 + 1))?;
                event &= event - 1;
            }
        }
        Ok(())
    }

    fn result(&self, items: &mut Vec<(i64, u8)>) -> Result<u8> {
        items.sort_unstable();
        // Bytes of a state may name steps that there are not.
        items.retain(|item| usize::from(item.1) <= self.steps);
        Ok(self.longest(items))
    }

    fn column(&self, results: Vec<u8>) -> Result<ArrayRef> {
        Ok(kind::array::<UInt8Type>(results))
    }
}

/// Which conditions were ever met.
struct Retention {
    count: usize,
}

impl Function for Retention {
    type State = u32;

    fn empty(&self) -> u32 {
        0
    }

    fn update(&self, states: &mut [u32], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let events = events(arguments, 0, self.count, groups.len())?;
        for (group, event) in groups.iter().zip(events) {
            states[*group as usize] |= event;
        }
        Ok(())
    }

    fn merge(&self, into: &mut u32, from: &u32) -> Result<()> {
        *into |= from;
        Ok(())
    }

    fn write(&self, state: &u32, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<u32> {
        u32::read(bytes)
    }

    fn finish(&self, states: &mut [u32]) -> Result<ArrayRef> {
        let flags = |state: &u32| {
            let met = |at: usize| i128::from(state & 1 & (state >> at));
            Value::Array((0..self.count).map(|at| Value::Int(met(at))).collect())
        };
        let values: Vec<Value> = states.iter().map(flags).collect();
        array_from_values(&DataType::array(DataType::UInt8), &values)
    }
}

fn bind_sequence(call: &AggregateArguments<'_>, count: bool) -> Result<BoundAggregate> {
    let [Value::Bytes(pattern)] = call.parameters else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires exactly one parameter: pattern string",
            call.name
        );
    };
    let time = time_type(call)?;
    conditions(call, 1, 1)?;
    let conditions = call.types.len() - 1;
    let pattern = Pattern::parse(pattern, conditions)?;
    let result = if count { DataType::UInt64 } else { DataType::UInt8 };
    Ok(collected(result, Sequence { time, conditions, pattern, count }))
}

struct Sequence {
    time: DataType,
    conditions: usize,
    pattern: Pattern,
    count: bool,
}

impl Collect for Sequence {
    type Item = (i64, u32);
    type Output = u64;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (i64, u32)) -> Result<()>,
    ) -> Result<()> {
        let times = integers(arguments, 0, &self.time, rows)?;
        let events = events(arguments, 1, self.conditions, rows)?;
        // Rows that meet no condition are no events.
        let met = events.into_iter().enumerate().filter(|(_, event)| *event != 0);
        met.into_iter().try_for_each(|(row, event)| take(row, (times[row], event)))
    }

    fn result(&self, items: &mut Vec<(i64, u32)>) -> Result<u64> {
        items.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
        let (mut found, mut rest) = (0, items.as_slice());
        while let Some(end) = self.pattern.find(rest)? {
            found += 1;
            if !self.count {
                break;
            }
            rest = &rest[end.max(1).min(rest.len())..];
        }
        Ok(found)
    }

    fn column(&self, results: Vec<u64>) -> Result<ArrayRef> {
        Ok(if self.count {
            kind::array::<UInt64Type>(results)
        } else {
            kind::array::<UInt8Type>(results.into_iter().map(|found| found as u8).collect())
        })
    }
}
