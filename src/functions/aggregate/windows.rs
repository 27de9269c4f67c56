//! Arrays with values at given positions, and of sums over windows.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::arrays::{limit, list};
use super::collected::{Collect, collected};
use super::encoded::Encoding;
use super::grouped::{Function, bound};
use super::kind::{Kind, input, integers, with_kind};
use super::state_bytes::{Plain, corrupt, read_length, read_string, write_string, write_varint};

const ARRAYS: AggregateDeclaration =
    AggregateDeclaration { nulls: NullRows::SkipThenEmpty, ..USUAL };

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "groupArrayInsertAt",
        syntax: "groupArrayInsertAt([default[, size]])(x, position)",
        description: "An array with each value at its position; the first value of a position stays.",
        examples: &[example(
            "SELECT groupArrayInsertAt('-')(toString(number), number * 2) FROM numbers(3)",
            "['0','-','1','-','2']",
        )],
        bind: |_, call| bind_insert_at(call),
        ..ARRAYS
    },
    AggregateDeclaration {
        name: "groupArrayMovingSum",
        syntax: "groupArrayMovingSum([window])(x)",
        description: "For each value the sum of it and those before it, of at most as many as the window is long.",
        examples: &[example("SELECT groupArrayMovingSum(2)(number) FROM numbers(4)", "[0,1,3,5]")],
        bind: |_, call| bind_moving(call, false),
        ..ARRAYS
    },
    AggregateDeclaration {
        name: "groupArrayMovingAvg",
        syntax: "groupArrayMovingAvg([window])(x)",
        description: "For each value the sum of it and those before it within the window, divided by the window's \
            length (without one: by the number of values).",
        examples: &[example(
            "SELECT groupArrayMovingAvg(2)(number) FROM numbers(4)",
            "[0,0.5,1.5,2.5]",
        )],
        bind: |_, call| bind_moving(call, true),
        ..ARRAYS
    },
];

/// The greatest position of `groupArrayInsertAt`.
const LAST_POSITION: u64 = 0xff_ffff;

fn bind_insert_at(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.most_parameters(2)?;
    call.count(2)?;
    let [data_type, position] = [&call.types[0], &call.types[1]];
    if !position.is_unsigned_integer() || *position == DataType::UInt128 {
        bail!(
            IllegalTypeOfArgument,
            "Second argument of aggregate function {} must be unsigned integer",
            call.name
        );
    }
    let default = call.parameters.first().cloned().unwrap_or_else(|| data_type.default_value());
    if array_from_values(data_type, std::slice::from_ref(&default)).is_err() {
        bail!(
            CannotConvertType,
            "The default of aggregate function {} is no {data_type}",
            call.name
        );
    }
    let size = call.natural(1, 0)?;
    if size > LAST_POSITION {
        bail!(TooLargeArraySize, "Too large array size");
    }
    let function = InsertAt {
        encoding: Encoding::new(std::slice::from_ref(data_type)),
        data_type: data_type.clone(),
        position: position.clone(),
        default,
        size: size as u32,
    };
    Ok(bound(DataType::array(data_type.clone()), function))
}

struct InsertAt {
    encoding: Encoding,
    data_type: DataType,
    position: DataType,
    default: Value,
    /// The length of the array; 0: as long as the positions need.
    size: u32,
}

impl Function for InsertAt {
    type State = BTreeMap<u32, Arc<[u8]>>;

    fn empty(&self) -> Self::State {
        BTreeMap::new()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        let positions = integers(arguments, 1, &self.position, groups.len())?;
        self.encoding.for_each(arguments, groups.len(), |row, value| {
            let position = positions[row] as u64;
            if self.size > 0 && position >= u64::from(self.size) {
                return Ok(());
            }
            if position >= LAST_POSITION {
                bail!(
                    TooLargeArraySize,
                    "Too large array size: position argument ({position}) is greater or equals to \
                     limit ({LAST_POSITION})"
                );
            }
            let state = &mut states[groups[row] as usize];
            state.entry(position as u32).or_insert_with(|| value.into());
            Ok(())
        })
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        for (position, value) in from {
            into.entry(*position).or_insert_with(|| value.clone());
        }
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        write_varint(state.len() as u64, out);
        for (position, value) in state {
            position.write(out);
            write_string(value, out);
        }
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        let mut state = BTreeMap::new();
        for _ in 0..read_length(bytes, 5)? {
            let position = u32::read(bytes)?;
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            if u64::from(position) >= LAST_POSITION {
                return Err(corrupt());
            }
            state.insert(position, value.into());
        }
        Ok(state)
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let mut values = Vec::new();
        let mut lengths = Vec::with_capacity(states.len());
        for state in states.iter() {
            let needed = state.last_key_value().map_or(0, |(last, _)| last + 1);
            let length = if self.size > 0 { self.size } else { needed };
            for position in 0..length {
                values.push(match state.get(&position) {
                    Some(value) => self.encoding.decode(value)?,
                    None => self.default.clone(),
                });
            }
            lengths.push(length as usize);
        }
        list(array_from_values(&self.data_type, &values)?, lengths)
    }

    fn heap(&self, state: &Self::State) -> usize {
        state.values().map(|value| value.len() + 64).sum()
    }
}

fn bind_moving(call: &AggregateArguments<'_>, mean: bool) -> Result<BoundAggregate> {
    let window = limit(call)?;
    let data_type = call.only()?;
    let Some(sum) = super::sums::sum_type(data_type) else { return Err(call.illegal(data_type)) };
    let one = match &sum {
        DataType::Decimal { .. } => sum.clone(),
        _ if mean => DataType::Float64,
        _ => sum.clone(),
    };
    with_kind!(data_type, K => {
        Ok(collected(
            DataType::array(one.clone()),
            Moving::<K> { window, mean, one, kind: PhantomData },
        ))
    }, otherwise Err(call.illegal(data_type)))
}

struct Moving<K> {
    window: usize,
    mean: bool,
    one: DataType,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Collect for Moving<K> {
    type Item = K::Native;
    type Output = Vec<Value>;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, K::Native) -> Result<()>,
    ) -> Result<()> {
        let values = input::<K>(arguments, 0)?;
        (0..rows).try_for_each(|row| take(row, values.at(row)))
    }

    fn result(&self, items: &mut Vec<K::Native>) -> Result<Vec<Value>> {
        let divisor = if self.window == usize::MAX { items.len() } else { self.window };
        let mut results = Vec::with_capacity(items.len());
        let (mut whole, mut float) = (0i128, 0f64);
        for (at, item) in items.iter().enumerate() {
            whole = whole.wrapping_add(K::to_i128(*item));
            float += K::to_f64(*item);
            if let Some(left) = at.checked_sub(self.window) {
                whole = whole.wrapping_sub(K::to_i128(items[left]));
                float -= K::to_f64(items[left]);
            }
            results.push(match (&self.one, self.mean) {
                (DataType::Float64, true) => Value::Float(float / divisor as f64),
                (DataType::Float64, false) => Value::Float(float),
                (_, true) => Value::Int(whole / divisor as i128),
                (DataType::UInt64, false) => Value::Int(i128::from(whole as u64)),
                (DataType::Int64, false) => Value::Int(i128::from(whole as i64)),
                _ => Value::Int(whole),
            });
        }
        Ok(results)
    }

    fn column(&self, results: Vec<Vec<Value>>) -> Result<ArrayRef> {
        let lengths = results.iter().map(Vec::len).collect();
        let values: Vec<Value> = results.into_iter().flatten().collect();
        list(array_from_values(&self.one, &values)?, lengths)
    }
}
