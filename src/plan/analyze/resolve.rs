//! Expressions: syntax -> typed [`Expr`] over a scope.

use std::collections::HashMap;
use std::rc::Rc;

use base::{Result, bail};
use expr::{Argument, Expr};
use sql::ast::{BinaryOperator, Expression, FunctionCall, UnaryOperator, WindowSpecification};
use types::{Block, Column, DataType, Value};

use super::correlated::Correlated;
use super::literal::literal_value;
use super::scope::{Aliases, Scope, collect_aliases};
use super::window::PendingWindow;
use super::{AGGREGATES, Analyzer};
use crate::{AggregateCall, Environment};

/// Expressions nested deeper than this are refused.
const DEPTH_LIMIT: usize = 1_000;

/// Expressions of a query, aliases expanded; the default of ClickHouse's max_expanded_ast_elements.
const MOST_EXPANDED: usize = 500_000;

/// Bytes of a call's value up to which it becomes a literal.
const MOST_FOLDED: usize = 1 << 20;

/// Resolves the expressions of one SELECT.
pub(crate) struct Resolver<'r, 'a> {
    pub(crate) analyzer: &'r mut Analyzer<'a>,
    pub(crate) scope: &'r Scope,
    /// Aliases of this SELECT and expressions of WITH.
    pub(crate) aliases: Rc<Aliases>,
    /// Aliases that are being expanded: within itself an alias means the column of that name.
    pub(crate) expanding: Vec<String>,
    /// Parameters of the lambdas around, innermost last.
    pub(crate) lambda_parameters: Vec<(String, u32, DataType)>,
    /// The aggregate calls met so far.
    pub(crate) calls: Vec<AggregateCall>,
    /// Where aggregate functions are allowed now.
    pub(crate) aggregates_allowed: bool,
    /// The calls over windows met so far.
    pub(crate) windows: Vec<PendingWindow>,
    /// Where functions over windows are allowed now.
    pub(crate) windows_allowed: bool,
    /// Arrays of `arrayJoin(...)` met so far.
    pub(crate) array_joins: Vec<Expr>,
    /// Where `arrayJoin(...)` is allowed now.
    pub(crate) array_joins_allowed: bool,
    /// The windows of the WINDOW clause.
    pub(crate) named_windows: HashMap<String, WindowSpecification>,
    /// How deep the expression is nested that is being resolved.
    pub(crate) depth: usize,
    /// How many functions that queries define are being resolved within one another.
    pub(crate) defined_depth: usize,
    /// What aliases stand for, once resolved (outside of lambdas).
    pub(crate) resolved: HashMap<String, Expr>,
    /// Columns of FROM's rows, where subqueries that mention them can be joined to these.
    pub(super) width: Option<usize>,
    /// Subqueries that mention columns of the scope; their values stand behind FROM's columns.
    pub(super) correlated: Vec<Correlated>,
}

impl<'a> Analyzer<'a> {
    /// A resolver over a scope; aliases are collected from `sources`.
    pub(crate) fn resolver<'r, 's>(
        &'r mut self,
        scope: &'r Scope,
        sources: impl IntoIterator<Item = &'s Expression>,
    ) -> Result<Resolver<'r, 'a>> {
        let mut aliases = Aliases::new();
        for outer in &self.expressions {
            aliases.extend(outer.iter().map(|(name, e)| (name.clone(), e.clone())));
        }
        let mut own = Aliases::new();
        for (name, expression) in collect_aliases(sources) {
            match own.get(&name) {
                Some(before) if *before != expression => bail!(
                    MultipleExpressionsForAlias,
                    "Different expressions with the same alias {name}: {before} and {expression}"
                ),
                _ => own.insert(name, expression),
            };
        }
        aliases.extend(own);
        Ok(Resolver {
            analyzer: self,
            scope,
            aliases: Rc::new(aliases),
            expanding: Vec::new(),
            lambda_parameters: Vec::new(),
            calls: Vec::new(),
            aggregates_allowed: false,
            windows: Vec::new(),
            windows_allowed: false,
            array_joins: Vec::new(),
            array_joins_allowed: false,
            named_windows: HashMap::new(),
            depth: 0,
            defined_depth: 0,
            resolved: HashMap::new(),
            width: None,
            correlated: Vec::new(),
        })
    }
}

impl<'a> Resolver<'_, 'a> {
    pub(crate) fn environment(&self) -> &'a dyn Environment {
        self.analyzer.environment
    }

    /// An expression without aggregate functions.
    pub(crate) fn row_expression(&mut self, expression: &Expression) -> Result<Expr> {
        let allowed = std::mem::replace(&mut self.aggregates_allowed, false);
        let windows = std::mem::replace(&mut self.windows_allowed, false);
        let resolved = self.resolve(expression);
        self.aggregates_allowed = allowed;
        self.windows_allowed = windows;
        resolved
    }

    /// An expression; aggregate functions become references from [`AGGREGATES`] on.
    pub(crate) fn resolve(&mut self, expression: &Expression) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            bail!(TooDeepAst, "Expression is nested deeper than {DEPTH_LIMIT} levels");
        }
        if !matches!(expression, Expression::Literal(_)) {
            self.count_expanded(1)?;
        }
        let resolved = self.resolve_inner(expression);
        self.depth -= 1;
        resolved
    }

    /// Aliases that name aliases twice double a tree with each of them, so its size is bounded.
    fn count_expanded(&mut self, nodes: usize) -> Result<()> {
        self.analyzer.expanded += nodes;
        if self.analyzer.expanded > MOST_EXPANDED {
            bail!(
                TooBigAst,
                "The query has more than {MOST_EXPANDED} expressions, aliases expanded. Compute what is \
                 used often in a subquery"
            );
        }
        Ok(())
    }

    fn resolve_inner(&mut self, expression: &Expression) -> Result<Expr> {
        Ok(match expression {
            Expression::Literal(literal) => {
                let (value, data_type) = literal_value(literal, false)?;
                Expr::literal(value, data_type)
            }
            Expression::Identifier(name) => self.identifier(name)?,
            Expression::Parameter { name, data_type } => self.parameter(name, data_type)?,
            Expression::Alias(inner, name) => self.alias(inner, name)?,
            Expression::Unary(UnaryOperator::Minus, inner) => match inner.as_ref() {
                Expression::Literal(number @ sql::ast::Literal::Number(_)) => {
                    let (value, data_type) = literal_value(number, true)?;
                    Expr::literal(value, data_type)
                }
                other => self.call_on("negate", &[other])?,
            },
            Expression::Unary(UnaryOperator::Not, inner) => self.call_on("not", &[inner])?,
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right)?,
            Expression::IsNull { operand, negated } => {
                self.call_on(if *negated { "isNotNull" } else { "isNull" }, &[operand])?
            }
            Expression::Between { operand, negated, low, high } => {
                let (operand, low, high) =
                    (self.resolve(operand)?, self.resolve(low)?, self.resolve(high)?);
                let (above, below, all) = if *negated {
                    ("less", "greater", "or")
                } else {
                    ("greaterOrEquals", "lessOrEquals", "and")
                };
                let above = self.call(above, vec![operand.clone(), low])?;
                let below = self.call(below, vec![operand, high])?;
                self.call(all, vec![above, below])?
            }
            Expression::Like { operand, negated, case_insensitive, pattern } => {
                let name = match (negated, case_insensitive) {
                    (false, false) => "like",
                    (true, false) => "notLike",
                    (false, true) => "ilike",
                    (true, true) => "notILike",
                };
                self.call_on(name, &[operand, pattern])?
            }
            Expression::In { operand, negated, set, .. } => self.in_set(operand, set, *negated)?,
            Expression::Exists(query) => self.exists(query)?,
            Expression::Subquery(query) => self.scalar_subquery(query)?,
            Expression::Case { .. } => self.case(expression)?,
            Expression::Cast { operand, data_type } => {
                let operand = self.resolve(operand)?;
                let name = Expr::literal(Value::from(data_type.as_str()), DataType::String);
                self.call("CAST", vec![operand, name])?
            }
            Expression::Interval { amount, unit } => {
                let name = format!("toInterval{unit:?}");
                self.call_on(&name, &[amount])?
            }
            Expression::Tuple(items) => self.call_on_all("tuple", items)?,
            Expression::Array(items) => self.call_on_all("array", items)?,
            Expression::TupleIndex(tuple, index) => {
                let tuple = self.resolve(tuple)?;
                let (value, data_type) =
                    literal_value(&sql::ast::Literal::Number(index.to_string()), false)?;
                self.call("tupleElement", vec![tuple, Expr::literal(value, data_type)])?
            }
            Expression::TupleField(tuple, name) => {
                let tuple = self.resolve(tuple)?;
                self.field(tuple, name)?
            }
            Expression::ArrayElement(array, index) => {
                self.call_on("arrayElement", &[array, index])?
            }
            Expression::Function(call) => self.function(call)?,
            Expression::Lambda { .. } => {
                bail!(
                    UnexpectedExpression,
                    "Lambda {expression} stands outside of a function that takes one"
                )
            }
            Expression::Asterisk { .. } | Expression::Columns { .. } => bail!(
                UnexpectedExpression,
                "{expression} stands where one expression is expected; it may stand in SELECT and among arguments"
            ),
        })
    }

    /// A named field of a tuple, or the subcolumn of that name.
    pub(crate) fn field(&mut self, tuple: Expr, name: &str) -> Result<Expr> {
        match (name, tuple.data_type()) {
            (_, t) if has_parts(&t) => self.part(tuple, name),
            ("null", t) if t.is_nullable() => self.call("isNull", vec![tuple]),
            ("size0", DataType::Array(_) | DataType::Map(_)) => self.call("length", vec![tuple]),
            ("keys", DataType::Map(_)) => self.call("mapKeys", vec![tuple]),
            ("values", DataType::Map(_)) => self.call("mapValues", vec![tuple]),
            _ => {
                let name = Expr::literal(Value::from(name), DataType::String);
                self.call("tupleElement", vec![tuple, name])
            }
        }
    }

    /// A part of a Variant, Dynamic or JSON: a type's values, or a path's.
    fn part(&mut self, value: Expr, name: &str) -> Result<Expr> {
        let of_whole =
            |value: Expr, name: &str| (value, Expr::literal(Value::from(name), DataType::String));
        // `j.a.b` is one path, not a part of `j.a`.
        if let Some((object, path)) = path_of(&value) {
            let whole = match name.strip_prefix('^') {
                Some(_) => None,
                None => Some(format!("{path}.{name}")),
            };
            if let Some(whole) = whole {
                let (object, whole) = of_whole(object.clone(), &whole);
                return self.call("getSubcolumn", vec![object, whole]);
            }
        }
        if name == "null" && value.data_type().is_nullable() {
            return self.call("isNull", vec![value]);
        }
        let (value, name) = of_whole(value, name);
        self.call("getSubcolumn", vec![value, name])
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Expr> {
        let name = match operator {
            BinaryOperator::Or | BinaryOperator::And => {
                let mut parts = Vec::new();
                flatten(operator, left, &mut parts);
                flatten(operator, right, &mut parts);
                let name = if operator == BinaryOperator::And { "and" } else { "or" };
                let parts: Vec<&Expression> = parts;
                return self.call_on(name, &parts);
            }
            BinaryOperator::Equals => "equals",
            BinaryOperator::NotEquals => "notEquals",
            BinaryOperator::Less => "less",
            BinaryOperator::LessOrEquals => "lessOrEquals",
            BinaryOperator::Greater => "greater",
            BinaryOperator::GreaterOrEquals => "greaterOrEquals",
            BinaryOperator::NullSafeEquals => "isNotDistinctFrom",
            BinaryOperator::Plus => "plus",
            BinaryOperator::Minus => "minus",
            BinaryOperator::Multiply => "multiply",
            BinaryOperator::Divide => "divide",
            BinaryOperator::Modulo => "modulo",
            BinaryOperator::IntegerDivide => "intDiv",
            BinaryOperator::Concatenate => "concat",
        };
        self.call_on(name, &[left, right])
    }

    fn case(&mut self, expression: &Expression) -> Result<Expr> {
        let Expression::Case { operand, branches, otherwise } = expression else {
            bail!(LogicalError, "no CASE");
        };
        let operand = operand.as_ref().map(|o| self.resolve(o)).transpose()?;
        let mut arguments = Vec::with_capacity(branches.len() * 2 + 1);
        for branch in branches {
            let when = self.resolve(&branch.when)?;
            arguments.push(match &operand {
                Some(operand) => {
                    // NULL is a value like others here.
                    let both = operand.data_type().is_nullable() && when.data_type().is_nullable();
                    let equals = if both { "isNotDistinctFrom" } else { "equals" };
                    self.call(equals, vec![operand.clone(), when])?
                }
                None => when,
            });
            arguments.push(self.resolve(&branch.then)?);
        }
        arguments.push(match otherwise {
            Some(otherwise) => self.resolve(otherwise)?,
            None => Expr::literal(Value::Null, DataType::null()),
        });
        self.call(if arguments.len() == 3 { "if" } else { "multiIf" }, arguments)
    }

    /// A call by name of arguments as written.
    pub(crate) fn call_on(&mut self, name: &str, arguments: &[&Expression]) -> Result<Expr> {
        let resolved = arguments.iter().map(|a| self.resolve(a)).collect::<Result<_>>()?;
        self.call(name, resolved)
    }

    pub(crate) fn call_on_all(&mut self, name: &str, arguments: &[Expression]) -> Result<Expr> {
        let call = FunctionCall::new(name, arguments.to_vec());
        self.function(&call)
    }

    /// A call by name; computed at once where all arguments are literals.
    pub(crate) fn call(&mut self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        build_call(self.environment(), name, arguments)
    }

    fn alias(&mut self, inner: &Expression, name: &str) -> Result<Expr> {
        if self.lambda_parameters.is_empty()
            && let Some(known) = self.resolved.get(name).cloned()
        {
            let mut nodes = 0;
            known.visit(&mut |_| nodes += 1);
            self.count_expanded(nodes)?;
            return Ok(known);
        }
        if self.expanding.iter().any(|n| n == name) {
            return self.resolve(inner);
        }
        self.expanding.push(name.to_owned());
        let resolved = self.resolve(inner);
        self.expanding.pop();
        let resolved = resolved?;
        let has_calls = resolved.columns().iter().any(|c| *c >= AGGREGATES);
        if self.lambda_parameters.is_empty() && self.expanding.is_empty() && !has_calls {
            self.resolved.insert(name.to_owned(), resolved.clone());
        }
        Ok(resolved)
    }
}

/// Whether a type has parts that are neither fields nor sizes.
pub(super) fn has_parts(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(item) => has_parts(item),
        other => other.is_tagged() || matches!(other, DataType::Json(_)),
    }
}

/// The object and path of a part of an object that is Dynamic.
fn path_of(value: &Expr) -> Option<(&Expr, &str)> {
    let Expr::Call { function, arguments, .. } = value else { return None };
    let [object, path] = arguments.as_slice() else { return None };
    let of_json = function == "getSubcolumn"
        && matches!(object.data_type(), DataType::Json(_))
        && matches!(value.data_type(), DataType::Dynamic(_));
    Some((object, path.as_literal()?.as_str()?)).filter(|_| of_json)
}

fn flatten<'e>(
    operator: BinaryOperator,
    expression: &'e Expression,
    parts: &mut Vec<&'e Expression>,
) {
    let mut waiting = vec![expression];
    while let Some(expression) = waiting.pop() {
        match expression {
            Expression::Binary(same, left, right) if *same == operator => {
                waiting.push(right);
                waiting.push(left);
            }
            other => parts.push(other),
        }
    }
}

/// A column of SimpleAggregateFunction as the value that it holds.
pub(super) fn plain_value(argument: Expr) -> Expr {
    match argument {
        Expr::Column { index, data_type: DataType::SimpleAggregateFunction(simple) } => {
            Expr::column(index, simple.1.clone())
        }
        other => other,
    }
}

/// A call of a scalar function; computed at once where all arguments are literals and that is allowed.
pub(crate) fn build_call(
    environment: &dyn Environment,
    name: &str,
    arguments: Vec<Expr>,
) -> Result<Expr> {
    let arguments: Vec<Expr> = match name {
        "toTypeName" => arguments,
        _ => arguments.into_iter().map(plain_value).collect(),
    };
    let described: Vec<Argument> = arguments
        .iter()
        .map(|a| Argument {
            data_type: a.data_type(),
            constant: a.as_literal().cloned(),
            lambda: match a {
                Expr::Lambda { parameters, .. } => Some(parameters.len()),
                _ => None,
            },
        })
        .collect();
    let bound = environment.registry().bind(environment.context(), name, &described)?;
    let declaration = bound.declaration;
    // What takes no arguments looks at something else: toUnixTimestamp() is the time.
    let alone = arguments.is_empty() && !is_constant(declaration.name);
    if declaration.determinism != expr::Determinism::Always || alone {
        environment.note_unstable(declaration.name);
    }
    if let ("toTypeName", [argument]) = (declaration.name, described.as_slice())
        && argument.data_type != argument.data_type.without_low_cardinality()
    {
        // Functions are bound to types as they are computed; only here is it known how they are called.
        let called = Value::from(argument.data_type.to_string().as_str());
        return Ok(Expr::literal(called, DataType::String));
    }
    let call = Expr::Call {
        function: declaration.name.to_owned(),
        arguments,
        data_type: bound.return_type.clone(),
    };
    let Expr::Call { arguments, .. } = &call else { return Ok(call) };
    let constant = arguments.iter().all(|a| matches!(a, Expr::Literal { .. }));
    let fixed = declaration.determinism != expr::Determinism::Never
        && !matches!(
            declaration.name,
            "materialize" | "sleep" | "sleepEachRow" | "throwIf" | "rowNumberInBlock"
        );
    if !constant || !fixed {
        return Ok(call);
    }
    let column = computed(environment, &call)?;
    // A literal keeps every element as a value of its own, many times the size of the column.
    if column.memory() > MOST_FOLDED {
        return Ok(call);
    }
    Ok(Expr::literal(column.value(&bound.return_type, 0)?, bound.return_type))
}

/// Whether a function without arguments is always the same.
fn is_constant(function: &str) -> bool {
    matches!(function, "pi" | "e" | "array" | "map" | "tuple") || function.starts_with("emptyArray")
}

/// The column of one row that an expression without columns gives.
fn computed(environment: &dyn Environment, call: &Expr) -> Result<Column> {
    let evaluator = expr::Evaluator::new(
        std::slice::from_ref(call),
        environment.registry(),
        environment.context(),
    )?;
    match evaluator.evaluate(&Block::new(Vec::new(), 1))?.pop() {
        Some(column) => Ok(column),
        None => bail!(LogicalError, "an expression without a value"),
    }
}

/// Computes an expression without columns.
pub(crate) fn fold(
    environment: &dyn Environment,
    call: Expr,
    data_type: &DataType,
) -> Result<Expr> {
    let column = computed(environment, &call)?;
    Ok(Expr::literal(column.value(data_type, 0)?, data_type.clone()))
}
