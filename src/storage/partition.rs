//! Partitions: their ids as ClickHouse spells them, and splitting a block by them.
//!
//! The id of integer-like values is their text joined by `-`, dates as YYYYMMDD; of anything
//! else it is the SipHash-2-4-128 of the values in hexadecimal; without a key it is `all`.

use std::collections::HashMap;

use arrow_array::UInt32Array;
use base::{Result, bail};
use types::time::civil_from_days;
use types::{Block, Column, DataType, Value};

use crate::definition::TableDefinition;

/// The id of a partition.
pub(crate) fn partition_id(definition: &TableDefinition, values: &[Value]) -> String {
    if values.is_empty() {
        return "all".to_owned();
    }
    let types: Vec<DataType> =
        definition.partition_key.iter().map(|k| k.expression.data_type()).collect();
    let texts: Option<Vec<String>> =
        types.iter().zip(values).map(|(data_type, value)| integer_text(data_type, value)).collect();
    match texts {
        Some(texts) => texts.join("-"),
        None => {
            let mut hash = SipHash::new();
            for (data_type, value) in types.iter().zip(values) {
                update(&mut hash, data_type.inner(), value);
            }
            hash.finish().iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

fn integer_text(data_type: &DataType, value: &Value) -> Option<String> {
    let number = value.as_int()?;
    match data_type.inner() {
        DataType::Date => {
            let day = civil_from_days(number as i64);
            Some(format!("{:04}{:02}{:02}", day.year, day.month, day.day))
        }
        DataType::UInt128
        | DataType::Int128
        | DataType::Uuid
        | DataType::Ipv6
        | DataType::Decimal { .. }
        | DataType::DateTime64(..) => None,
        _ => Some(number.to_string()),
    }
}

/// Adds a value as ClickHouse's fields are hashed: the kind of field, then the bytes.
fn update(hash: &mut SipHash, data_type: &DataType, value: &Value) {
    match value {
        Value::Null => hash.update(&[0]),
        Value::Int(number) => match data_type {
            DataType::UInt128 | DataType::Ipv6 => {
                hash.update(&[4]);
                hash.update(&number.to_le_bytes());
            }
            DataType::Int128 | DataType::Uuid => {
                hash.update(&[5]);
                hash.update(&number.to_le_bytes());
            }
            signed if signed.is_signed_integer() => {
                hash.update(&[2]);
                hash.update(&(*number as i64).to_le_bytes());
            }
            _ => {
                hash.update(&[1]);
                hash.update(&(*number as u64).to_le_bytes());
            }
        },
        Value::Float(number) => {
            hash.update(&[3]);
            hash.update(&number.to_bits().to_le_bytes());
        }
        Value::Bytes(bytes) => {
            hash.update(&[16]);
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Value::Array(items) | Value::Tuple(items) => {
            hash.update(&[17]);
            hash.update(&(items.len() as u64).to_le_bytes());
            for item in items.iter() {
                update(hash, &DataType::UInt64, item);
            }
        }
    }
}

/// SipHash-2-4 with a zero key and the 128-bit ending that ClickHouse uses.
struct SipHash {
    v: [u64; 4],
    tail: Vec<u8>,
    length: u64,
}

impl SipHash {
    fn new() -> SipHash {
        let v = [0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573];
        SipHash { v, tail: Vec::new(), length: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.tail.extend_from_slice(bytes);
        let whole = self.tail.len() / 8 * 8;
        let words: Vec<u64> = self.tail[..whole]
            .chunks_exact(8)
            .map(|word| word.try_into().map_or(0, u64::from_le_bytes))
            .collect();
        words.into_iter().for_each(|word| self.compress(word));
        self.tail.drain(..whole);
    }

    fn compress(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }

    fn finish(mut self) -> [u8; 16] {
        let mut last = [0; 8];
        last[..self.tail.len()].copy_from_slice(&self.tail);
        last[7] = self.length as u8;
        self.compress(u64::from_le_bytes(last));
        self.v[2] ^= 0xff;
        (0..4).for_each(|_| self.round());
        let mut out = [0; 16];
        out[..8].copy_from_slice(&(self.v[0] ^ self.v[1]).to_le_bytes());
        out[8..].copy_from_slice(&(self.v[2] ^ self.v[3]).to_le_bytes());
        out
    }
}

/// The rows of one partition within a block.
pub(crate) struct Split {
    pub values: Vec<Value>,
    pub block: Block,
}

/// Splits a block by the columns of its partition key, in order of first appearance.
pub(crate) fn split(
    block: Block,
    keys: &[Column],
    types: &[DataType],
    most: usize,
) -> Result<Vec<Split>> {
    let rows = block.rows();
    let value = |row: usize| -> Result<Vec<Value>> {
        keys.iter().zip(types).map(|(key, data_type)| key.value(data_type, row)).collect()
    };
    if keys.iter().all(Column::is_constant) {
        return Ok(vec![Split { values: value(0)?, block }]);
    }
    let keys: Vec<Column> =
        keys.iter().map(|k| k.to_flat().map(Column::Flat)).collect::<Result<_>>()?;
    let value = |row: usize| -> Result<Vec<Value>> {
        keys.iter().zip(types).map(|(key, data_type)| key.value(data_type, row)).collect()
    };
    let mut known: HashMap<Vec<Value>, usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut last: Option<(Vec<Value>, usize)> = None;
    for row in 0..rows {
        let values = value(row)?;
        let group = match &last {
            Some((before, group)) if *before == values => *group,
            _ => {
                let next = known.len();
                let group = *known.entry(values.clone()).or_insert(next);
                last = Some((values, group));
                group
            }
        };
        if group == groups.len() {
            if group == most {
                bail!(
                    TooManyParts,
                    "Too many partitions for a single INSERT block (more than {most}). The limit \
                     is controlled by 'max_partitions_per_insert_block' setting. A large number \
                     of partitions is a common misconception: it makes inserts and selects slow"
                );
            }
            groups.push(Vec::new());
        }
        groups[group].push(row as u32);
    }
    if let (1, Some((values, _))) = (groups.len(), &last) {
        return Ok(vec![Split { values: values.clone(), block }]);
    }
    let mut out: Vec<Split> = Vec::with_capacity(groups.len());
    for group in groups {
        let values = value(group[0] as usize)?;
        out.push(Split { values, block: block.take(&UInt32Array::from(group))? });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use expr::Expr;
    use types::{DataType, Value};

    use super::partition_id;
    use crate::definition::{KeyColumn, TableDefinition};

    fn id(data_type: &str, value: Value) -> String {
        let expression = Expr::column(0, DataType::parse(data_type).unwrap());
        let definition = TableDefinition {
            partition_key: vec![KeyColumn { expression, text: "x".to_owned() }],
            ..TableDefinition::default()
        };
        partition_id(&definition, &[value])
    }

    #[test]
    fn ids_are_those_of_clickhouse() {
        assert_eq!(id("UInt32", Value::Int(202_307)), "202307");
        assert_eq!(id("Int32", Value::Int(-5)), "-5");
        assert_eq!(id("Date", Value::Int(19_546)), "20230708");
        assert_eq!(id("Date32", Value::Int(19_546)), "19546");
        assert_eq!(id("String", Value::from("abc")), "f815b3f19bae3563399d3c6214a8ed43");
        assert_eq!(id("Float64", Value::Float(1.5)), "11876ff8640afac37203e8651c527cea");
        assert_eq!(id("Nullable(Int32)", Value::Null), "2b16b490a87466b6a6d34fd9027f3c3d");
        assert_eq!(id("Nullable(Int32)", Value::Int(7)), "7");
        assert_eq!(id("Int128", Value::Int(5)), "6a7e34f09c319df0b795e317979d66b3");
        assert_eq!(partition_id(&TableDefinition::default(), &[]), "all");
    }
}
