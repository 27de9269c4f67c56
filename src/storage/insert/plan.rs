//! How the blocks of one table become columns of parts: computed once an insert or merge.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use codec::CodecChoice;
use expr::{Evaluator, Expr, FunctionContext, Registry};
use types::{Block, Column, DataType, Value};

use crate::definition::{ColumnDefinition, KeyColumn, TableDefinition};
use crate::text_index::TextPlan;

/// Which columns are written, and where the key comes from.
pub(crate) struct WritePlan {
    pub definition: Arc<TableDefinition>,
    /// Id and codec of each stored column.
    pub columns: Vec<(u32, CodecChoice)>,
    /// Bytes of a text that stay in the row, of each stored column; only those of CLOB ask.
    pub in_row: Vec<usize>,
    /// Types of the stored columns, then of the computed key columns.
    pub types: Vec<DataType>,
    /// Positions in `types` of the sorting key's columns.
    pub sorting: Vec<usize>,
    pub primary_key_length: usize,
    pub granularity: u32,
    pub granule_bytes: u64,
    /// The fields of text indexes.
    pub texts: Vec<TextPlan>,
    /// Computes the key columns that are not stored columns themselves.
    computed: Option<Evaluator>,
    partition: Option<Evaluator>,
    partition_types: Vec<DataType>,
}

impl WritePlan {
    pub(crate) fn new(definition: Arc<TableDefinition>, registry: &Registry) -> Result<WritePlan> {
        let mut stored: Vec<&ColumnDefinition> = Vec::new();
        let mut position = vec![usize::MAX; definition.columns.len()];
        for (at, column) in definition.physical_columns() {
            position[at] = stored.len();
            stored.push(column);
        }
        let mut types: Vec<DataType> = stored.iter().map(|c| c.data_type.clone()).collect();
        let columns = stored
            .iter()
            .map(|c| Ok((c.id, c.codec_choice()?)))
            .collect::<Result<Vec<(u32, CodecChoice)>>>()?;
        let place = |key: &KeyColumn| -> Result<Expr> {
            let reads = key.expression.columns();
            if reads.iter().any(|at| position.get(*at).is_none_or(|p| *p == usize::MAX)) {
                bail!(LogicalError, "Key {} reads a column that is not stored", key.text);
            }
            Ok(key.expression.clone().remap(&|at| position[at]))
        };
        let mut sorting = Vec::new();
        let mut computed = Vec::new();
        for key in &definition.sorting_key {
            match place(key)? {
                Expr::Column { index, .. } => sorting.push(index),
                expression => {
                    sorting.push(types.len());
                    types.push(expression.data_type());
                    computed.push(expression);
                }
            }
        }
        let partition: Vec<Expr> =
            definition.partition_key.iter().map(place).collect::<Result<_>>()?;
        let context = FunctionContext::default();
        let compile = |expressions: &[Expr]| -> Result<Option<Evaluator>> {
            if expressions.is_empty() {
                return Ok(None);
            }
            Evaluator::new(expressions, registry, &context).map(Some)
        };
        Ok(WritePlan {
            columns,
            in_row: stored.iter().map(|c| c.in_row()).collect(),
            types,
            sorting,
            primary_key_length: definition.primary_key_length,
            granularity: definition.index_granularity()?,
            granule_bytes: definition.index_granularity_bytes()?,
            texts: TextPlan::of_table(&definition, &position, registry)?,
            computed: compile(&computed)?,
            partition: compile(&partition)?,
            partition_types: partition.iter().map(Expr::data_type).collect(),
            definition,
        })
    }

    /// Rows of a granule: the table's, halved while the average granule is too large in bytes.
    pub(crate) fn granularity_for(&self, rows: u64, bytes: u64) -> u32 {
        let per_row = bytes.div_ceil(rows.max(1)).max(1);
        let mut granularity = self.granularity;
        while granularity > 1 && u64::from(granularity) * per_row > self.granule_bytes {
            granularity /= 2;
        }
        granularity
    }

    /// Checks a block against the table and appends the computed key columns.
    pub(crate) fn widen(&self, block: Block) -> Result<Block> {
        let rows = block.rows();
        if block.columns().len() != self.columns.len() {
            bail!(
                NumberOfColumnsDoesntMatch,
                "A block of {} columns is written to table {}, which stores {}",
                block.columns().len(),
                self.definition.full_name(),
                self.columns.len()
            );
        }
        let mut columns = Vec::with_capacity(self.types.len());
        for (column, data_type) in block.into_columns().into_iter().zip(&self.types) {
            columns.push(check_layout(column, data_type)?);
        }
        if let Some(computed) = &self.computed {
            let keys = computed.evaluate_columns(&columns, rows)?;
            columns.extend(keys);
        }
        Ok(Block::new(columns, rows))
    }

    /// Splits a block by partition; the number of partitions is limited by `most`.
    pub(crate) fn split(&self, block: Block, most: usize) -> Result<Vec<(Vec<Value>, Block)>> {
        let Some(partition) = &self.partition else { return Ok(vec![(Vec::new(), block)]) };
        let keys = partition.evaluate(&block)?;
        let splits = crate::partition::split(block, &keys, &self.partition_types, most)?;
        Ok(splits.into_iter().map(|s| (s.values, s.block)).collect())
    }

    /// The computed key columns of some rows, given the stored columns that they read (others may be
    /// of any length).
    pub(crate) fn compute_keys(&self, columns: &[Column], rows: usize) -> Result<Vec<Column>> {
        match &self.computed {
            Some(computed) => computed.evaluate_columns(columns, rows),
            None => Ok(Vec::new()),
        }
    }

    /// Positions of the stored columns that the sorting or the partition key reads.
    pub(crate) fn all_key_inputs(&self) -> Vec<usize> {
        let partition = self.definition.partition_key.iter();
        let read: Vec<usize> = partition.flat_map(|key| key.expression.columns()).collect();
        let mut inputs = self.key_inputs();
        for (stored, (at, _)) in self.definition.physical_columns().enumerate() {
            if read.contains(&at) {
                inputs.push(stored);
            }
        }
        inputs
    }

    /// Positions of the stored columns that the sorting key reads.
    pub(crate) fn key_inputs(&self) -> Vec<usize> {
        let mut inputs: Vec<usize> = Vec::new();
        let mut position = vec![usize::MAX; self.definition.columns.len()];
        for (stored, (at, _)) in self.definition.physical_columns().enumerate() {
            position[at] = stored;
        }
        for key in &self.definition.sorting_key {
            inputs.extend(key.expression.columns().into_iter().map(|at| position[at]));
        }
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

/// A wrong layout would fail far from here, or worse, be stored. Precision and scale of 128-bit
/// numbers are set to what the layout says; they carry no meaning.
fn check_layout(column: Column, data_type: &DataType) -> Result<Column> {
    let expected = data_type.arrow_type();
    let normal = |array: ArrayRef| -> ArrayRef {
        match array.as_primitive_opt::<Decimal128Type>() {
            Some(wide) if *array.data_type() != expected => {
                Arc::new(wide.clone().with_data_type(ArrowType::Decimal128(38, 0)))
            }
            _ => array,
        }
    };
    let column = match column {
        Column::Flat(array) => Column::Flat(normal(array)),
        Column::Constant { value, len } => Column::Constant { value: normal(value), len },
        other => other,
    };
    let found = match &column {
        Column::Flat(array) => array.data_type(),
        Column::Constant { value, .. } => value.data_type(),
        Column::Dictionary(_) => &ArrowType::BinaryView,
    };
    if *found != expected {
        bail!(LogicalError, "a column of type {data_type} has the layout {found}, not {expected}");
    }
    if !data_type.is_nullable() && column.nulls().is_some_and(|n| n.null_count() > 0) {
        bail!(
            CannotInsertNullInOrdinaryColumn,
            "Cannot insert NULL value into a column of type {data_type}"
        );
    }
    Ok(column)
}
