//! Arguments of any number type as floats, for functions of several numbers.

use arrow_array::Float64Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use base::{Error, Result};
use expr::Argument;
use types::{Column, DataType};

use super::decimal_arithmetic::to_float;

/// A number for each row, or one for all.
pub(crate) struct Floats {
    values: Float64Array,
    constant: bool,
}

impl Floats {
    /// The number of a row.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> f64 {
        self.values.value(if self.constant { 0 } else { row })
    }
}

/// The types of arguments.
pub(crate) fn types_of(arguments: &[Argument]) -> Vec<DataType> {
    arguments.iter().map(|a| a.data_type.clone()).collect()
}

/// The numbers of columns of some types, in their order.
pub(crate) fn floats_of(columns: &[Column], types: &[DataType]) -> Result<Vec<Floats>> {
    columns.iter().zip(types).map(|(column, data_type)| floats(column, data_type)).collect()
}

/// The numbers of a column.
pub(crate) fn floats(column: &Column, data_type: &DataType) -> Result<Floats> {
    let (array, constant) = match to_float(column, data_type)? {
        Column::Constant { value, .. } => (value, true),
        other => (other.to_flat()?, false),
    };
    let values = array.as_primitive_opt::<Float64Type>().cloned();
    let values = values.filter(|v| !constant || !v.is_empty());
    Ok(Floats { values: values.ok_or_else(|| Error::logical("no floats"))?, constant })
}
