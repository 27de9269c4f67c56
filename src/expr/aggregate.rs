//! Aggregate functions: declarations, and accumulators as columns indexed by group number.
//!
//! States serialize with versioned, endian-stable bytes, merge associatively and
//! commutatively, and finish into a column.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::Result;
use types::{Column, DataType, Value};

use crate::{Example, FunctionContext, Registry};

/// What happens to rows in which an argument is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullRows {
    /// They are skipped; a group without any row left is NULL (`sum`, `min`, `avg`).
    SkipThenNull,
    /// They are skipped; a group without any row left has its empty result (`count`, `uniq`, `groupArray`).
    SkipThenEmpty,
    /// The function is bound to the nullable types and treats NULL itself.
    Custom,
}

/// Everything about an aggregate function.
#[derive(Debug, Clone, Copy)]
pub struct AggregateDeclaration {
    /// Its canonical name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Whether names match in any case.
    pub case_insensitive: bool,
    /// How it is called, as in `quantile(level)(x)`.
    pub syntax: &'static str,
    /// What it returns.
    pub description: &'static str,
    /// At least one.
    pub examples: &'static [Example],
    /// NULL arguments.
    pub nulls: NullRows,
    /// Binds to argument types and parameters.
    pub bind: fn(&FunctionContext, &AggregateArguments<'_>) -> Result<BoundAggregate>,
}

/// What an aggregate function is bound to.
#[derive(Debug, Clone, Copy)]
pub struct AggregateArguments<'a> {
    /// The name as it was called, for messages.
    pub name: &'a str,
    /// Types of the arguments, without LowCardinality, and without Nullable unless `NullRows::Custom`.
    pub types: &'a [DataType],
    /// The parameters of `name(parameters)(arguments)`.
    pub parameters: &'a [Value],
}

/// An aggregate function bound to argument types.
#[derive(Clone)]
pub struct BoundAggregate {
    /// What it returns.
    pub return_type: DataType,
    /// Makes an accumulator without groups.
    pub create: Arc<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>,
}

impl BoundAggregate {
    /// From a return type and a maker of accumulators.
    pub fn new<A: Accumulator + 'static>(
        return_type: DataType,
        create: impl Fn() -> A + Send + Sync + 'static,
    ) -> BoundAggregate {
        BoundAggregate { return_type, create: Arc::new(move || Box::new(create())) }
    }
}

/// The states of one aggregate function for many groups, numbered from 0.
pub trait Accumulator: AnyAccumulator + Send + Sync {
    /// Makes room so that there are `groups` groups; new ones are empty, none is ever removed.
    fn resize(&mut self, groups: usize);

    /// Takes row `i` of the arguments (Flat or Constant columns) into group `groups[i]`.
    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()>;

    /// Takes all rows into one group; to be overridden where that is faster.
    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        self.update(&vec![group; rows], arguments)
    }

    /// Takes group `i` of another accumulator of the same function and types into `groups[i]`.
    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()>;

    /// Appends the state of a group: versioned, endian-stable, self-delimiting bytes.
    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()>;

    /// Merges a serialized state into a group and moves `bytes` past it.
    ///
    /// # Errors
    /// Bytes that are no such state: INCORRECT_DATA, never a panic or an unbounded allocation.
    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()>;

    /// The results of some groups, of the function's return type.
    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef>;

    /// Bytes of memory in use, about.
    fn memory(&self) -> usize;
}

/// What every accumulator that can be cloned has without another word.
pub trait AnyAccumulator {
    /// For [`Accumulator::merge`].
    fn as_any(&self) -> &dyn Any;

    /// Another one with the same states.
    fn duplicate(&self) -> Box<dyn Accumulator>;
}

impl<A: Accumulator + Clone + 'static> AnyAccumulator for A {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn duplicate(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Accumulator> {
    fn clone(&self) -> Box<dyn Accumulator> {
        self.as_ref().duplicate()
    }
}

/// A suffix that makes other functions of aggregate functions (`-If`, `-State`, ...).
#[derive(Clone, Copy)]
pub struct Combinator {
    /// As in `sumIf`.
    pub suffix: &'static str,
    /// It in use.
    pub example: Example,
    /// What it does.
    pub description: &'static str,
    /// Binds `name` + suffix: the registry, the context, the inner function's name, the arguments of
    /// the whole (nullable types untouched).
    pub bind:
        fn(&Registry, &FunctionContext, &str, &AggregateArguments<'_>) -> Result<BoundAggregate>,
}
