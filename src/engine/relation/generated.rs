//! numbers(), zeros(), one(), values(): rows that come from nowhere.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt8Array, UInt64Array};
use base::{Result, bail};
use expr::Expr;
use plan::{BlockSource, BlockStream};
use types::{Block, Column, DataType, Field, Schema, Value, array_from_values};

/// Rows of a block.
const BLOCK: u64 = 65_536;

/// Blocks that one piece gives.
const PIECE: u64 = 16;

/// `numbers(from, count, step)`
#[derive(Debug)]
pub(crate) struct Numbers {
    schema: Schema,
    from: u64,
    rows: u64,
    step: u64,
}

impl Numbers {
    pub(super) fn new(from: u64, count: u64, step: u64) -> Result<Numbers> {
        if step == 0 {
            bail!(BadArguments, "Table function numbers() needs a step other than 0");
        }
        let schema = Schema::new(vec![Field::new("number", DataType::UInt64)]);
        Ok(Numbers { schema, from, rows: count.div_ceil(step), step })
    }
}

impl BlockSource for Numbers {
    fn name(&self) -> String {
        "numbers".to_owned()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        usize::try_from(self.rows.div_ceil(BLOCK * PIECE)).unwrap_or(usize::MAX)
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let (from, step, all) = (self.from, self.step, self.rows);
        let width = columns.len();
        let start = piece as u64 * BLOCK * PIECE;
        let end = start.saturating_add(BLOCK * PIECE).min(all);
        let blocks = (start..end).step_by(BLOCK as usize).map(move |first| {
            let rows = BLOCK.min(end - first);
            let values = (first..first + rows).map(|n| from.wrapping_add(n.wrapping_mul(step)));
            let array: ArrayRef = Arc::new(UInt64Array::from_iter_values(values));
            Ok(Block::new(vec![Column::Flat(array); width], rows as usize))
        });
        Ok(Box::new(blocks))
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }
}

/// `zeros(count)`
#[derive(Debug)]
pub(crate) struct Zeros {
    schema: Schema,
    rows: u64,
}

impl Zeros {
    pub(super) fn new(rows: u64) -> Zeros {
        Zeros { schema: Schema::new(vec![Field::new("zero", DataType::UInt8)]), rows }
    }
}

impl BlockSource for Zeros {
    fn name(&self) -> String {
        "zeros".to_owned()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        usize::try_from(self.rows.div_ceil(BLOCK * PIECE)).unwrap_or(usize::MAX)
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let width = columns.len();
        let start = piece as u64 * BLOCK * PIECE;
        let end = start.saturating_add(BLOCK * PIECE).min(self.rows);
        let blocks = (start..end).step_by(BLOCK as usize).map(move |first| {
            let rows = BLOCK.min(end - first) as usize;
            let array: ArrayRef = Arc::new(UInt8Array::from(vec![0; rows]));
            Ok(Block::new(vec![Column::Flat(array); width], rows))
        });
        Ok(Box::new(blocks))
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }
}

/// One row `dummy = 0`.
pub(crate) fn one() -> Result<Rows> {
    let schema = Schema::new(vec![Field::new("dummy", DataType::UInt8)]);
    Rows::new("one", schema, vec![vec![Value::Int(0)]])
}

/// Rows of values.
#[derive(Debug)]
pub(crate) struct Rows {
    blocks: Blocks,
}

impl Rows {
    pub(crate) fn new(name: &str, schema: Schema, rows: Vec<Vec<Value>>) -> Result<Rows> {
        let count = rows.len();
        let mut columns: Vec<Vec<Value>> = vec![Vec::with_capacity(count); schema.len()];
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let columns = columns
            .iter()
            .zip(schema.fields())
            .map(|(values, field)| array_from_values(&field.data_type, values).map(Column::Flat))
            .collect::<Result<Vec<_>>>()?;
        let block = Block::new(columns, count);
        Ok(Rows { blocks: Blocks::new(name, schema, vec![block]) })
    }
}

impl BlockSource for Rows {
    fn name(&self) -> String {
        self.blocks.name()
    }

    fn schema(&self) -> &Schema {
        self.blocks.schema()
    }

    fn pieces(&self) -> usize {
        self.blocks.pieces()
    }

    fn read(&self, piece: usize, columns: &[usize], filter: &[Expr]) -> Result<BlockStream> {
        self.blocks.read(piece, columns, filter)
    }

    fn rows(&self) -> Option<u64> {
        self.blocks.rows()
    }
}

/// Blocks at hand.
#[derive(Debug)]
pub(crate) struct Blocks {
    name: String,
    schema: Schema,
    blocks: Vec<Block>,
}

impl Blocks {
    pub(crate) fn new(name: &str, schema: Schema, blocks: Vec<Block>) -> Blocks {
        Blocks { name: name.to_owned(), schema, blocks }
    }
}

impl BlockSource for Blocks {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        self.blocks.len()
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let block = self.blocks.get(piece).map(|block| {
            let columns = columns.iter().map(|c| block.column(*c).clone()).collect();
            Ok(Block::new(columns, block.rows()))
        });
        Ok(Box::new(block.into_iter()))
    }

    fn rows(&self) -> Option<u64> {
        Some(self.blocks.iter().map(|b| b.rows() as u64).sum())
    }
}
