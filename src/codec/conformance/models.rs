//! Random values of every kind, with random nulls, selections, bounds and codecs, against plain models: what
//! a list of values does.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float32Array, Float64Array};
use arrow_buffer::NullBuffer;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::proptest;
use types::{DataType, Value, array_from_values, value_at};

use super::with_nulls;
use crate::{
    CodecChoice, Compression, Page, Reader, compress_block, decompress_block, encode, encode_codes,
    read_packed, unzigzag, write_packed, write_varint, zigzag,
};

/// A codec that a column may ask for; none half of the time.
fn codecs() -> impl Strategy<Value = CodecChoice> {
    let item = |name: &str, parameters: &[i64]| (name.to_owned(), parameters.to_vec());
    let parse = |items: Vec<(String, Vec<i64>)>| CodecChoice::parse(&items).unwrap();
    let transform = prop_oneof![
        Just(item("Delta", &[])),
        Just(item("DoubleDelta", &[])),
        Just(item("Gorilla", &[])),
        Just(item("T64", &[])),
        Just(item("NONE", &[])),
    ];
    let general = prop_oneof![Just(item("LZ4", &[])), Just(item("ZSTD", &[3]))];
    prop_oneof![
        4 => Just(CodecChoice::default()),
        2 => transform.clone().prop_map(move |t| parse(vec![t])),
        1 => general.clone().prop_map(move |g| parse(vec![g])),
        1 => (transform, general).prop_filter_map("NONE stands alone", move |(t, g)| {
            (t.0 != "NONE").then(|| parse(vec![t, g]))
        }),
    ]
}

/// Ascending rows, some of them twice, of so many.
fn selection(rows: usize, picks: &[u16]) -> Vec<u16> {
    let mut chosen: Vec<u16> =
        picks.iter().map(|p| (usize::from(*p) % rows.max(1)) as u16).collect();
    chosen.sort_unstable();
    if rows == 0 { Vec::new() } else { chosen }
}

/// Stretches of numbers of at most so many bits, signed: near, equal, of a step, any.
fn integers(bits: u32) -> impl Strategy<Value = Vec<i128>> {
    let shift = 128 - bits;
    let fit = move |number: i128| number << shift >> shift;
    let stretch = prop_oneof![
        (any::<i128>(), 1..200_usize).prop_map(move |(v, count)| vec![fit(v); count]),
        (any::<i128>(), any::<i64>(), 1..300_i128).prop_map(move |(start, step, count)| {
            (0..count).map(|n| fit(start.wrapping_add(i128::from(step).wrapping_mul(n)))).collect()
        }),
        (any::<i128>(), vec(0..300_i128, 1..300)).prop_map(move |(base, near)| near
            .iter()
            .map(|n| fit(base.wrapping_add(*n)))
            .collect()),
        vec(any::<i128>().prop_map(fit), 1..80),
        vec(prop_oneof![12 => Just(0), 1 => any::<i128>().prop_map(fit)], 1..400),
    ];
    vec(stretch, 0..6).prop_map(|stretches| stretches.concat())
}

/// Types whose values are integers, with their bits and whether they are signed.
const INTEGERS: &[(&str, u32, bool)] = &[
    ("UInt8", 8, false),
    ("UInt16", 16, false),
    ("UInt32", 32, false),
    ("UInt64", 64, false),
    ("UInt128", 128, true),
    ("Int8", 8, true),
    ("Int16", 16, true),
    ("Int32", 32, true),
    ("Int64", 64, true),
    ("Int128", 128, true),
    ("Date", 16, false),
    ("DateTime64(3)", 64, true),
    ("Decimal(9, 2)", 32, true),
    ("Decimal(38, 6)", 128, true),
    ("UUID", 128, true),
    ("Enum8('a' = 1)", 8, true),
];

fn page(array: &ArrayRef, data_type: &DataType, codec: &CodecChoice) -> Page {
    let mut out = Vec::new();
    encode(array, data_type, codec, &mut out).unwrap();
    Page::open(Bytes::from(out), data_type, true).unwrap()
}

fn values(array: &ArrayRef, data_type: &DataType) -> Vec<Value> {
    (0..array.len()).map(|row| value_at(array, data_type, row)).collect()
}

/// A page of some values decodes to them, in whole, in part, and as what it offers besides.
fn check(model: &[Value], data_type: &DataType, codec: &CodecChoice, picks: &[u16]) -> Page {
    let array = array_from_values(data_type, model).unwrap();
    let page = page(&array, data_type, codec);
    let about = format!("{data_type}, {}", page.encoding().unwrap());
    assert_eq!(values(&page.decode().unwrap(), data_type), model, "{about}");
    let rows = selection(model.len(), picks);
    let expected: Vec<Value> = rows.iter().map(|row| model[usize::from(*row)].clone()).collect();
    assert_eq!(values(&page.decode_selected(&rows).unwrap(), data_type), expected, "{about}");
    if let Some(one) = page.constant().unwrap() {
        assert!(model.iter().all(|v| *v == value_at(&one, data_type, 0)), "{about}");
    }
    if let Some(runs) = page.runs().unwrap() {
        let mut expanded = Vec::new();
        for (run, end) in runs.ends.iter().enumerate() {
            expanded.resize(*end as usize, value_at(&runs.values, data_type, run));
        }
        assert_eq!(expanded, model, "{about}");
    }
    page
}

/// Strings of a few kinds: short, of few letters, with a common beginning, any bytes.
fn texts() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        "[ab]{0,4}".prop_map(String::into_bytes),
        "https://example\\.org/[a-z]{1,9}/[0-9]{1,3}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..30),
        (any::<u8>(), 0..300_usize).prop_map(|(byte, count)| vec![byte; count]),
    ]
    .boxed()
}

/// Values of a type, nested ones included.
fn value(data_type: &DataType) -> BoxedStrategy<Value> {
    match data_type {
        DataType::Nullable(inner) => prop_oneof![1 => Just(Value::Null), 2 => value(inner)].boxed(),
        DataType::LowCardinality(inner) => value(inner),
        DataType::String => texts().prop_map(|text| Value::Bytes(text.into())).boxed(),
        DataType::FixedString(length) => {
            let any_bytes = vec(any::<u8>(), *length);
            let few = (0..4_u8, Just(*length)).prop_map(|(byte, length)| vec![byte; length]);
            prop_oneof![any_bytes, few].prop_map(|b| Value::Bytes(b.into())).boxed()
        }
        DataType::Float64 => any::<i16>().prop_map(|n| Value::Float(f64::from(n) / 4.0)).boxed(),
        DataType::Array(item) => {
            vec(value(item), 0..5).prop_map(|items| Value::Array(items.into())).boxed()
        }
        DataType::Map(pair) => {
            let item =
                (value(&pair.0), value(&pair.1)).prop_map(|(k, v)| Value::Tuple([k, v].into()));
            vec(item, 0..4).prop_map(|items| Value::Array(items.into())).boxed()
        }
        DataType::Tuple(fields) => {
            let all: Vec<BoxedStrategy<Value>> =
                fields.iter().map(|f| value(&f.data_type)).collect();
            all.prop_map(|fields| Value::Tuple(fields.into())).boxed()
        }
        _ => (0..200_i128).prop_map(Value::Int).boxed(),
    }
}

const OTHERS: &[&str] = &[
    "String",
    "Nullable(String)",
    "LowCardinality(Nullable(String))",
    "FixedString(1)",
    "FixedString(16)",
    "Nullable(FixedString(3))",
    "Array(UInt16)",
    "Array(Nullable(String))",
    "Array(Array(FixedString(2)))",
    "Map(String, UInt32)",
    "Tuple(UInt8, Nullable(String), Array(Float64))",
    "Array(Tuple(Int64, Map(UInt8, String)))",
];

fn of_type(name: &'static str) -> impl Strategy<Value = (DataType, Vec<Value>)> {
    let data_type = DataType::parse(name).unwrap();
    let few = vec(value(&data_type), 1..6)
        .prop_flat_map(|few| vec(proptest::sample::select(few), 0..300));
    let values = prop_oneof![vec(value(&data_type), 0..120), few];
    values.prop_map(move |values| (data_type.clone(), values))
}

fn floats() -> impl Strategy<Value = Vec<u64>> {
    let special = proptest::sample::select(vec![
        0.0_f64.to_bits(),
        (-0.0_f64).to_bits(),
        f64::NAN.to_bits(),
        0xfff8_0000_0000_1234,
        f64::INFINITY.to_bits(),
        f64::MIN_POSITIVE.to_bits(),
        1,
    ]);
    let stretch = prop_oneof![
        (any::<i32>(), 0..6_i32, 1..300_i32).prop_map(|(start, digits, count)| {
            let step = 10_f64.powi(-digits);
            (0..count).map(|n| (f64::from(start.wrapping_add(n)) * step).to_bits()).collect()
        }),
        (any::<f64>(), 1..200_usize).prop_map(|(v, count)| vec![v.to_bits(); count]),
        vec(any::<u64>(), 1..60),
        vec(prop_oneof![9 => Just(1.5_f64.to_bits()), 1 => special], 1..300),
    ];
    vec(stretch, 0..5).prop_map(|stretches: Vec<Vec<u64>>| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn integers_are_a_list_of_integers(
        numbers in integers(128),
        kind in proptest::sample::select(INTEGERS),
        holes in vec(0..9_u8, 1..60),
        nullable in any::<bool>(),
        codec in codecs(),
        picks in vec(any::<u16>(), 0..200),
        bounds in (any::<i64>(), any::<u16>(), any::<u16>()),
    ) {
        let (name, bits, signed) = kind;
        let mut data_type = DataType::parse(name).unwrap();
        let shift = 128 - bits;
        let fit = |n: &i128| match signed {
            true => n << shift >> shift,
            false => ((n << shift) as u128 >> shift) as i128,
        };
        let mut model: Vec<Value> = numbers.iter().map(|n| Value::Int(fit(n))).collect();
        if nullable {
            data_type = data_type.nullable();
            let holes = holes.iter().cycle();
            model.iter_mut().zip(holes).filter(|(_, h)| **h == 0).for_each(|(v, _)| *v = Value::Null);
        }
        let page = check(&model, &data_type, &codec, &picks);
        // Ranges around values that are there, and any.
        let at = |pick: u16| model.get(usize::from(pick) % model.len().max(1)).and_then(Value::as_int);
        let near = |pick: u16| at(pick).and_then(|v| i64::try_from(v).ok()).unwrap_or(bounds.0);
        for (low, high) in [(near(bounds.1), near(bounds.2)), (near(bounds.1), bounds.0)] {
            let mut found = Vec::new();
            if !page.select_range(low, high, &mut found).unwrap() {
                assert!(found.is_empty() && bits == 128, "{data_type}");
                continue;
            }
            let inside = |v: i128| match data_type.is_unsigned_128() {
                true => high >= 0 && (low.max(0) as u128..=high as u128).contains(&(v as u128)),
                false => (i128::from(low)..=i128::from(high)).contains(&v),
            };
            let rows = model.iter().enumerate().filter(|(_, v)| v.as_int().is_some_and(inside));
            let expected: Vec<u16> = rows.map(|(row, _)| row as u16).collect();
            assert_eq!(found, expected, "{data_type}, {low}..={high}");
            let mut some: Vec<u16> = (0..model.len() as u16).filter(|row| row % 3 != 1).collect();
            let expected: Vec<u16> = found.into_iter().filter(|row| row % 3 != 1).collect();
            if page.refine_range(low, high, &mut some).unwrap() {
                assert_eq!(some, expected, "{data_type}, {low}..={high} of some rows");
            }
        }
    }

    #[test]
    fn other_values_are_a_list_of_values(
        (data_type, model) in proptest::sample::select(OTHERS).prop_flat_map(of_type),
        codec in codecs(),
        picks in vec(any::<u16>(), 0..100),
    ) {
        check(&model, &data_type, &codec, &picks);
    }

    #[test]
    fn floats_keep_every_bit(
        bits in floats(),
        holes in vec(0..5_u8, 1..40),
        nullable in any::<bool>(),
        codec in codecs(),
        picks in vec(any::<u16>(), 0..100),
    ) {
        let wide: ArrayRef = Arc::new(bits.iter().map(|b| f64::from_bits(*b)).collect::<Float64Array>());
        let narrow: ArrayRef =
            Arc::new(bits.iter().map(|b| f32::from_bits((b >> 32) as u32)).collect::<Float32Array>());
        for (array, data_type) in [(wide, DataType::Float64), (narrow, DataType::Float32)] {
            let (mut array, mut data_type) = (array, data_type);
            if nullable {
                array = with_nulls(&array, |row| holes[row % holes.len()] != 0);
                data_type = data_type.nullable();
            }
            let page = page(&array, &data_type, &codec);
            let rows = selection(bits.len(), &picks);
            let about = format!("{data_type}, {}", page.encoding().unwrap());
            let expected = float_bits(&array);
            assert_eq!(float_bits(&page.decode().unwrap()), expected, "{about}");
            let some: Vec<_> = rows.iter().map(|row| expected[usize::from(*row)]).collect();
            assert_eq!(float_bits(&page.decode_selected(&rows).unwrap()), some, "{about}");
        }
    }

    #[test]
    fn codes_are_a_list_of_codes(
        numbers in integers(32),
        most in 1..=u32::MAX,
        holes in vec(0..6_u8, 1..50),
        nullable in any::<bool>(),
        picks in vec(any::<u16>(), 0..200),
    ) {
        let codes: Vec<u32> = numbers.iter().map(|n| *n as u32 % most).collect();
        let valid: Vec<bool> =
            (0..codes.len()).map(|row| !nullable || holes[row % holes.len()] != 0).collect();
        let nulls = nullable.then(|| NullBuffer::from(valid.clone()));
        let mut out = Vec::new();
        encode_codes(&codes, nulls.as_ref(), &mut out).unwrap();
        let page = Page::open_codes(Bytes::from(out), true).unwrap();
        let model: Vec<Option<u32>> = codes.iter().zip(&valid).map(|(c, v)| v.then_some(*c)).collect();
        let seen = |codes: &[u32], nulls: Option<NullBuffer>| -> Vec<Option<u32>> {
            let valid = |row| nulls.as_ref().is_none_or(|n| n.is_valid(row));
            codes.iter().enumerate().map(|(row, c)| valid(row).then_some(*c)).collect()
        };
        let (all, nulls) = page.codes().unwrap();
        assert_eq!(seen(&all, nulls), model);
        let rows = selection(codes.len(), &picks);
        let (some, nulls) = page.codes_selected(&rows).unwrap();
        let expected: Vec<Option<u32>> = rows.iter().map(|row| model[usize::from(*row)]).collect();
        assert_eq!(seen(&some, nulls), expected);
    }
}

/// The bits of every value, `None` for NULL.
fn float_bits(array: &ArrayRef) -> Vec<Option<u64>> {
    let valid = |row: usize| array.is_valid(row);
    let bits: Vec<u64> = match array.as_primitive_opt::<Float64Type>() {
        Some(wide) => wide.values().iter().map(|v| v.to_bits()).collect(),
        None => {
            let narrow = array.as_primitive::<Float32Type>();
            narrow.values().iter().map(|v| u64::from(v.to_bits())).collect()
        }
    };
    bits.into_iter().enumerate().map(|(row, bits)| valid(row).then_some(bits)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn numbers_of_the_wire_are_numbers(values in vec(any::<i64>(), 0..50), shift in 0..64_u32) {
        let mut out = Vec::new();
        values.iter().for_each(|v| write_varint(zigzag(v >> shift), &mut out));
        let mut reader = Reader::new(&out);
        for value in &values {
            assert_eq!(unzigzag(reader.varint().unwrap()), value >> shift);
        }
        assert!(reader.rest().is_empty() && reader.varint().is_err());
    }

    #[test]
    fn packed_lists_are_lists(numbers in integers(64), rest in vec(any::<u8>(), 0..9)) {
        fn through<W: crate::Word + PartialEq + std::fmt::Debug>(values: &[W], rest: &[u8]) {
            let mut out = Vec::new();
            write_packed(values, &mut out);
            out.extend_from_slice(rest);
            let mut reader = Reader::new(&out);
            assert_eq!(read_packed::<W>(&mut reader, values.len()).unwrap(), values);
            assert_eq!(reader.rest(), rest);
        }
        through(&numbers.iter().map(|n| *n as u64).collect::<Vec<_>>(), &rest);
        through(&numbers.iter().map(|n| *n as u32).collect::<Vec<_>>(), &rest);
        through(&numbers.iter().map(|n| *n as u16).collect::<Vec<_>>(), &rest);
        through(&numbers.iter().map(|n| *n as u8).collect::<Vec<_>>(), &rest);
    }

    #[test]
    fn blocks_are_bytes(
        pieces in vec((vec(any::<u8>(), 0..20), 1..60_usize), 0..12),
        level in 1..12_i32,
        spoil in (any::<usize>(), any::<u8>()),
    ) {
        let raw: Vec<u8> = pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect();
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd(level)] {
            let mut out = Vec::new();
            compress_block(&raw, compression, &mut out).unwrap();
            assert_eq!(decompress_block(&out, raw.len()).unwrap(), raw);
            let at = spoil.0 % out.len();
            out[at] ^= spoil.1;
            // Bytes that are not longer than was allowed, or an error.
            if let Ok(bytes) = decompress_block(&out, raw.len()) {
                assert!(bytes.len() <= raw.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_no_more_than_asked_for(bytes in vec(any::<u8>(), 0..300), limit in 0..5000_usize) {
        if let Ok(raw) = decompress_block(&bytes, limit) {
            assert!(raw.len() <= limit);
        }
        if let Ok(values) = read_packed::<u32>(&mut Reader::new(&bytes), limit) {
            assert!(values.len() <= limit);
        }
        if let Ok(page) = Page::open_codes(Bytes::from(bytes), false) {
            let (all, some) = (page.codes(), page.codes_selected(&[0]));
            assert!(all.is_err() || page.rows() == 0 || some.is_ok());
        }
    }
}

/// 128-bit words at the borders of 64 bits, where halves carry.
#[test]
fn wide_words_around_every_power_of_two() {
    let mut numbers: Vec<i128> = Vec::new();
    for shift in 0..127 {
        let power = 1_i128 << shift;
        numbers.extend([power, power - 1, -power, power + 1]);
    }
    let array = Decimal128Array::from_iter_values(numbers.clone());
    let array: ArrayRef = Arc::new(array.with_precision_and_scale(38, 0).unwrap());
    for name in ["Int128", "UInt128", "UUID"] {
        let data_type = DataType::parse(name).unwrap();
        for window in [2, 5, 40, numbers.len()] {
            for start in (0..=numbers.len() - window).step_by(window / 2 + 1) {
                let slice = array.slice(start, window);
                let back = page(&slice, &data_type, &CodecChoice::default()).decode().unwrap();
                assert_eq!(back.as_ref(), slice.as_ref(), "{name} from {start}, {window} of them");
            }
        }
    }
}
