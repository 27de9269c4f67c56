//! Functions of CLOB: those that do not say that they read such texts bit by bit are called with Strings.
//!
//! 1. A function is bound to String in place of CLOB; its kernel is called for runs of rows whose texts together are not
//!    longer than [`AT_ONCE`], so that memory stays bounded however many rows there are.
//! 2. Texts that are longer than [`LONGEST`] are an error that says what to do instead.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::{Error, Result};
use types::clob::{self, Clob, LONGEST};
use types::{Column, DataType, Value};

use super::{BoundFunction, without_nullable};
use crate::{
    Accumulator, Argument, Bound, BoundAggregate, FunctionContext, FunctionDeclaration, Kernel,
    Nulls,
};

/// Bytes of texts that are made at once.
const AT_ONCE: u64 = 16 << 20;

/// The arguments as Strings where they are CLOB; `None` where none is.
pub(super) fn with_strings(arguments: &[Argument]) -> Result<Option<Vec<Argument>>> {
    if !arguments.iter().any(|a| a.lambda.is_none() && a.data_type.is_clob()) {
        return Ok(None);
    }
    let as_string = |argument: &Argument| -> Result<Argument> {
        if !argument.data_type.is_clob() {
            return Ok(argument.clone());
        }
        let constant = match &argument.constant {
            Some(Value::Bytes(cell)) => Some(Value::Bytes(Clob::parse(cell)?.text()?.into())),
            other => other.clone(),
        };
        Ok(Argument { data_type: argument.data_type.without_clob(), constant, lambda: None })
    };
    arguments.iter().map(as_string).collect::<Result<_>>().map(Some)
}

/// Binds a function that reads its first argument bit by bit, where it does.
pub(super) fn bind(
    declaration: &'static FunctionDeclaration,
    context: &FunctionContext,
    arguments: &[Argument],
) -> Result<Option<BoundFunction>> {
    let rest = arguments.get(1..).unwrap_or_default();
    let Some(of_clob) = declaration.of_clob else { return Ok(None) };
    let null = |a: &Argument| a.data_type.is_null_literal();
    if rest.iter().any(|a| a.lambda.is_some() || a.data_type.is_clob() || null(a)) {
        return Ok(None);
    }
    let custom = declaration.nulls == Nulls::Custom;
    let (nullable, bare) = match custom {
        true => (false, arguments.to_vec()),
        false => without_nullable(arguments),
    };
    let Some(Bound { return_type, kernel }) = of_clob(context, &bare)? else { return Ok(None) };
    let return_type = if nullable { return_type.nullable() } else { return_type };
    Ok(Some(BoundFunction { declaration, return_type, kernel, strips_nulls: nullable }))
}

/// A kernel that makes Strings of the arguments at some places.
pub(super) fn of_strings(kernel: Kernel, arguments: &[Argument]) -> Kernel {
    let clobs: Vec<usize> = (0..arguments.len())
        .filter(|at| arguments[*at].lambda.is_none() && arguments[*at].data_type.is_clob())
        .collect();
    // Lambdas are over arrays, which hold no CLOB.
    let Kernel::Plain(kernel) = kernel else { return kernel };
    Kernel::Plain(Arc::new(move |columns: &[Column], rows: usize| {
        let mut parts = Vec::new();
        for run in runs(columns, &clobs, rows)? {
            let given = strings_of(columns, &clobs, &run)?;
            parts.push(kernel(&given, run.len())?);
        }
        Column::concat(&parts)
    }))
}

/// Some rows of all columns, with Strings at the places of CLOB.
fn strings_of(columns: &[Column], clobs: &[usize], run: &Range<usize>) -> Result<Vec<Column>> {
    let mut given: Vec<Column> =
        columns.iter().map(|column| column.slice(run.start, run.len())).collect();
    for at in clobs {
        given[*at] = given[*at].clob_texts()?;
    }
    Ok(given)
}

/// Runs of rows whose texts are not too long together; one of no rows where there are none.
fn runs(columns: &[Column], clobs: &[usize], rows: usize) -> Result<Vec<Range<usize>>> {
    let mut lengths = vec![0_u64; rows];
    for at in clobs {
        let Some(column) = columns.get(*at) else { continue };
        let flat = match column {
            Column::Constant { value, .. } => value.clone(),
            other => other.to_flat()?,
        };
        let cells = clob::bytes_of(flat.as_ref())?;
        for row in 0..cells.len() {
            if cells.is_valid(row) {
                let clob = Clob::parse(cells.value(row))?;
                if clob.bytes() > LONGEST {
                    clob.text()?;
                }
                if let Some(length) = lengths.get_mut(row) {
                    *length += clob.bytes();
                }
            }
        }
    }
    let (mut runs, mut start, mut total) = (Vec::new(), 0, 0);
    for (row, length) in lengths.into_iter().enumerate() {
        if row > start && total + length > AT_ONCE {
            runs.push(start..row);
            (start, total) = (row, 0);
        }
        total += length;
    }
    runs.push(start..rows);
    Ok(runs)
}

/// An aggregate function bound to Strings, to be called with CLOBs at some places.
pub(super) fn aggregate(bound: BoundAggregate, types: &[DataType]) -> BoundAggregate {
    let clobs: Vec<usize> = (0..types.len()).filter(|at| types[*at].is_clob()).collect();
    let BoundAggregate { return_type, create } = bound;
    BoundAggregate::new(return_type, move || OfStrings { inner: create(), clobs: clobs.clone() })
}

#[derive(Clone)]
struct OfStrings {
    inner: Box<dyn Accumulator>,
    clobs: Vec<usize>,
}

impl OfStrings {
    fn each_run(
        &mut self,
        arguments: &[Column],
        rows: usize,
        mut update: impl FnMut(&mut dyn Accumulator, Range<usize>, &[Column]) -> Result<()>,
    ) -> Result<()> {
        for run in runs(arguments, &self.clobs, rows)? {
            let given = strings_of(arguments, &self.clobs, &run)?;
            update(self.inner.as_mut(), run, &given)?;
        }
        Ok(())
    }
}

impl Accumulator for OfStrings {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.each_run(arguments, groups.len(), |inner, run, given| {
            inner.update(&groups[run], given)
        })
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        self.each_run(arguments, rows, |inner, run, given| {
            inner.update_one(group, given, run.len())
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        match other.as_any().downcast_ref::<OfStrings>() {
            Some(other) => self.inner.merge(groups, other.inner.as_ref()),
            None => Err(Error::logical("states of another aggregate function")),
        }
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(group, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        self.inner.deserialize(group, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.inner.finish(groups)
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}
