//! Arrays (and text) of a group's values.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use base::{Error, Result, bail};
use expr::{
    Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, FunctionContext,
    NullRows,
};
use format::FormatSettings;
use format::text::array_to_text;
use types::{Column, DataType, Value};

use crate::scalar::order::Missing;

use super::arguments::{Checks, USUAL, example};
use super::byte_chunks::ByteChunks;
use super::collected::{Collect, collected};
use super::encoded::Encoding;
use super::grouped::{Function, bound, foreign_state};
use super::kind::{self, Input, Kind, input, with_kind};
use super::lists::Lists;
use super::state_bytes::{read_length, read_string, read_version, write_string, write_varint};

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
        name: "groupConcat",
        aliases: &["group_concat", "string_agg"],
        case_insensitive: true,
        syntax: "groupConcat([delimiter[, n]])(x)",
        description: "The values as text, one after another, with the delimiter between them; of the first n.",
        examples: &[example(
            "SELECT groupConcat(', ')(toString(number)) FROM numbers(3)",
            "0, 1, 2",
        )],
        bind: bind_concat,
        ..USUAL
    },
];

/// An optional limit as the only parameter.
pub(super) fn limit(call: &AggregateArguments<'_>) -> Result<usize> {
    call.most_parameters(1)?;
    if call.parameters.is_empty() {
        return Ok(usize::MAX);
    }
    match call.natural(0, 0)? {
        0 => bail!(
            BadArguments,
            "Parameter for aggregate function {} should be positive number",
            call.name
        ),
        limit => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
    }
}

pub(super) fn list(items: ArrayRef, lengths: Vec<usize>) -> Result<ArrayRef> {
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
        text: None,
        limit,
        output: Output::Array,
        bytes: ByteChunks::default(),
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
#[derive(Clone)]
struct Encoded {
    encoding: Encoding,
    /// The type of values that are to be made text before they are kept.
    text: Option<(DataType, FormatSettings)>,
    limit: usize,
    output: Output,
    bytes: ByteChunks,
    lists: Lists<(u64, u32)>,
}

const VERSION: u8 = 1;

fn push(
    lists: &mut Lists<(u64, u32)>,
    bytes: &mut ByteChunks,
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
    lists.push(group, (bytes.push(value), length))?;
    Ok(())
}

impl Encoded {
    fn values(&self, group: usize) -> impl Iterator<Item = &[u8]> {
        self.lists.chunks(group).flatten().map(|(place, length)| self.bytes.get(*place, *length))
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
        let texts;
        let arguments = match (&self.text, arguments) {
            (Some((data_type, settings)), [Column::Flat(array)]) => {
                texts = [Column::Flat(array_to_text(array, data_type, settings)?)];
                &texts
            }
            (Some((data_type, settings)), [Column::Constant { value, len }]) => {
                let value = array_to_text(value, data_type, settings)?;
                texts = [Column::Constant { value, len: *len }];
                &texts
            }
            _ => arguments,
        };
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
        self.bytes.memory() + self.lists.memory()
    }
}

fn bind_concat(context: &FunctionContext, call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.most_parameters(2)?;
    let data_type = call.only()?;
    let settings = FormatSettings { time_zone: context.zone(), ..FormatSettings::default() };
    let text = (*data_type != DataType::String).then(|| (data_type.clone(), settings));
    let delimiter: Arc<[u8]> = match call.parameters.first() {
        None => [].into(),
        Some(Value::Bytes(bytes)) => bytes.clone(),
        Some(_) => bail!(
            BadArguments,
            "First parameter for aggregate function {} should be string",
            call.name
        ),
    };
    let limit = match call.natural(1, u64::MAX)? {
        0 => bail!(
            BadArguments,
            "Second parameter for aggregate function {} should be a positive number",
            call.name
        ),
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let encoding = Encoding::new(&[DataType::String]);
    Ok(BoundAggregate::new(DataType::String, move || Encoded {
        encoding: encoding.clone(),
        text: text.clone(),
        limit,
        output: Output::Text(delimiter.clone()),
        bytes: ByteChunks::default(),
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
            state.sort_by(|a, b| self.encoding.compare(a, b, Missing::Greatest));
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
