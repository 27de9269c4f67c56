//! DEFAULT and MATERIALIZED columns of inserted rows, and arrays of nested columns that were not given.

use std::sync::Arc;

use arrow_array::Array;
use arrow_buffer::BooleanBuffer;
use base::{Error, Result, bail};
use expr::Evaluator;
use plan::{ColumnKind, RelationColumn, row_expressions};
use storage::{DefaultKind, TableDefinition};
use types::{Block, Column, DataType, default_array};

use crate::checks::Checks;
use crate::query::Query;

/// How the stored columns of a table come from those that are given. EPHEMERAL columns are computed on the
/// way; ALIAS columns stand for their expressions.
pub(crate) struct Defaults {
    given: usize,
    columns: Vec<Made>,
    /// Which of them are stored.
    stored: Vec<bool>,
    /// Positions of `columns` in the order in which they can be computed.
    order: Vec<usize>,
    checks: Checks,
}

/// One stored column.
struct Made {
    data_type: DataType,
    /// Where it stands among the given columns.
    given: Option<usize>,
    /// Its DEFAULT or MATERIALIZED expression over all columns of the table.
    expression: Option<Arc<Evaluator>>,
    always: bool,
}

impl Defaults {
    /// For rows that give some columns of a table.
    pub(crate) fn new(
        definition: &TableDefinition,
        given: &[String],
        query: &Query<'_>,
    ) -> Result<Defaults> {
        let (relation, places) = relation_of(definition)?;
        let mut columns = Vec::new();
        let mut needs: Vec<Vec<usize>> = Vec::new();
        for column in &definition.columns {
            let place = given.iter().position(|n| *n == column.name);
            let text = match &column.default {
                Some((DefaultKind::Default | DefaultKind::Materialized, text)) => {
                    Some(text.clone())
                }
                None if place.is_none() => crate::nested::missing_array(definition, column, given),
                _ => None,
            };
            let expression = match text {
                Some(text) => {
                    let cast = format!(
                        "_CAST({text}, {})",
                        crate::query::quoted(column.data_type.to_string())
                    );
                    let parsed = sql::parse_expression(&cast)?;
                    let resolved: Vec<expr::Expr> = row_expressions(&[parsed], &relation, query)?
                        .into_iter()
                        .map(|e| e.remap(&|at| places[at]))
                        .collect();
                    needs.push(resolved.iter().flat_map(expr::Expr::columns).collect());
                    Some(Arc::new(Evaluator::new(
                        &resolved,
                        &query.engine.registry,
                        &query.functions,
                    )?))
                }
                None => {
                    needs.push(Vec::new());
                    None
                }
            };
            columns.push(Made {
                data_type: column.data_type.clone(),
                given: place,
                always: matches!(column.default, Some((DefaultKind::Materialized, _))),
                expression,
            });
        }
        let order = order(&needs, &columns)?;
        let stored: Vec<bool> = definition.columns.iter().map(|c| c.is_physical()).collect();
        let checks = Checks::new(definition, query)?;
        Ok(Defaults { given: given.len(), columns, stored, order, checks })
    }

    /// The stored columns of rows that were given; `defaulted` tells which values were not.
    pub(crate) fn complete(
        &self,
        block: Block,
        defaulted: &[Option<BooleanBuffer>],
    ) -> Result<Block> {
        let rows = block.rows();
        if block.columns().len() != self.given {
            bail!(
                LogicalError,
                "{} columns were read, {} expected",
                block.columns().len(),
                self.given
            );
        }
        let nothing = Column::constant(&DataType::UInt8, &types::Value::Int(0), rows)?;
        let mut made: Vec<Column> = vec![nothing; self.columns.len()];
        for at in &self.order {
            let column = &self.columns[*at];
            let missing = column.given.and_then(|g| defaulted.get(g)).and_then(Option::as_ref);
            made[*at] = match (column.given, &column.expression) {
                (Some(given), None) => block.column(given).clone(),
                (Some(given), Some(expression)) if !column.always => match missing {
                    None => block.column(given).clone(),
                    Some(missing) => {
                        let computed = expression.evaluate_one(&made, rows)?;
                        choose(missing, &computed, block.column(given))?
                    }
                },
                (_, Some(expression)) => expression.evaluate_one(&made, rows)?,
                (None, None) => {
                    Column::Constant { value: default_array(&column.data_type, 1)?, len: rows }
                }
            };
        }
        let stored = made.into_iter().zip(&self.stored).filter(|(_, s)| **s).map(|(c, _)| c);
        let block = Block::new(stored.collect(), rows);
        self.checks.check(&block)?;
        Ok(block)
    }
}

/// The columns that defaults may name, and where in the table those stand that are values of a row.
fn relation_of(definition: &TableDefinition) -> Result<(Vec<RelationColumn>, Vec<usize>)> {
    let mut relation = Vec::with_capacity(definition.columns.len());
    let mut places = Vec::with_capacity(definition.columns.len());
    for (at, column) in definition.columns.iter().enumerate() {
        let kind = match &column.default {
            Some((DefaultKind::Alias, text)) => {
                ColumnKind::Alias(Box::new(sql::parse_expression(text)?))
            }
            _ => {
                places.push(at);
                ColumnKind::Ordinary
            }
        };
        let (name, data_type) = (column.name.clone(), column.data_type.clone());
        relation.push(RelationColumn { name, data_type, kind });
    }
    Ok((relation, places))
}

/// Values of one column where the mask is set, of the other elsewhere.
pub(crate) fn choose(mask: &BooleanBuffer, yes: &Column, no: &Column) -> Result<Column> {
    let (yes, no) = (yes.to_flat()?, no.to_flat()?);
    let places: Vec<(usize, usize)> =
        (0..mask.len()).map(|row| (usize::from(!mask.value(row)), row)).collect();
    let arrays: [&dyn Array; 2] = [yes.as_ref(), no.as_ref()];
    let chosen = arrow_select::interleave::interleave(&arrays, &places);
    chosen.map(Column::Flat).map_err(|e| Error::logical(e.to_string()))
}

/// An order in which every column comes after those that its expression reads.
fn order(needs: &[Vec<usize>], columns: &[Made]) -> Result<Vec<usize>> {
    let mut order = Vec::with_capacity(columns.len());
    let mut done = vec![false; columns.len()];
    while order.len() < columns.len() {
        let before = order.len();
        for at in 0..columns.len() {
            if !done[at] && needs[at].iter().all(|n| done[*n] || *n == at) {
                done[at] = true;
                order.push(at);
            }
        }
        if order.len() == before {
            bail!(CyclicAliases, "DEFAULT expressions of columns depend on each other");
        }
    }
    Ok(order)
}
