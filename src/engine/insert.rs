//! INSERT: bytes or the rows of a query into a table.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::Array;
use arrow_buffer::BooleanBuffer;
use base::{Result, bail};
use bytes::Bytes;
use format::{ByteSource, FormatSettings};
use plan::{Environment, optimize, plan_query};
use sql::ast::{Expression, Insert, InsertSource, InsertTarget};
use storage::{DefaultKind, EngineKind, Table, TableDefinition};
use types::{Block, Column, DataType, Field, Schema, Value};

use crate::defaults::{Defaults, choose};
use crate::destination::Destination;
use crate::query::Query;
use crate::request::Output;

/// Bytes of a block of rows with CLOB: their texts are put out of row block by block.
const BLOCK_OF_TEXTS: usize = 8 << 20;

impl Query<'_> {
    /// Runs an INSERT; `data` is what stood behind it in the query's text, `input` what comes after.
    pub(crate) fn insert(
        &mut self,
        insert: Insert,
        data: Option<Bytes>,
        input: Option<Box<dyn ByteSource>>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let given = match (&insert.table, &insert.source) {
            (InsertTarget::Function { .. }, InsertSource::Query(query)) => {
                Some(plan_query(query, self)?.schema().clone())
            }
            _ => None,
        };
        let table = self.destination(&insert.table, given)?;
        let definition = table.definition();
        let wanted = wanted_columns(&definition, &insert.columns)?;
        match insert.source {
            InsertSource::Query(query) => {
                let plan = plan_query(&query, self)?;
                self.insert_query(&table, &wanted, plan)?;
            }
            source => {
                let (format, input) = self.data_source(source, data, input)?;
                self.insert_data(&table, &wanted, &format, input)?;
            }
        }
        self.no_answer(output)
    }

    /// The format and bytes of an INSERT with data.
    fn data_source(
        &self,
        source: InsertSource,
        data: Option<Bytes>,
        input: Option<Box<dyn ByteSource>>,
    ) -> Result<(String, Box<dyn ByteSource>)> {
        let format = match source {
            InsertSource::Values => "Values".to_owned(),
            InsertSource::Format(format) => format,
            InsertSource::InFile { path, format, .. } => {
                let paths = self.file_paths(&path)?;
                let Some(first) = paths.first() else {
                    bail!(FileDoesntExist, "No file matches '{path}'")
                };
                let format = match format {
                    Some(format) => format,
                    None => crate::relation::format_of(first)?,
                };
                return Ok((format, crate::relation::open(first)?));
            }
            InsertSource::Data | InsertSource::Query(_) => {
                let setting = self.settings.get("default_format").unwrap_or_default();
                if setting.is_empty() { "Values".to_owned() } else { setting.to_owned() }
            }
        };
        let first = data.filter(|d| !d.is_empty());
        Ok((format, Box::new(Joined { first, rest: input })))
    }

    fn insert_data(
        &mut self,
        table: &Destination,
        wanted: &[String],
        format: &str,
        input: Box<dyn ByteSource>,
    ) -> Result<()> {
        let definition = table.definition();
        let schema = schema_of(&definition, wanted)?;
        let mut settings = self.format_settings()?;
        self.evaluate_values(&mut settings);
        let threads = if self.settings.flag("input_format_parallel_parsing") {
            self.engine.scheduler.threads()
        } else {
            1
        };
        let defaults = Defaults::new(&definition, wanted, self)?;
        if let Destination::Stored(table) = table
            && self.settings.flag("async_insert")
            && format::clob_columns(&schema).is_empty()
            && table.engine_kind() == EngineKind::Parts
            && self.views_of(&definition)?.is_empty()
        {
            let mut reader = format::reader(format, input, &schema, &settings, threads)?;
            let mut blocks = Vec::new();
            while let Some(read) = reader.next()? {
                self.cancel.check()?;
                blocks.push(defaults.complete(read.block, &read.defaulted)?);
            }
            self.count_written(&blocks);
            return self.engine.async_inserter.insert(
                (table, definition),
                blocks,
                self.settings.flag("wait_for_async_insert"),
            );
        }
        let mut write = self.begin_writing(table)?;
        write.expect(&definition)?;
        if let Some(sink) = write.long_texts()? {
            settings.long_texts = Some(sink);
            settings.max_clob_bytes = self.settings.number("max_clob_bytes");
            settings.max_block_bytes = settings.max_block_bytes.min(BLOCK_OF_TEXTS);
        }
        let mut reader = format::reader(format, input, &schema, &settings, threads)?;
        while let Some(read) = reader.next()? {
            self.cancel.check()?;
            let block = defaults.complete(read.block, &read.defaulted)?;
            self.count_written(std::slice::from_ref(&block));
            write.write(self, block)?;
        }
        write.commit(self)
    }

    pub(crate) fn insert_query(
        &mut self,
        table: &Destination,
        wanted: &[String],
        plan: plan::Plan,
    ) -> Result<()> {
        let definition = table.definition();
        let schema = schema_of(&definition, wanted)?;
        let found = plan.schema();
        if found.len() != schema.len() {
            bail!(
                NumberOfColumnsDoesntMatch,
                "Number of columns doesn't match: INSERT names {}, the query gives {}",
                schema.len(),
                found.len()
            );
        }
        let as_default = self.settings.flag("insert_null_as_default");
        let nullable: Vec<bool> = found
            .fields()
            .iter()
            .zip(schema.fields())
            .map(|(from, to)| {
                let (from, to) = (&from.data_type, &to.data_type);
                as_default && from.is_nullable() && !to.is_nullable() && to.can_be_nullable()
            })
            .collect();
        let wide = schema.fields().iter().zip(&nullable).map(|(field, nullable)| {
            let data_type = field.data_type.clone();
            let data_type = if *nullable { data_type.nullable() } else { data_type };
            Field::new(field.name.clone(), data_type)
        });
        let plan = plan::cast_columns(plan, &Schema::new(wide.collect()), self)?;
        let plan = optimize(plan, self)?;
        let defaults = Defaults::new(&definition, wanted, self)?;
        let mut write = self.begin_writing(table)?;
        write.expect(&definition)?;
        let context = self.exec_context();
        let streamed = exec::stream(plan, &context, &mut |block| {
            let (block, defaulted) = nulls_as_defaults(block, &schema, &nullable)?;
            let block = defaults.complete(block, &defaulted)?;
            self.count_written(std::slice::from_ref(&block));
            write.write(self, block)
        });
        self.count(&context);
        streamed?;
        write.commit(self)
    }

    pub(crate) fn prepare_insert(&self, write: &mut storage::Insert, table: &Arc<Table>) {
        let most = if self.settings.flag("throw_on_max_partitions_per_insert_block") {
            self.settings.number("max_partitions_per_insert_block")
        } else {
            0
        };
        write.set_max_partitions(usize::try_from(most).unwrap_or(usize::MAX));
        if self.settings.number("parts_to_throw_insert") > 0 {
            write.set_refuse_from(self.settings.number("parts_to_throw_insert"));
        }
        write.set_combine(self.settings.flag("optimize_on_insert"));
        let token = self.settings.get("insert_deduplication_token").unwrap_or_default();
        if !token.is_empty() && self.settings.flag("insert_deduplicate") {
            write.deduplicate(table, token);
        }
    }

    fn count_written(&self, blocks: &[Block]) {
        for block in blocks {
            self.progress.written_rows.fetch_add(block.rows() as u64, Ordering::Relaxed);
            self.progress.written_bytes.fetch_add(block.memory() as u64, Ordering::Relaxed);
        }
    }

    /// Lets VALUES hold expressions.
    fn evaluate_values(&self, settings: &mut FormatSettings) {
        let (registry, context) = (self.engine.registry.clone(), self.functions.clone());
        let parameters = self.parameters.clone();
        settings.evaluate = Some(Arc::new(move |text: &str, wanted: &DataType| {
            let surroundings = Bare {
                registry: registry.clone(),
                context: context.clone(),
                parameters: parameters.clone(),
            };
            let expression = sql::parse_expression(text)?;
            let value = plan::plan_expression(&expression, &surroundings)?;
            let name =
                expr::Expr::literal(Value::from(wanted.to_string().as_str()), DataType::String);
            let cast = expr::Expr::Call {
                function: "_CAST".to_owned(),
                arguments: vec![value, name],
                data_type: wanted.clone(),
            };
            let evaluator = expr::Evaluator::new(&[cast], &registry, &context)?;
            evaluator.evaluate_one(&[], 1)?.value(wanted, 0)
        }));
    }
}

/// A block with the defaults of its columns' types for NULL, where a column is marked; where that was.
fn nulls_as_defaults(
    block: Block,
    schema: &Schema,
    marked: &[bool],
) -> Result<(Block, Vec<Option<BooleanBuffer>>)> {
    if !marked.contains(&true) {
        return Ok((block, Vec::new()));
    }
    let rows = block.rows();
    let mut columns = Vec::with_capacity(marked.len());
    let mut defaulted = vec![None; marked.len()];
    for (at, (field, marked)) in schema.fields().iter().zip(marked).enumerate() {
        let mut column = block.column(at).clone();
        if *marked {
            let flat = column.to_flat()?;
            if let Some(nulls) = flat.nulls().filter(|nulls| nulls.null_count() > 0) {
                let mask = !nulls.inner();
                let default = types::default_array(&field.data_type, 1)?;
                let default = Column::Constant { value: default, len: rows };
                column = choose(&mask, &default, &column)?;
                defaulted[at] = Some(mask);
            }
            column = column.with_nulls(None)?;
        }
        columns.push(column);
    }
    Ok((Block::new(columns, rows), defaulted))
}

/// The names of the columns that an INSERT gives.
fn wanted_columns(definition: &TableDefinition, written: &[Expression]) -> Result<Vec<String>> {
    let ordinary = || {
        definition
            .columns
            .iter()
            .filter(|c| {
                !matches!(
                    c.default,
                    Some((
                        DefaultKind::Materialized | DefaultKind::Alias | DefaultKind::Ephemeral,
                        _
                    ))
                )
            })
            .map(|c| c.name.clone())
    };
    if written.is_empty() {
        return Ok(ordinary().collect());
    }
    let mut names = Vec::new();
    for item in written {
        match item {
            Expression::Identifier(name) => names.push(name.0.join(".")),
            Expression::Asterisk { qualifier: None, transformers } => {
                let mut kept: Vec<String> = ordinary().collect();
                for transformer in transformers {
                    if let sql::ast::ColumnTransformer::Except(out) = transformer {
                        kept.retain(|n| !out.contains(n));
                    }
                }
                names.extend(kept);
            }
            Expression::Columns {
                qualifier: None, pattern: Some(pattern), transformers, ..
            } => {
                let pattern = regex::Regex::new(pattern)
                    .map_err(|e| base::error!(RegexpError, "Names of columns: {e}"))?;
                let mut kept: Vec<String> = ordinary().filter(|n| pattern.is_match(n)).collect();
                for transformer in transformers {
                    if let sql::ast::ColumnTransformer::Except(out) = transformer {
                        kept.retain(|n| !out.contains(n));
                    }
                }
                names.extend(kept);
            }
            other => bail!(SyntaxError, "{other} is no name of a column"),
        }
    }
    let mut sorted = names.clone();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
        bail!(DuplicateColumn, "Column {} is given twice in INSERT", twice[0]);
    }
    for name in &names {
        match definition.columns.iter().find(|c| c.name == *name).map(|c| &c.default) {
            None => bail!(
                NoSuchColumnInTable,
                "No such column {name} in table {}",
                definition.full_name()
            ),
            Some(Some((DefaultKind::Materialized | DefaultKind::Alias, _))) => bail!(
                IllegalColumn,
                "Cannot insert column {name}, because it is MATERIALIZED or ALIAS column"
            ),
            _ => {}
        }
    }
    Ok(names)
}

fn schema_of(definition: &TableDefinition, names: &[String]) -> Result<Schema> {
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        match definition.columns.iter().find(|c| c.name == *name) {
            Some(column) => fields.push(Field::new(name.clone(), column.data_type.clone())),
            None => bail!(
                NoSuchColumnInTable,
                "No such column {name} in table {}",
                definition.full_name()
            ),
        }
    }
    Ok(Schema::new(fields))
}

/// What stood in the query's text, then what comes after it.
struct Joined {
    first: Option<Bytes>,
    rest: Option<Box<dyn ByteSource>>,
}

impl ByteSource for Joined {
    fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match &mut self.rest {
            Some(rest) => rest.next(),
            None => Ok(None),
        }
    }
}

/// Surroundings without tables: for the expressions of VALUES.
struct Bare {
    registry: Arc<expr::Registry>,
    context: expr::FunctionContext,
    parameters: std::collections::BTreeMap<String, String>,
}

impl Environment for Bare {
    fn registry(&self) -> &expr::Registry {
        &self.registry
    }

    fn context(&self) -> &expr::FunctionContext {
        &self.context
    }

    fn table(&self, name: &sql::ast::TableName) -> Result<plan::Relation> {
        bail!(UnknownTable, "Table {} cannot be read from VALUES", name.table)
    }

    fn table_function(&self, name: &str, _arguments: &[Expression]) -> Result<plan::Relation> {
        bail!(UnknownFunction, "Table function {name} cannot be called from VALUES")
    }

    fn collect(&self, _plan: plan::Plan) -> Result<Vec<Block>> {
        bail!(NotImplemented, "Subqueries in VALUES are not supported")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn setting(&self, _name: &str) -> Option<String> {
        None
    }
}
