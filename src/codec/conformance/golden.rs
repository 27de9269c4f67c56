//! Pages as they were written once: they must stay readable for ever.
//!
//! A change that breaks one of these needs a new format version of the file that pages lie in.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryViewArray, Float64Array, UInt32Array, UInt64Array};
use bytes::Bytes;
use types::DataType;

use super::integers::noise;
use super::with_nulls;
use crate::{CodecChoice, Page, encode};

fn words(number: impl Fn(u64) -> u64) -> ArrayRef {
    Arc::new((0..30).map(number).collect::<UInt64Array>())
}

fn texts(text: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(BinaryViewArray::from_iter_values((0..30).map(|at| text(at).into_bytes())))
}

/// Name of the encoding, type, values, the page in hexadecimal.
fn pages() -> Vec<(&'static str, &'static str, ArrayRef, &'static str)> {
    let float = |at: u64| at as f64 / 4.0;
    let date: ArrayRef = Arc::new(UInt32Array::from_value(1_700_000_000, 30));
    vec![
        ("constant", "DateTime", date, ""),
        ("runs", "UInt64", words(|at| noise(at / 15)), ""),
        ("packed", "UInt64", words(|at| 1000 + noise(at) % 50), ""),
        ("packed", "Nullable(UInt64)", with_nulls(&words(|at| noise(at) % 9), |at| at % 7 > 0), ""),
        ("delta", "UInt64", words(|at| at * 1_000_000 + noise(at) % 9), ""),
        ("dictionary", "UInt64", words(|at| noise(noise(at) % 3)), ""),
        ("sparse", "UInt64", words(|at| if at == 20 { u64::MAX / 3 } else { at % 2 / 3 }), ""),
        ("plain", "UInt64", words(noise), ""),
        ("all null", "Nullable(UInt64)", with_nulls(&words(|_| 1), |_| false), ""),
        ("decimals", "Float64", Arc::new((0..30).map(float).collect::<Float64Array>()), ""),
        ("dictionary", "String", texts(|at| format!("text {}", at % 3)), ""),
        ("block", "String", texts(|at| format!("{:x}", noise(at) % 4096)), ""),
    ]
}

#[test]
fn pages_of_old_are_read() {
    let mut wrong = String::new();
    for (name, type_name, array, hexadecimal) in pages() {
        let data_type = DataType::parse(type_name).unwrap();
        let bytes: Vec<u8> = (0..hexadecimal.len() / 2)
            .map(|at| u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let page = Page::open(Bytes::from(bytes), &data_type, true);
        let back = page.and_then(|page| Ok((page.encoding()?, page.decode()?)));
        if back.is_ok_and(|(kind, back)| kind == name && back.as_ref() == array.as_ref()) {
            continue;
        }
        let mut out = Vec::new();
        encode(&array, &data_type, &CodecChoice::default(), &mut out).unwrap();
        let kind = Page::open(out.clone().into(), &data_type, true).unwrap().encoding().unwrap();
        let digits: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(wrong, "{name} of {type_name}, now {kind}: {digits}").unwrap();
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
