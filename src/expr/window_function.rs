//! Functions that only make sense over a window: declarations. What computes them belongs to whoever has
//! the rows in order; aggregate functions need no declaration of their own to be used over windows.

use base::{Result, bail};
use types::{DataType, Value};

use crate::{Example, FunctionContext};

/// Which function it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// The row's number within its partition, from 1.
    RowNumber,
    /// The number of the first row that is equal to it by the window's order.
    Rank,
    /// How many different values of the order there are up to the row.
    DenseRank,
    /// `(rank - 1) / (rows - 1)`
    PercentRank,
    /// The share of rows up to the row and its equals.
    CumeDist,
    /// The number of the bucket, where the partition is cut into some of about the same size.
    Ntile,
    /// The value some rows before.
    Lag,
    /// The value some rows after.
    Lead,
    /// The value some rows before, if it is in the frame.
    LagInFrame,
    /// The value some rows after, if it is in the frame.
    LeadInFrame,
    /// The value of the frame's n-th row.
    NthValue,
}

/// Everything about a window function.
#[derive(Debug, Clone, Copy)]
pub struct WindowDeclaration {
    /// Which it is.
    pub function: WindowFunction,
    /// Its canonical name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Whether names match in any case.
    pub case_insensitive: bool,
    /// How it is called.
    pub syntax: &'static str,
    /// What it returns.
    pub description: &'static str,
    /// At least one.
    pub examples: &'static [Example],
    /// Fewest and most arguments.
    pub arguments: (usize, usize),
    /// What it returns.
    pub bind: WindowBinding,
}

/// The type of the result, from the types of the arguments and the values of those that are literals.
pub type WindowBinding = fn(&FunctionContext, &[(DataType, Option<Value>)]) -> Result<DataType>;

impl WindowDeclaration {
    /// Fails unless so many arguments are allowed.
    ///
    /// # Errors
    /// NUMBER_OF_ARGUMENTS_DOESNT_MATCH
    pub fn check_count(&self, count: usize) -> Result<()> {
        let (least, most) = self.arguments;
        if count < least || count > most {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Number of arguments for window function {} doesn't match: passed {count}, should be {least} to {most}",
                self.name
            );
        }
        Ok(())
    }
}
