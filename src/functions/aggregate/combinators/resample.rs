//! `-Resample`: the last argument's intervals are groups of the function inside.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, ListArray};
use arrow_buffer::{BooleanBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType, Value};

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::{Kind, input, with_kind, wrong_layout};
use crate::aggregate::state_bytes::read_version;

/// The most intervals.
const MOST: i128 = 1 << 20;

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let (key, types) = super::split_last(call, "Resample")?;
    let whole = key.is_integer() || key.is_date() || matches!(key, DataType::DateTime(_));
    if !whole || matches!(key, DataType::Int128 | DataType::UInt128) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {key} of argument for aggregate function {}, should be a native integer, \
             a date or a date with time",
            call.name
        );
    }
    let Some((parameters, [start, end, step])) = call
        .parameters
        .split_last_chunk::<3>()
        .filter(|(_, last)| last.iter().all(|value| matches!(value, Value::Int(_))))
    else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires three integer parameters: start, end, step",
            call.name
        );
    };
    let [start, end, step] = [start, end, step].map(|v| v.as_int().unwrap_or_default());
    if step <= 0 {
        bail!(ArgumentOutOfBound, "The step used in function {} cannot be zero", call.name);
    }
    let buckets = if end <= start { 0 } else { (end - start + step - 1) / step };
    if !(0..=MOST).contains(&buckets) {
        bail!(
            ArgumentOutOfBound,
            "The range given in function {} contains too many elements",
            call.name
        );
    }
    let inner = AggregateArguments { name, types, parameters };
    let bound = registry.bind_aggregate(context, &inner)?;
    let result = DataType::array(bound.return_type.clone());
    let key = key.clone();
    let create = bound.create;
    Ok(BoundAggregate::new(result.clone(), move || Resample {
        inner: create(),
        result: result.clone(),
        key: key.clone(),
        start,
        end,
        step,
        buckets: buckets as usize,
    }))
}

#[derive(Clone)]
struct Resample {
    inner: Box<dyn Accumulator>,
    result: DataType,
    key: DataType,
    start: i128,
    end: i128,
    step: i128,
    /// Inner groups of each group.
    buckets: usize,
}

const VERSION: u8 = 1;

impl Resample {
    /// The bucket of each row; `None` where the key is outside.
    fn bucket(&self, key: i128) -> Option<u32> {
        (self.start..self.end).contains(&key).then(|| ((key - self.start) / self.step) as u32)
    }
}

impl Accumulator for Resample {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups * self.buckets);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (key, rest) = arguments.split_last().ok_or_else(wrong_layout)?;
        let keys: Vec<Option<u32>> = with_kind!(&self.key, K => {
            let values = input::<K>(std::slice::from_ref(key), 0)?;
            (0..groups.len()).map(|row| self.bucket(<K as Kind>::to_i128(values.at(row)))).collect()
        }, otherwise return Err(wrong_layout()));
        let mut of = Vec::with_capacity(groups.len());
        for (group, bucket) in groups.iter().zip(&keys) {
            if let Some(bucket) = bucket {
                let number = *group as usize * self.buckets + *bucket as usize;
                of.push(u32::try_from(number).map_err(|_| {
                    base::error!(TooLargeArraySize, "Too many groups of intervals")
                })?);
            }
        }
        let mask = BooleanBuffer::collect_bool(keys.len(), |row| keys[row].is_some());
        let mask = BooleanArray::new(mask, None);
        let kept: Vec<Column> = rest.iter().map(|c| c.filter(&mask)).collect::<Result<_>>()?;
        self.inner.update(&of, &kept)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Resample>().ok_or_else(foreign_state)?;
        let buckets = self.buckets as u32;
        let all: Vec<u32> = groups
            .iter()
            .flat_map(|group| (0..buckets).map(move |b| group * buckets + b))
            .collect();
        self.inner.merge(&all, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        let mut buckets = group * self.buckets..(group + 1) * self.buckets;
        buckets.try_for_each(|bucket| self.inner.serialize(bucket, out))
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let first = group as usize * self.buckets;
        let mut buckets = first..first + self.buckets;
        buckets.try_for_each(|bucket| self.inner.deserialize(bucket as u32, bytes))
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let all = groups.start * self.buckets..groups.end * self.buckets;
        let items = self.inner.finish(all)?;
        let ArrowType::List(item) = self.result.arrow_type() else { return Err(wrong_layout()) };
        let offsets = OffsetBuffer::from_repeated_length(self.buckets, groups.len());
        ListArray::try_new(item, offsets, items, None)
            .map(|list| Arc::new(list) as ArrayRef)
            .map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}
