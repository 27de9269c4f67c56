//! `LIKE '%needle%'`, which searches whole buffers, against a search in every single value: short
//! values and long ones, one after another or in any order, with repetitions and gaps, in several
//! buffers.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{ArrayRef, UInt32Array};
use expr::{Argument, FunctionContext, Kernel};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{prop_assert_eq, prop_oneof, proptest};
use types::{Column, DataType, Value};

/// The function over a column and a constant pattern.
fn call(function: &str, column: &ArrayRef, pattern: &[u8]) -> Vec<u8> {
    let pattern = Value::from(pattern);
    let constant = Argument::constant(DataType::String, pattern.clone());
    let arguments = [Argument::of(DataType::String), constant];
    let registry = granary_functions::registry();
    let bound = registry.bind(&FunctionContext::default(), function, &arguments).unwrap();
    let Kernel::Plain(kernel) = bound.kernel else { panic!("{function} takes no lambda") };
    let rows = column.len();
    let pattern = Column::constant(&DataType::String, &pattern, rows).unwrap();
    let flags = kernel(&[Column::Flat(column.clone()), pattern], rows).unwrap().to_flat().unwrap();
    flags.as_primitive::<UInt8Type>().values().to_vec()
}

/// Texts of two letters hold many needles, also across the end of one and the start of the next.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let letter = || proptest::sample::select(&b"ab"[..]);
    let text = prop_oneof![
        vec(letter(), 0..5),
        vec(letter(), 8..40),
        vec(Just(b'b'), 10..60),
        // Wider than the gap over which a search goes on.
        vec(Just(b'b'), 250..600),
    ];
    vec(text, 0..120)
}

/// Which rows are taken: none (all as they are), ascending ones, or any.
fn order() -> impl Strategy<Value = Option<(bool, Vec<u16>)>> {
    prop_oneof![Just(None), (any::<bool>(), vec(any::<u16>(), 0..200)).prop_map(Some)]
}

proptest! {
    #[test]
    fn buffers_are_searched_as_single_values_are(
        texts in texts(),
        needle in vec(proptest::sample::select(&b"ab"[..]), 1..16),
        order in order(),
        block in 64..2000_u32,
        skipped in 0..20_usize,
    ) {
        let mut builder = BinaryViewBuilder::new().with_fixed_block_size(block);
        texts.iter().for_each(|text| builder.append_value(text));
        let mut column: ArrayRef = Arc::new(builder.finish());
        if let Some((ascending, mut rows)) = order.filter(|_| !texts.is_empty()) {
            rows.iter_mut().for_each(|row| *row %= texts.len() as u16);
            if ascending {
                rows.sort_unstable();
            }
            let rows = UInt32Array::from_iter_values(rows.into_iter().map(u32::from));
            column = arrow_select::take::take(&column, &rows, None).unwrap();
        }
        let skipped = skipped.min(column.len());
        column = column.slice(skipped, column.len() - skipped);
        let expected: Vec<u8> = column
            .as_binary_view()
            .iter()
            .flatten()
            .map(|text| u8::from(text.windows(needle.len()).any(|window| window == needle)))
            .collect();
        let pattern = [b"%", &needle[..], b"%"].concat();
        prop_assert_eq!(&call("like", &column, &pattern), &expected);
        prop_assert_eq!(&call("match", &column, &needle), &expected);
        let opposite: Vec<u8> = expected.iter().map(|flag| 1 - flag).collect();
        prop_assert_eq!(&call("notLike", &column, &pattern), &opposite);
    }
}
