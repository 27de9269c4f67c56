//! Tables and table functions as queries see them.

mod combined;
mod file;
mod generated;
mod proxy;
mod random;
mod text_terms;

use std::sync::Arc;

use base::{Result, bail};
use plan::{BlockSource, ColumnKind, Relation, RelationColumn, RelationSource};
use sql::ast::{Expression, Literal, Statement, TableName};
use storage::{DefaultKind, TableDefinition};
use types::{Block, DataType, Schema, Value};

use crate::destination::TemporaryTable;
use crate::query::Query;
use crate::system;

use combined::Combined;
pub(crate) use file::{format_of, open};
pub(crate) use generated::{Blocks, Rows};

impl Query<'_> {
    /// A table's parts, which stay until the query's texts were read where it has CLOB.
    fn held(
        &self,
        (database, name): (&str, &str),
        snapshot: Arc<storage::TableSnapshot>,
    ) -> Arc<storage::TableSnapshot> {
        self.read.borrow_mut().add(database, name, &snapshot);
        if snapshot.definition.columns.iter().any(|column| column.data_type.is_clob()) {
            self.held.borrow_mut().push(snapshot.clone());
        }
        snapshot
    }

    /// Notes that nobody knows when a table changes.
    fn note_unstable_table(&self, name: &str) {
        self.read.borrow_mut().unstable_table = Some(name.to_owned());
    }

    /// A table by name.
    pub(crate) fn relation(&self, name: &TableName) -> Result<Relation> {
        let name = &self.named(name)?;
        if name.database.is_none()
            && let Some(external) = self.external.iter().find(|t| t.name == name.table)
        {
            return self.external_relation(external);
        }
        if name.database.is_none()
            && let Some(table) = self.session.temporary.get(&name.table)
        {
            return temporary_relation(&name.table, table);
        }
        let database = self.database_of(name);
        if let Some(table) = self.engine.store.table(database, &name.table) {
            let snapshot = self.held((database, &name.table), table.snapshot());
            let about = &snapshot.definition;
            match about.engine.as_str() {
                "Merge" | "Buffer" | "Dictionary" => {
                    self.note_unstable_table(&name.table);
                    return self.proxy_relation(about);
                }
                "MaterializedView" => {
                    // Views that write to each other in a circle have no target.
                    self.written_table(table.clone())?;
                    // One hop: a target that is a view or a Buffer itself tells what is behind it.
                    let mut shown = self.relation(&crate::materialized::target_name(about)?)?;
                    for column in &mut shown.columns {
                        let known = about.columns.iter().any(|c| c.name == column.name);
                        if !known && column.kind == ColumnKind::Ordinary {
                            column.kind = ColumnKind::Hidden;
                        }
                    }
                    let (database, name) = (Some(about.database.clone()), about.name.clone());
                    return Ok(Relation { database, name, ..shown });
                }
                _ => {}
            }
            let mut relation = table_relation(about, RelationSource::Table(snapshot.clone()))?;
            if about.row_rule.is_some() {
                let combined = Combined::new(snapshot.clone(), self.engine.registry.clone());
                let combined: Arc<dyn BlockSource> = Arc::new(combined);
                if about.engine == "Join" {
                    relation.source = RelationSource::Blocks(combined);
                } else {
                    relation.combined = Some(combined);
                }
            }
            return Ok(relation);
        }
        if matches!(database, "system" | "information_schema" | "INFORMATION_SCHEMA")
            && let Some(source) = system::table(&name.table, self)?
        {
            self.note_unstable_table(&name.table);
            return Ok(block_relation(Some(database), &name.table, source));
        }
        // What is taken for a column here may be a table the next time.
        self.note_unstable_table(&name.table);
        if self.engine.store.database(database).is_none() {
            bail!(UnknownDatabase, "Database {database} does not exist");
        }
        let near =
            self.engine.store.tables(database).into_iter().map(|t| t.definition().name.clone());
        let near = near.into_iter().find(|known| known.eq_ignore_ascii_case(&name.table));
        let hint = near.map(|n| format!(". Maybe you meant {database}.{n}?")).unwrap_or_default();
        bail!(UnknownTable, "Table {database}.{} does not exist{hint}", name.table)
    }

    /// A table's name with parameters of the type Identifier put in.
    pub(crate) fn named(&self, name: &TableName) -> Result<TableName> {
        let put_in = |part: &str| -> Result<String> {
            let parameter = part.strip_prefix('{').and_then(|p| p.strip_suffix(":Identifier}"));
            let Some(parameter) = parameter else { return Ok(part.to_owned()) };
            match self.parameters.get(parameter) {
                Some(value) => Ok(value.clone()),
                None => bail!(
                    UnknownQueryParameter,
                    "Substitution `{parameter}` is not set: send param_{parameter} with the request"
                ),
            }
        };
        let database = name.database.as_deref().map(put_in).transpose()?;
        Ok(TableName { database, table: put_in(&name.table)? })
    }

    /// A table function with its arguments.
    pub(crate) fn function_relation(
        &self,
        name: &str,
        arguments: &[Expression],
    ) -> Result<Relation> {
        let lower = name.to_ascii_lowercase();
        if !matches!(
            lower.as_str(),
            "numbers" | "numbers_mt" | "zeros" | "zeros_mt" | "one" | "values" | "view"
        ) {
            self.note_unstable_table(name);
        }
        match lower.as_str() {
            "numbers" | "numbers_mt" => {
                let numbers = self.unsigned_arguments(name, arguments, 3)?;
                let (from, count) = match numbers.as_slice() {
                    [] => (0, u64::MAX),
                    [count] => (0, *count),
                    [from, count, ..] => (*from, *count),
                };
                let step = numbers.get(2).copied().unwrap_or(1);
                let source = generated::Numbers::new(from, count, step)?;
                Ok(block_relation(None, "numbers", Arc::new(source)))
            }
            "zeros" | "zeros_mt" => {
                let numbers = self.unsigned_arguments(name, arguments, 1)?;
                let source = generated::Zeros::new(numbers.first().copied().unwrap_or(u64::MAX));
                Ok(block_relation(None, "zeros", Arc::new(source)))
            }
            "one" => Ok(block_relation(None, "one", Arc::new(generated::one()?))),
            "values" => self.values_relation(arguments),
            "file" => self.file_relation(arguments),
            "format" => self.format_relation(arguments),
            "generaterandom" => self.random_relation(arguments),
            "merge" => self.merge_relation(arguments),
            "textindexterms" => self.terms_relation(arguments),
            "dictionary" => match arguments {
                [name] => {
                    let found = self.named_dictionary(&self.constant_text(name)?)?;
                    self.dictionary_relation(&found.definition())
                }
                _ => bail!(BadArguments, "dictionary() takes the name of a dictionary"),
            },
            "view" => match arguments {
                [Expression::Subquery(query)] => Ok(Relation {
                    database: None,
                    name: "view".to_owned(),
                    columns: Vec::new(),
                    source: RelationSource::View(query.clone()),
                    combined: None,
                    sampling_key: None,
                }),
                _ => bail!(BadArguments, "view() takes one query"),
            },
            _ => bail!(UnknownFunction, "Unknown table function {name}"),
        }
    }

    fn unsigned_arguments(
        &self,
        name: &str,
        arguments: &[Expression],
        most: usize,
    ) -> Result<Vec<u64>> {
        if arguments.len() > most {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Table function {name} takes at most {most} arguments"
            );
        }
        arguments
            .iter()
            .map(|a| match self.constant(a)? {
                (Value::Int(number), _) if number >= 0 => {
                    Ok(u64::try_from(number).unwrap_or(u64::MAX))
                }
                (Value::Float(number), _) if number >= 0.0 && number.is_finite() => {
                    Ok(number as u64)
                }
                _ => bail!(
                    BadArguments,
                    "Argument {a} of table function {name} must be a number from 0 on"
                ),
            })
            .collect()
    }

    /// `generateRandom('a UInt8, b String'[, seed[, longest string[, longest array]]])`
    fn random_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let Some((structure, rest)) = arguments.split_first().filter(|(_, rest)| rest.len() <= 3)
        else {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "generateRandom takes a structure, a seed, the longest string and the longest array"
            );
        };
        let schema = parse_structure(&self.constant_text(structure)?)?;
        let seed = match rest.first().map(|seed| self.constant(seed)).transpose()? {
            None | Some((Value::Null, _)) => None,
            Some((Value::Int(number), _)) => Some(number as u64),
            Some(_) => bail!(BadArguments, "The seed of generateRandom must be an integer or NULL"),
        };
        let longest =
            self.unsigned_arguments("generateRandom", rest.get(1..).unwrap_or_default(), 2)?;
        let length =
            |at: usize| longest.get(at).map_or(10, |n| usize::try_from(*n).unwrap_or(usize::MAX));
        let lengths = random::Lengths { string: length(0), array: length(1) };
        let source = random::GenerateRandom::new(schema, seed, lengths)?;
        Ok(block_relation(None, "generateRandom", Arc::new(source)))
    }

    /// The value of a constant expression.
    pub(crate) fn constant(&self, expression: &Expression) -> Result<(Value, DataType)> {
        match plan::plan_expression(expression, self)? {
            expr::Expr::Literal { value, data_type } => Ok((value, data_type)),
            _ => bail!(BadArguments, "{expression} must be a constant"),
        }
    }

    /// A constant string; a bare name counts as one.
    pub(crate) fn constant_text(&self, expression: &Expression) -> Result<String> {
        if let Expression::Identifier(name) = expression {
            return Ok(name.0.join("."));
        }
        match self.constant(expression)?.0.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => bail!(BadArguments, "{expression} must be a string"),
        }
    }

    /// `values('a UInt8, b String', (1, 'x'), (2, 'y'))`, or without the structure.
    fn values_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let (schema, rows) = match arguments.split_first() {
            Some((Expression::Literal(Literal::String(text)), rows))
                if !rows.is_empty() && is_structure(&String::from_utf8_lossy(text), rows) =>
            {
                let structure = self.constant_text(&arguments[0])?;
                (Some(parse_structure(&structure)?), rows)
            }
            Some(_) => (None, arguments),
            None => bail!(BadArguments, "Table function values() needs rows"),
        };
        let mut values: Vec<Vec<(Value, DataType)>> = Vec::with_capacity(rows.len());
        for row in rows {
            values.push(match self.constant(row)? {
                (Value::Tuple(items), DataType::Tuple(fields)) => {
                    items.iter().cloned().zip(fields.iter().map(|f| f.data_type.clone())).collect()
                }
                single => vec![single],
            });
        }
        let width = values.first().map_or(0, Vec::len);
        if values.iter().any(|row| row.len() != width) {
            bail!(BadArguments, "Rows of values() have different numbers of columns");
        }
        let schema = match schema {
            Some(schema) if schema.len() == width => schema,
            Some(schema) => {
                bail!(
                    BadArguments,
                    "values() has {} columns declared and {width} given",
                    schema.len()
                )
            }
            None => {
                let mut fields = Vec::with_capacity(width);
                for at in 0..width {
                    let types: Vec<DataType> = values.iter().map(|row| row[at].1.clone()).collect();
                    let data_type = types::require_supertype(&types)?;
                    fields.push(types::Field::new(format!("c{}", at + 1), data_type));
                }
                Schema::new(fields)
            }
        };
        let mut cast = Vec::with_capacity(values.len());
        for row in values {
            let mut out = Vec::with_capacity(width);
            for ((value, data_type), field) in row.into_iter().zip(schema.fields()) {
                out.push(self.cast_value(value, &data_type, &field.data_type)?);
            }
            cast.push(out);
        }
        let rows = Rows::new("values", schema, cast)?;
        Ok(block_relation(None, "values", Arc::new(rows)))
    }

    /// A value as another type.
    pub(crate) fn cast_value(&self, value: Value, from: &DataType, to: &DataType) -> Result<Value> {
        if from == to {
            return Ok(value);
        }
        let argument = expr::Expr::literal(value, from.clone());
        let name = expr::Expr::literal(Value::from(to.to_string().as_str()), DataType::String);
        let call = expr::Expr::Call {
            function: "_CAST".to_owned(),
            arguments: vec![argument, name],
            data_type: to.clone(),
        };
        let evaluator = expr::Evaluator::new(&[call], &self.engine.registry, &self.functions)?;
        evaluator.evaluate_one(&[], 1)?.value(to, 0)
    }

    fn external_relation(&self, external: &crate::request::ExternalTable) -> Result<Relation> {
        let schema = match (&external.structure, &external.types) {
            (Some(structure), _) => parse_structure(structure)?,
            (None, Some(types)) => {
                let named: Vec<String> = split_types(types)
                    .into_iter()
                    .enumerate()
                    .map(|(at, t)| format!("_{} {t}", at + 1))
                    .collect();
                parse_structure(&named.join(", "))?
            }
            (None, None) => {
                bail!(BadArguments, "External table {} needs a structure or types", external.name)
            }
        };
        let format = if external.format.is_empty() { "TabSeparated" } else { &external.format };
        let source = Box::new(format::BytesSource::new(vec![external.content.clone()]));
        let settings = self.format_settings()?;
        let mut reader = format::reader(format, source, &schema, &settings, 1)?;
        let mut blocks: Vec<Block> = Vec::new();
        while let Some(block) = reader.next()? {
            blocks.push(block.block);
        }
        let source = generated::Blocks::new(&external.name, schema, blocks);
        Ok(block_relation(None, &external.name, Arc::new(source)))
    }
}

/// A table of the session.
fn temporary_relation(name: &str, table: &TemporaryTable) -> Result<Relation> {
    let stored =
        table.definition.columns.iter().filter(|c| {
            !matches!(c.default, Some((DefaultKind::Alias | DefaultKind::Ephemeral, _)))
        });
    let fields = stored.map(|c| types::Field::new(c.name.clone(), c.data_type.clone())).collect();
    let rows = generated::Blocks::new(name, Schema::new(fields), table.blocks());
    let relation = table_relation(&table.definition, RelationSource::Blocks(Arc::new(rows)))?;
    Ok(Relation { database: None, ..relation })
}

/// A stored table as a query sees it.
pub(crate) fn table_relation(
    definition: &Arc<TableDefinition>,
    source: RelationSource,
) -> Result<Relation> {
    let source = match &definition.query {
        Some(text) if definition.engine == "View" => match sql::parse(text)?.statement {
            Statement::Query(query) => RelationSource::View(query),
            _ => bail!(LogicalError, "view {} holds no query", definition.full_name()),
        },
        _ => source,
    };
    let mut columns = Vec::with_capacity(definition.columns.len());
    for column in &definition.columns {
        let kind = match &column.default {
            Some((DefaultKind::Materialized, _)) => ColumnKind::Hidden,
            Some((DefaultKind::Alias, text)) => {
                ColumnKind::Alias(Box::new(sql::parse_expression(text)?))
            }
            Some((DefaultKind::Ephemeral, _)) => continue,
            _ => ColumnKind::Ordinary,
        };
        columns.push(RelationColumn {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            kind,
        });
    }
    Ok(Relation {
        database: Some(definition.database.clone()),
        name: definition.name.clone(),
        columns,
        source,
        combined: None,
        sampling_key: definition.sampling_key.as_deref().map(sql::parse_expression).transpose()?,
    })
}

/// A block source as a relation.
pub(crate) fn block_relation(
    database: Option<&str>,
    name: &str,
    source: Arc<dyn BlockSource>,
) -> Relation {
    Relation {
        database: database.map(str::to_owned),
        name: name.to_owned(),
        columns: source
            .schema()
            .fields()
            .iter()
            .map(|f| RelationColumn {
                name: f.name.clone(),
                data_type: f.data_type.clone(),
                kind: ColumnKind::Ordinary,
            })
            .collect(),
        source: RelationSource::Blocks(source),
        combined: None,
        sampling_key: None,
    }
}

/// Whether a text before rows says what columns they have, rather than being a row itself.
fn is_structure(text: &str, rows: &[Expression]) -> bool {
    let alike = |row: &Expression| matches!(row, Expression::Literal(Literal::String(_)));
    parse_structure(text).is_ok() || !rows.iter().all(alike)
}

/// `name Type, name Type, ...`
pub(crate) fn parse_structure(text: &str) -> Result<Schema> {
    match DataType::parse(&format!("Tuple({text})"))? {
        DataType::Tuple(fields) => {
            let mut schema = Vec::with_capacity(fields.len());
            for (at, field) in fields.iter().enumerate() {
                match &field.name {
                    Some(name) => {
                        schema.push(types::Field::new(name.clone(), field.data_type.clone()))
                    }
                    None => {
                        bail!(SyntaxError, "Column {} of structure '{text}' has no name", at + 1)
                    }
                }
            }
            Ok(Schema::new(schema))
        }
        _ => bail!(SyntaxError, "Cannot parse structure '{text}'"),
    }
}

/// Types separated by commas outside of brackets.
fn split_types(text: &str) -> Vec<String> {
    let (mut depth, mut parts, mut current) = (0, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut current).trim().to_owned());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    parts.push(current.trim().to_owned());
    parts
}
