//! `mapPopulateSeries`: whole numbers as keys, without gaps.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array};
use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType};

use super::lists::{Lists, Picker, illegal, list_column, tuples, with_default};
use crate::scalar::lane::{self, Kind};
use crate::scalar::{Conversion, conversion};
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[declare!(
    "Map", "mapPopulateSeries", "mapPopulateSeries(map[, last]), mapPopulateSeries(keys, values[, last])",
    "The map with a value of 0 for each key that lacks from its least key to its greatest, or to a given last one.",
    "SELECT mapPopulateSeries(map(1, 10, 4, 20), 5)" => "{1:10,2:0,3:0,4:20,5:0}", (1, 3), bind
)];

/// Items that a block may get.
const MOST_ITEMS: usize = 1 << 26;

/// Where keys and values come from, and their types.
struct Shape {
    is_map: bool,
    key: DataType,
    value: DataType,
}

fn shape(arguments: &[Argument]) -> Result<Shape> {
    let function = "mapPopulateSeries";
    match (&arguments[0].data_type, arguments.get(1).map(|a| &a.data_type)) {
        (DataType::Map(pair), _) if arguments.len() <= 2 => {
            Ok(Shape { is_map: true, key: pair.0.clone(), value: pair.1.clone() })
        }
        (DataType::Array(key), Some(DataType::Array(value))) => {
            Ok(Shape { is_map: false, key: key.as_ref().clone(), value: value.as_ref().clone() })
        }
        _ => Err(illegal(function, &arguments[0])),
    }
}

/// What converts a last key to the type of the keys.
fn last_key(
    context: &FunctionContext,
    last: Option<&Argument>,
    key: &DataType,
) -> Result<Option<Conversion>> {
    match last {
        Some(last) if !whole(&last.data_type) => bail!(
            IllegalTypeOfArgument,
            "Function mapPopulateSeries takes an integer as last key, not {}",
            last.data_type
        ),
        Some(last) => conversion(context, &last.data_type, key).map(Some),
        None => Ok(None),
    }
}

/// Whether values are integers of at most 64 bits.
fn whole(data_type: &DataType) -> bool {
    data_type.is_integer() && data_type.bits() <= Some(64)
}

fn bind(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let Shape { is_map, key, value } = shape(arguments)?;
    if !whole(&key) || !whole(&value) {
        bail!(
            IllegalTypeOfArgument,
            "Function mapPopulateSeries takes integers as keys and values, not {key} and {value}"
        );
    }
    let last_at = if is_map { 1 } else { 2 };
    let to_key = last_key(context, arguments.get(last_at), &key)?;
    let return_type = match is_map {
        true => DataType::map(key.clone(), value.clone()),
        false => DataType::tuple([DataType::array(key.clone()), DataType::array(value.clone())]),
    };
    let kind = Kind::require(&key)?;
    let unsigned = key.is_unsigned_integer();
    Ok(Bound::new(return_type, move |columns, rows| {
        let (offsets, keys, values) = read(is_map, columns)?;
        // Wrapped into 64 bits; compared as what they are.
        let wide = lane::convert(&Column::Flat(keys), kind, Kind::I64)?;
        let wide = lane::values::<i64>(&wide)?;
        let number = |word: i64| match unsigned {
            true => i128::from(word as u64),
            false => i128::from(word),
        };
        let last = match &to_key {
            Some(cast) => Some(lane::convert(&cast(&columns[last_at], rows)?, kind, Kind::I64)?),
            None => None,
        };
        let last = match &last {
            Some(column) => Some(lane::values::<i64>(column)?),
            None => None,
        };
        let (mut picker, mut out) = (Picker::new(rows), Vec::new());
        let mut ends = vec![0];
        for row in 0..rows {
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            let mut places: HashMap<i128, usize> = HashMap::new();
            for at in range {
                places.entry(number(wide.at(at))).or_insert(at);
            }
            let (least, greatest) = (places.keys().min(), places.keys().max());
            if let (Some(first), Some(greatest)) = (least, greatest) {
                let end = last.as_ref().map_or(*greatest, |last| number(last.at(row)));
                if (end - first).saturating_add(out.len() as i128) > MOST_ITEMS as i128 {
                    return Err(error!(
                        TooLargeArraySize,
                        "Function mapPopulateSeries too large array size in the result"
                    ));
                }
                for key in *first..=end {
                    out.push(key as i64);
                    picker.push(places.get(&key).copied().unwrap_or(values.len()));
                }
            }
            picker.end_row();
            ends.push(out.len() as i32);
        }
        let out: ArrayRef = Arc::new(Int64Array::from(out));
        let out = lane::convert(&Column::Flat(out), Kind::I64, kind)?.to_flat()?;
        let values = with_default(&values, &value)?;
        finished(is_map, (&key, &value), ends, out, picker, &values)
    }))
}

/// Offsets, keys and values of the arguments.
fn read(is_map: bool, columns: &[Column]) -> Result<(Vec<i32>, ArrayRef, ArrayRef)> {
    use arrow_array::cast::AsArray;
    let first = Lists::new(&columns[0])?;
    if is_map {
        let pairs = first.items.as_struct();
        return Ok((first.offsets.clone(), pairs.column(0).clone(), pairs.column(1).clone()));
    }
    let second = Lists::new(&columns[1])?;
    if first.offsets != second.offsets {
        bail!(
            BadArguments,
            "Function mapPopulateSeries key and value array should have same amount of elements"
        );
    }
    Ok((first.offsets, first.items, second.items))
}

fn finished(
    is_map: bool,
    (key, value): (&DataType, &DataType),
    ends: Vec<i32>,
    keys: ArrayRef,
    picker: Picker,
    values: &ArrayRef,
) -> Result<Column> {
    let types = [key.clone(), value.clone()];
    let picked = super::lists::take(values, picker.picked)?;
    if is_map {
        let items = tuples(&types, vec![keys, picked.clone()], picked.len())?;
        return list_column(&DataType::tuple(types), ends, items);
    }
    let rows = ends.len() - 1;
    let keys = list_column(key, ends.clone(), keys)?.to_flat()?;
    let values = list_column(value, ends, picked)?.to_flat()?;
    let types = types.map(DataType::array);
    Ok(Column::Flat(tuples(&types, vec![keys, values], rows)?))
}
