//! Checks of arguments and parameters, with ClickHouse's messages.

use base::{Error, Result, bail, error};
use expr::{AggregateArguments, AggregateDeclaration, Example, NullRows};
use types::{DataType, Value};

/// To be completed by `..USUAL`: NULL rows are skipped, a group without rows is NULL.
pub(crate) const USUAL: AggregateDeclaration = AggregateDeclaration {
    name: "",
    aliases: &[],
    case_insensitive: false,
    syntax: "",
    description: "",
    examples: &[],
    nulls: NullRows::SkipThenNull,
    bind: |_, _| bail!(LogicalError, "an aggregate function without behaviour"),
};

/// One example of a declaration.
pub(crate) const fn example(sql: &'static str, result: &'static str) -> Example {
    Example { sql, result }
}

/// What argument checks of a call say.
pub(crate) trait Checks {
    /// Fails unless there are exactly so many arguments.
    fn count(&self, count: usize) -> Result<()>;

    /// The only argument's type.
    fn only(&self) -> Result<&DataType>;

    /// Fails if there are parameters.
    fn no_parameters(&self) -> Result<()>;

    /// The error of an argument of a wrong type.
    fn illegal(&self, data_type: &DataType) -> Error;

    /// Fails unless an argument is an integer, float, Bool or decimal.
    fn number(&self, data_type: &DataType) -> Result<()>;

    /// A parameter that is a natural number, `default` where it is not given.
    fn natural(&self, at: usize, default: u64) -> Result<u64>;

    /// A parameter that is a number.
    fn float(&self, at: usize) -> Result<Option<f64>>;

    /// Fails when there are more parameters.
    fn most_parameters(&self, most: usize) -> Result<()>;
}

impl Checks for AggregateArguments<'_> {
    fn count(&self, count: usize) -> Result<()> {
        if self.types.len() == count {
            return Ok(());
        }
        let wanted = match count {
            0 => "no arguments".to_owned(),
            1 => "single argument".to_owned(),
            2 => "two arguments".to_owned(),
            more => format!("{more} arguments"),
        };
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires {wanted}, passed {}",
            self.name,
            self.types.len()
        )
    }

    fn only(&self) -> Result<&DataType> {
        self.count(1)?;
        Ok(&self.types[0])
    }

    fn no_parameters(&self) -> Result<()> {
        if self.parameters.is_empty() {
            return Ok(());
        }
        bail!(
            AggregateFunctionDoesntAllowParameters,
            "Aggregate function {} cannot have parameters",
            self.name
        )
    }

    fn illegal(&self, data_type: &DataType) -> Error {
        error!(
            IllegalTypeOfArgument,
            "Illegal type {data_type} of argument for aggregate function {}", self.name
        )
    }

    fn number(&self, data_type: &DataType) -> Result<()> {
        if data_type.inner().is_number() { Ok(()) } else { Err(self.illegal(data_type)) }
    }

    fn natural(&self, at: usize, default: u64) -> Result<u64> {
        match self.parameters.get(at) {
            None => Ok(default),
            Some(Value::Int(number)) => u64::try_from(*number).map_err(|_| {
                error!(
                    BadArguments,
                    "Parameter for aggregate function {} should be a natural number, got {number}",
                    self.name
                )
            }),
            Some(other) => bail!(
                BadArguments,
                "Parameter for aggregate function {} should be a natural number, got {other}",
                self.name
            ),
        }
    }

    fn float(&self, at: usize) -> Result<Option<f64>> {
        match self.parameters.get(at) {
            None => Ok(None),
            Some(value) => match value.as_float() {
                Some(number) => Ok(Some(number)),
                None => bail!(
                    BadArguments,
                    "Parameter for aggregate function {} should be a number, got {value}",
                    self.name
                ),
            },
        }
    }

    fn most_parameters(&self, most: usize) -> Result<()> {
        if self.parameters.len() <= most {
            return Ok(());
        }
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} takes at most {most} parameters, passed {}",
            self.name,
            self.parameters.len()
        )
    }
}
