//! Random pages: values drawn from shapes that mix, and wholly random bytes.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryViewArray, Int64Array, UInt8Array, UInt32Array};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::proptest;
use types::DataType;

use super::{check, use_broken};

/// Stretches of numbers: equal, near, of a step, or of any value.
fn numbers() -> impl Strategy<Value = Vec<i64>> {
    let stretch = prop_oneof![
        (any::<i64>(), 1..400_usize).prop_map(|(value, count)| vec![value; count]),
        (any::<i64>(), vec(0..1000_i64, 1..400))
            .prop_map(|(base, near)| near.iter().map(|n| base.wrapping_add(*n)).collect()),
        (any::<i64>(), any::<i64>(), 1..400_i64).prop_map(|(start, step, count)| {
            (0..count).map(|n| start.wrapping_add(step.wrapping_mul(n))).collect()
        }),
        vec(any::<i64>(), 1..100),
        (Just(0), vec(prop_oneof![9 => Just(0), 1 => any::<i64>()], 1..400))
            .prop_map(|(_, sparse)| sparse),
    ];
    vec(stretch, 0..8).prop_map(|stretches| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn numbers_come_back(numbers in numbers()) {
        let wide: ArrayRef = Arc::new(Int64Array::from(numbers.clone()));
        check(&wide, "Int64");
        let middle: ArrayRef = Arc::new(numbers.iter().map(|n| *n as u32).collect::<UInt32Array>());
        check(&middle, "DateTime");
        let narrow: ArrayRef = Arc::new(numbers.iter().map(|n| *n as u8).collect::<UInt8Array>());
        check(&narrow, "UInt8");
    }

    #[test]
    fn strings_come_back(texts in vec("[a-c]{0,3}|.{0,40}", 0..300), repeat in 1..6_usize) {
        let all = texts.iter().cycle().take(texts.len() * repeat).map(String::as_bytes);
        let array: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(all));
        check(&array, "String");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_error_or_a_page(bytes in vec(any::<u8>(), 0..200)) {
        for name in ["UInt8", "Int64", "String", "FixedString(3)", "Float64", "Array(UInt16)",
            "Tuple(UInt8, String)", "UUID", "Map(String, Int32)"] {
            use_broken(Bytes::from(bytes.clone()), &DataType::parse(name).unwrap());
        }
    }
}
