//! textIndexTerms([database,] table, index[, prefix]): the terms of a text index in their order, with the number of rows
//! that hold each. Read in batches, so that neither the dictionaries nor the answer are held in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{ArrayRef, UInt64Array};
use base::{Result, bail};
use expr::Expr;
use plan::{BlockSource, BlockStream, Relation};
use sql::ast::{Expression, TableName};
use storage::TableSnapshot;
use types::{Block, Column, DataType, Field, Schema};

use super::block_relation;
use crate::query::Query;

/// Terms that are read of each part at once.
const BATCH: usize = 4096;

/// `textIndexTerms(...)`
#[derive(Debug)]
struct TextTerms {
    schema: Schema,
    snapshot: Arc<TableSnapshot>,
    /// The fields of the index: ids and texts.
    fields: Vec<(u32, String)>,
    prefix: Vec<u8>,
}

impl Query<'_> {
    /// The table function.
    pub(super) fn terms_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let texts = arguments.iter().map(|a| self.constant_text(a)).collect::<Result<Vec<_>>>()?;
        let (name, rest) = match texts.as_slice() {
            [table, index] => (table_name(table), [index.as_str(), ""]),
            // Three: with a database, unless the second names an index of the first.
            [first, second, third] => match self.has_index(&table_name(first), second) {
                true => (table_name(first), [second.as_str(), third.as_str()]),
                false => {
                    let database = Some(first.clone());
                    (TableName { database, table: second.clone() }, [third.as_str(), ""])
                }
            },
            [database, table, index, prefix] => {
                let (database, table) = (Some(database.clone()), table.clone());
                (TableName { database, table }, [index.as_str(), prefix.as_str()])
            }
            _ => bail!(
                NumberOfArgumentsDoesntMatch,
                "textIndexTerms takes a database (or not), a table, a text index, and a prefix of terms (or not)"
            ),
        };
        let snapshot = self.stored_table(&name)?.snapshot();
        let definition = &snapshot.definition;
        let Some(index) = definition.text_indexes.iter().find(|index| index.name == rest[0]) else {
            bail!(BadArguments, "Table {} has no text index {}", definition.full_name(), rest[0]);
        };
        let fields = index.fields.iter().map(|field| (field.id, field.text.clone())).collect();
        let field = |name: &str, data_type| Field::new(name.to_owned(), data_type);
        let source = TextTerms {
            schema: Schema::new(vec![
                field("text", DataType::String),
                field("term", DataType::String),
                field("rows", DataType::UInt64),
            ]),
            fields,
            prefix: rest[1].as_bytes().to_vec(),
            snapshot,
        };
        Ok(block_relation(None, "textIndexTerms", Arc::new(source)))
    }

    fn has_index(&self, table: &TableName, index: &str) -> bool {
        let found = self.stored_table(table);
        found.is_ok_and(|t| t.definition().text_indexes.iter().any(|known| known.name == index))
    }
}

/// `table` or `database.table`.
fn table_name(text: &str) -> TableName {
    match text.split_once('.') {
        Some((database, table)) => {
            TableName { database: Some(database.to_owned()), table: table.to_owned() }
        }
        None => TableName { database: None, table: text.to_owned() },
    }
}

impl TextTerms {
    /// The next terms behind one, of all parts; empty at the end.
    fn batch(&self, field: u32, after: Option<&[u8]>) -> Result<BTreeMap<Vec<u8>, u64>> {
        let mut terms: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        // Beyond the last term of a part that has more, others may be incomplete.
        let mut complete_to: Option<Vec<u8>> = None;
        for part in &self.snapshot.parts {
            let Some(index) = part.text_index(field)? else { continue };
            let found = index.terms(&self.prefix, after, BATCH)?;
            if found.len() == BATCH
                && let Some(last) = found.last()
                && complete_to.as_ref().is_none_or(|end| last.term < *end)
            {
                complete_to = Some(last.term.clone());
            }
            for term in found {
                *terms.entry(term.term).or_default() += term.rows;
            }
        }
        if let Some(end) = complete_to {
            let mut beyond = terms.split_off(&end);
            terms.extend(beyond.remove_entry(&end));
        }
        Ok(terms)
    }
}

impl BlockSource for TextTerms {
    fn name(&self) -> String {
        "textIndexTerms".to_owned()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        self.fields.len()
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let Some((field, text)) = self.fields.get(piece).cloned() else {
            return Ok(Box::new(std::iter::empty()));
        };
        let own = TextTerms {
            schema: self.schema.clone(),
            snapshot: self.snapshot.clone(),
            fields: Vec::new(),
            prefix: self.prefix.clone(),
        };
        let (columns, mut after) = (columns.to_vec(), None::<Vec<u8>>);
        Ok(Box::new(std::iter::from_fn(move || {
            let terms = match own.batch(field, after.as_deref()) {
                Ok(terms) => terms,
                Err(error) => return Some(Err(error)),
            };
            after = Some(terms.last_key_value()?.0.clone());
            Some(block_of(&text, &terms, &columns))
        })))
    }

    fn rows(&self) -> Option<u64> {
        None
    }
}

fn block_of(text: &str, terms: &BTreeMap<Vec<u8>, u64>, columns: &[usize]) -> Result<Block> {
    let mut read = Vec::with_capacity(columns.len());
    for column in columns {
        read.push(match column {
            0 => Column::constant(&DataType::String, &text.into(), terms.len())?,
            1 => {
                let mut builder = BinaryViewBuilder::with_capacity(terms.len());
                terms.keys().for_each(|term| builder.append_value(term));
                Column::Flat(Arc::new(builder.finish()) as ArrayRef)
            }
            _ => Column::Flat(Arc::new(UInt64Array::from_iter_values(terms.values().copied()))),
        });
    }
    Ok(Block::new(read, terms.len()))
}
