//! Function traits and registry, aggregate states, typed expressions and their evaluation.
//!
//! This room must not know which functions exist: they are declared in `functions` and reach
//! this room through a [`Registry`].

mod aggregate;
mod bloom;
mod context;
mod evaluate;
mod expression;
mod function;
mod key_table;
mod lookup;
mod registry;
mod set;
mod window_function;

pub use aggregate::{
    Accumulator, AggregateArguments, AggregateDeclaration, AnyAccumulator, BoundAggregate,
    Combinator, NullRows,
};
pub use base::Example;
pub use context::FunctionContext;
pub use evaluate::Evaluator;
pub use expression::Expr;
pub use function::{
    Argument, AskedQuestion, BindClob, Bound, CompletedArguments, CompletedFields, Determinism,
    FunctionDeclaration, HigherOrderKernel, Kernel, LambdaCall, LambdaParameters, NecessaryTerms,
    Nulls, PlainKernel, SearchDeclaration, TextQuestion, common_type,
};
pub use key_table::{KeyTable, TableKey};
pub use lookup::{Lookup, LookupAttribute, LookupIndex, LookupShape, LookupSource, Lookups};
pub use registry::{BoundFunction, Registry};
pub use set::Set;
pub use window_function::{WindowBinding, WindowDeclaration, WindowFunction};
