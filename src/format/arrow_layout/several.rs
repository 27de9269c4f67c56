//! Variant, Dynamic and JSON in Arrow and Parquet.
//!
//! ```text
//! Variant        Arrow: a dense union of its types under their names, and of `NULL`, which is the last; not in
//!                Parquet
//! JSON           a string of JSON, marked as such
//! Dynamic        Arrow: the same of any value; not in Parquet
//! ```

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, ArrayRef, NullArray, UnionArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType as ArrowType, Field as ArrowField, UnionFields, UnionMode};
use base::{Result, bail};
use types::{DataType, tagged};

use super::{arrow_error, arrow_field, from_layout, to_layout, type_of};
use crate::FormatSettings;
use crate::text::{Escaping, write_value};

/// The union of a Variant's types; of more than its numbers can tell, text.
pub(super) fn union_of(members: &[DataType], text: &ArrowType) -> ArrowType {
    if members.len() > i8::MAX as usize {
        return text.clone();
    }
    let mut fields: Vec<ArrowField> =
        members.iter().map(|member| arrow_field(&member.to_string(), member, text)).collect();
    fields.push(ArrowField::new("NULL", ArrowType::Null, false));
    let numbered = fields.into_iter().enumerate();
    let numbered = numbered.map(|(at, field)| (at as i8, Arc::new(field)));
    ArrowType::Union(numbered.collect(), UnionMode::Dense)
}

/// A field, with what tells readers that its strings are JSON.
pub(super) fn marked(field: ArrowField, data_type: &DataType) -> ArrowField {
    match data_type.inner() {
        DataType::Dynamic(_) | DataType::Json(_) => {
            let mark = |name: &str, value: &str| (format!("ARROW:extension:{name}"), value.into());
            let marks = [mark("name", "arrow.json"), mark("metadata", "")];
            field.with_metadata(marks.into_iter().collect())
        }
        _ => field,
    }
}

/// Values of a Variant as a union.
pub(super) fn to_union(
    array: &ArrayRef,
    members: &[DataType],
    fields: &UnionFields,
) -> Result<ArrayRef> {
    let null = members.len();
    let mut numbers = vec![null as i8; array.len()];
    let mut offsets = vec![0_i32; array.len()];
    let mut groups = tagged::groups(array)?;
    let mut children: Vec<ArrayRef> = Vec::new();
    for (at, (member, (_, field))) in members.iter().zip(fields.iter()).enumerate() {
        let values = match groups.iter().position(|group| group.data_type == *member) {
            Some(found) => {
                let group = groups.swap_remove(found);
                for (place, row) in group.rows.iter().enumerate() {
                    numbers[*row as usize] = at as i8;
                    offsets[*row as usize] = place as i32;
                }
                group.values
            }
            None => types::default_array(member, 0)?,
        };
        children.push(from_layout(&values, member, field.data_type())?);
    }
    let nulls = (0..array.len()).filter(|row| numbers[*row] == null as i8);
    let mut count = 0;
    for row in nulls {
        offsets[row] = count;
        count += 1;
    }
    children.push(Arc::new(NullArray::new(count as usize)));
    let (numbers, offsets) = (ScalarBuffer::from(numbers), ScalarBuffer::from(offsets));
    let union = UnionArray::try_new(fields.clone(), numbers, Some(offsets), children);
    Ok(Arc::new(union.map_err(arrow_error)?))
}

/// Values of any type as JSON; NULL too is a value.
pub(super) fn json_texts(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let settings = FormatSettings::default();
    let mut out = BinaryViewBuilder::with_capacity(array.len());
    let mut text = Vec::new();
    for row in 0..array.len() {
        text.clear();
        write_value(array, data_type, row, Escaping::Json, &settings, &mut text)?;
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// The Variant of a union's types.
pub(super) fn variant_of(fields: &UnionFields) -> Result<DataType> {
    let bare = |field: &ArrowField| match type_of(field)? {
        DataType::Nullable(inner) => Ok(inner.as_ref().clone()),
        other => Ok(other),
    };
    let members = fields.iter().filter(|(_, field)| *field.data_type() != ArrowType::Null);
    DataType::variant(members.map(|(_, field)| bare(field)).collect::<Result<_>>()?)
}

/// The values of a union with their types.
pub(super) fn of_union(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(union) = array.as_any().downcast_ref::<UnionArray>() else {
        bail!(IncorrectData, "A union of another layout");
    };
    let ArrowType::Union(fields, _) = union.data_type() else {
        bail!(IncorrectData, "A union of another type");
    };
    let mut pieces: Vec<(Vec<u32>, ArrayRef)> = Vec::new();
    for (number, field) in fields.iter() {
        let rows = (0..union.len()).filter(|row| union.type_id(*row) == number);
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        if rows.is_empty() || *field.data_type() == ArrowType::Null {
            continue;
        }
        let data_type = type_of(field)?;
        let values = to_layout(union.child(number), &data_type)?;
        let offset = |row: &u32| union.value_offset(*row as usize) as u32;
        let places: arrow_array::UInt32Array = rows.iter().map(|row| Some(offset(row))).collect();
        let values = arrow_select::take::take(&values, &places, None).map_err(arrow_error)?;
        pieces.push((rows, tagged::tag_array(&values, &data_type)?));
    }
    tagged::scatter(union.len(), pieces, &DataType::dynamic())
}

/// Fails for types that have no counterpart in Parquet.
///
/// # Errors
/// UNKNOWN_TYPE
pub(crate) fn check_parquet(name: &str, data_type: &DataType) -> Result<()> {
    match data_type.inner() {
        other @ (DataType::Variant(_) | DataType::Dynamic(_)) => bail!(
            UnknownType,
            "Internal type '{}' of column '{name}' is not supported for conversion into Parquet data format.",
            other.family()
        ),
        DataType::Array(item) => check_parquet("element", item),
        DataType::Map(pair) => {
            check_parquet("key", &pair.0)?;
            check_parquet("value", &pair.1)
        }
        DataType::Tuple(fields) => fields
            .iter()
            .try_for_each(|f| check_parquet(f.name.as_deref().unwrap_or(name), &f.data_type)),
        _ => Ok(()),
    }
}

/// Whether the columns that Parquet makes of a type are JSON, in their order.
pub(crate) fn json_leaves(data_type: &DataType, out: &mut Vec<bool>) {
    match data_type.inner() {
        DataType::Array(item) => json_leaves(item, out),
        DataType::Map(pair) => {
            json_leaves(&pair.0, out);
            json_leaves(&pair.1, out);
        }
        DataType::Tuple(fields) => fields.iter().for_each(|f| json_leaves(&f.data_type, out)),
        other => out.push(matches!(other, DataType::Json(_))),
    }
}
