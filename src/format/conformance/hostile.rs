//! Broken input gives errors: no panic, and no memory for lengths that are only announced.

use proptest::prelude::{ProptestConfig, any, proptest};

use super::round_trip::random_block;
use super::{read, schema, settings, write};
use crate::{BytesSource, FormatSettings, formats, infer_schema};

const STRUCTURE: &str = "a UInt8, b Int64, c Float64, d String, e FixedString(3), f Date, \
    g DateTime('UTC'), h DateTime64(3, 'UTC'), i Enum8('x' = 1), j UUID, k IPv4, l IPv6, \
    m Decimal(18, 4), n Nullable(String), o Array(Nullable(Int8)), p Map(String, Array(String)), \
    q Tuple(x UInt8, y String), r LowCardinality(String), s Bool, t Int128";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn mutations_never_panic(
        seed in any::<u64>(),
        places in proptest::collection::vec((any::<u32>(), any::<u8>(), 0_u8..5), 1..6),
    ) {
        let schema = schema(STRUCTURE);
        let settings = FormatSettings {
            max_document_bytes: 1 << 22,
            max_row_bytes: 1 << 22,
            max_value_bytes: 1 << 20,
            ..settings()
        };
        let block = random_block(&schema, 3, seed);
        for format in formats().iter().filter(|f| f.is_input()) {
            let from = if format.is_output() { format.name } else { "JSONEachRow" };
            let from = if from == "RawBLOB" { "TSV" } else { from };
            let mut bytes = write(from, &schema, std::slice::from_ref(&block), &settings);
            for (at, byte, how) in &places {
                let at = *at as usize % bytes.len().max(1);
                match how {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, *byte),
                    2 => drop(bytes.drain(at..(at + usize::from(*byte)).min(bytes.len()))),
                    3 => bytes.insert(at, b"{}[](),'\"\\\n\t:N0-."[usize::from(*byte) % 17]),
                    _ => {
                        if let Some(slot) = bytes.get_mut(at) {
                            *slot = *byte;
                        }
                    }
                }
            }
            let _ = read(format.name, &bytes, &schema, &settings);
            let _ = infer_schema(format.name, &mut BytesSource::from(bytes), &settings);
        }
    }
}

#[test]
fn rows_without_columns_end() {
    for format in ["RowBinaryWithNames", "RowBinaryWithNamesAndTypes"] {
        let error = read(format, &[0, 1, 2, 3], &schema("a UInt8"), &settings()).unwrap_err();
        assert_eq!(error.code() as u32, 117, "{format}: {error}");
        assert!(error.message().contains("names no columns"), "{error}");
        assert!(read(format, &[0], &schema("a UInt8"), &settings()).is_ok(), "{format}");
    }
}

#[test]
fn announced_lengths_are_not_believed() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let check = |format: &str, bytes: &[u8], structure: &str, codes: &[u32]| {
        let error = read(format, bytes, &schema(structure), &settings()).unwrap_err();
        assert!(codes.contains(&(error.code() as u32)), "{format}: {error}");
        assert!(error.message().contains("row"), "{error}");
    };
    check("RowBinary", &huge, "s String", &[131]);
    check("RowBinary", &huge, "s Array(UInt64)", &[128]);
    check("RowBinary", &[0x80, 0x80, 0x80, 0x08, 1], "s Array(UInt64)", &[33]);
    check("RowBinaryWithNamesAndTypes", &huge, "s String", &[117]);
    let native = |type_name: &str, rest: &[u8]| {
        let mut bytes = vec![1, 0xff, 0xff, 0xff, 0xff, 0x07, 1, b's', type_name.len() as u8];
        bytes.extend_from_slice(type_name.as_bytes());
        bytes.extend_from_slice(rest);
        bytes
    };
    check("Native", &native("UInt64", &[1; 20]), "s UInt64", &[33]);
    check("Native", &native("String", &huge), "s String", &[131]);
    check("Native", &native("Array(String)", &[1; 50]), "s String", &[33]);
    check("Native", &native("FixedString(1000000)", &[1; 50]), "s String", &[33]);
    check(
        "Native",
        &native("LowCardinality(String)", &[1, 0, 0, 0, 0, 0, 0, 0, 9, 9]),
        "s String",
        &[33],
    );
}

#[test]
fn long_values_and_rows_are_refused() {
    let settings = FormatSettings { max_value_bytes: 1000, max_row_bytes: 10_000, ..settings() };
    let long = "x".repeat(2000);
    let endless = "x".repeat(100_000);
    let schema = schema("s String");
    for (format, text) in [
        ("TSV", format!("{long}\n")),
        ("CSV", format!("\"{long}\"\n")),
        ("JSONEachRow", format!("{{\"s\":\"{long}\"}}")),
        ("Values", format!("('{long}')")),
        ("TSV", format!("{endless}\n")),
        ("CSV", format!("\"{endless}")),
        ("JSONEachRow", format!("{{\"s\":\"{endless}")),
    ] {
        let pieces = text.as_bytes().chunks(777).map(bytes::Bytes::copy_from_slice).collect();
        let source = Box::new(BytesSource::new(pieces));
        let error = crate::reader(format, source, &schema, &settings, 1)
            .and_then(super::drain)
            .unwrap_err();
        assert_eq!(error.code() as u32, 131, "{format}: {error}");
        assert!(error.message().contains("row"), "{error}");
    }
}

#[test]
fn half_a_parquet_file_is_refused() {
    let schema = schema(STRUCTURE);
    let block = random_block(&schema, 100, 7);
    let bytes = write("Parquet", &schema, std::slice::from_ref(&block), &settings());
    let error = read("Parquet", &bytes[..bytes.len() / 2], &schema, &settings()).unwrap_err();
    assert_eq!(error.code() as u32, 117, "{error}");
    let stream = write("ArrowStream", &schema, std::slice::from_ref(&block), &settings());
    assert!(read("ArrowStream", &stream[..stream.len() / 2], &schema, &settings()).is_err());
}
