//! Functions that are made of others: an expression over the arguments, computed as a query would.

use std::sync::LazyLock;

use base::Result;
use expr::{Argument, Bound, Evaluator, Expr, FunctionContext, Registry};
use types::{DataType, Value};

static ALL: LazyLock<Registry> = LazyLock::new(crate::registry);

/// Makes expressions over the arguments of a function.
pub(crate) struct Composer<'a> {
    context: &'a FunctionContext,
}

impl<'a> Composer<'a> {
    /// For a function that is being bound.
    pub(crate) fn new(context: &'a FunctionContext) -> Composer<'a> {
        Composer { context }
    }

    /// The arguments as expressions: literals where their values are known.
    pub(crate) fn arguments(arguments: &[Argument]) -> Vec<Expr> {
        let expression = |(at, argument): (usize, &Argument)| match &argument.constant {
            Some(value) => Expr::literal(value.clone(), argument.data_type.clone()),
            None => Expr::column(at, argument.data_type.clone()),
        };
        arguments.iter().enumerate().map(expression).collect()
    }

    /// A call of a function by name.
    ///
    /// # Errors
    /// What the function says of the arguments' types.
    pub(crate) fn call(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let described: Vec<Argument> = arguments
            .iter()
            .map(|a| Argument {
                data_type: a.data_type(),
                constant: a.as_literal().cloned(),
                lambda: None,
            })
            .collect();
        let bound = ALL.bind(self.context, name, &described)?;
        Ok(Expr::Call {
            function: bound.declaration.name.to_owned(),
            arguments,
            data_type: bound.return_type,
        })
    }

    /// An element of a tuple by its number from 0.
    pub(crate) fn element(&self, tuple: &Expr, at: usize) -> Result<Expr> {
        let place = Expr::literal(Value::Int(at as i128 + 1), DataType::UInt64);
        self.call("tupleElement", vec![tuple.clone(), place])
    }

    /// The function that computes an expression.
    pub(crate) fn bound(&self, expression: Expr) -> Result<Bound> {
        let return_type = expression.data_type();
        let evaluator = Evaluator::new(&[expression], &ALL, self.context)?;
        Ok(Bound::new(return_type, move |columns, rows| evaluator.evaluate_one(columns, rows)))
    }
}
