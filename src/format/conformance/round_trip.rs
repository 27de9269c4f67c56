//! Random rows of every type through every format that can be written and read.

use proptest::prelude::{ProptestConfig, any, proptest};
use types::{Block, Column, DataType, Schema, Value, array_from_values};

use super::{only_blocks, read, schema, settings, write};
use crate::{find, formats};

/// All types, nested ones too.
const STRUCTURE: &str = "a UInt8, b UInt16, c UInt32, d UInt64, e UInt128, f Int8, g Int16, h Int32, \
    i Int64, j Int128, k Float32, l Float64, m Bool, n Decimal(9, 3), o Decimal(18, 0), \
    p Decimal(38, 20), q String, r FixedString(5), s Date, t Date32, u DateTime('Asia/Tokyo'), \
    v DateTime64(6, 'UTC'), w Enum8('a' = -1, 'b\\'c' = 5), x Enum16('long name' = 1000), y UUID, \
    z IPv4, aa IPv6, ab Array(String), ac Map(String, Array(UInt8)), ad Tuple(UInt8, String), \
    ae Tuple(x Nullable(Float64), `y z` Array(Nullable(String))), af Nullable(Int64), \
    ag Nullable(DateTime('UTC')), ah LowCardinality(Nullable(String)), ai IntervalHour, \
    aj Array(Array(Tuple(Date, Map(UInt8, String)))), ak Nullable(UUID), al Array(Nullable(Bool))";

/// A small generator of numbers, so that one seed makes one block.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn wide(&mut self) -> i128 {
        // Small numbers and the ends of the range are as likely as those between.
        let shift = self.below(128) as u32;
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        (bits >> shift) as i128 * if self.below(2) == 0 { 1 } else { -1 }
    }

    fn text(&mut self) -> Vec<u8> {
        const PIECES: [&str; 14] = [
            "a",
            "\t",
            "\n",
            "\\",
            "'",
            "\"",
            ",",
            "é",
            "\0",
            "\r",
            "{}",
            "long piece of text",
            "NULL",
            "\\N",
        ];
        let count = self.below(5);
        (0..count).flat_map(|_| PIECES[self.below(14) as usize].bytes()).collect()
    }
}

pub(super) fn value(data_type: &DataType, numbers: &mut Numbers) -> Value {
    let int = |number: i128| Value::Int(number);
    match data_type {
        DataType::Nullable(inner) => match numbers.below(3) {
            0 => Value::Null,
            _ => value(inner, numbers),
        },
        DataType::LowCardinality(inner) => value(inner, numbers),
        DataType::UInt8 => int(i128::from(numbers.wide() as u8)),
        DataType::UInt16 | DataType::Date => int(i128::from(numbers.wide() as u16)),
        DataType::UInt32 | DataType::DateTime(_) | DataType::Ipv4 => {
            int(i128::from(numbers.wide() as u32))
        }
        DataType::UInt64 => int(i128::from(numbers.wide() as u64)),
        DataType::Int8 => int(i128::from(numbers.wide() as i8)),
        DataType::Int16 => int(i128::from(numbers.wide() as i16)),
        DataType::Int32 => int(i128::from(numbers.wide() as i32)),
        DataType::Int64 | DataType::Interval(_) => int(i128::from(numbers.wide() as i64)),
        DataType::UInt128 | DataType::Int128 | DataType::Uuid | DataType::Ipv6 => {
            int(numbers.wide())
        }
        DataType::Float32 => Value::Float(f64::from(f32::from_bits(numbers.next() as u32))),
        DataType::Float64 => Value::Float(f64::from_bits(numbers.next())),
        DataType::Bool => int(i128::from(numbers.below(2))),
        DataType::Decimal { precision, .. } => {
            int(numbers.wide() % 10_i128.pow(u32::from(*precision)))
        }
        DataType::FixedString(length) => {
            let mut text = numbers.text();
            text.resize(*length, 0);
            Value::Bytes(text.into())
        }
        DataType::Date32 => int(i128::from(numbers.below(100_000)) - 25_567),
        DataType::DateTime64(..) => int(i128::from(numbers.below(4_000_000_000_000_000))),
        DataType::Enum8(names) | DataType::Enum16(names) => {
            let at = numbers.below(names.iter().len() as u64) as usize;
            int(i128::from(names.iter().nth(at).unwrap().1))
        }
        DataType::Array(item) => {
            (0..numbers.below(4)).map(|_| value(item, numbers)).collect::<Vec<_>>().into_array()
        }
        DataType::Map(pair) => (0..numbers.below(3))
            .map(|_| Value::Tuple([value(&pair.0, numbers), value(&pair.1, numbers)].into()))
            .collect::<Vec<_>>()
            .into_array(),
        DataType::Tuple(fields) => {
            Value::Tuple(fields.iter().map(|f| value(&f.data_type, numbers)).collect())
        }
        _ => Value::Bytes(numbers.text().into()),
    }
}

trait IntoArray {
    fn into_array(self) -> Value;
}

impl IntoArray for Vec<Value> {
    fn into_array(self) -> Value {
        Value::Array(self.into())
    }
}

/// A block of random rows; NaN only as the one that texts give.
pub(super) fn random_block(schema: &Schema, rows: usize, seed: u64) -> Block {
    let mut numbers = Numbers(seed);
    let columns = schema.fields().iter().map(|field| {
        let values: Vec<Value> = (0..rows).map(|_| value(&field.data_type, &mut numbers)).collect();
        Column::Flat(array_from_values(&field.data_type, &values).unwrap())
    });
    Block::new(columns.collect(), rows)
}

/// What is written in text is compared, so that all NaN are alike.
fn as_text(schema: &Schema, blocks: &[Block]) -> String {
    String::from_utf8_lossy(&write("TSV", schema, blocks, &settings())).into_owned()
}

/// Where all values are texts, ClickHouse too reads the text NULL of a nullable column as NULL.
fn as_read(format: &str, schema: &Schema, text: &str) -> String {
    if !format.contains("Strings") {
        return text.to_owned();
    }
    let nullable: Vec<bool> = schema.fields().iter().map(|f| f.data_type.is_nullable()).collect();
    let cell = |(text, nullable): (&'_ str, &bool)| match text {
        "NULL" if *nullable => "\\N".to_owned(),
        other => other.to_owned(),
    };
    text.lines()
        .map(|line| line.split('\t').zip(&nullable).map(cell).collect::<Vec<_>>().join("\t") + "\n")
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_format_gives_back_what_it_got(seed in any::<u64>(), rows in 1_usize..30) {
        let schema = schema(STRUCTURE);
        let block = random_block(&schema, rows, seed);
        let expected = as_text(&schema, std::slice::from_ref(&block));
        for format in formats() {
            let name = format.name;
            let one_column = matches!(name, "LineAsString" | "RawBLOB");
            if !format.is_input() || !format.is_output() || one_column || name.contains("Raw") {
                continue;
            }
            let mut settings = settings();
            settings.output_format_json_quote_denormals = true;
            let bytes = write(name, &schema, std::slice::from_ref(&block), &settings);
            let back = read(name, &bytes, &schema, &settings)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let got = as_text(&schema, &only_blocks(back));
            let expected = as_read(name, &schema, &expected);
            for (got, expected) in got.lines().zip(expected.lines()) {
                assert_eq!(got, expected, "{name}");
            }
            assert_eq!(got, expected, "{name}");
        }
    }
}

#[test]
fn native_versions_differ_as_clients_expect() {
    let schema = schema("a DateTime('Asia/Tokyo'), b LowCardinality(String)");
    let block = random_block(&schema, 1, 1);
    let bytes = |version| {
        let settings = crate::FormatSettings { client_protocol_version: version, ..settings() };
        write("Native", &schema, std::slice::from_ref(&block), &settings)
    };
    assert!(bytes(0).starts_with(b"\x02\x01\x01a\x08DateTime"));
    let start = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 2, 1, 1, b'a', 22];
    assert!(bytes(54_405).starts_with(&start));
    assert!(bytes(54_460).starts_with(&start));
    assert_eq!(bytes(54_460).len(), bytes(54_405).len() + 2);
    assert!(write("Native", &schema, &[], &settings()).is_empty());
    assert!(find("native").is_some());
}
