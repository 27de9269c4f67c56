//! Taking NULLs off arguments and putting them onto results.

use arrow_array::Array;
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use types::Column;

use super::has_nulls;

/// A column with the default of its layout (zero, no text) in place of NULL.
pub(super) fn with_defaults(column: &Column) -> Result<Column> {
    let flat = match column {
        Column::Constant { value, .. } => value.clone(),
        other => other.to_flat()?,
    };
    let Some(nulls) = flat.nulls().cloned() else { return Ok(column.clone()) };
    let bare = Column::Flat(flat).with_nulls(None)?.to_flat()?;
    let zero = arrow_array::new_null_array(bare.data_type(), 1);
    let zero = Column::Flat(zero).with_nulls(None)?.to_flat()?;
    let mask = arrow_array::BooleanArray::new(nulls.inner().clone(), None);
    let filled = arrow_select::zip::zip(&mask, &bare, &arrow_array::Scalar::new(zero))
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(match column {
        Column::Constant { len, .. } => Column::Constant { value: filled, len: *len },
        _ => Column::Flat(filled),
    })
}

/// Takes the nulls off columns; returns where any of them had one.
pub(super) fn strip_nulls(columns: &mut [Column]) -> Result<Option<NullBuffer>> {
    let mut union: Option<NullBuffer> = None;
    for column in columns {
        if has_nulls(column) {
            union = NullBuffer::union(union.as_ref(), column.nulls().as_ref());
            *column = match &*column {
                Column::Constant { value, len } => Column::Constant {
                    value: Column::Flat(value.clone()).with_nulls(None)?.to_flat()?,
                    len: *len,
                },
                other => other.with_nulls(None)?,
            };
        }
    }
    Ok(union)
}

pub(super) fn put_nulls(result: Column, nulls: Option<NullBuffer>) -> Result<Column> {
    match nulls {
        None => Ok(result),
        Some(nulls) => {
            let union = NullBuffer::union(Some(&nulls), result.nulls().as_ref());
            result.with_nulls(union)
        }
    }
}
