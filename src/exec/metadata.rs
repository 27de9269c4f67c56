//! Aggregations without keys that zone maps answer: granule by granule, only the granules are decoded
//! that a condition cuts through. Distinct texts of all rows of one part are counted by its dictionary, which
//! holds nothing that no row has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::Result;
use expr::Expr;
use plan::{AggregateCall, Aggregation, PartScan, Plan, Scan};
use storage::{Extremes, Part, ZoneMap};
use types::{Block, Column, DataType, Dictionary, Value};

use crate::context::ExecContext;
use crate::scan::{GranuleReader, PreparedPart, PreparedScan, Shape, TextTest};

/// Granules that are decoded here, at most.
const MOST_DECODED: usize = 16;

/// What a call needs of a column.
#[derive(Clone, Copy)]
enum Fact {
    Count,
    Sum(usize),
    Average(usize),
    Min(usize),
    Max(usize),
    /// Distinct values.
    Distinct(usize),
}

/// What is known of a column so far.
#[derive(Clone, Copy)]
struct Known {
    rows: u64,
    sum: i128,
    min: i128,
    max: i128,
    /// How many distinct values there are, where that is asked for.
    distinct: usize,
}

impl Default for Known {
    fn default() -> Known {
        Known { rows: 0, sum: 0, min: i128::MAX, max: i128::MIN, distinct: 0 }
    }
}

/// The only row of an aggregation, if zone maps can help with it; `None` where they can't.
pub(crate) fn answer(
    aggregation: &Aggregation,
    context: &Arc<ExecContext>,
) -> Result<Option<Block>> {
    if !aggregation.keys.is_empty() || !context.settings.encoded || !context.settings.skip_granules
    {
        return Ok(None);
    }
    let Some((scan, picked)) = scan_below(&aggregation.input) else { return Ok(None) };
    let Some((scan, snapshot)) = scan.of_parts()? else { return Ok(None) };
    if !snapshot.memory.is_empty() || scan.limit.is_some() {
        return Ok(None);
    }
    let types = scan.types();
    let Some(facts) = facts(aggregation, &picked, &types) else { return Ok(None) };
    if let Some(count) = counted_by_texts(&facts, &scan, &snapshot.parts, context)? {
        let known = vec![Known::default(); types.len()];
        return only_row(&facts, aggregation, count, &known).map(Some);
    }
    // Other conditions cannot be told by zone maps; preparing the scan twice would cost.
    if !scan.filter.iter().all(|f| is_told_by_zones(f, &types, context)) {
        return Ok(None);
    }
    let mut known = vec![Known::default(); types.len()];
    let mut rows = 0u64;
    let prepared = Arc::new(PreparedScan::new(&scan, &snapshot.parts, context)?);
    if !take_dictionaries(&facts, &prepared, scan.filter.is_empty(), &mut known)? {
        return Ok(None);
    }
    let mut reader = GranuleReader::new(prepared.clone());
    let wanted: Vec<usize> = facts.iter().filter_map(|f| f.column()).collect();
    let mut unknown = Vec::new();
    for (at, part) in prepared.parts.iter().enumerate() {
        if wanted.iter().any(|c| part.chunks[*c].is_none()) {
            return Ok(None);
        }
        for granule in &part.granules {
            context.cancel.check()?;
            if prepared.passes_all(part, *granule)
                && take_zones(part, *granule, &wanted, &mut known)
            {
                rows += part.part.granule_rows(*granule) as u64;
            } else if let Some(count) = prepared.count_by_zone(part, *granule)
                && wanted.is_empty()
            {
                rows += count;
            } else {
                unknown.push((at, *granule));
            }
        }
    }
    // Many granules to decode are better read by all lanes.
    if unknown.len() > MOST_DECODED {
        return Ok(None);
    }
    context.counters.read_rows.fetch_add(rows, Ordering::Relaxed);
    for (at, granule) in unknown {
        let block = reader.read(at, granule, context)?;
        if block.rows() == 0 {
            continue;
        }
        rows += block.rows() as u64;
        for column in distinct(&wanted) {
            take_values(&block.column(column).to_flat()?, &types[column], &mut known[column])?;
        }
    }
    only_row(&facts, aggregation, rows, &known).map(Some)
}

/// What the calls give.
fn only_row(
    facts: &[Fact],
    aggregation: &Aggregation,
    rows: u64,
    known: &[Known],
) -> Result<Block> {
    let mut columns = Vec::with_capacity(facts.len());
    for (fact, call) in facts.iter().zip(&aggregation.calls) {
        let value = fact.value(rows, known, &call.data_type);
        columns.push(Column::constant(&call.data_type, &value, 1)?);
    }
    Ok(Block::new(columns, 1))
}

/// How many rows meet conditions that text indexes answer, where nothing else is asked.
fn counted_by_texts(
    facts: &[Fact],
    scan: &PartScan,
    parts: &[Arc<Part>],
    context: &Arc<ExecContext>,
) -> Result<Option<u64>> {
    if !facts.iter().all(|fact| matches!(fact, Fact::Count)) || !scan.optional.is_empty() {
        return Ok(None);
    }
    let condition = match scan.filter.as_slice() {
        [] => return Ok(None),
        [one] => one.clone(),
        all => Expr::Call {
            function: "and".to_owned(),
            arguments: all.to_vec(),
            data_type: DataType::UInt8,
        },
    };
    let Some(test) = TextTest::of(&condition, scan, context).filter(|test| test.exact) else {
        return Ok(None);
    };
    let mut total = 0;
    for part in parts {
        context.cancel.check()?;
        match test.count(part)? {
            Some(count) => total += count,
            None => return Ok(None),
        }
    }
    Ok(Some(total))
}

fn is_told_by_zones(condition: &Expr, types: &[DataType], context: &ExecContext) -> bool {
    !matches!(Shape::of(condition, types, context), Shape::Strings { .. } | Shape::Other)
}

/// The scan below projections of plain columns, and where each column of the input stands in it.
pub(crate) fn scan_below(plan: &Plan) -> Option<(&Scan, Vec<usize>)> {
    match plan {
        Plan::Scan(scan) => Some((scan, (0..scan.visible).collect())),
        Plan::Project { input, expressions, .. } => {
            let (scan, below) = scan_below(input)?;
            let picked = expressions
                .iter()
                .map(|e| match e {
                    Expr::Column { index, .. } => below.get(*index).copied(),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()?;
            Some((scan, picked))
        }
        _ => None,
    }
}

/// What the calls need, if zone maps can tell all of it.
fn facts(aggregation: &Aggregation, picked: &[usize], types: &[DataType]) -> Option<Vec<Fact>> {
    aggregation.calls.iter().map(|call| fact(call, picked, types)).collect()
}

fn fact(call: &AggregateCall, picked: &[usize], types: &[DataType]) -> Option<Fact> {
    let column = match call.arguments.as_slice() {
        [] => None,
        [Expr::Column { index, .. }] => Some(*picked.get(*index)?),
        _ => return None,
    };
    let Some(column) = column else { return (call.function == "count").then_some(Fact::Count) };
    let data_type = &types[column];
    if data_type.is_nullable() || matches!(data_type, DataType::LowCardinality(_)) {
        return None;
    }
    let integer = data_type.is_integer() && data_type.bits() <= Some(64);
    if call.function == "uniqExact" && (*data_type == DataType::String || integer) {
        return Some(Fact::Distinct(column));
    }
    Some(match call.function.as_str() {
        "count" => Fact::Count,
        "sum" if integer => Fact::Sum(column),
        "avg" if integer => Fact::Average(column),
        "min" if integer || data_type.is_date() || data_type.is_datetime() => Fact::Min(column),
        "max" if integer || data_type.is_date() || data_type.is_datetime() => Fact::Max(column),
        _ => return None,
    })
}

impl Fact {
    fn column(self) -> Option<usize> {
        match self {
            Fact::Count => None,
            Fact::Sum(c) | Fact::Average(c) | Fact::Min(c) | Fact::Max(c) | Fact::Distinct(c) => {
                Some(c)
            }
        }
    }

    fn value(self, rows: u64, known: &[Known], data_type: &DataType) -> Value {
        match self {
            Fact::Count => Value::Int(i128::from(rows)),
            Fact::Distinct(c) => Value::Int(known[c].distinct as i128),
            // Sums wrap as ClickHouse's do.
            Fact::Sum(c) if data_type.is_signed_integer() => {
                Value::Int(i128::from(known[c].sum as i64))
            }
            Fact::Sum(c) => Value::Int(i128::from(known[c].sum as u64)),
            Fact::Average(_) if rows == 0 => Value::Float(f64::NAN),
            Fact::Average(c) => Value::Float(known[c].sum as f64 / rows as f64),
            Fact::Min(_) | Fact::Max(_) if rows == 0 => data_type.default_value(),
            Fact::Min(c) => Value::Int(known[c].min),
            Fact::Max(c) => Value::Int(known[c].max),
        }
    }
}

/// Takes from dictionaries how many distinct values there are; false where they don't tell, as where there
/// are conditions or several parts.
fn take_dictionaries(
    facts: &[Fact],
    prepared: &PreparedScan,
    unfiltered: bool,
    known: &mut [Known],
) -> Result<bool> {
    for fact in facts {
        let Fact::Distinct(column) = *fact else { continue };
        let size = match prepared.parts.as_slice() {
            [] => Some(0),
            [only] => match &only.chunks[column] {
                Some(chunk) => {
                    let dictionary = chunk.dictionary()?.or(chunk.numbers()?);
                    dictionary.map(|dictionary| dictionary.len())
                }
                None => None,
            },
            _ => None,
        };
        match size {
            Some(size) if unfiltered => known[column].distinct = size,
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn distinct(columns: &[usize]) -> Vec<usize> {
    let mut all = columns.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

/// Takes what zone maps know of a whole granule; false, and nothing taken, where they don't.
fn take_zones(part: &PreparedPart, granule: usize, wanted: &[usize], known: &mut [Known]) -> bool {
    let columns = distinct(wanted);
    let mut found: Vec<(usize, &ZoneMap, i128, i128, i128)> = Vec::with_capacity(columns.len());
    for column in &columns {
        let Some(chunk) = &part.chunks[*column] else { return false };
        let zone = chunk.zone(granule);
        let (Extremes::Int { min, max }, Some(sum), 0) = (zone.extremes, zone.sum, zone.nulls)
        else {
            return false;
        };
        found.push((*column, zone, sum, min, max));
    }
    for (column, zone, sum, min, max) in found {
        let own = &mut known[column];
        own.rows += u64::from(zone.rows);
        own.sum += sum;
        own.min = own.min.min(min);
        own.max = own.max.max(max);
    }
    true
}

fn take_values(array: &ArrayRef, data_type: &DataType, known: &mut Known) -> Result<()> {
    use arrow_array::types as t;
    fn each<T: arrow_array::ArrowPrimitiveType>(array: &ArrayRef, known: &mut Known)
    where
        T::Native: Into<i128>,
    {
        let values = array.as_primitive::<T>().values();
        known.rows += values.len() as u64;
        for value in values {
            let value: i128 = (*value).into();
            known.sum += value;
            known.min = known.min.min(value);
            known.max = known.max.max(value);
        }
    }
    match data_type.physical() {
        types::Physical::UInt8 => each::<t::UInt8Type>(array, known),
        types::Physical::UInt16 => each::<t::UInt16Type>(array, known),
        types::Physical::UInt32 => each::<t::UInt32Type>(array, known),
        types::Physical::UInt64 => each::<t::UInt64Type>(array, known),
        types::Physical::Int8 => each::<t::Int8Type>(array, known),
        types::Physical::Int16 => each::<t::Int16Type>(array, known),
        types::Physical::Int32 => each::<t::Int32Type>(array, known),
        types::Physical::Int64 => each::<t::Int64Type>(array, known),
        other => base::bail!(LogicalError, "no facts of {other:?}"),
    }
    debug_assert_eq!(array.null_count(), 0);
    Ok(())
}
