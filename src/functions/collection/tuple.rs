//! Tuples.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, TupleField, Value};

use super::convert::{comparable, convert};
use super::keys::Keys;
use super::lists::{Lists, illegal, list_column, numbers, tuples};
use crate::scalar::cast::conversion;
use crate::text::declare;
use crate::text::strings::BytesBuilder;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Tuple", "tuple", "tuple(a, ...)", "A tuple of the arguments.",
        "SELECT tuple(1, 'a')" => "(1,'a')", (0, usize::MAX), tuple, nulls: Nulls::Custom),
    declare!("Tuple", "tupleElement", "tupleElement(tuple, n_or_name[, default])", "The element of a tuple, or of the tuples in an array, with a number (from 1) or name.",
        "SELECT tupleElement((1, 'a'), 2)" => "a", (2, 3), element, nulls: Nulls::Custom),
    declare!("Tuple", "tupleNames", "tupleNames(tuple)", "The names of a tuple's elements.",
        "SELECT tupleNames((1, 'a'))" => "['1','2']", (1, 1), names),
    declare!("Tuple", "tupleConcat", "tupleConcat(a, b, ...)", "The elements of all tuples in one.",
        "SELECT tupleConcat((1, 2), ('a', 'b'))" => "(1,2,'a','b')", (1, usize::MAX), concat_tuples),
    declare!("Tuple", "tupleToNameValuePairs", "tupleToNameValuePairs(tuple)", "The elements of a tuple as pairs of name and value.",
        "SELECT tupleToNameValuePairs((1, 2))" => "[('1',1),('2',2)]", (1, 1), pairs),
    declare!("Tuple", "tupleHammingDistance", "tupleHammingDistance(a, b)", "The number of places at which two tuples differ.",
        "SELECT tupleHammingDistance((1, 2), (1, 3))" => "1", (2, 2), hamming),
];

fn tuple(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    Ok(Bound::new(DataType::tuple(types.clone()), move |columns, rows| {
        let parts: Vec<ArrayRef> = columns.iter().map(Column::to_flat).collect::<Result<_>>()?;
        Ok(Column::Flat(tuples(&types, parts, rows)?))
    }))
}

/// The place of an element that an argument names.
fn place(fields: &[TupleField], index: &Argument) -> Result<Option<usize>> {
    match &index.constant {
        Some(Value::Int(number)) => {
            let at = if *number > 0 { number - 1 } else { fields.len() as i128 + number };
            if *number == 0 {
                bail!(NotFoundColumnInBlock, "Tuple indices are 1-based, 0 is no index");
            }
            Ok(usize::try_from(at).ok().filter(|at| *at < fields.len()))
        }
        Some(Value::Bytes(name)) => {
            let named = |(at, field): (usize, &TupleField)| {
                let own = field.name.clone().unwrap_or_else(|| (at + 1).to_string());
                own.as_bytes() == &name[..]
            };
            Ok(fields.iter().enumerate().position(named))
        }
        _ => bail!(
            IllegalTypeOfArgument,
            "Second argument to tupleElement must be a constant UInt or String"
        ),
    }
}

fn element(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let mut data_type = &arguments[0].data_type;
    let mut depth = 0;
    while let DataType::Array(item) = data_type {
        data_type = item;
        depth += 1;
    }
    let DataType::Tuple(fields) = data_type else {
        bail!(
            IllegalTypeOfArgument,
            "First argument for function tupleElement must be tuple or array of tuple. Actual {}",
            arguments[0].data_type
        );
    };
    let Some(at) = place(fields, &arguments[1])? else {
        let Some(default) = arguments.get(2) else {
            let wanted = arguments[1].constant.as_ref().map(Value::to_string).unwrap_or_default();
            bail!(NotFoundColumnInBlock, "Tuple doesn't have element {wanted}");
        };
        return Ok(Bound::new(default.data_type.clone(), |columns, _| Ok(columns[2].clone())));
    };
    let part = fields[at].data_type.clone();
    let return_type = (0..depth).fold(part.clone(), |t, _| DataType::array(t));
    Ok(Bound::new(return_type, move |columns, _| {
        if let (Column::Constant { value, len }, 0) = (&columns[0], depth) {
            return Ok(Column::Constant { value: element_of(value, at)?, len: *len });
        }
        let mut array = columns[0].to_flat()?;
        let mut offsets = Vec::new();
        for _ in 0..depth {
            let lists = Lists::of_array(&array)?;
            offsets.push(lists.offsets);
            array = lists.items;
        }
        let mut result = element_of(&array, at)?;
        let mut item = part.clone();
        for offsets in offsets.into_iter().rev() {
            result = list_column(&item, offsets, result)?.to_flat()?;
            item = DataType::array(item);
        }
        Ok(Column::Flat(result))
    }))
}

fn element_of(array: &ArrayRef, at: usize) -> Result<ArrayRef> {
    match array.as_struct_opt().and_then(|s| s.columns().get(at).cloned()) {
        Some(part) => Ok(part),
        None => bail!(LogicalError, "a tuple without element {at}"),
    }
}

fn fields_of<'a>(function: &str, argument: &'a Argument) -> Result<&'a Arc<[TupleField]>> {
    match &argument.data_type {
        DataType::Tuple(fields) => Ok(fields),
        _ => Err(illegal(function, argument)),
    }
}

fn field_names(fields: &[TupleField]) -> Vec<String> {
    let own =
        |(at, f): (usize, &TupleField)| f.name.clone().unwrap_or_else(|| (at + 1).to_string());
    fields.iter().enumerate().map(own).collect()
}

/// The names of a tuple's elements, once for each row.
fn repeated_names(names: &[String], rows: usize) -> Result<ArrayRef> {
    let mut out = BytesBuilder::new(rows * names.len());
    for _ in 0..rows {
        names.iter().for_each(|name| out.append(name.as_bytes()));
    }
    out.finish()
}

fn names(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let names = field_names(fields_of("tupleNames", &arguments[0])?);
    Ok(Bound::new(DataType::array(DataType::String), move |_, rows| {
        let offsets = (0..=rows).map(|row| (row * names.len()) as i32).collect();
        list_column(&DataType::String, offsets, repeated_names(&names, rows)?)
    }))
}

/// All tuples' elements in one; names are kept where all have different ones.
pub(crate) fn concat_tuples(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let mut fields: Vec<TupleField> = Vec::new();
    for argument in arguments {
        fields.extend(fields_of("tupleConcat", argument)?.iter().cloned());
    }
    let mut names: Vec<&String> = fields.iter().filter_map(|f| f.name.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < fields.len() {
        fields.iter_mut().for_each(|f| f.name = None);
    }
    let types: Vec<DataType> = fields.iter().map(|f| f.data_type.clone()).collect();
    Ok(Bound::new(DataType::Tuple(fields.into()), move |columns, rows| {
        let mut parts = Vec::new();
        for column in columns {
            parts.extend(column.to_flat()?.as_struct().columns().iter().cloned());
        }
        Ok(Column::Flat(tuples(&types, parts, rows)?))
    }))
}

fn pairs(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let fields = fields_of("tupleToNameValuePairs", &arguments[0])?.clone();
    let types: Vec<DataType> = fields.iter().map(|f| f.data_type.clone()).collect();
    let Some(value) = types.first().cloned() else {
        return Err(illegal("tupleToNameValuePairs", &arguments[0]));
    };
    if types.iter().any(|t| *t != value) {
        bail!(
            IllegalTypeOfArgument,
            "The argument tuple for function tupleToNameValuePairs must contain just one type"
        );
    }
    let names = field_names(&fields);
    let context = context.clone();
    let pair = DataType::tuple([DataType::String, value.clone()]);
    Ok(Bound::new(DataType::array(pair.clone()), move |columns, rows| {
        let flat = columns[0].to_flat()?;
        let parts: Vec<ArrayRef> = flat
            .as_struct()
            .columns()
            .iter()
            .zip(&types)
            .map(|(part, from)| convert(&context, part, from, &value))
            .collect::<Result<_>>()?;
        let parts: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
        let places: Vec<(usize, usize)> =
            (0..rows).flat_map(|row| (0..types.len()).map(move |part| (part, row))).collect();
        let values = arrow_select::interleave::interleave(&parts, &places)
            .map_err(|e| base::Error::logical(e.to_string()))?;
        let kinds = [DataType::String, value.clone()];
        let items = tuples(&kinds, vec![repeated_names(&names, rows)?, values], places.len())?;
        list_column(&pair, (0..=rows).map(|row| (row * types.len()) as i32).collect(), items)
    }))
}

fn hamming(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let a = fields_of("tupleHammingDistance", &arguments[0])?.clone();
    let b = fields_of("tupleHammingDistance", &arguments[1])?.clone();
    if a.len() != b.len() {
        bail!(
            IllegalTypeOfArgument,
            "Expected tuples of the same size as arguments of function tupleHammingDistance"
        );
    }
    // The sum of as many UInt8 as there are places.
    let return_type = match a.len() {
        0 | 1 => DataType::UInt8,
        2 => DataType::UInt16,
        3 => DataType::UInt32,
        _ => DataType::UInt64,
    };
    let sides = || a.iter().chain(b.iter());
    if sides().any(|field| field.data_type.is_null_literal()) {
        return Ok(Bound::new(DataType::null(), |_, rows| {
            Column::constant(&DataType::null(), &Value::Null, rows)
        }));
    }
    let narrow = conversion(context, &DataType::UInt64, &return_type)?;
    let nullable = sides().any(|field| field.data_type.is_nullable());
    let return_type = if nullable { return_type.nullable() } else { return_type };
    let context = context.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let (left, right) = (columns[0].to_flat()?, columns[1].to_flat()?);
        let mut out = vec![0_u64; rows];
        let mut nulls = None;
        for (at, (a, b)) in a.iter().zip(b.iter()).enumerate() {
            let common = comparable(&[a.data_type.clone(), b.data_type.clone()])?;
            let one = convert(&context, &element_of(&left, at)?, &a.data_type, &common)?;
            let other = convert(&context, &element_of(&right, at)?, &b.data_type, &common)?;
            for side in [&one, &other] {
                nulls = NullBuffer::union(nulls.as_ref(), side.nulls());
            }
            let (one, other) = (Keys::new(&one, &common)?, Keys::new(&other, &common)?);
            for (row, count) in out.iter_mut().enumerate() {
                *count += u64::from(one.key(row) != other.key(row));
            }
        }
        let counts = narrow(&numbers::<UInt64Type>(out), rows)?;
        match nulls {
            Some(nulls) => counts.with_nulls(Some(nulls)),
            None => Ok(counts),
        }
    }))
}
