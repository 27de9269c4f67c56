//! One text of a CLOB column, for `GET /clob/<database>/<table>/<column>?key=...`.
//!
//! The row is looked for by a query over the primary key. What it was read from stays open as long as the text is, so
//! that the text can be read piece by piece, and is the same from beginning to end whatever happens to the table.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::Array;
use base::{Result, bail};
use plan::{Plan, optimize, plan_query};
use sql::ast::Statement;
use types::clob::{self, Clob};

use crate::engine::Engine;
use crate::query::{Query, quoted};

/// Which text.
#[derive(Debug, Clone, Default)]
pub struct TextAddress {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Values of the first expressions of the primary key, as text.
    pub key: Vec<String>,
}

impl TextAddress {
    /// The query that finds it.
    pub(crate) fn query(&self, engine: &Arc<Engine>) -> Result<Vec<u8>> {
        let Some(table) = engine.store.table(&self.database, &self.table) else {
            bail!(UnknownTable, "Table {}.{} does not exist", self.database, self.table);
        };
        let definition = table.definition();
        let keys = &definition.sorting_key;
        if keys.is_empty() {
            bail!(
                BadArguments,
                "Table {}.{} has no key to name a row by",
                self.database,
                self.table
            );
        }
        if self.key.is_empty() || self.key.len() > keys.len() {
            let names: Vec<&str> = keys.iter().map(|key| key.text.as_str()).collect();
            bail!(
                BadArguments,
                "Say which row by key=..., once for each of the first of: {}",
                names.join(", ")
            );
        }
        let mut text = format!(
            "SELECT {} FROM {}.{}{} WHERE 1",
            sql::quote_identifier(&self.column),
            sql::quote_identifier(&self.database),
            sql::quote_identifier(&self.table),
            if definition.row_rule.is_some() { " FINAL" } else { "" }
        );
        for (key, value) in keys.iter().zip(&self.key) {
            let _ = write!(text, " AND ({}) = {}", key.text, quoted(value));
        }
        text.push_str(" LIMIT 2");
        Ok(text.into_bytes())
    }
}

/// A text that was found.
#[derive(Debug)]
pub struct OpenText {
    cell: Vec<u8>,
    /// Keeps open what the text is read from.
    _plan: Plan,
}

impl OpenText {
    fn clob(&self) -> Result<Clob<'_>> {
        Clob::parse(&self.cell)
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// CORRUPTED_DATA
    pub fn bytes(&self) -> Result<u64> {
        Ok(self.clob()?.bytes())
    }

    /// What distinguishes it from all other texts, in letters and digits.
    ///
    /// # Errors
    /// CORRUPTED_DATA
    pub fn tag(&self) -> Result<String> {
        let mut tag = String::new();
        let hash = match self.clob()? {
            Clob::OutOfRow(stored) => stored.hash,
            Clob::InRow(text) => storage::text_hash(text),
        };
        for byte in hash {
            let _ = write!(tag, "{byte:02x}");
        }
        Ok(tag)
    }

    /// Appends up to `length` bytes from a byte on.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&self, from: u64, length: u64, out: &mut Vec<u8>) -> Result<()> {
        self.clob()?.read(from, length, out)
    }
}

impl Query<'_> {
    /// Looks for the text by the statement of this query.
    pub(crate) fn open_text(&mut self, address: &TextAddress) -> Result<Option<OpenText>> {
        let Some(Statement::Query(query)) = self.parsed.take().map(|parsed| parsed.statement)
        else {
            bail!(LogicalError, "a text is looked for by something that is no query");
        };
        self.refresh()?;
        let plan = optimize(plan_query(&query, self)?, self)?;
        let data_type = plan.schema().fields()[0].data_type.clone();
        if !data_type.is_clob() {
            bail!(
                IllegalTypeOfArgument,
                "Column {} is of type {data_type}, not CLOB",
                address.column
            );
        }
        let context = self.exec_context();
        let mut cells: Vec<Option<Vec<u8>>> = Vec::new();
        let looked = exec::stream(plan.clone(), &context, &mut |block| {
            let column = block.column(0).to_flat()?;
            let texts = clob::bytes_of(column.as_ref())?;
            cells.extend(
                (0..texts.len()).map(|row| texts.is_valid(row).then(|| texts.value(row).to_vec())),
            );
            Ok(())
        });
        self.count(&context);
        looked?;
        if cells.len() > 1 {
            bail!(
                BadArguments,
                "Several rows have the key {}: name more of it",
                address.key.join(", ")
            );
        }
        Ok(cells.pop().flatten().map(|cell| OpenText { cell, _plan: plan }))
    }
}
