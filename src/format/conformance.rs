//! Tests of whole formats: against ClickHouse's own bytes, there and back, and against broken
//! input.

mod golden;
mod hostile;
mod reading;
mod round_trip;
mod several;

use types::{Block, DataType, Field, Schema};

use crate::{BlockReader, BytesSource, FormatSettings, InputBlock, Statistics, reader, writer};

/// Settings whose time zone does not depend on the machine.
fn settings() -> FormatSettings {
    FormatSettings { time_zone: types::TimeZone::UTC, ..FormatSettings::default() }
}

/// A schema from `name Type, name Type`.
fn schema(text: &str) -> Schema {
    let DataType::Tuple(fields) = DataType::parse(&format!("Tuple({text})")).unwrap() else {
        panic!("{text}")
    };
    let field =
        |f: &types::TupleField| Field::new(f.name.clone().unwrap_or_default(), f.data_type.clone());
    Schema::new(fields.iter().map(field).collect())
}

fn drain(mut reader: Box<dyn BlockReader>) -> base::Result<Vec<InputBlock>> {
    let mut blocks = Vec::new();
    while let Some(block) = reader.next()? {
        assert!(block.block.rows() > 0, "a reader gives no empty blocks");
        blocks.push(block);
    }
    Ok(blocks)
}

/// All blocks of an input.
fn read(
    format: &str,
    input: &[u8],
    schema: &Schema,
    settings: &FormatSettings,
) -> base::Result<Vec<InputBlock>> {
    let source = Box::new(BytesSource::from(input.to_vec()));
    drain(reader(format, source, schema, settings, 1)?)
}

fn only_blocks(blocks: Vec<InputBlock>) -> Vec<Block> {
    blocks.into_iter().map(|block| block.block).collect()
}

/// Blocks in a format.
fn write(format: &str, schema: &Schema, blocks: &[Block], settings: &FormatSettings) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = writer(format, schema, settings).unwrap();
    for block in blocks {
        writer.write(block, &mut out).unwrap();
    }
    let statistics =
        Statistics { elapsed: 0.5, rows_read: 3, bytes_read: 24, ..Statistics::default() };
    writer.finish(&statistics, &mut out).unwrap();
    out
}

/// An input in one format, written in another; or the code and message of the error.
fn convert(from: &str, input: &str, structure: &str, to: &str) -> Result<String, String> {
    let (schema, settings) = (schema(structure), settings());
    let blocks = read(from, input.as_bytes(), &schema, &settings).map_err(|e| e.to_string())?;
    let out = write(to, &schema, &only_blocks(blocks), &settings);
    Ok(String::from_utf8_lossy(&out).into_owned())
}
