//! Integers of all widths in every encoding, and pages of codes.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Int8Array, Int16Array, Int32Array, Int64Array, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use bytes::Bytes;

use super::{check, check_codec};
use crate::{CodecChoice, Page, encode_codes};

/// Numbers without a pattern.
pub(super) fn noise(at: u64) -> u64 {
    let mut state = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^ state >> 27
}

/// Checks numbers as all integer types, each taking the low bits; returns the names chosen.
fn check_all(rows: usize, number: impl Fn(u64) -> i64) -> Vec<&'static str> {
    let n = || (0..rows as u64).map(&number);
    let arrays: [(ArrayRef, &str); 8] = [
        (Arc::new(n().map(|v| v as u8).collect::<UInt8Array>()), "UInt8"),
        (Arc::new(n().map(|v| v as u16).collect::<UInt16Array>()), "UInt16"),
        (Arc::new(n().map(|v| v as u32).collect::<UInt32Array>()), "UInt32"),
        (Arc::new(n().map(|v| v as u64).collect::<UInt64Array>()), "UInt64"),
        (Arc::new(n().map(|v| v as i8).collect::<Int8Array>()), "Int8"),
        (Arc::new(n().map(|v| v as i16).collect::<Int16Array>()), "Int16"),
        (Arc::new(n().map(|v| v as i32).collect::<Int32Array>()), "Int32"),
        (Arc::new(n().collect::<Int64Array>()), "Int64"),
    ];
    arrays.iter().map(|(array, name)| check(array, name)).collect()
}

#[test]
fn constants() {
    for value in [0, 1, -1, i64::MIN, i64::MAX] {
        assert!(check_all(3000, |_| value).iter().all(|name| *name == "constant"));
    }
    let array: ArrayRef = Arc::new(UInt32Array::from_value(1_700_000_000, 8192));
    let mut out = Vec::new();
    crate::encode(&array, &types::DataType::UInt32, &CodecChoice::default(), &mut out).unwrap();
    assert!(out.len() <= 11, "{}", out.len());
}

#[test]
fn runs() {
    let names = check_all(5000, |at| noise(at / 97) as i64);
    assert!(names.iter().all(|name| *name == "runs"), "{names:?}");
}

#[test]
fn small_ranges_are_packed() {
    let names = check_all(3000, |at| 40 + (noise(at) % 50) as i64);
    assert!(names.iter().all(|name| *name == "packed"), "{names:?}");
    check_all(2048, |at| (noise(at) % 50) as i64 - 25);
    check_all(1, |_| 5);
    check_all(2, |at| at as i64);
    check_all(1025, |at| noise(at) as i64 % 3);
}

#[test]
fn extremes() {
    check_all(2500, |at| [i64::MIN, i64::MAX, 0, -1, 1][noise(at) as usize % 5]);
    check_all(2500, |at| noise(at) as i64);
}

#[test]
fn ascending_numbers_are_stored_as_differences() {
    let names = check_all(3000, |at| 1_000_000_007 * at as i64 + (noise(at) % 64) as i64);
    assert_eq!(names[3], "delta");
    assert_eq!(names[7], "delta");
    let names = check_all(5000, |at| 5 + 3 * at as i64);
    assert_eq!(names[2], "delta");
    check_all(3000, |at| -(at as i64) * 1_000_003);
}

#[test]
fn few_values_far_apart() {
    let names = check_all(4000, |at| (noise(noise(at) % 40) >> 1) as i64);
    assert_eq!(names[3], "dictionary");
    let names = check_all(8000, |at| noise(noise(at / 5) % 9) as i64);
    assert_eq!(names[7], "dictionary runs");
}

#[test]
fn one_frequent_value() {
    let names =
        check_all(8000, |at| if noise(at).is_multiple_of(30) { noise(at) as i64 } else { 9 });
    assert_eq!(names[3], "sparse");
    check_all(8000, |at| if noise(at).is_multiple_of(3) { noise(at) as i64 % 1000 } else { -9 });
    check_all(4100, |at| i64::from(at % 2000 == 17));
}

#[test]
fn codecs_are_honoured() {
    let array: ArrayRef = Arc::new(
        (0..4000).map(|at| 7 * at + (noise(at) % 3) as i64 as u64).collect::<UInt64Array>(),
    );
    let with = |name: &str| CodecChoice::parse(&[(name.to_owned(), vec![])]).unwrap();
    assert_eq!(check_codec(&array, "UInt64", &with("NONE")), "plain");
    assert_eq!(check_codec(&array, "UInt64", &with("DoubleDelta")), "double delta");
    assert_eq!(check_codec(&array, "UInt64", &with("Delta")), "delta");
    check_codec(&array, "UInt64", &with("LZ4"));
    check_codec(&array, "UInt64", &with("ZSTD"));
    check_codec(&array, "UInt64", &with("Gorilla"));
    let steady: ArrayRef = Arc::new((0..4000).map(|at| 7 * at).collect::<UInt64Array>());
    assert_eq!(check_codec(&steady, "UInt64", &with("DoubleDelta")), "double delta");
    let pattern: ArrayRef = Arc::new((0..4000).map(|at| noise(at % 700)).collect::<UInt64Array>());
    assert_eq!(check_codec(&pattern, "UInt64", &with("ZSTD")), "block");
    assert_eq!(check_codec(&pattern, "UInt64", &with("LZ4")), "block");
}

#[test]
fn wide_values() {
    let check_wide = |number: &dyn Fn(u64) -> i128| -> Vec<&'static str> {
        let array = Decimal128Array::from_iter_values((0..2100).map(number));
        let array: ArrayRef = Arc::new(array.with_precision_and_scale(38, 0).unwrap());
        let types = ["Int128", "UInt128", "UUID", "IPv6", "Decimal(38, 5)"];
        types.iter().map(|name| check(&array, name)).collect()
    };
    let names = check_wide(&|_| -3);
    assert!(names.iter().all(|name| *name == "constant"));
    let names = check_wide(&|at| (1_i128 << 100) + i128::from(noise(at) % 1000));
    assert!(names.iter().all(|name| *name == "wide"));
    let names = check_wide(&|at| i128::from(noise(at) % 1000) - 500);
    assert_eq!(names[0], "wide");
    assert_eq!(names[1], "halves");
    check_wide(&|at| i128::from(noise(at)) << 64 | i128::from(noise(at + 7)));
    check_wide(&|at| [i128::MIN, i128::MAX, 0][at as usize % 3]);
    check_wide(&|at| i128::MIN + i128::from(noise(at) % 10));
    check_wide(&|at| i128::MAX - i128::from(noise(at)));
}

#[test]
fn codes_come_back() {
    for codes in [
        vec![],
        vec![7_u32; 5000],
        (0..8192).map(|at| noise(at) as u32 % 70_000).collect::<Vec<_>>(),
        (0..8192).map(|at| noise(at / 30) as u32 % 1000).collect(),
        (0..60_000)
            .map(|at| if noise(at).is_multiple_of(9) { noise(at) as u32 } else { 0 })
            .collect(),
    ] {
        for nulls in [None, Some((0..codes.len()).map(|row| row % 5 != 1).collect::<NullBuffer>())]
        {
            let mut out = Vec::new();
            encode_codes(&codes, nulls.as_ref(), &mut out).unwrap();
            let page = Page::open_codes(Bytes::from(out), true).unwrap();
            let (back, back_nulls) = page.codes().unwrap();
            assert_eq!(back_nulls, nulls.clone().filter(|nulls| nulls.null_count() > 0));
            let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            assert!((0..codes.len()).all(|row| !valid(row) || back[row] == codes[row]));
            let selection: Vec<u16> = (0..codes.len() as u16).step_by(11).collect();
            let (some, some_nulls) = page.codes_selected(&selection).unwrap();
            for (at, row) in selection.iter().map(|row| usize::from(*row)).enumerate() {
                let is_valid = some_nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
                assert_eq!(is_valid, valid(row));
                assert_eq!(some[at], back[row]);
            }
            // NULLs hold codes of values, so that looking them up is harmless.
            assert!(codes.is_empty() || back.iter().all(|code| codes.contains(code)));
        }
    }
    let all_null = NullBuffer::new_null(10);
    let mut out = Vec::new();
    encode_codes(&[3; 10], Some(&all_null), &mut out).unwrap();
    let page = Page::open_codes(Bytes::from(out), true).unwrap();
    assert_eq!(page.codes().unwrap().1, Some(all_null));
    assert!(encode_codes(&vec![0; 65_537], None, &mut Vec::new()).is_err());
    assert!(encode_codes(&[0; 3], Some(&NullBuffer::new_null(4)), &mut Vec::new()).is_err());
}
