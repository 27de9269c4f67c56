//! Columns of type `Nested(a A, b B)`: one array a field, called `name.field` (setting `flatten_nested`).

use arrow_array::Array;
use arrow_array::cast::AsArray;
use base::{Result, bail};
use sql::ast::ColumnDefinition as Written;
use storage::{ColumnDefinition, TableDefinition};
use types::{Block, DataType};

use crate::query::quoted;

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

/// The name of the nested column that a column is an array of.
fn nested_of(column: &ColumnDefinition) -> Option<&str> {
    match column.data_type {
        DataType::Array(_) => column.name.split_once('.').map(|(nested, _)| nested),
        _ => None,
    }
}

/// What an array of a nested column holds where it is not given but others of that column are: as many defaults.
pub(crate) fn missing_array(
    definition: &TableDefinition,
    column: &ColumnDefinition,
    given: &[String],
) -> Option<String> {
    let nested = nested_of(column)?;
    let sibling = definition
        .columns
        .iter()
        .find(|c| c.is_physical() && nested_of(c) == Some(nested) && given.contains(&c.name))?;
    Some(format!(
        "arrayResize(defaultValueOfTypeName({}), length({}))",
        quoted(column.data_type.to_string()),
        sql::quote_identifier(&sibling.name)
    ))
}

/// Checks that the arrays of each nested column have the same lengths.
///
/// # Errors
/// SIZES_OF_ARRAYS_DONT_MATCH
pub(crate) fn check_sizes(definition: &TableDefinition, block: &Block) -> Result<()> {
    let mut firsts: Vec<(&str, &ColumnDefinition, Vec<usize>)> = Vec::new();
    for (at, (_, column)) in definition.physical_columns().enumerate() {
        let Some(nested) = nested_of(column) else { continue };
        let Some(values) = block.columns().get(at) else { continue };
        let array = values.to_flat()?;
        let Some(list) = array.as_list_opt::<i32>() else { continue };
        let lengths: Vec<usize> =
            (0..list.len()).map(|row| list.value_length(row) as usize).collect();
        match firsts.iter().find(|(name, ..)| *name == nested) {
            None => firsts.push((nested, column, lengths)),
            Some((_, first, expected)) if *expected != lengths => bail!(
                SizesOfArraysDontMatch,
                "Elements '{}' and '{}' of Nested data structure '{nested}' have different array sizes",
                first.name,
                column.name
            ),
            Some(_) => {}
        }
    }
    Ok(())
}
