//! Strings of the built side as codes: a built row comes out once for every row that meets it, and a code is
//! copied, grouped and compared at a quarter of a string's cost or less.
//!
//! Only sides of few rows are coded, since their values have to be sorted first.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result};
use types::{Column, DictionaryColumn, MemoryDictionary};

use crate::interner::Interner;

/// Sides with more rows are left as they are.
const MOST_ROWS: usize = 1 << 12;

/// A column with its strings as codes of a dictionary of its own, where that pays.
pub(super) fn coded(column: Column) -> Result<Column> {
    match &column {
        Column::Flat(array)
            if *array.data_type() == ArrowType::BinaryView
                && array.len() <= MOST_ROWS
                && array.null_count() < array.len() =>
        {
            Ok(Column::Dictionary(codes(array)?))
        }
        _ => Ok(column),
    }
}

/// Codes into the sorted distinct values; that of a NULL is of no meaning.
fn codes(array: &ArrayRef) -> Result<DictionaryColumn> {
    let values = array.as_binary_view();
    let mut interner = Interner::default();
    // By number, the first row with the value.
    let mut firsts: Vec<u32> = Vec::new();
    let mut numbers: Vec<u32> = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            numbers.push(0);
            continue;
        }
        let number = interner.intern(values.value(row));
        if number as usize == firsts.len() {
            firsts.push(row as u32);
        }
        numbers.push(number);
    }
    let mut order: Vec<u32> = (0..firsts.len() as u32).collect();
    order.sort_unstable_by_key(|number| interner.value(*number as usize));
    let mut codes = vec![0u32; order.len()];
    for (code, number) in order.iter().enumerate() {
        codes[*number as usize] = code as u32;
    }
    let sorted: Vec<u32> = order.iter().map(|number| firsts[*number as usize]).collect();
    let distinct = arrow_select::take::take(array, &UInt32Array::from(sorted), None)
        .map_err(|e| Error::logical(e.to_string()))?;
    numbers.iter_mut().for_each(|number| *number = codes[*number as usize]);
    Ok(DictionaryColumn {
        codes: numbers.into(),
        nulls: array.nulls().cloned(),
        dictionary: MemoryDictionary::new(distinct),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryViewArray, UInt64Array};
    use types::Column;

    use super::{MOST_ROWS, coded};

    fn strings(values: &[Option<&str>]) -> Column {
        let values = values.iter().map(|v| v.map(str::as_bytes));
        Column::Flat(Arc::new(values.collect::<BinaryViewArray>()) as ArrayRef)
    }

    #[test]
    fn codes_stand_for_the_values_in_their_order() {
        let column = strings(&[Some("b"), None, Some(""), Some("b"), Some("a longer one than 12")]);
        let found = coded(column.clone()).unwrap();
        assert_eq!(found.to_flat().unwrap().as_ref(), column.to_flat().unwrap().as_ref());
        let Column::Dictionary(found) = found else { panic!("strings are coded") };
        assert_eq!((found.dictionary.len(), found.codes[0], found.codes[2]), (3, 2, 0));
    }

    #[test]
    fn other_columns_stay() {
        let numbers = Column::Flat(Arc::new(UInt64Array::from(vec![1, 2])) as ArrayRef);
        let many = strings(&vec![Some("x"); MOST_ROWS + 1]);
        for column in [numbers, many, strings(&[]), strings(&[None, None])] {
            assert!(matches!(coded(column), Ok(Column::Flat(_))));
        }
    }
}
