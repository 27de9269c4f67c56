//! CREATE FUNCTION and DROP FUNCTION: functions that are lambdas, kept in the catalog under hidden names.

use base::{Result, bail};
use sql::ast::{CreateFunction, Expression, Statement};
use storage::TableDefinition;

use crate::query::Query;

/// Where the definitions stand.
const DATABASE: &str = "system";

/// How their names begin there.
pub(crate) const HIDDEN: &str = ".function.";

fn hidden(name: &str) -> String {
    format!("{HIDDEN}{name}")
}

impl Query<'_> {
    /// CREATE FUNCTION.
    pub(crate) fn create_function(&mut self, mut create: CreateFunction) -> Result<()> {
        let registry = &self.engine.registry;
        if registry.function(&create.name).is_some() || registry.is_aggregate(&create.name) {
            bail!(FunctionAlreadyExists, "The function '{}' already exists", create.name);
        }
        let known = self.engine.store.table(DATABASE, &hidden(&create.name)).is_some();
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(
                FunctionAlreadyExists,
                "User-defined object '{}' of type Function already exists",
                create.name
            );
        }
        (create.or_replace, create.if_not_exists) = (false, false);
        if calls(&create.body, &create.name) {
            bail!(CannotCreateRecursiveFunction, "You cannot use recursive functions");
        }
        let name = hidden(&create.name);
        let definition = TableDefinition {
            database: DATABASE.to_owned(),
            name: name.clone(),
            engine: "Function".to_owned(),
            create_sql: Statement::CreateFunction(create).to_string(),
            ..TableDefinition::default()
        };
        if known {
            self.engine.store.drop_table(DATABASE, &name)?;
        }
        self.engine.store.create_table(definition).map(|_| ())
    }

    /// DROP FUNCTION.
    pub(crate) fn drop_function(&mut self, name: &str, if_exists: bool) -> Result<()> {
        if self.engine.store.table(DATABASE, &hidden(name)).is_none() {
            if if_exists {
                return Ok(());
            }
            bail!(UnknownFunction, "The function '{name}' doesn't exist");
        }
        self.engine.store.drop_table(DATABASE, &hidden(name))
    }

    /// The lambda of a function that was created.
    pub(crate) fn lambda_of(&self, name: &str) -> Result<Option<Expression>> {
        let Some(table) = self.engine.store.table(DATABASE, &hidden(name)) else { return Ok(None) };
        let snapshot = table.snapshot();
        self.read.borrow_mut().add(DATABASE, &hidden(name), &snapshot);
        match sql::parse(&snapshot.definition.create_sql)?.statement {
            Statement::CreateFunction(create) => Ok(Some(create.body)),
            _ => bail!(LogicalError, "{name} is no function"),
        }
    }

    /// Names and statements of all functions that were created.
    pub(crate) fn created_functions(&self) -> Vec<(String, String)> {
        let tables = self.engine.store.tables(DATABASE);
        let functions = tables.iter().map(|table| table.definition());
        functions
            .filter_map(|about| {
                let name = about.name.strip_prefix(HIDDEN)?;
                Some((name.to_owned(), about.create_sql.clone()))
            })
            .collect()
    }
}

/// Whether an expression's text has a call of a function.
fn calls(body: &Expression, name: &str) -> bool {
    let text = body.to_string();
    let call = format!("{}(", sql::quote_identifier(name));
    text.match_indices(&call).any(|(at, _)| {
        !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '`')
    })
}
