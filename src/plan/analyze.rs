//! The analyzer: a query's syntax tree -> a logical plan with resolved names and types.
//!
//! How one SELECT becomes a plan:
//! 1. FROM gives a plan and a scope: the columns that names can mean.
//! 2. Aliases of all clauses are collected first, because ClickHouse lets any clause use them.
//! 3. Expressions are resolved over the scope; aggregate functions within become calls on the side and
//!    references to pseudo-columns from [`AGGREGATES`] on.
//! 4. After aggregation, sub-expressions equal to a key become references to the key's column; a column that
//!    is left then is NOT_AN_AGGREGATE.
//! 5. Functions over windows become calls and references from [`WINDOWS`] on; their nodes stand above HAVING.
//! 6. Subqueries that mention columns of the query around them are joined to FROM's rows.
//! 7. ORDER BY may use what is not selected: it is computed beside and dropped at the end.

mod aggregation;
mod array_join;
mod asof;
mod asterisk;
mod correlated;
mod fill;
mod function;
mod grouping;
mod identifier;
mod in_set;
mod join;
mod lambda;
mod literal;
mod ordering;
mod recursive;
mod resolve;
mod sample;
mod scope;
mod score;
mod select;
mod subqueries;
mod table;
mod window;

use std::collections::HashMap;
use std::rc::Rc;

use base::{Result, bail};
use expr::Expr;
use sql::ast::{CommonTable, Expression, Query, SetOperator};
use types::{Field, Schema, common_or_variant};

pub(crate) use join::{common_key, conjuncts};
pub(crate) use literal::cast_to;
pub use literal::literal_value;
pub(crate) use resolve::build_call;

use crate::logical::columns_of;
use crate::{Environment, Plan, RelationColumn};
use scope::Scope;

/// Pseudo-columns from here on are aggregate calls.
const AGGREGATES: usize = 1 << 24;

/// Pseudo-columns from here on are calls over windows.
const WINDOWS: usize = 1 << 25;

/// Pseudo-columns from here on are elements of `arrayJoin(...)`.
const ARRAY_JOINS: usize = 1 << 26;

/// Where an item stands in a list, at whose end it is put if it is not there yet.
fn place_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The number of a column among the pseudo-columns from `first`, a power of two, on.
fn pseudo(column: usize, first: usize) -> Option<usize> {
    (first..first * 2).contains(&column).then(|| column - first)
}

/// Subqueries within subqueries beyond this are refused.
const DEPTH_LIMIT: usize = 100;

/// Plans a query, names and types resolved, not yet optimized.
///
/// # Errors
/// Whatever is wrong with the query.
pub fn plan_query(query: &Query, environment: &dyn Environment) -> Result<Plan> {
    Analyzer::new(environment).query(query)
}

/// Resolves an expression over given columns (of no table): for keys, defaults, mutations.
pub fn row_expressions(
    expressions: &[Expression],
    columns: &[RelationColumn],
    environment: &dyn Environment,
) -> Result<Vec<Expr>> {
    let mut analyzer = Analyzer::new(environment);
    let scope = Scope::of_columns(columns);
    let mut resolver = analyzer.resolver(&scope, expressions)?;
    expressions.iter().map(|e| resolver.row_expression(e)).collect()
}

/// Resolves an expression without columns and computes it, as for LIMIT or arguments of table functions.
pub fn plan_expression(expression: &Expression, environment: &dyn Environment) -> Result<Expr> {
    let found = row_expressions(std::slice::from_ref(expression), &[], environment)?;
    found.into_iter().next().ok_or_else(|| base::Error::logical("an expression got lost"))
}

/// A plan with only the rows for which all conditions hold.
pub(crate) fn filtered(
    plan: Plan,
    conditions: Vec<Expr>,
    environment: &dyn Environment,
) -> Result<Plan> {
    let predicate = match conditions.len() {
        0 => return Ok(plan),
        1 => conditions.into_iter().next(),
        _ => Some(build_call(environment, "and", conditions)?),
    };
    Ok(match predicate {
        Some(predicate) => Plan::Filter { input: Box::new(plan), predicate },
        None => plan,
    })
}

/// What is shared by all parts of a query.
pub(crate) struct Analyzer<'a> {
    environment: &'a dyn Environment,
    /// WITH name AS (query), visible from here on, innermost last.
    tables: Vec<Rc<HashMap<String, CommonTable>>>,
    /// WITH expression AS name of enclosing queries.
    expressions: Vec<Rc<HashMap<String, Expression>>>,
    /// Scores that the SELECTs around ask, innermost last.
    scores: Vec<Rc<score::WantedScores>>,
    /// Tables of WITH RECURSIVE with the rows that they have now, innermost last.
    working: Vec<(String, Plan)>,
    depth: usize,
    /// The database of tables without one, within a view: the view's.
    database: Option<String>,
    /// What names of subqueries can mean beyond their own tables, innermost last; none where nothing around
    /// is seen.
    outer: Vec<Option<Outer>>,
    /// Expressions resolved so far, those that aliases stand for each time anew.
    expanded: usize,
    next_parameter: u32,
}

/// The SELECT around a subquery.
struct Outer {
    scope: Rc<Scope>,
    /// Whether the subquery has mentioned one of its columns.
    used: bool,
}

impl<'a> Analyzer<'a> {
    fn new(environment: &'a dyn Environment) -> Analyzer<'a> {
        Analyzer {
            environment,
            tables: Vec::new(),
            expressions: Vec::new(),
            scores: Vec::new(),
            working: Vec::new(),
            depth: 0,
            database: None,
            outer: Vec::new(),
            expanded: 0,
            next_parameter: 0,
        }
    }

    /// Plans a query with its set operations.
    pub(crate) fn query(&mut self, query: &Query) -> Result<Plan> {
        self.depth += 1;
        let setting = self.environment.setting("max_subquery_depth").and_then(|v| v.parse().ok());
        let most = setting.filter(|most| *most > 0).unwrap_or(DEPTH_LIMIT);
        if self.depth > DEPTH_LIMIT || self.depth - 1 > most {
            bail!(TooDeepSubqueries, "Too deep subqueries, maximum: {}", most.min(DEPTH_LIMIT));
        }
        let plan = match query {
            Query::Select(select) => self.select(select),
            Query::SetOperation { operator: SetOperator::Union, distinct, .. } => {
                self.union(query, *distinct)
            }
            Query::SetOperation { operator, distinct, left, right } => {
                self.set_operation(*operator, distinct.unwrap_or(false), left, right)
            }
        };
        self.depth -= 1;
        plan
    }

    /// Plans a query that sees no columns of the queries around it.
    fn independent(&mut self, query: &Query) -> Result<Plan> {
        self.outer.push(None);
        let plan = self.query(query);
        self.outer.pop();
        plan
    }

    /// Plans a subquery of an expression over a scope; whether it mentions columns of that.
    fn subquery(&mut self, query: &Query, scope: &Scope) -> Result<(Plan, bool)> {
        self.outer.push(Some(Outer { scope: Rc::new(scope.clone()), used: false }));
        let plan = self.query(query);
        let used = self.outer.pop().flatten().is_some_and(|outer| outer.used);
        Ok((plan?, used))
    }

    /// UNION: a chain of the same kind becomes one node.
    fn union(&mut self, query: &Query, distinct: Option<bool>) -> Result<Plan> {
        let mut inputs = Vec::new();
        self.union_inputs(query, distinct, &mut inputs)?;
        let distinct = match distinct {
            Some(distinct) => distinct,
            None => match self.environment.setting("union_default_mode").as_deref() {
                Some("ALL") => false,
                Some("DISTINCT") => true,
                _ => bail!(
                    SyntaxError,
                    "Expected ALL or DISTINCT in SelectWithUnion query; because setting (union_default_mode) is empty"
                ),
            },
        };
        let plan = unite(inputs)?;
        Ok(if distinct { distinct_of(plan) } else { plan })
    }

    fn union_inputs(
        &mut self,
        query: &Query,
        mode: Option<bool>,
        inputs: &mut Vec<Plan>,
    ) -> Result<()> {
        let mut chain = Vec::new();
        let mut at = query;
        while let Query::SetOperation { operator: SetOperator::Union, distinct, left, right } = at {
            if *distinct != mode {
                break;
            }
            chain.push(right);
            at = left;
        }
        inputs.push(self.query(at)?);
        for right in chain.into_iter().rev() {
            inputs.push(self.query(right)?);
        }
        Ok(())
    }

    /// INTERSECT and EXCEPT as joins on all columns.
    fn set_operation(
        &mut self,
        operator: SetOperator,
        distinct: bool,
        left: &Query,
        right: &Query,
    ) -> Result<Plan> {
        let (left, right) = (self.query(left)?, self.query(right)?);
        let names: Vec<String> = left.schema().fields().iter().map(|f| f.name.clone()).collect();
        let plans = common_types(vec![left, right])?;
        let [left, right]: [Plan; 2] = plans
            .try_into()
            .map_err(|_| base::Error::logical("two inputs became another number"))?;
        let anti = operator == SetOperator::Except;
        let schema = left.schema();
        let keys = columns_of(&schema).into_iter().zip(columns_of(&right.schema())).collect();
        let joined = Plan::Join(crate::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind: crate::JoinKind::Left,
            strictness: if anti {
                crate::JoinStrictness::Anti
            } else {
                crate::JoinStrictness::Semi
            },
            keys,
            condition: None,
            schema,
            build_left: false,
            needed: None,
        });
        let plan = joined.renamed(&names);
        Ok(if distinct { distinct_of(plan) } else { plan })
    }
}

fn distinct_of(plan: Plan) -> Plan {
    let columns = (0..plan.schema().len()).collect();
    Plan::Distinct { input: Box::new(plan), columns, limit: None }
}

/// Brings inputs to common types and unites them.
fn unite(inputs: Vec<Plan>) -> Result<Plan> {
    let inputs = common_types(inputs)?;
    if inputs.len() == 1 {
        return inputs.into_iter().next().ok_or_else(|| base::Error::logical("an empty union"));
    }
    let schema = inputs[0].schema();
    Ok(Plan::Union { inputs, schema })
}

/// Casts the columns of inputs to their common types, by position, named as in the first.
fn common_types(inputs: Vec<Plan>) -> Result<Vec<Plan>> {
    let schemas: Vec<Schema> = inputs.iter().map(Plan::schema).collect();
    let width = schemas[0].len();
    if schemas.iter().any(|s| s.len() != width) {
        bail!(
            UnionAllResultStructuresMismatch,
            "Different number of columns in UNION elements: {}",
            schemas.iter().map(|s| s.len().to_string()).collect::<Vec<_>>().join(" and ")
        );
    }
    let mut fields = Vec::with_capacity(width);
    for at in 0..width {
        let types: Vec<_> = schemas.iter().map(|s| s.fields()[at].data_type.clone()).collect();
        fields.push(Field::new(schemas[0].fields()[at].name.clone(), common_or_variant(&types)?));
    }
    let common = Schema::new(fields);
    Ok(inputs
        .into_iter()
        .zip(schemas)
        .map(|(plan, schema)| {
            if schema == common {
                return plan;
            }
            let expressions = columns_of(&schema)
                .into_iter()
                .zip(common.fields())
                .map(|(e, field)| literal::cast_to_common(e, &field.data_type))
                .collect();
            Plan::Project { input: Box::new(plan), expressions, schema: common.clone() }
        })
        .collect())
}

/// The plan with its columns cast to the types of a schema, by position, and named as there.
pub fn cast_columns(plan: Plan, wanted: &Schema, environment: &dyn Environment) -> Result<Plan> {
    let found = plan.schema();
    if found.len() != wanted.len() {
        bail!(
            NumberOfColumnsDoesntMatch,
            "{} columns where {} are wanted",
            found.len(),
            wanted.len()
        );
    }
    let mut expressions = Vec::with_capacity(found.len());
    for (column, field) in columns_of(&found).into_iter().zip(wanted.fields()) {
        let same = column.data_type().without_low_cardinality()
            == field.data_type.without_low_cardinality();
        expressions.push(if same {
            column
        } else {
            let name = types::Value::from(field.data_type.to_string().as_str());
            let name = Expr::literal(name, types::DataType::String);
            resolve::build_call(environment, "_CAST", vec![column, name])?
        });
    }
    let fields = wanted
        .fields()
        .iter()
        .zip(&expressions)
        .map(|(f, e)| Field::new(f.name.clone(), e.data_type()))
        .collect();
    Ok(Plan::Project { input: Box::new(plan), expressions, schema: Schema::new(fields) })
}
