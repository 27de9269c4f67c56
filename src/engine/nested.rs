//! Columns of type `Nested(a A, b B)`: one array a field, called `name.field` (setting `flatten_nested`).

use base::Result;
use sql::ast::ColumnDefinition as Written;
use types::DataType;

/// Puts arrays in the place of nested columns.
///
/// # Errors
/// Types that cannot be read.
pub(crate) fn flatten(columns: &mut Vec<Written>, wanted: bool) -> Result<()> {
    if !wanted {
        return Ok(());
    }
    let mut flat = Vec::with_capacity(columns.len());
    for column in columns.drain(..) {
        match fields(&column)? {
            None => flat.push(column),
            Some(fields) => flat.extend(fields),
        }
    }
    *columns = flat;
    Ok(())
}

/// The arrays of a nested column; nothing for other columns.
fn fields(column: &Written) -> Result<Option<Vec<Written>>> {
    let Some(text) = &column.data_type else { return Ok(None) };
    let is_nested = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("nested("));
    if !is_nested {
        return Ok(None);
    }
    let DataType::Array(item) = DataType::parse(text)? else { return Ok(None) };
    let DataType::Tuple(fields) = item.as_ref() else { return Ok(None) };
    if fields.iter().any(|f| f.name.is_none()) {
        return Ok(None);
    }
    let array = |field: &types::TupleField| Written {
        name: format!("{}.{}", column.name, field.name.as_deref().unwrap_or_default()),
        data_type: Some(DataType::array(field.data_type.clone()).to_string()),
        comment: column.comment.clone(),
        codec: column.codec.clone(),
        ..Written::default()
    };
    Ok(Some(fields.iter().map(array).collect()))
}
