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

fn words_of(rows: u64, number: impl Fn(u64) -> u64) -> ArrayRef {
    Arc::new((0..rows).map(number).collect::<UInt64Array>())
}

fn words(number: impl Fn(u64) -> u64) -> ArrayRef {
    words_of(30, number)
}

fn texts(text: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(BinaryViewArray::from_iter_values((0..30).map(|at| text(at).into_bytes())))
}

/// Name of the encoding, type, values, the page in hexadecimal.
fn pages() -> Vec<(&'static str, &'static str, ArrayRef, &'static str)> {
    let float = |at: u64| at as f64 / 4.0;
    let date: ArrayRef = Arc::new(UInt32Array::from_value(1_700_000_000, 30));
    vec![
        ("constant", "DateTime", date, "011e00f1536521e7dfba"),
        (
            "runs",
            "UInt64",
            words(|at| noise(at / 15)),
            "021e023fa99ca080ebcbcd956400000000000000005fc8627c9ea4a62e000e8eb1b288",
        ),
        (
            "packed",
            "UInt64",
            words(|at| 1000 + noise(at) % 50),
            "031e06eb070c0b2c1da7228cf29c4a847cdd44056ac568cd34869602125ae8fb",
        ),
        (
            "packed",
            "Nullable(UInt64)",
            with_nulls(&words(|at| noise(at) % 9), |at| at % 7 > 0),
            "231e7ebfdf2f040077066133717627620817007527031015ad73f0",
        ),
        (
            "delta",
            "UInt64",
            words(|at| at * 1_000_000 + noise(at) % 9),
            "041e04b8843d0500000000000000a027d975e797388c0a2f97ac38595c08adb577",
        ),
        (
            "dictionary",
            "UInt64",
            words(|at| noise(noise(at) % 3)),
            "061e033f9babe7e6e8ffdda6490000000000000000471c971130df6e0d53f2fc46e7c10a1e0258169a52a489520a92d0bb40",
        ),
        (
            "sparse",
            "UInt64",
            words_of(200, |at| if at % 40 == 7 { noise(at) } else { 3 }),
            "08c801030000000000000005018607008aa228090529e1e2085dd4ea43e63322e2f0f0574f9f10408ee9314f2a06237cf97060acd7d64af1c24fc3460a2a1d8b0f",
        ),
        ("all null", "Nullable(UInt64)", with_nulls(&words(|_| 1), |_| false), "001e9a0f474d"),
        (
            "decimals",
            "Float64",
            Arc::new((0..30).map(float).collect::<Float64Array>()),
            "0f1e02000000041e00190000000000000000bcf3e1d2",
        ),
        (
            "dictionary",
            "String",
            texts(|at| format!("text {}", at % 3)),
            "061e0303010306140012746578742030746578742031746578742032031e0200244992244992240942024a85",
        ),
        (
            "block",
            "String",
            texts(|at| format!("{:x}", noise(at) % 4096)),
            "0a1e03011e03025a28b52ffd0000050200a2050f0fb0250f24a286ec92369176b761000f65c6aab0817333a4ed3242c10d437352c3dfac566a7cda165c0493ba2c22fde623721f284733bd71aacc4f0600d781bb4f",
        ),
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
