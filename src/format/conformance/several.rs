//! Variant, Dynamic and JSON in binary formats: ClickHouse's own bytes, there and back, and broken input.

use std::sync::Arc;

use proptest::prelude::{ProptestConfig, any, proptest};
use types::{Block, Column, DataType, Schema, Value, array_from_values, tagged, value_at};

use super::round_trip::{Numbers, random_block};
use super::{only_blocks, read, schema, settings, write};
use crate::{BytesSource, FormatSettings, infer_schema};

/// Types with values that bring types along, within others too.
const STRUCTURE: &str = "v Variant(Array(Nullable(Int8)), LowCardinality(String), UInt64), d Dynamic, \
    e Dynamic(max_types=2), z Dynamic(max_types=0), j JSON, \
    k JSON(max_dynamic_paths=2, max_dynamic_types=1, a.b Nullable(Int64), t LowCardinality(String), w Dynamic), \
    n Nullable(JSON(p Int8)), o Array(Dynamic), p Map(String, Variant(String, UInt8)), \
    q Tuple(x JSON, y Array(Nullable(JSON)))";

/// Settings that change how these are laid out.
fn layouts() -> Vec<FormatSettings> {
    let plain = settings();
    vec![
        plain.clone(),
        FormatSettings {
            output_format_native_use_flattened_dynamic_and_json_serialization: true,
            ..plain.clone()
        },
        FormatSettings {
            input_format_binary_decode_types_in_binary_format: true,
            input_format_native_decode_types_in_binary_format: true,
            output_format_binary_encode_types_in_binary_format: true,
            output_format_native_encode_types_in_binary_format: true,
            ..plain
        },
    ]
}

/// A value of some type with its type; NULL now and then.
fn typed(numbers: &mut Numbers) -> Value {
    const TYPES: [&str; 10] = [
        "Int64",
        "String",
        "Array(Nullable(Int64))",
        "Date",
        "Tuple(a UInt8, b Array(String))",
        "Map(String, UInt8)",
        "Array(LowCardinality(Nullable(String)))",
        "Decimal(38, 2)",
        "Enum8('x' = 1, 'y' = 2)",
        "Array(Dynamic)",
    ];
    let Some(name) = TYPES.get(numbers.below(11) as usize) else { return Value::Null };
    let data_type = DataType::parse(name).unwrap();
    Value::Bytes(tagged::tag(&data_type, &any_value(&data_type, numbers)).into())
}

fn object(paths: &types::JsonPaths, numbers: &mut Numbers) -> Value {
    const PATHS: [&str; 6] = ["a", "b.c", "b.d", "é x", "z", ""];
    let mut entries: Vec<(String, Value)> = Vec::new();
    for path in PATHS.iter().filter(|path| paths.type_of(path).is_none()) {
        let value = if numbers.below(2) == 0 { Value::Null } else { typed(numbers) };
        if !value.is_null() {
            entries.push(((*path).to_owned(), value));
        }
    }
    for (path, data_type) in &paths.typed {
        let value = any_value(data_type, numbers);
        entries.push((path.clone(), Value::Bytes(tagged::tag(data_type, &value).into())));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let pair = |(path, value): (String, Value)| Value::Tuple([Value::from(&*path), value].into());
    Value::Array(entries.into_iter().map(pair).collect())
}

/// A random value of any type.
fn any_value(data_type: &DataType, numbers: &mut Numbers) -> Value {
    match data_type {
        DataType::Dynamic(_) => typed(numbers),
        DataType::Variant(members) => {
            match members.get(numbers.below(members.len() as u64 + 1) as usize) {
                Some(member) => {
                    Value::Bytes(tagged::tag(member, &any_value(member, numbers)).into())
                }
                None => Value::Null,
            }
        }
        DataType::Json(paths) => object(paths, numbers),
        DataType::Nullable(inner) => match numbers.below(3) {
            0 => Value::Null,
            _ => any_value(inner, numbers),
        },
        DataType::Array(item) => {
            Value::Array((0..numbers.below(3)).map(|_| any_value(item, numbers)).collect())
        }
        DataType::Map(pair) => {
            let mut entry = || {
                let (key, value) = (any_value(&pair.0, numbers), any_value(&pair.1, numbers));
                Value::Tuple([key, value].into())
            };
            Value::Array((0..2).map(|_| entry()).collect())
        }
        DataType::Tuple(fields) => {
            Value::Tuple(fields.iter().map(|f| any_value(&f.data_type, numbers)).collect())
        }
        DataType::LowCardinality(inner) => any_value(inner, numbers),
        plain => super::round_trip::value(plain, numbers),
    }
}

fn any_block(schema: &Schema, rows: usize, seed: u64) -> Block {
    let mut numbers = Numbers::new(seed);
    let column = |data_type: &DataType| {
        let values: Vec<Value> = (0..rows).map(|_| any_value(data_type, &mut numbers)).collect();
        array_from_values(data_type, &values).unwrap()
    };
    let types: Vec<DataType> = schema.fields().iter().map(|f| f.data_type.clone()).collect();
    Block::new(types.iter().map(column).map(Column::Flat).collect(), rows)
}

/// All values of all columns.
fn values(schema: &Schema, blocks: &[Block]) -> Vec<Vec<Value>> {
    let of = |at: usize, data_type: &DataType| {
        let arrays = blocks.iter().map(|block| block.column(at).to_flat().unwrap());
        let of_array = |array: arrow_array::ArrayRef| {
            (0..array.len()).map(|row| value_at(&array, data_type, row)).collect::<Vec<_>>()
        };
        arrays.flat_map(of_array).collect()
    };
    schema.fields().iter().enumerate().map(|(at, field)| of(at, &field.data_type)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn values_with_types_come_back(seed in any::<u64>(), rows in 1_usize..12) {
        let schema = schema(STRUCTURE);
        let block = any_block(&schema, rows, seed);
        for settings in layouts() {
            for format in ["Native", "RowBinaryWithNamesAndTypes"] {
                let bytes = write(format, &schema, std::slice::from_ref(&block), &settings);
                let got = only_blocks(read(format, &bytes, &schema, &settings).unwrap());
                assert_eq!(values(&schema, &got), values(&schema, std::slice::from_ref(&block)));
                let told = infer_schema(format, &mut BytesSource::from(bytes), &settings).unwrap();
                assert_eq!(told.fields()[4].data_type, schema.fields()[4].data_type);
            }
        }
    }

    #[test]
    fn broken_values_with_types_are_errors(
        seed in any::<u64>(),
        places in proptest::collection::vec((any::<u32>(), any::<u8>(), 0_u8..4), 1..5),
    ) {
        let schema = schema(STRUCTURE);
        let block = any_block(&schema, 2, seed);
        for settings in layouts() {
            let settings = FormatSettings {
                max_document_bytes: 1 << 22,
                max_row_bytes: 1 << 22,
                max_value_bytes: 1 << 20,
                ..settings
            };
            for format in ["Native", "RowBinaryWithNamesAndTypes"] {
                let mut bytes = write(format, &schema, std::slice::from_ref(&block), &settings);
                for (at, byte, how) in &places {
                    let at = *at as usize % bytes.len().max(1);
                    match how {
                        0 => bytes.truncate(at),
                        1 => bytes.insert(at, *byte),
                        2 => drop(bytes.drain(at..(at + usize::from(*byte)).min(bytes.len()))),
                        _ => bytes.get_mut(at).into_iter().for_each(|slot| *slot = *byte),
                    }
                }
                let _ = read(format, &bytes, &schema, &settings);
                let _ = infer_schema(format, &mut BytesSource::from(bytes), &settings);
            }
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Reads what ClickHouse accepts, and shows it as text.
fn check_reads(format: &str, structure: &str, hex: &str, expected: &str) {
    let schema = schema(structure);
    let blocks = only_blocks(read(format, &bytes(hex), &schema, &settings()).unwrap());
    let text = write("TSV", &schema, &blocks, &settings());
    assert_eq!(String::from_utf8_lossy(&text), expected, "{format} {structure}");
}

fn check_fails(format: &str, structure: &str, hex: &str, code: u32) {
    let error = read(format, &bytes(hex), &schema(structure), &settings()).unwrap_err();
    assert_eq!(error.code() as u32, code, "{format} {structure}: {error}");
}

/// A block of one column `v` of one row; `version` is the first number of its prefix.
fn one(data_type: &str, rows: u8, version: u8, rest: &str) -> String {
    let name: String = data_type.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("01{rows:02x} 0176 {:02x}{name} {version:02x}00000000000000 {rest}", data_type.len())
}

#[test]
fn all_versions_of_native_are_read() {
    let int = "0500000000000000";
    let zero = "0000000000000000";
    let named = "01 05 496e743634";
    let check = |version: u8, rest: &str| {
        check_reads("Native", "v Dynamic", &one("Dynamic", 1, version, rest), "5\n");
    };
    check(1, &format!("01 {named} {zero} 00 {int}"));
    check(2, &format!("{named} {zero} 00 {int}"));
    check(2, &format!("{named} 0100000000000000 01 01 00 {int}"));
    check(3, &format!("{named} 00 {int}"));
    check(4, &format!("01 0a {zero} 00 {int}"));
    let check = |version: u8, rest: &str| {
        check_reads("Native", "v JSON", &one("JSON", 1, version, rest), "{\"a\":5}\n");
    };
    check(1, "07 7b2261223a357d");
    check(2, &format!("01 0161 0200000000000000 {named} {zero} 00 {int} {zero}"));
    check(3, &format!("01 0161 0300000000000000 {named} 00 {int}"));
    check(4, &format!("01 0161 00 0400000000000000 01 0a {zero} 00 {int} {zero}"));
    let runs = one("Variant(Int64, String)", 3, 1, &format!("02 01 00 01 00 ff {int} {int}"));
    check_reads("Native", "v Variant(Int64, String)", &runs, "5\n5\n\\N\n");
    // A type of its own is kept; what a Variant does not have is looked for in its text.
    check_reads("Native", "v Dynamic", "01 01 0176 05 496e743634 0500000000000000", "5\n");
    check_reads("Native", "v Variant(Int64)", "01 01 0176 06 537472696e67 0135", "5\n");
}

#[test]
fn newer_clients_are_not_told_limits() {
    let schema = schema("v Dynamic, j JSON");
    let five = Value::Bytes(tagged::tag(&DataType::Int64, &Value::Int(5)).into());
    let object = Value::Array([Value::Tuple([Value::from("a"), five.clone()].into())].into());
    let column = |data_type: &str, value: Value| {
        let data_type = DataType::parse(data_type).unwrap();
        Column::Flat(array_from_values(&data_type, &[value]).unwrap())
    };
    let block = Block::new(vec![column("Dynamic", five), column("JSON", object)], 1);
    let settings = FormatSettings { client_protocol_version: 54_480, ..settings() };
    let got = write("Native", &schema, &[block], &settings);
    let dynamic = "0200000000000000 01 05496e743634 0000000000000000";
    let int = "00 0500000000000000";
    let expected = format!(
        "01 00 02 ffffffff 00 02 01 0176 0744796e616d6963 00 {dynamic} {int} \
         016a 044a534f4e 00 0200000000000000 01 0161 {dynamic} {int} 0000000000000000"
    );
    assert_eq!(got, bytes(&expected));
}

#[test]
fn wrong_types_and_numbers_are_refused() {
    let zero = "0000000000000000";
    let native = |data_type: &str, version, rest: &str| {
        check_fails("Native", &format!("v {data_type}"), &one(data_type, 1, version, rest), 117);
    };
    native("Dynamic", 5, "00");
    native("Dynamic", 2, &format!("00 {zero} 01"));
    native("Dynamic", 2, &format!("02 05496e743634 05496e743634 {zero} 01"));
    native("Dynamic", 2, "ffffffff0f");
    native("Dynamic", 2, "00 0200000000000000 00");
    native("Dynamic", 2, &format!("00 {zero} 00 02 0a05"));
    native("Variant(UInt8)", 0, "01 05");
    native("Variant(UInt8)", 1, "02 01 00 05");
    native("JSON", 9, "00");
    let further = format!("00 0200000000000000 0161 0161 {} {}", "02 01 05", "02 01 06");
    native("JSON", 2, &further);
    let row = |structure: &str, hex: &str, code| check_fails("RowBinary", structure, hex, code);
    row("v Dynamic", "99", 117);
    row("v Dynamic", "230a01", 36);
    row("v Dynamic", "2b200a05", 36);
    row("v Dynamic", "02", 33);
    row("v Dynamic", "25", 48);
    row("v Variant(Int64)", "07", 117);
    row("v JSON", "02 0161 0101 0161 0102", 117);
    row("v JSON", "ffffff7f", 128);
}

#[test]
fn what_is_only_announced_takes_no_memory() {
    // Two billion rows of NULL in one run, and as many empty objects.
    let rows = "ffffffff07";
    let variant = "0f 56617269616e742855496e74313629";
    let runs = format!("01 {rows} 0176 {variant} 0100000000000000 {rows} 01 ff");
    check_fails("Native", "v Variant(UInt16)", &runs, 117);
    let empty = format!("01 {rows} 0176 044a534f4e 0300000000000000 00");
    check_fails("Native", "v JSON", &empty, 117);
    // A long name that each of many values would carry along.
    let name = format!("Tuple(`{}` UInt8)", "x".repeat(60_000));
    let schema = schema("v Dynamic");
    let mut long = vec![1];
    crate::binary::write_varint(100_000, &mut long);
    long.extend_from_slice(b"\x01v\x07Dynamic\x02\0\0\0\0\0\0\0\x01");
    crate::binary::write_string(name.as_bytes(), &mut long);
    long.extend_from_slice(&[0; 8]);
    // The shared type comes first by its name.
    long.extend(std::iter::repeat_n(1, 100_000));
    long.extend(std::iter::repeat_n(7, 100_000));
    let error = read("Native", &long, &schema, &settings()).unwrap_err();
    assert_eq!(error.code() as u32, 131, "{error}");
}

#[test]
fn values_lie_only_so_deep_within_one_another() {
    let row = format!("{}00", "1e2b2001".repeat(5_000));
    check_fails("RowBinary", "v Dynamic", &row, 306);
    let objects = format!("{}00", "01 0161 1e3000800820000000 01".repeat(5_000));
    check_fails("RowBinary", "v JSON", &objects, 306);
    let dynamic = format!("0200000000000000 01 0e{}", "41727261792844796e616d696329");
    let native = format!("01 01 0176 0744796e616d6963 {}", dynamic.repeat(5_000));
    check_fails("Native", "v Dynamic", &native, 117);
    let within = format!("{} {}", "0000000000000000", dynamic);
    let native = format!("01 01 0176 0744796e616d6963 {dynamic} {}", within.repeat(5_000));
    check_fails("Native", "v Dynamic", &native, 306);
    let shallow = format!("{}00", "1e2b2001".repeat(40));
    check_reads(
        "RowBinary",
        "v Dynamic",
        &shallow,
        &format!("{}NULL{}\n", "[".repeat(40), "]".repeat(40)),
    );
}

/// Blocks of random plain columns still come back where columns with types stand beside them.
#[test]
fn plain_columns_stand_beside_others() {
    let schema = schema("a UInt8, d Dynamic, s String");
    let block = random_block(&schema, 0, 1);
    assert!(write("Native", &schema, &[block], &settings()).is_empty());
    let nulls = Column::Flat(array_from_values(&DataType::dynamic(), &[Value::Null]).unwrap());
    let number = Column::Flat(Arc::new(arrow_array::UInt8Array::from(vec![7])));
    let text = array_from_values(&DataType::String, &[Value::from("x")]).unwrap();
    let block = Block::new(vec![number, nulls, Column::Flat(text)], 1);
    let bytes = write("Native", &schema, std::slice::from_ref(&block), &settings());
    let got = only_blocks(read("Native", &bytes, &schema, &settings()).unwrap());
    assert_eq!(values(&schema, &got), values(&schema, &[block]));
}

/// Each a type, its values as text, and what ClickHouse 26.9 wrote of them in several layouts.
const GOLDEN: &str = include_str!("../golden/several.txt");

#[test]
fn bytes_are_those_of_clickhouse() {
    let (mut columns, mut text) = (schema("v UInt8"), String::new());
    for line in GOLDEN.lines() {
        let (first, rest) = line.split_once(' ').unwrap();
        match first {
            "v" => columns = schema(line),
            "text" => text = rest.replace("\\n", "\n") + "\n",
            format => {
                let (layout, hex) = rest.split_once(' ').unwrap();
                let layouts = layouts();
                let settings = match layout {
                    "plain" => &layouts[0],
                    "flattened" => &layouts[1],
                    _ => &layouts[2],
                };
                let blocks = only_blocks(read(format, &bytes(hex), &columns, settings).unwrap());
                let got = write("TSV", &columns, &blocks, settings);
                assert_eq!(String::from_utf8_lossy(&got), text, "{line}");
                let got = write(format, &columns, &blocks, settings);
                let got: String = got.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(got, hex, "{line}");
            }
        }
    }
}
