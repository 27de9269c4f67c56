//! A table with texts out of row, as golden folders have it since version 5.

use granary_storage::{TableDefinition, TableSnapshot};
use types::Value;

use super::{Rows, all_sorted, definition, int, read, sort_all, text};

/// Rows of each of three inserts.
const CLOB_ROWS: i128 = 120;

/// A number that looks random.
pub(crate) fn noise(n: i128, salt: u64) -> u64 {
    let mut z =
        (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xff51_afd7_ed55_8ccd);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The rows of one insert into the table with texts out of row: in the row, sharing pieces, of several pieces, the same.
pub(crate) fn clob_rows(insert: i128) -> Rows {
    let row = |n: i128| {
        let times = [0, 1, 30, 150, 9000][noise(n, 50) as usize % if n % 20 == 7 { 5 } else { 4 }];
        let long = format!("{} text;\n", noise(n % 25, 51) % 1000).repeat(times);
        let maybe = if n % 6 == 1 { Value::Null } else { text(&"é".repeat(n as usize % 90)) };
        vec![int(noise(n, 52) as i128 % 100_000), text(&long), maybe]
    };
    (insert * CLOB_ROWS..(insert + 1) * CLOB_ROWS).map(row).collect()
}

pub(crate) fn described_clobs() -> TableDefinition {
    let columns = [("id", "UInt32"), ("t", "CLOB"), ("m", "Nullable(CLOB)")];
    let mut definition = definition(&columns, &[0], &[]);
    definition.name = "clobs".to_owned();
    definition.settings.insert("index_granularity".to_owned(), "32".to_owned());
    definition.columns[2].out_of_row = Some(100);
    definition
}

pub(crate) fn check_clobs(snapshot: &TableSnapshot) {
    let mut expected: Rows = (0..3).flat_map(clob_rows).collect();
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(snapshot).unwrap()), expected);
}
