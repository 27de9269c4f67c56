//! Arrays (and text) of a group's values.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use base::{Error, Result, bail};
use expr::{
    Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows,
};
use types::{Column, DataType, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::collected::{Collect, collected};
use super::encoded::Encoding;
use super::grouped::{Function, bound, foreign_state};
use super::kind::{self, Input, Kind, input, integers, with_kind};
use super::lists::Lists;
use super::state_bytes::{
    Plain, read_length, read_string, read_version, write_string, write_varint,
};

const ARRAYS: AggregateDeclaration =
    AggregateDeclaration { nulls: NullRows::SkipThenEmpty, ..USUAL };

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "groupArray",
        aliases: &["array_agg"],
        case_insensitive: true,
        syntax: "groupArray([n])(x)",
        description: "An array of the values, or of the first n of them.",
        examples: &[example("SELECT groupArray(number) FROM numbers(3)", "[0,1,2]")],
        bind: |_, call| bind_array(call),
        ..ARRAYS
    },
    AggregateDeclaration {
        name: "groupArrayLast",
        syntax: "groupArrayLast(n)(x)",
        description: "An array of the last n values.",
        examples: &[example("SELECT groupArrayLast(2)(number) FROM numbers(4)", "[2,3]")],
        bind: |_, call| bind_trimmed(call, false),
        ..ARRAYS
    },
    AggregateDeclaration {
        name: "groupArraySorted",
        syntax: "groupArraySorted(n)(x)",
        description: "A sorted array of the n smallest values.",
        examples: &[example("SELECT groupArraySorted(2)(9 - number) FROM numbers(10)", "[0,1]")],
        bind: |_, call| bind_trimmed(call, true),
        ..ARRAYS
    },
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
    AggregateDeclaration {
        name: "groupConcat",
        aliases: &["group_concat", "string_agg"],
        case_insensitive: true,
        syntax: "groupConcat([delimiter[, n]])(x)",
        description: "The values as text, one after another, with the delimiter between them; of the first n.",
        examples: &[example(
            "SELECT groupConcat(', ')(toString(number)) FROM numbers(3)",
            "0, 1, 2",
        )],
        bind: |_, call| bind_concat(call),
        ..USUAL
    },
];

/// An optional limit as the only parameter.
fn limit(call: &AggregateArguments<'_>) -> Result<usize> {
    call.most_parameters(1)?;
    if call.parameters.is_empty() {
        return Ok(usize::MAX);
    }
    match call.natural(0, 0)? {
        0 => bail!(BadArguments, "Parameter for aggregate function {} should be positive number", call.name),
        limit => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
    }
}

fn list(items: ArrayRef, lengths: Vec<usize>) -> Result<ArrayRef> {
    let field = arrow_schema::Field::new("item", items.data_type().clone(), true);
    ListArray::try_new(Arc::new(field), OffsetBuffer::from_lengths(lengths), items, None)
        .map(|list| Arc::new(list) as ArrayRef)
        .map_err(|e| Error::logical(e.to_string()))
}

fn bind_array(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    let limit = limit(call)?;
    let data_type = call.only()?;
    let result = DataType::array(data_type.clone());
    if !data_type.is_nullable() {
        with_kind!(data_type, K => {
            return Ok(collected(result, Numbers::<K> { limit, kind: PhantomData }));
        }, otherwise ());
    }
    let encoding = Encoding::new(std::slice::from_ref(data_type));
    Ok(BoundAggregate::new(result, move || Encoded {
        encoding: encoding.clone(),
        limit,
        output: Output::Array,
        bytes: Vec::new(),
        lists: Lists::default(),
    }))
}

/// `groupArray` of numbers.
struct Numbers<K> {
    limit: usize,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Collect for Numbers<K> {
    type Item = K::Native;
    type Output = Vec<K::Native>;

    const LIMITED: bool = true;

    fn limit(&self) -> usize {
        self.limit
    }

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, K::Native) -> Result<()>,
    ) -> Result<()> {
        let values = input::<K>(arguments, 0)?;
        (0..rows).try_for_each(|row| take(row, values.at(row)))
    }

    fn slice<'a>(&self, arguments: &'a [Column]) -> Result<Option<&'a [K::Native]>> {
        Ok(match input::<K>(arguments, 0)? {
            Input::Slice(values) => Some(values),
            Input::Constant(_) => None,
        })
    }

    fn result(&self, items: &mut Vec<K::Native>) -> Result<Vec<K::Native>> {
        Ok(std::mem::take(items))
    }

    fn column(&self, results: Vec<Vec<K::Native>>) -> Result<ArrayRef> {
        let lengths = results.iter().map(Vec::len).collect();
        list(kind::array::<K>(results.into_iter().flatten().collect()), lengths)
    }
}

/// What is made of encoded values.
#[derive(Debug, Clone)]
enum Output {
    Array,
    /// Text with a delimiter.
    Text(Arc<[u8]>),
}

/// Lists of encoded values: where each lies among the bytes.
struct Encoded {
    encoding: Encoding,
    limit: usize,
    output: Output,
    bytes: Vec<u8>,
    lists: Lists<(u64, u32)>,
}

const VERSION: u8 = 1;

fn push(
    lists: &mut Lists<(u64, u32)>,
    bytes: &mut Vec<u8>,
    limit: usize,
    group: usize,
    value: &[u8],
) -> Result<()> {
    if limit != usize::MAX && lists.len(group) >= limit {
        return Ok(());
    }
    let Ok(length) = u32::try_from(value.len()) else {
        bail!(TooLargeStringSize, "A value of more than 4 GiB in an aggregate function");
    };
    lists.push(group, (bytes.len() as u64, length))?;
    bytes.extend_from_slice(value);
    Ok(())
}

impl Encoded {
    fn values(&self, group: usize) -> impl Iterator<Item = &[u8]> {
        self.lists.chunks(group).flatten().map(|(start, length)| {
            let start = *start as usize;
            &self.bytes[start..start + *length as usize]
        })
    }

    fn text(&self, groups: Range<usize>, delimiter: &[u8]) -> Result<ArrayRef> {
        let mut out = arrow_array::builder::BinaryViewBuilder::with_capacity(groups.len());
        for group in groups {
            let values: Vec<&[u8]> = self.values(group).collect();
            out.try_append_value(values.join(delimiter))
                .map_err(|e| Error::logical(e.to_string()))?;
        }
        Ok(Arc::new(out.finish()))
    }
}

impl Accumulator for Encoded {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (lists, bytes, limit) = (&mut self.lists, &mut self.bytes, self.limit);
        self.encoding.for_each(arguments, groups.len(), |row, value| {
            push(lists, bytes, limit, groups[row] as usize, value)
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Encoded>().ok_or_else(foreign_state)?;
        for (at, group) in groups.iter().enumerate() {
            for value in other.values(at) {
                push(&mut self.lists, &mut self.bytes, self.limit, *group as usize, value)?;
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.lists.len(group) as u64, out);
        self.values(group).for_each(|value| write_string(value, out));
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        for _ in 0..read_length(bytes, 1)? {
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            push(&mut self.lists, &mut self.bytes, self.limit, group as usize, value)?;
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        if let Output::Text(delimiter) = &self.output {
            return self.text(groups, delimiter);
        }
        let lengths = groups.clone().map(|group| self.lists.len(group)).collect();
        let items = self.encoding.array(groups.flat_map(|g| self.values(g).map(Some)))?;
        list(items, lengths)
    }

    fn memory(&self) -> usize {
        self.bytes.capacity() + self.lists.memory()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn bind_concat(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.most_parameters(2)?;
    let data_type = call.only()?;
    if !data_type.is_string() {
        return Err(call.illegal(data_type));
    }
    let delimiter: Arc<[u8]> = match call.parameters.first() {
        None => [].into(),
        Some(Value::Bytes(bytes)) => bytes.clone(),
        Some(_) => bail!(BadArguments, "First parameter for aggregate function {} should be string", call.name),
    };
    let limit = match call.natural(1, u64::MAX)? {
        0 => bail!(BadArguments, "Second parameter for aggregate function {} should be a positive number", call.name),
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let encoding = Encoding::new(std::slice::from_ref(data_type));
    Ok(BoundAggregate::new(DataType::String, move || Encoded {
        encoding: encoding.clone(),
        limit,
        output: Output::Text(delimiter.clone()),
        bytes: Vec::new(),
        lists: Lists::default(),
    }))
}

fn bind_trimmed(call: &AggregateArguments<'_>, sorted: bool) -> Result<BoundAggregate> {
    if call.parameters.is_empty() {
        bail!(
            BadArguments,
            "Parameter for aggregate function {} should have limit argument",
            call.name
        );
    }
    let limit = limit(call)?;
    let data_type = call.only()?;
    let encoding = Encoding::new(std::slice::from_ref(data_type));
    Ok(bound(DataType::array(data_type.clone()), Trimmed { encoding, limit, sorted }))
}

/// The last, or the smallest, of encoded values.
struct Trimmed {
    encoding: Encoding,
    limit: usize,
    sorted: bool,
}

impl Trimmed {
    fn take(&self, state: &mut Vec<Arc<[u8]>>, value: Arc<[u8]>) {
        state.push(value);
        if state.len() >= self.limit.saturating_mul(2).max(64) {
            self.trim(state);
        }
    }

    fn trim(&self, state: &mut Vec<Arc<[u8]>>) {
        if self.sorted {
            state.sort_by(|a, b| self.encoding.compare(a, b));
            state.truncate(self.limit);
        } else if state.len() > self.limit {
            state.drain(..state.len() - self.limit);
        }
    }
}

impl Function for Trimmed {
    type State = Vec<Arc<[u8]>>;

    fn empty(&self) -> Self::State {
        Vec::new()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        self.encoding.for_each(arguments, groups.len(), |row, value| {
            self.take(&mut states[groups[row] as usize], value.into());
            Ok(())
        })
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        from.iter().for_each(|value| self.take(into, value.clone()));
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        let mut state = state.clone();
        self.trim(&mut state);
        write_varint(state.len() as u64, out);
        state.iter().for_each(|value| write_string(value, out));
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        let length = read_length(bytes, 1)?;
        let mut state = Vec::new();
        for _ in 0..length {
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            state.push(value.into());
        }
        Ok(state)
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        states.iter_mut().for_each(|state| self.trim(state));
        let lengths = states.iter().map(Vec::len).collect();
        let items = states.iter().flatten().map(|value| Some(value.as_ref()));
        list(self.encoding.array(items)?, lengths)
    }

    fn heap(&self, state: &Self::State) -> usize {
        state.iter().map(|value| value.len() + 40).sum()
    }
}

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
        bail!(CannotConvertType, "The default of aggregate function {} is no {data_type}", call.name);
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
                return Err(super::state_bytes::corrupt());
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
