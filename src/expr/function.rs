//! Scalar functions: how one is declared, bound to argument types, and called.
//!
//! A function is declared once, as a `FunctionDeclaration` constant; binding it to argument
//! types gives its return type and a kernel that works on whole columns. The evaluator takes
//! the chores off the kernels:
//!
//! 1. With [`Nulls::Propagate`] a kernel is bound to the types without `Nullable` and gets columns
//!    without null buffers (values under NULL are arbitrary but valid); the result is NULL where
//!    any argument was. A literal NULL argument makes the result `Nullable(Nothing)`.
//! 2. Kernels get `Column::Flat` or `Column::Constant`, never a dictionary. A deterministic call whose
//!    arguments are one dictionary column and constants is computed once per distinct value.
//! 3. A deterministic call of constants is computed on one row and stays constant.
//! 4. `LowCardinality` is taken off before binding.

use std::sync::Arc;

use base::{Example, Result, bail};
use types::{Column, DataType, Value};

use crate::FunctionContext;

/// What happens to NULL arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The result is NULL where any argument is; the kernel never sees a NULL.
    Propagate,
    /// The function is bound to the nullable types and treats NULL itself.
    Custom,
}

/// Whether calls can be computed ahead, or shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Determinism {
    /// Same arguments, same result.
    Always,
    /// The same within one query, as `now()`.
    WithinQuery,
    /// Anew for every row, as `rand()`.
    Never,
}

/// Everything about a scalar function: documentation, `system.functions`, behaviour.
#[derive(Debug, Clone, Copy)]
pub struct FunctionDeclaration {
    /// Its canonical name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Whether names match in any case.
    pub case_insensitive: bool,
    /// The family, for the reference: "String", "Date and time", ...
    pub category: &'static str,
    /// How it is called, as in `substring(s, offset[, length])`.
    pub syntax: &'static str,
    /// What it returns.
    pub description: &'static str,
    /// At least one.
    pub examples: &'static [Example],
    /// NULL arguments.
    pub nulls: Nulls,
    /// When a call may be computed ahead.
    pub determinism: Determinism,
    /// Fewest and most arguments; `usize::MAX` for any number.
    pub arguments: (usize, usize),
    /// Whether arguments after the first are computed only for the rows that need them
    /// (`if`, `multiIf`, `and`, `or`, `coalesce`).
    pub short_circuit: bool,
    /// Whether greater first arguments give greater or equal results (the others constant), so
    /// that ranges of a key stay ranges (`toDate(time)`).
    pub monotonic: bool,
    /// Types of the parameters of the lambda at an argument's place, from the types of all
    /// arguments (a lambda's own type is `Nothing` here).
    pub lambda: Option<LambdaParameters>,
    /// Of a function of texts and what is looked for in them.
    pub search: Option<SearchDeclaration>,
    /// Binds to a first argument of CLOB, whose texts it reads bit by bit; where there is nothing or this gives nothing,
    /// the function gets Strings.
    pub of_clob: Option<BindClob>,
    /// Binds to argument types.
    pub bind: fn(&FunctionContext, &[Argument]) -> Result<Bound>,
}

impl FunctionDeclaration {
    /// The usual: propagates NULL, deterministic. To be completed by `..FunctionDeclaration::USUAL`.
    pub const USUAL: FunctionDeclaration = FunctionDeclaration {
        name: "",
        aliases: &[],
        case_insensitive: false,
        category: "",
        syntax: "",
        description: "",
        examples: &[],
        nulls: Nulls::Propagate,
        determinism: Determinism::Always,
        arguments: (0, usize::MAX),
        short_circuit: false,
        monotonic: false,
        lambda: None,
        search: None,
        of_clob: None,
        bind: |_, _| bail!(LogicalError, "a function without behaviour"),
    };

    /// Fails unless so many arguments are allowed.
    pub fn check_count(&self, count: usize) -> Result<()> {
        let (least, most) = self.arguments;
        if count < least || count > most {
            let expected = if least == most {
                format!("{least}")
            } else if most == usize::MAX {
                format!("at least {least}")
            } else {
                format!("{least} to {most}")
            };
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Number of arguments for function {} doesn't match: passed {count}, should be {expected}",
                self.name
            );
        }
        Ok(())
    }
}

/// See [`FunctionDeclaration::of_clob`].
pub type BindClob = fn(&FunctionContext, &[Argument]) -> Result<Option<Bound>>;

/// What is known of a function of texts, so that text indexes can help it.
#[derive(Debug, Clone, Copy)]
pub struct SearchDeclaration {
    /// Says by which analyzer the text is cut, where the arguments do not: how many of the arguments stay, and what
    /// follows them.
    pub with_analyzer: Option<CompletedArguments>,
    /// The same where the first argument is a tuple of texts: for each its name, and its analyzer where it has one.
    pub with_fields: Option<CompletedFields>,
    /// What is asked of the text, the first argument, or of the texts of a tuple; none where it differs by row, or no index can tell.
    pub question: Option<AskedQuestion>,
    /// What the text of every row that passes has, by the terms of an analyzer; none where nothing is certain.
    pub candidates: Option<NecessaryTerms>,
}

impl SearchDeclaration {
    /// To be completed by what there is.
    pub const NONE: SearchDeclaration = SearchDeclaration {
        with_analyzer: None,
        with_fields: None,
        question: None,
        candidates: None,
    };
}

/// See [`SearchDeclaration::with_analyzer`].
pub type CompletedArguments = fn(&[Argument], &str) -> (usize, Vec<(Value, DataType)>);

/// See [`SearchDeclaration::with_fields`].
pub type CompletedFields =
    fn(&[Argument], &[(String, Option<String>)]) -> (usize, Vec<(Value, DataType)>);

/// See [`SearchDeclaration::question`].
pub type AskedQuestion = fn(&[Argument]) -> Result<Option<TextQuestion>>;

/// See [`SearchDeclaration::candidates`].
pub type NecessaryTerms = fn(&[Argument], &text::Analyzer) -> Option<text::Query>;

/// What a call asks of a text, or of several.
#[derive(Debug, Clone, PartialEq)]
pub struct TextQuestion {
    /// What cuts each text.
    pub analyzers: Vec<text::Analyzer>,
    /// What is asked; fields are the texts by their numbers.
    pub query: text::Query,
}

/// Types of the parameters of the lambda that stands at a place among the arguments.
pub type LambdaParameters = fn(&[Argument], usize) -> Result<Vec<DataType>>;

/// What is known of an argument when a function is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its type, without LowCardinality; of a lambda: its return type.
    pub data_type: DataType,
    /// Its value where that is known.
    pub constant: Option<Value>,
    /// For a lambda: how many parameters it has.
    pub lambda: Option<usize>,
}

/// The least common type of arguments, or a Variant of theirs. Constants of UInt64 that fit Int64 count as that beside signed integers.
///
/// # Errors
/// NO_COMMON_TYPE
pub fn common_type(arguments: &[Argument]) -> Result<DataType> {
    let signed = arguments.iter().any(|a| a.data_type.inner().is_signed_integer());
    let settled = |argument: &Argument| match (argument.data_type.inner(), &argument.constant) {
        (DataType::UInt64, Some(Value::Int(value))) if signed && i64::try_from(*value).is_ok() => {
            match argument.data_type.is_nullable() {
                true => DataType::Int64.nullable(),
                false => DataType::Int64,
            }
        }
        _ => argument.data_type.clone(),
    };
    types::common_or_variant(&arguments.iter().map(settled).collect::<Vec<_>>())
}

impl Argument {
    /// An argument of a type that is not constant.
    pub fn of(data_type: DataType) -> Argument {
        Argument { data_type, constant: None, lambda: None }
    }

    /// What is known of an expression that is no lambda.
    pub fn of_expression(expression: &crate::Expr) -> Argument {
        Argument {
            data_type: expression.data_type().without_low_cardinality(),
            constant: expression.as_literal().cloned(),
            lambda: None,
        }
    }

    /// A constant argument.
    pub fn constant(data_type: DataType, value: Value) -> Argument {
        Argument { data_type, constant: Some(value), lambda: None }
    }
}

/// A function bound to argument types.
#[derive(Clone)]
pub struct Bound {
    /// What it returns.
    pub return_type: DataType,
    /// What computes it.
    pub kernel: Kernel,
}

impl Bound {
    /// A function of whole columns: arguments (Flat or Constant) and the number of rows in, a column
    /// of as many rows out.
    pub fn new(
        return_type: DataType,
        kernel: impl Fn(&[Column], usize) -> Result<Column> + Send + Sync + 'static,
    ) -> Bound {
        Bound { return_type, kernel: Kernel::Plain(Arc::new(kernel)) }
    }

    /// A function that takes lambdas: lambdas in their order, the other arguments in theirs.
    pub fn higher_order(
        return_type: DataType,
        kernel: impl Fn(&[&dyn LambdaCall], &[Column], usize) -> Result<Column> + Send + Sync + 'static,
    ) -> Bound {
        Bound { return_type, kernel: Kernel::HigherOrder(Arc::new(kernel)) }
    }
}

/// Computes a function over whole columns.
pub type PlainKernel = Arc<dyn Fn(&[Column], usize) -> Result<Column> + Send + Sync>;

/// Computes a function that takes lambdas.
pub type HigherOrderKernel =
    Arc<dyn Fn(&[&dyn LambdaCall], &[Column], usize) -> Result<Column> + Send + Sync>;

/// What computes a bound function.
#[derive(Clone)]
pub enum Kernel {
    /// Of columns.
    Plain(PlainKernel),
    /// Of lambdas and columns.
    HigherOrder(HigherOrderKernel),
}

/// A lambda that a kernel can call.
pub trait LambdaCall {
    /// The lambda's value for every element: `parameters` are its parameters' columns, `rows[i]` is the
    /// row of the block that element `i` belongs to (for what the lambda captures).
    fn call(&self, parameters: Vec<Column>, rows: &[u32]) -> Result<Column>;
}
