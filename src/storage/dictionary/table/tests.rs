//! Tables of distinct values, and their order.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use types::Column;

use super::{NULL, ValueTable, values_of};
use crate::dictionary::order::sort_ids;

fn check(values: &[Option<Vec<u8>>]) {
    let array: ArrayRef =
        Arc::new(values.iter().map(|v| v.as_deref()).collect::<BinaryViewArray>());
    let mut table = ValueTable::new();
    for start in (0..values.len()).step_by(1000) {
        let rows = 1000.min(values.len() - start);
        table.add(&Column::Flat(array.slice(start, rows))).unwrap();
    }
    let parts = table.finish().unwrap();
    assert_eq!(values_of(&parts.values, &parts.ids).unwrap().as_ref(), array.as_ref());
    assert_eq!(parts.nulls, array.null_count());
    if parts.distinct {
        let order = sort_ids(&parts.values);
        let sorted: Vec<&[u8]> = order.iter().map(|id| parts.values.value(*id as usize)).collect();
        assert!(sorted.windows(2).all(|w| w[0] < w[1]), "sorted and distinct");
        let mut expected: Vec<&[u8]> = values.iter().flatten().map(Vec::as_slice).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(sorted, expected);
    } else {
        let rows = parts.ids.iter().filter(|id| **id != NULL).count();
        assert_eq!(parts.values.len(), rows);
    }
}

#[test]
fn values_come_back_and_sort() {
    let many = |rows: usize, distinct: usize, prefix: &str| -> Vec<Option<Vec<u8>>> {
        (0..rows)
            .map(|row| {
                let key = row.wrapping_mul(2_654_435_761) % distinct;
                (key % 7 != 3).then(|| format!("{prefix}{key}").into_bytes())
            })
            .collect()
    };
    check(&[]);
    check(&[None, Some(vec![]), None, Some(vec![0]), Some(vec![0, 0]), Some(vec![])]);
    check(&many(20_000, 500, ""));
    check(&many(20_000, 3_000, "https://example.com/a/rather/long/path/"));
    check(&many(100_000, 90_000, "mostly distinct, so that the table gives up "));
    let zeros: Vec<Option<Vec<u8>>> = (0..100).map(|n| Some(vec![0; n % 40])).collect();
    check(&zeros);
}

#[test]
fn constants_are_added_after_giving_up() {
    let mut table = ValueTable::new();
    let many = (0..100_000).map(|n| format!("value {n}"));
    let many: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(many));
    table.add(&Column::Flat(many)).unwrap();
    for value in ["again", ""] {
        let value: ArrayRef = Arc::new(BinaryViewArray::from_iter_values([value]));
        table.add(&Column::Constant { value, len: 3 }).unwrap();
    }
    let parts = table.finish().unwrap();
    assert!(!parts.distinct);
    let rows = values_of(&parts.values, &parts.ids[99_999..]).unwrap();
    let rows: Vec<&[u8]> = rows.as_binary_view().iter().flatten().collect();
    let expected = ["value 99999", "again", "again", "again", "", "", ""];
    assert_eq!(rows, expected.map(str::as_bytes));
}
