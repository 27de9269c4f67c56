//! What inserted rows must meet: CHECK constraints, and equal lengths of the arrays of nested columns.

use base::{Result, bail};
use expr::Evaluator;
use sql::ast::Statement;
use storage::TableDefinition;
use types::{Block, DataType, Value};

use crate::query::Query;

/// The checks of one table.
pub(crate) struct Checks {
    definition: TableDefinition,
    /// Names and texts of constraints with what they are over the stored columns.
    constraints: Vec<(String, String, Evaluator, DataType)>,
}

impl Checks {
    /// For rows of a table.
    ///
    /// # Errors
    /// Constraints that name what there is not.
    pub(crate) fn new(definition: &TableDefinition, query: &Query<'_>) -> Result<Checks> {
        let mut constraints = Vec::new();
        // Only CREATE TABLE can have constraints; views and functions have no such statement.
        if definition.create_sql.contains("CONSTRAINT")
            && let Statement::CreateTable(create) = sql::parse(&definition.create_sql)?.statement
        {
            for (name, check) in create.constraints {
                let text = check.to_string();
                let found = query.stored_expressions(definition, std::slice::from_ref(&text))?;
                let data_type = found[0].data_type();
                let evaluator = Evaluator::new(&found, &query.engine.registry, &query.functions)?;
                constraints.push((name, text, evaluator, data_type));
            }
        }
        Ok(Checks { definition: definition.clone(), constraints })
    }

    /// Looks at rows that are about to be written: every stored column.
    ///
    /// # Errors
    /// VIOLATED_CONSTRAINT, SIZES_OF_ARRAYS_DONT_MATCH
    pub(crate) fn check(&self, block: &Block) -> Result<()> {
        // Rows that are stored already, and those of functions, have no statement to be measured by.
        if self.definition.create_sql.is_empty() {
            return Ok(());
        }
        crate::nested::check_sizes(&self.definition, block)?;
        for (name, text, evaluator, data_type) in &self.constraints {
            let met = evaluator.evaluate_one(block.columns(), block.rows())?;
            for row in 0..block.rows() {
                let holds = match met.value(data_type, row)? {
                    Value::Int(number) => number != 0,
                    other => other.as_int().is_some_and(|number| number != 0),
                };
                if !holds {
                    bail!(
                        ViolatedConstraint,
                        "Constraint `{name}` for table {} is violated at row {}. Expression: ({text})",
                        self.definition.full_name(),
                        row + 1
                    );
                }
            }
        }
        Ok(())
    }
}
