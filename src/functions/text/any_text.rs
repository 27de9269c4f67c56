//! Values of any type as the text that `toString` makes of them.

use arrow_array::ArrayRef;
use base::{Error, Result};
use expr::{Bound, Kernel};
use format::FormatSettings;
use types::{Column, DataType};

/// A column of any type as a column of text, times in the zone of `settings`; NULL rows become empty, a FixedString stays one.
pub(crate) fn to_text(
    column: &Column,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<Column> {
    if data_type.inner().is_string() {
        return Ok(column.clone());
    }
    let of_array = |array: &ArrayRef| format::text::array_to_text(array, data_type, settings);
    Ok(match column {
        Column::Constant { value, len } => Column::Constant { value: of_array(value)?, len: *len },
        other => Column::Flat(of_array(&other.to_flat()?)?),
    })
}

/// Turns the first argument, an enum, into text before the kernel of `bound` sees it.
pub(crate) fn first_as_text(data_type: &DataType, bound: Bound) -> Result<Bound> {
    let Kernel::Plain(kernel) = bound.kernel else {
        return Err(Error::logical("a higher-order function of text"));
    };
    let data_type = data_type.clone();
    Ok(Bound::new(bound.return_type, move |columns, rows| {
        let mut columns = columns.to_vec();
        columns[0] = to_text(&columns[0], &data_type, &FormatSettings::default())?;
        kernel(&columns, rows)
    }))
}
