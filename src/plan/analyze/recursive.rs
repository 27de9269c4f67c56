//! WITH RECURSIVE: a table that is computed from its own rows of the round before.
//!
//! 1. The operands of UNION ALL that do not name the table give its first rows.
//! 2. The others are run over the rows of the last round, again and again, until none comes.
//! 3. Types: those of the first rows, widened until the other operands give nothing wider.
//!
//! The rounds are run when the query is planned, and there are at most `max_recursive_cte_evaluation_depth`.

use base::{Result, bail};
use sql::ast::{
    CommonTable, Expression, Query, SetOperator, TableExpression, TableReference, WithItem,
};
use types::{Block, Schema};

use super::scope::children;
use super::{Analyzer, common_types, unite};
use crate::Plan;

/// Rounds, unless the setting says otherwise.
const MOST_ROUNDS: u64 = 1000;

/// Times that types are widened at most: integers have few widths.
const MOST_WIDENED: usize = 16;

impl Analyzer<'_> {
    /// The rows of a table that names itself; nothing for one that does not.
    pub(super) fn recursive_table(&mut self, table: &CommonTable) -> Result<Option<Plan>> {
        if !mentions(&table.query, &table.name) {
            return Ok(None);
        }
        let mut operands = Vec::new();
        union_operands(&table.query, &mut operands)?;
        let (steps, bases): (Vec<&Query>, Vec<&Query>) =
            operands.into_iter().partition(|query| mentions(query, &table.name));
        if bases.is_empty() {
            bail!(
                UnsupportedMethod,
                "Recursive CTE subquery {} has no part without itself: start it with SELECT ... UNION ALL",
                table.name
            );
        }
        let bases = bases.into_iter().map(|q| self.query(q)).collect::<Result<Vec<_>>>()?;
        let mut first = unite(bases)?;
        if !table.columns.is_empty() {
            if table.columns.len() != first.schema().len() {
                bail!(
                    BadArguments,
                    "{} names for {} columns of {}",
                    table.columns.len(),
                    first.schema().len(),
                    table.name
                );
            }
            first = first.renamed(&table.columns);
        }
        let schema = self.widened(table, &first, &steps)?;
        let most = self.environment.setting("max_recursive_cte_evaluation_depth");
        let most = most.and_then(|text| text.parse().ok()).unwrap_or(MOST_ROUNDS);
        let mut last = self.run_as(first, &schema)?;
        let mut all: Vec<Block> = Vec::new();
        for round in 0.. {
            if last.iter().all(|block| block.rows() == 0) {
                break;
            }
            if round >= most {
                bail!(
                    TooDeepRecursion,
                    "Maximum recursive CTE evaluation depth ({most}) exceeded, during evaluation of {}. Consider \
                     raising max_recursive_cte_evaluation_depth setting",
                    table.name
                );
            }
            all.extend(last.iter().cloned());
            let plan = unite(self.steps(table, &schema, last, &steps)?)?;
            last = self.run_as(plan, &schema)?;
        }
        Ok(Some(Plan::Values { schema, blocks: all }))
    }

    /// The types of the table's columns.
    fn widened(&mut self, table: &CommonTable, first: &Plan, steps: &[&Query]) -> Result<Schema> {
        let mut schema = first.schema();
        for _ in 0..MOST_WIDENED {
            let mut inputs = vec![Plan::Values { schema: schema.clone(), blocks: Vec::new() }];
            inputs.extend(self.steps(table, &schema, Vec::new(), steps)?);
            let common = common_types(inputs)?;
            let found = common.first().map_or_else(|| schema.clone(), Plan::schema);
            if found == schema {
                break;
            }
            schema = found;
        }
        Ok(schema)
    }

    /// The operands over some rows of the table.
    fn steps(
        &mut self,
        table: &CommonTable,
        schema: &Schema,
        blocks: Vec<Block>,
        steps: &[&Query],
    ) -> Result<Vec<Plan>> {
        let rows = Plan::Values { schema: schema.clone(), blocks };
        self.working.push((table.name.clone(), rows));
        let plans = steps.iter().map(|query| self.query(query)).collect();
        self.working.pop();
        plans
    }

    /// Runs a plan, its columns cast to some types.
    fn run_as(&mut self, plan: Plan, schema: &Schema) -> Result<Vec<Block>> {
        let plan = super::cast_columns(plan, schema, self.environment)?;
        let blocks = self.environment.collect(crate::optimize(plan, self.environment)?)?;
        Ok(blocks.into_iter().filter(|block| block.rows() > 0).collect())
    }
}

/// The operands of a UNION ALL.
fn union_operands<'q>(query: &'q Query, found: &mut Vec<&'q Query>) -> Result<()> {
    let mut waiting = vec![query];
    while let Some(query) = waiting.pop() {
        match query {
            Query::SetOperation { operator: SetOperator::Union, distinct, left, right } => {
                if *distinct == Some(true) {
                    bail!(
                        UnsupportedMethod,
                        "A recursive CTE brings its parts together by UNION ALL, not UNION DISTINCT"
                    );
                }
                waiting.push(right);
                waiting.push(left);
            }
            other => found.push(other),
        }
    }
    Ok(())
}

/// Whether a query reads a table of that name, anywhere.
fn mentions(query: &Query, name: &str) -> bool {
    match query {
        Query::SetOperation { left, right, .. } => mentions(left, name) || mentions(right, name),
        Query::Select(select) => {
            let hidden =
                select.with.iter().any(|item| matches!(item, WithItem::Table(t) if t.name == name));
            if hidden {
                return false;
            }
            let with = select.with.iter().any(|item| match item {
                WithItem::Table(table) => mentions(&table.query, name),
                WithItem::Expression(expression, _) => mentioned_in(expression, name),
            });
            let items = select.items.iter().map(|item| &item.expression);
            let conditions = select.prewhere.iter().chain(&select.filter).chain(&select.having);
            with || select.from.as_ref().is_some_and(|from| read_from(from, name))
                || items.chain(conditions).any(|e| mentioned_in(e, name))
        }
    }
}

fn read_from(from: &TableExpression, name: &str) -> bool {
    match from {
        TableExpression::Join(join) => read_from(&join.left, name) || read_from(&join.right, name),
        TableExpression::Table(TableReference::Table { name: read, .. }) => {
            read.database.is_none() && read.table == name
        }
        TableExpression::Table(TableReference::Subquery { query, .. }) => mentions(query, name),
        TableExpression::Table(TableReference::Function { .. }) => false,
    }
}

fn mentioned_in(expression: &Expression, name: &str) -> bool {
    match expression {
        Expression::Subquery(query) | Expression::Exists(query) => mentions(query, name),
        Expression::In { set, .. } if matches!(set.as_ref(), Expression::Identifier(n) if n.0.len() == 1 && n.0[0] == name) => {
            true
        }
        other => children(other).into_iter().any(|child| mentioned_in(child, name)),
    }
}
