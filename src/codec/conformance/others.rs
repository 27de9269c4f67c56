//! Floats, strings, fixed-size values, arrays, maps and tuples.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryViewArray, Float32Array, Float64Array};
use types::{DataType, Value, array_from_values};

use super::integers::noise;
use super::{check, check_codec};
use crate::CodecChoice;

#[test]
fn floats() {
    let check_floats = |number: &dyn Fn(u64) -> f64| {
        let wide: ArrayRef = Arc::new((0..2500).map(number).collect::<Float64Array>());
        let narrow: ArrayRef =
            Arc::new((0..2500).map(|at| number(at) as f32).collect::<Float32Array>());
        (check(&wide, "Float64"), check(&narrow, "Float32"))
    };
    assert_eq!(check_floats(&|_| 1.5), ("constant", "constant"));
    let decimals = ("decimals", "decimals");
    assert_eq!(check_floats(&|at| at as f64 / 100.0), decimals);
    assert_eq!(check_floats(&|at| (noise(at) % 10_000) as f64 / 100.0), decimals);
    assert_eq!(check_floats(&|at| -((noise(at) % 10_000) as f64)), decimals);
    assert_eq!(check_floats(&|at| if at % 99 == 5 { 1e300 } else { at as f64 }).0, "decimals");
    check_floats(&|at| f64::from_bits(noise(at) >> 2));
    assert_eq!(check_floats(&|at| (at as f64).sin()).0, "shuffled");
    check_floats(&|at| [0.0, f64::INFINITY, f64::NEG_INFINITY, -1.0e300][at as usize % 4]);
}

#[test]
fn float_codecs_are_honoured() {
    let with = |name: &str| CodecChoice::parse(&[(name.to_owned(), vec![])]).unwrap();
    let shapes: [fn(u64) -> f64; 2] = [|at| (at as f64).sqrt(), |at| (at / 10) as f64];
    for value in shapes {
        let wide: ArrayRef = Arc::new((0..2500).map(value).collect::<Float64Array>());
        let narrow: ArrayRef =
            Arc::new((0..2500).map(|at| value(at) as f32).collect::<Float32Array>());
        for (array, name) in [(&wide, "Float64"), (&narrow, "Float32")] {
            assert_eq!(check_codec(array, name, &with("Gorilla")), "gorilla");
            assert_eq!(check_codec(array, name, &with("NONE")), "plain");
            assert_eq!(check_codec(array, name, &with("Delta")), "delta");
            check_codec(array, name, &with("LZ4"));
            check_codec(array, name, &with("ZSTD"));
            check_codec(array, name, &with("FPC"));
        }
    }
}

/// Negative zero and NaNs keep their bits, which comparing values would not show.
#[test]
fn floats_keep_their_bits() {
    let patterns = [0.0, -0.0, f64::NAN, f64::from_bits(0xfff8_0000_0000_1234), 1.25, 1e-310];
    for mixed in [1, 3, 50] {
        let values: Vec<f64> =
            (0..3000)
                .map(|at| {
                    if at % mixed == 0 { patterns[noise(at) as usize % 6] } else { at as f64 / 8.0 }
                })
                .collect();
        let array: ArrayRef = Arc::new(Float64Array::from(values.clone()));
        let mut out = Vec::new();
        crate::encode(&array, &DataType::Float64, &CodecChoice::default(), &mut out).unwrap();
        let page = crate::Page::open(out.into(), &DataType::Float64, true).unwrap();
        let back = page.decode().unwrap();
        let back = back.as_any().downcast_ref::<Float64Array>().unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(back.values()), bits(&values));
    }
}

fn strings(rows: u64, text: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(BinaryViewArray::from_iter_values((0..rows).map(|at| text(at).into_bytes())))
}

#[test]
fn texts() {
    assert_eq!(check(&strings(2000, |_| String::new()), "String"), "constant");
    assert_eq!(check(&strings(2000, |_| "x".repeat(300)), "String"), "constant");
    let few = strings(2000, |at| format!("value number {}", noise(at) % 20));
    assert_eq!(check(&few, "String"), "dictionary");
    let runs = strings(2000, |at| format!("v{}", at / 300));
    assert_eq!(check(&runs, "String"), "dictionary");
    check(&strings(2000, |at| format!("https://example.org/{}?page={at}", noise(at))), "String");
    assert_eq!(check(&strings(2000, |at| format!("{:x}", noise(at))), "String"), "symbols");
    let noisy = |at: u64| (0..6).map(move |n| char::from_u32((noise(at * 6 + n) % 1000) as u32));
    check(&strings(3000, |at| noisy(at).flatten().collect()), "String");
    check(&strings(1500, |at| "ab".repeat((noise(at) % 40) as usize)), "String");
    check(&strings(3, |at| "long".repeat(1000 * at as usize)), "String");
    check(&strings(1000, |at| format!("{:x}", noise(at))), "AggregateFunction(sum, UInt8)");
    for codec in ["NONE", "LZ4", "ZSTD", "Delta"] {
        let codec = CodecChoice::parse(&[(codec.to_owned(), vec![])]).unwrap();
        check_codec(&strings(1200, |at| format!("name {}", noise(at) % 5000)), "String", &codec);
        check_codec(&few, "String", &codec);
    }
}

/// An array of a type from values.
fn values(type_name: &str, rows: u64, value: impl Fn(u64) -> Value) -> ArrayRef {
    let data_type = DataType::parse(type_name).unwrap();
    let values: Vec<Value> = (0..rows).map(value).collect();
    array_from_values(&data_type, &values).unwrap()
}

#[test]
fn fixed_strings() {
    let bytes = |number: u64| Value::from(&number.to_be_bytes()[..]);
    check(&values("FixedString(8)", 2000, |at| bytes(noise(at))), "FixedString(8)");
    check(&values("FixedString(8)", 2000, |at| bytes(noise(at) % 30)), "FixedString(8)");
    assert_eq!(check(&values("FixedString(8)", 2000, |_| bytes(4)), "FixedString(8)"), "constant");
    let odd = values("FixedString(13)", 1000, |at| bytes(noise(at)));
    check(&odd, "FixedString(13)");
}

fn list(at: u64, item: impl Fn(u64) -> Value) -> Value {
    Value::Array((0..noise(at) % 5).map(|n| item(at * 5 + n)).collect())
}

#[test]
fn arrays_maps_and_tuples() {
    let int = |at: u64| Value::Int(i128::from(noise(at) % 300));
    let text = |at: u64| Value::from(format!("item {}", noise(at) % 900).as_bytes());
    let name = "Array(UInt32)";
    check(&values(name, 1500, |at| list(at, int)), name);
    check(&values(name, 1500, |_| Value::Array([].into())), name);
    let name = "Array(Nullable(String))";
    check(
        &values(name, 1200, |at| list(at, |n| if n % 3 == 0 { Value::Null } else { text(n) })),
        name,
    );
    let name = "Array(Array(Int8))";
    check(
        &values(name, 700, |at| list(at, |n| list(n, |m| Value::Int(i128::from(m % 100))))),
        name,
    );
    let name = "Tuple(a UInt64, b String, c Nullable(Float64))";
    check(
        &values(name, 1300, |at| {
            let float = if at % 4 == 0 { Value::Null } else { Value::Float(at as f64 / 4.0) };
            Value::Tuple([int(at), text(at), float].into())
        }),
        name,
    );
    let name = "Map(String, UInt16)";
    check(&values(name, 900, |at| list(at, |n| Value::Tuple([text(n), int(n)].into()))), name);
    let name = "LowCardinality(Nullable(String))";
    check(&values(name, 900, |at| if at % 7 == 0 { Value::Null } else { text(at) }), name);
    let name = "Nullable(Nothing)";
    assert_eq!(check(&values(name, 900, |_| Value::Null), name), "all null");
}

#[test]
fn arrays_of_another_layout_are_refused() {
    let array = strings(10, |at| at.to_string());
    let result = crate::encode(&array, &DataType::UInt8, &CodecChoice::default(), &mut Vec::new());
    assert!(result.is_err());
    let many = strings(65_537, |_| String::new());
    assert!(
        crate::encode(&many, &DataType::String, &CodecChoice::default(), &mut Vec::new()).is_err()
    );
}
