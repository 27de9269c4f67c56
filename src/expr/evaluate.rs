//! Evaluates typed expressions over blocks.
//!
//! 1. Equal sub-expressions become one node of the program and are computed once a block.
//! 2. Constants stay constants; a call of constants is computed on one row.
//! 3. A deterministic call of one dictionary column is computed on the distinct values: at once where
//!    the dictionary is no larger than the rows that are expected, else after as many rows were
//!    computed singly as the dictionary has values (so at most twice the better choice).
//! 4. Arguments of `if`, `and`, ... that are costly or can fail are computed only for the
//!    rows that need them; the rest get the type's default, which the kernel ignores.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, ArrayRef, UInt8Array, UInt32Array};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use types::{Block, Column, DataType, Value, array_from_values};

use crate::function::{Argument, Determinism, Kernel, LambdaCall, Nulls};
use crate::registry::{BoundFunction, has_nulls};
use crate::{Expr, FunctionContext, Registry, Set};

mod dictionary;
mod nulls;
mod on_values;
mod short_circuit;

use dictionary::DictionaryMemo;
use nulls::{put_nulls, strip_nulls, with_defaults};

/// Expressions compiled for evaluation; can be shared by threads.
pub struct Evaluator {
    program: Program,
    expected_rows: AtomicUsize,
}

/// Nodes in an order in which arguments come before the calls that use them.
struct Program {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

enum Node {
    Column(usize),
    Literal(ArrayRef),
    Parameter(u32),
    Call(Box<Call>),
    In { argument: usize, set: Arc<Set>, negated: bool },
    Lambda(Arc<Lambda>),
}

struct Call {
    function: BoundFunction,
    arguments: Vec<usize>,
    argument_types: Vec<DataType>,
    /// The arguments that read neither columns nor parameters: theirs are the same values in every block.
    fixed: Vec<bool>,
    /// Whether to compute it only where needed when it is an argument of a short-circuit function.
    guarded: bool,
    memo: DictionaryMemo,
}

struct Lambda {
    parameters: Vec<u32>,
    program: Program,
    captured_columns: Vec<usize>,
    captured_parameters: Vec<u32>,
}

/// What a program is evaluated over.
struct Environment<'a> {
    columns: &'a [Column],
    parameters: &'a HashMap<u32, Column>,
    rows: usize,
    expected_rows: usize,
}

impl Evaluator {
    /// Compiles expressions, which are evaluated together.
    ///
    /// # Errors
    /// Those of binding functions: the expressions come from elsewhere and are checked again.
    pub fn new(
        expressions: &[Expr],
        registry: &Registry,
        context: &FunctionContext,
    ) -> Result<Evaluator> {
        let mut compiler = Compiler { registry, context, nodes: Vec::new(), known: HashMap::new() };
        let roots = expressions.iter().map(|e| compiler.node(e)).collect::<Result<_>>()?;
        Ok(Evaluator {
            program: Program { nodes: compiler.nodes, roots },
            expected_rows: AtomicUsize::new(0),
        })
    }

    /// Tells how many rows of one part will come, about, so that functions of dictionaries can be
    /// computed on the distinct values at once.
    pub fn expect_rows(&self, rows: usize) {
        self.expected_rows.store(rows, Ordering::Relaxed);
    }

    /// The values of all expressions over a block.
    pub fn evaluate(&self, block: &Block) -> Result<Vec<Column>> {
        self.evaluate_columns(block.columns(), block.rows())
    }

    /// The values of all expressions over some columns; columns that no expression reads may be
    /// of any length.
    pub fn evaluate_columns(&self, columns: &[Column], rows: usize) -> Result<Vec<Column>> {
        let environment = Environment {
            columns,
            parameters: &HashMap::new(),
            rows,
            expected_rows: self.expected_rows.load(Ordering::Relaxed),
        };
        self.program.run(&environment)
    }

    /// The value of the only expression.
    pub fn evaluate_one(&self, columns: &[Column], rows: usize) -> Result<Column> {
        self.evaluate_columns(columns, rows)?
            .pop()
            .ok_or_else(|| Error::logical("an evaluator without expressions"))
    }
}

struct Compiler<'a> {
    registry: &'a Registry,
    context: &'a FunctionContext,
    nodes: Vec<Node>,
    known: HashMap<Expr, usize>,
}

impl Compiler<'_> {
    fn node(&mut self, expression: &Expr) -> Result<usize> {
        if let Some(found) = self.known.get(expression) {
            return Ok(*found);
        }
        let (node, shared) = match expression {
            Expr::Column { index, .. } => (Node::Column(*index), true),
            Expr::Literal { value, data_type } => {
                (Node::Literal(array_from_values(data_type, std::slice::from_ref(value))?), true)
            }
            Expr::Parameter { id, .. } => (Node::Parameter(*id), true),
            Expr::In { argument, set, negated } => {
                let argument = self.node(argument)?;
                (Node::In { argument, set: set.clone(), negated: *negated }, true)
            }
            Expr::Lambda { parameters, body } => (self.lambda(parameters, body)?, false),
            Expr::Call { function, arguments, data_type } => {
                let call = self.call(function, arguments, data_type)?;
                let shared = call.function.declaration.determinism != Determinism::Never;
                (Node::Call(Box::new(call)), shared)
            }
        };
        self.nodes.push(node);
        let at = self.nodes.len() - 1;
        if shared {
            self.known.insert(expression.clone(), at);
        }
        Ok(at)
    }

    fn lambda(&mut self, parameters: &[(u32, DataType)], body: &Expr) -> Result<Node> {
        let mut inner = Compiler {
            registry: self.registry,
            context: self.context,
            nodes: Vec::new(),
            known: HashMap::new(),
        };
        let root = inner.node(body)?;
        let parameters: Vec<u32> = parameters.iter().map(|(id, _)| *id).collect();
        let mut captured_parameters = Vec::new();
        body.visit(&mut |e| {
            if let Expr::Parameter { id, .. } = e
                && !parameters.contains(id)
                && !captured_parameters.contains(id)
            {
                captured_parameters.push(*id);
            }
        });
        Ok(Node::Lambda(Arc::new(Lambda {
            parameters,
            program: Program { nodes: inner.nodes, roots: vec![root] },
            captured_columns: body.columns(),
            captured_parameters,
        })))
    }

    fn call(&mut self, function: &str, arguments: &[Expr], data_type: &DataType) -> Result<Call> {
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
        let bound = self.registry.bind(self.context, function, &described)?;
        if bound.return_type.physical() != data_type.physical() {
            bail!(
                LogicalError,
                "function {function} was planned to return {data_type}, but returns {}",
                bound.return_type
            );
        }
        let fixed = arguments.iter().map(is_fixed).collect();
        let arguments: Vec<usize> =
            arguments.iter().map(|a| self.node(a)).collect::<Result<_>>()?;
        let cheap = matches!(bound.declaration.category, "Comparison" | "Logical" | "Conditional")
            || matches!(bound.declaration.name, "plus" | "minus" | "multiply");
        let guarded = !cheap
            || arguments
                .iter()
                .any(|a| matches!(&self.nodes[*a], Node::Call(call) if call.guarded));
        Ok(Call {
            function: bound,
            arguments,
            argument_types: described.into_iter().map(|d| d.data_type).collect(),
            fixed,
            guarded,
            memo: DictionaryMemo::default(),
        })
    }
}

/// Whether an expression reads neither columns nor parameters of lambdas.
fn is_fixed(expression: &Expr) -> bool {
    let mut fixed = true;
    expression.visit(&mut |e| {
        fixed &= !matches!(e, Expr::Column { .. } | Expr::Parameter { .. });
    });
    fixed
}

impl Program {
    fn run(&self, environment: &Environment<'_>) -> Result<Vec<Column>> {
        let mut done: Vec<Option<Column>> = vec![None; self.nodes.len()];
        self.roots.iter().map(|root| self.value(*root, environment, &mut done)).collect()
    }

    fn value(
        &self,
        at: usize,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
    ) -> Result<Column> {
        if let Some(value) = &done[at] {
            return Ok(value.clone());
        }
        let value = match &self.nodes[at] {
            Node::Column(index) => match environment.columns.get(*index) {
                Some(column) => column.clone(),
                None => bail!(LogicalError, "no column {index} in a block"),
            },
            Node::Literal(value) => {
                Column::Constant { value: value.clone(), len: environment.rows }
            }
            Node::Parameter(id) => match environment.parameters.get(id) {
                Some(column) => column.clone(),
                None => bail!(LogicalError, "no parameter {id} of a lambda"),
            },
            Node::Call(call) => self.call(call, environment, done)?,
            Node::In { argument, set, negated } => {
                let argument = self.value(*argument, environment, done)?;
                is_in(&argument, set, *negated)?
            }
            Node::Lambda(_) => bail!(LogicalError, "a lambda outside of a function"),
        };
        if value.len() != environment.rows {
            bail!(
                LogicalError,
                "a column of {} rows in a block of {}",
                value.len(),
                environment.rows
            );
        }
        done[at] = Some(value.clone());
        Ok(value)
    }

    fn call(
        &self,
        call: &Call,
        environment: &Environment<'_>,
        done: &mut Vec<Option<Column>>,
    ) -> Result<Column> {
        match &call.function.kernel {
            Kernel::Plain(_) if call.function.declaration.short_circuit => {
                let arguments = self.guarded_arguments(call, environment, done)?;
                call.apply(&arguments, environment)
            }
            Kernel::Plain(_) => {
                let arguments = call
                    .arguments
                    .iter()
                    .map(|a| self.value(*a, environment, done))
                    .collect::<Result<Vec<_>>>()?;
                call.apply(&arguments, environment)
            }
            Kernel::HigherOrder(kernel) => {
                let (mut lambdas, mut columns) = (Vec::new(), Vec::new());
                for argument in &call.arguments {
                    match &self.nodes[*argument] {
                        Node::Lambda(lambda) => lambdas.push(BoundLambda { lambda, environment }),
                        _ => columns.push(self.value(*argument, environment, done)?),
                    }
                }
                let nulls = call.take_nulls(&mut columns)?;
                for column in &mut columns {
                    if let Column::Dictionary(_) = column {
                        *column = Column::Flat(column.to_flat()?);
                    }
                }
                let calls: Vec<&dyn LambdaCall> =
                    lambdas.iter().map(|l| l as &dyn LambdaCall).collect();
                let result = kernel(&calls, &columns, environment.rows)?;
                put_nulls(result, nulls)
            }
        }
    }
}

impl Call {
    /// Calls the kernel, on as few rows as the arguments' forms allow.
    fn apply(&self, arguments: &[Column], environment: &Environment<'_>) -> Result<Column> {
        let Kernel::Plain(kernel) = &self.function.kernel else {
            bail!(LogicalError, "a higher-order function without lambdas");
        };
        let deterministic = self.function.declaration.determinism != Determinism::Never;
        if deterministic && !arguments.is_empty() && arguments.iter().all(Column::is_constant) {
            let one: Vec<Column> = arguments.iter().map(|a| a.slice(0, 1)).collect();
            let value = self.on_flat(kernel, one, 1)?.to_flat()?;
            return Ok(Column::Constant { value, len: environment.rows });
        }
        let mut varying = arguments.iter().enumerate().filter(|(_, a)| !a.is_constant());
        if deterministic
            && let (Some((at, Column::Dictionary(column))), None) = (varying.next(), varying.next())
        {
            // Where a row is NULL its result is, unless the function says otherwise or its results cannot be.
            let custom_null = self.function.declaration.nulls == Nulls::Custom
                || !self.function.return_type.is_nullable();
            // A constant of this block may be another in the next: results with it cannot be remembered.
            let same_everywhere = self.fixed.iter().enumerate().all(|(i, fixed)| i == at || *fixed);
            if same_everywhere && !(custom_null && column.nulls.is_some()) {
                return self.memo.apply(column, environment.expected_rows, &|values, rows| {
                    let mut on_values: Vec<Column> = arguments
                        .iter()
                        .map(|a| if a.is_constant() { a.slice(0, rows) } else { a.clone() })
                        .collect();
                    on_values[at] = values;
                    self.on_flat(kernel, on_values, rows)
                });
            }
        }
        self.on_flat(kernel, arguments.to_vec(), environment.rows)
    }

    /// Calls the kernel on flat or constant columns, nulls off and on again.
    fn on_flat(
        &self,
        kernel: &crate::function::PlainKernel,
        mut arguments: Vec<Column>,
        rows: usize,
    ) -> Result<Column> {
        for argument in &mut arguments {
            if let Column::Dictionary(_) = argument {
                *argument = Column::Flat(argument.to_flat()?);
            }
        }
        let nulls = self.take_nulls(&mut arguments)?;
        match (kernel(&arguments, rows), nulls) {
            (Ok(result), nulls) => put_nulls(result, nulls),
            // What stands under NULL may be what the kernel cannot take: only the others count.
            (Err(_), Some(nulls)) if nulls.null_count() > 0 => {
                self.on_valid_rows(kernel, &arguments, &nulls)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Takes the nulls off the arguments; where rows are NULL, so is the result. A result that cannot be is
    /// computed from defaults there.
    fn take_nulls(&self, arguments: &mut [Column]) -> Result<Option<NullBuffer>> {
        if !self.function.strips_nulls {
            return Ok(None);
        }
        if self.function.return_type.is_nullable() {
            return strip_nulls(arguments);
        }
        for argument in arguments {
            if has_nulls(argument) {
                *argument = with_defaults(argument)?;
            }
        }
        Ok(None)
    }

    /// Calls the kernel on the rows without NULL; the others get NULL.
    fn on_valid_rows(
        &self,
        kernel: &crate::function::PlainKernel,
        arguments: &[Column],
        nulls: &NullBuffer,
    ) -> Result<Column> {
        if nulls.null_count() == nulls.len() {
            let layout = self.function.return_type.arrow_type();
            return Ok(Column::Flat(arrow_array::new_null_array(&layout, nulls.len())));
        }
        let mask = arrow_array::BooleanArray::new(nulls.inner().clone(), None);
        let fewer: Vec<Column> =
            arguments.iter().map(|a| a.filter(&mask)).collect::<Result<_>>()?;
        let rows = nulls.len() - nulls.null_count();
        let values = kernel(&fewer, rows)?;
        let placed = short_circuit::scatter(&values, nulls.inner(), &self.function.return_type)?;
        put_nulls(placed, Some(nulls.clone()))
    }
}

/// `argument [NOT] IN set` as UInt8; NULL where the argument is.
fn is_in(argument: &Column, set: &Set, negated: bool) -> Result<Column> {
    let test = |array: &ArrayRef| -> ArrayRef {
        let found = set.contains(array);
        let flags = (0..found.len()).map(|row| u8::from(found.value(row) != negated));
        Arc::new(UInt8Array::new(flags.collect(), array.nulls().cloned()))
    };
    Ok(match argument {
        Column::Constant { value, len } => Column::Constant { value: test(value), len: *len },
        // Where all rows are NULL there may be no value at all.
        Column::Dictionary(column)
            if (1..=column.codes.len() * 2).contains(&column.dictionary.len()) =>
        {
            let values = test(&column.dictionary.values()?);
            let taken =
                arrow_select::take::take(&values, &UInt32Array::from(column.codes.to_vec()), None)
                    .map_err(|e| Error::logical(e.to_string()))?;
            Column::Flat(taken).with_nulls(column.nulls.clone())?
        }
        other => Column::Flat(test(&other.to_flat()?)),
    })
}

struct BoundLambda<'a> {
    lambda: &'a Lambda,
    environment: &'a Environment<'a>,
}

impl LambdaCall for BoundLambda<'_> {
    fn call(&self, parameters: Vec<Column>, rows: &[u32]) -> Result<Column> {
        let lambda = self.lambda;
        if parameters.len() != lambda.parameters.len() {
            bail!(LogicalError, "a lambda called with {} parameters", parameters.len());
        }
        let indices = UInt32Array::from(rows.to_vec());
        let nothing = Column::constant(&DataType::UInt8, &Value::Int(0), rows.len())?;
        let width = lambda.captured_columns.last().map_or(0, |last| last + 1);
        let mut columns = vec![nothing; width];
        for at in &lambda.captured_columns {
            match self.environment.columns.get(*at) {
                Some(column) => columns[*at] = column.take(&indices)?,
                None => bail!(LogicalError, "no column {at} for a lambda"),
            }
        }
        let mut named: HashMap<u32, Column> = HashMap::new();
        for id in &lambda.captured_parameters {
            if let Some(column) = self.environment.parameters.get(id) {
                named.insert(*id, column.take(&indices)?);
            }
        }
        named.extend(lambda.parameters.iter().copied().zip(parameters));
        let environment = Environment {
            columns: &columns,
            parameters: &named,
            rows: rows.len(),
            expected_rows: 0,
        };
        let mut results = lambda.program.run(&environment)?;
        results.pop().ok_or_else(|| Error::logical("a lambda without a body"))
    }
}
