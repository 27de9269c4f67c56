//! The suite that every encoding of every type must pass.
//!
//! `check` takes an array through all that a page can do, with slices, null maps, selections and
//! broken bytes, and returns the name of the encoding that was chosen.

mod golden;
mod integers;
mod models;
mod others;
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, ArrayRef, UInt32Array, make_array};
use arrow_buffer::NullBuffer;
use bytes::Bytes;
use types::{DataType, Physical, Value, value_at};

use crate::{CodecChoice, Page, encode};

/// Runs the whole suite over an array of a type; returns the name of the encoding.
pub(crate) fn check(array: &ArrayRef, type_name: &str) -> &'static str {
    check_codec(array, type_name, &CodecChoice::default())
}

/// As [`check`], with a codec.
pub(crate) fn check_codec(array: &ArrayRef, type_name: &str, codec: &CodecChoice) -> &'static str {
    let data_type = DataType::parse(type_name).unwrap();
    let name = check_page(array, &data_type, codec);
    let rows = array.len();
    if rows > 3 {
        check_page(&array.slice(1, rows - 3), &data_type, codec);
        check_page(&array.slice(rows / 2, 1), &data_type, codec);
    }
    check_page(&array.slice(0, 0), &data_type, codec);
    if data_type.can_be_nullable() {
        let nullable = data_type.nullable();
        let patterns: [&dyn Fn(usize) -> bool; 5] = [
            &|row| row % 3 != 0,
            &|row| row > rows / 2,
            &|row| row < rows / 3,
            &|row| row % 100 != 7,
            &|_| false,
        ];
        for valid in patterns {
            let with_nulls = with_nulls(array, valid);
            check_page(&with_nulls, &nullable, codec);
            if rows > 20 {
                check_page(&with_nulls.slice(5, rows - 9), &nullable, codec);
            }
        }
    }
    name
}

fn with_nulls(array: &ArrayRef, valid: impl Fn(usize) -> bool) -> ArrayRef {
    let nulls: NullBuffer = (0..array.len()).map(valid).collect();
    make_array(array.to_data().into_builder().nulls(Some(nulls)).build().unwrap())
}

fn check_page(array: &ArrayRef, data_type: &DataType, codec: &CodecChoice) -> &'static str {
    let mut out = b"before".to_vec();
    encode(array, data_type, codec, &mut out).unwrap();
    let bytes = Bytes::from(out).slice(6..);
    let page = Page::open(bytes.clone(), data_type, true).unwrap();
    let about = format!("{data_type}, {} rows, {}", array.len(), page.encoding().unwrap());
    assert_eq!(page.rows(), array.len(), "{about}");
    assert_eq!(page.decode().unwrap().as_ref(), array.as_ref(), "{about}");
    check_selections(&page, array, &about);
    check_runs(&page, array, &about);
    check_ranges(&page, array, data_type, &about);
    check_broken(&bytes, data_type, &about);
    page.encoding().unwrap()
}

fn selections(rows: usize) -> Vec<Vec<u16>> {
    let rows = rows as u16;
    vec![
        vec![],
        (0..rows).collect(),
        (0..rows).step_by(7).collect(),
        (rows.saturating_sub(1)..rows).collect(),
        (rows / 2..rows / 2 + rows.min(3) / 2).collect(),
    ]
}

fn take(array: &ArrayRef, rows: &[u32]) -> ArrayRef {
    arrow_select::take::take(array, &UInt32Array::from(rows.to_vec()), None).unwrap()
}

fn check_selections(page: &Page, array: &ArrayRef, about: &str) {
    for selection in selections(array.len()) {
        let rows: Vec<u32> = selection.iter().map(|row| u32::from(*row)).collect();
        let selected = page.decode_selected(&selection).unwrap();
        assert_eq!(selected.as_ref(), take(array, &rows).as_ref(), "{about}, {selection:?}");
    }
    assert!(page.decode_selected(&[array.len() as u16]).is_err(), "{about}");
}

fn check_runs(page: &Page, array: &ArrayRef, about: &str) {
    if let Some(one) = page.constant().unwrap() {
        assert_eq!(one.len(), 1, "{about}");
        assert_eq!(take(&one, &vec![0; array.len()]).as_ref(), array.as_ref(), "{about}");
    }
    if let Some(runs) = page.runs().unwrap() {
        assert_eq!(runs.values.len(), runs.ends.len(), "{about}");
        assert_eq!(runs.ends.last().copied(), Some(array.len() as u32), "{about}");
        let mut rows = Vec::new();
        for (run, end) in runs.ends.iter().enumerate() {
            rows.resize(*end as usize, run as u32);
        }
        assert_eq!(take(&runs.values, &rows).as_ref(), array.as_ref(), "{about}");
    }
}

fn check_ranges(page: &Page, array: &ArrayRef, data_type: &DataType, about: &str) {
    let integer = !matches!(
        data_type.physical(),
        Physical::Float32
            | Physical::Float64
            | Physical::Bytes
            | Physical::Fixed(_)
            | Physical::List
            | Physical::Struct
    );
    let values: Vec<Value> = (0..array.len()).map(|row| value_at(array, data_type, row)).collect();
    let bits = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    let some = values.get(values.len() / 2).and_then(bits).unwrap_or(5);
    let some = i64::try_from(some).unwrap_or(i64::MAX);
    let ranges = [
        (i64::MIN, i64::MAX),
        (some, some),
        (some.saturating_sub(10), some.saturating_add(1000)),
        (0, i64::MAX),
        (i64::MIN, -1),
        (some.saturating_add(1), i64::MAX),
        (1, 0),
    ];
    for (low, high) in ranges {
        let mut selection = vec![77];
        let done = page.select_range(low, high, &mut selection).unwrap();
        if !done {
            let halves = page.encoding().unwrap() == "halves";
            assert!(!integer || halves, "{about}: ranges must work");
            assert_eq!(selection, [77], "{about}");
            continue;
        }
        // 128-bit words of unsigned types are ordered as unsigned.
        let inside = |value: i128| {
            if data_type.is_unsigned_128() {
                high >= 0 && (low.max(0) as u128..=high as u128).contains(&(value as u128))
            } else {
                (i128::from(low)..=i128::from(high)).contains(&value)
            }
        };
        let mut expected = vec![77];
        for (row, value) in values.iter().enumerate() {
            if bits(value).is_some_and(inside) {
                expected.push(row as u16);
            }
        }
        assert_eq!(selection, expected, "{about}: {low}..={high}");
        let chosen = |row: &u16| row % 5 < 3;
        let mut some: Vec<u16> = (0..values.len() as u16).filter(chosen).collect();
        if page.refine_range(low, high, &mut some).unwrap() {
            let expected: Vec<u16> = expected[1..].iter().copied().filter(|r| chosen(r)).collect();
            assert_eq!(some, expected, "{about}: {low}..={high} of some rows");
        }
    }
}

/// Does everything with bytes that may be broken; only panics are wrong.
fn use_broken(bytes: Bytes, data_type: &DataType) {
    let Ok(page) = Page::open(bytes, data_type, false) else { return };
    let _ = page.decode();
    let last = page.rows().saturating_sub(1) as u16;
    let _ = page.decode_selected(&[last / 2]);
    let _ = page.decode_selected(&[last]);
    let _ = page.constant();
    let _ = page.runs();
    let _ = page.select_range(-5, 1000, &mut Vec::new());
    let _ = page.refine_range(-5, 1000, &mut vec![last / 2, last]);
    let _ = page.codes();
}

fn check_broken(bytes: &Bytes, data_type: &DataType, about: &str) {
    let length = bytes.len();
    // All of a short page and of the head of a long one, then ever fewer places.
    let places = (0..length.min(40)).chain((40..length).step_by(length / 24 + 1));
    for place in places {
        for bit in 0..8 {
            let mut broken = bytes.to_vec();
            broken[place] ^= 1 << bit;
            let broken = Bytes::from(broken);
            assert!(Page::open(broken.clone(), data_type, true).is_err(), "{about}");
            let result = catch_unwind(AssertUnwindSafe(|| use_broken(broken, data_type)));
            assert!(result.is_ok(), "{about}: panic after flipping bit {bit} of byte {place}");
        }
    }
    let cuts = (0..length.min(40)).chain((40..length).step_by(length / 24 + 1));
    for cut in cuts {
        assert!(Page::open(bytes.slice(..cut), data_type, true).is_err(), "{about}");
        let mut cut_with_room = bytes[..cut].to_vec();
        cut_with_room.extend_from_slice(&[0; 4]);
        let broken = Bytes::from(cut_with_room);
        let result = catch_unwind(AssertUnwindSafe(|| use_broken(broken, data_type)));
        assert!(result.is_ok(), "{about}: panic when cut at {cut}");
    }
}
