//! Functions by name, and binding them to argument types.

use std::collections::HashMap;

use arrow_array::Array;
use base::{Result, bail};
use types::{Column, DataType};

use crate::aggregate::NullRows;
use crate::{
    AggregateArguments, AggregateDeclaration, Argument, Bound, BoundAggregate, Combinator,
    FunctionContext, FunctionDeclaration, Kernel, Nulls, WindowDeclaration,
};

mod clob;
mod null_rows;
mod tagged;
mod tagged_nulls;

/// All functions that queries may call.
#[derive(Default)]
pub struct Registry {
    functions: HashMap<&'static str, &'static FunctionDeclaration>,
    lower_functions: HashMap<String, &'static FunctionDeclaration>,
    aggregates: HashMap<&'static str, &'static AggregateDeclaration>,
    lower_aggregates: HashMap<String, &'static AggregateDeclaration>,
    combinators: Vec<Combinator>,
    windows: Vec<&'static WindowDeclaration>,
}

/// A scalar function bound to the types that it is called with, nulls taken care of.
#[derive(Clone)]
pub struct BoundFunction {
    /// Its declaration.
    pub declaration: &'static FunctionDeclaration,
    /// What it returns, `Nullable` where NULL arguments make it so.
    pub return_type: DataType,
    /// The kernel, to be given columns without nulls when `strips_nulls`.
    pub kernel: Kernel,
    /// Whether the evaluator takes nulls off the arguments and puts them on the result.
    pub strips_nulls: bool,
}

impl Registry {
    /// Adds scalar functions.
    pub fn add_functions(&mut self, functions: &'static [FunctionDeclaration]) {
        for function in functions {
            for name in std::iter::once(&function.name).chain(function.aliases) {
                self.functions.insert(name, function);
                if function.case_insensitive {
                    self.lower_functions.insert(name.to_ascii_lowercase(), function);
                }
            }
        }
    }

    /// Adds aggregate functions.
    pub fn add_aggregates(&mut self, aggregates: &'static [AggregateDeclaration]) {
        for aggregate in aggregates {
            for name in std::iter::once(&aggregate.name).chain(aggregate.aliases) {
                self.aggregates.insert(name, aggregate);
                if aggregate.case_insensitive {
                    self.lower_aggregates.insert(name.to_ascii_lowercase(), aggregate);
                }
            }
        }
    }

    /// Adds combinators; where suffixes overlap the longer one wins.
    pub fn add_combinators(&mut self, combinators: &[Combinator]) {
        self.combinators.extend_from_slice(combinators);
        self.combinators.sort_by_key(|c| std::cmp::Reverse(c.suffix.len()));
    }

    /// Adds functions of windows.
    pub fn add_windows(&mut self, windows: &'static [WindowDeclaration]) {
        self.windows.extend(windows);
    }

    /// A window function by name; aggregate functions are none of these.
    pub fn window(&self, name: &str) -> Option<&'static WindowDeclaration> {
        let is_name = |known: &&str, any_case: bool| {
            *known == name || any_case && known.eq_ignore_ascii_case(name)
        };
        let found = self.windows.iter().find(|w| {
            std::iter::once(&w.name).chain(w.aliases).any(|n| is_name(n, w.case_insensitive))
        });
        found.copied()
    }

    /// All window functions.
    pub fn windows(&self) -> &[&'static WindowDeclaration] {
        &self.windows
    }

    /// A scalar function by name.
    pub fn function(&self, name: &str) -> Option<&'static FunctionDeclaration> {
        let found = self.functions.get(name).copied();
        found.or_else(|| self.lower_functions.get(&name.to_ascii_lowercase()).copied())
    }

    /// An aggregate function by its whole name, without combinators.
    pub fn aggregate(&self, name: &str) -> Option<&'static AggregateDeclaration> {
        let found = self.aggregates.get(name).copied();
        found.or_else(|| self.lower_aggregates.get(&name.to_ascii_lowercase()).copied())
    }

    /// Whether a name is an aggregate function, combinators included.
    pub fn is_aggregate(&self, name: &str) -> bool {
        if self.aggregate(name).is_some() {
            return true;
        }
        self.combinators.iter().any(|c| {
            name.strip_suffix(c.suffix)
                .is_some_and(|inner| !inner.is_empty() && self.is_aggregate(inner))
        })
    }

    /// The aggregate function that a name begins with, and the combinators behind it.
    pub fn base_aggregate<'n>(
        &self,
        name: &'n str,
    ) -> Option<(&'static AggregateDeclaration, &'n str)> {
        let mut base = name;
        loop {
            if let Some(found) = self.aggregate(base) {
                return Some((found, &name[base.len()..]));
            }
            let shorter = self
                .combinators
                .iter()
                .find_map(|c| base.strip_suffix(c.suffix).filter(|inner| self.is_aggregate(inner)));
            base = shorter?;
        }
    }

    /// All scalar functions with their names and aliases, sorted by name.
    pub fn functions(&self) -> Vec<(&'static str, &'static FunctionDeclaration)> {
        let mut all: Vec<_> = self.functions.iter().map(|(name, f)| (*name, *f)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    /// All aggregate functions with their names and aliases, sorted by name.
    pub fn aggregates(&self) -> Vec<(&'static str, &'static AggregateDeclaration)> {
        let mut all: Vec<_> = self.aggregates.iter().map(|(name, f)| (*name, *f)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    /// All combinators.
    pub fn combinators(&self) -> &[Combinator] {
        &self.combinators
    }

    /// A name like the given one, for "maybe you meant".
    pub fn similar(&self, name: &str) -> Option<&'static str> {
        let lower = name.to_ascii_lowercase();
        let all = self.functions.keys().chain(self.aggregates.keys());
        all.filter(|known| distance(&known.to_ascii_lowercase(), &lower) <= 2)
            .min_by_key(|known| distance(&known.to_ascii_lowercase(), &lower))
            .copied()
    }

    /// Binds a scalar function.
    ///
    /// # Errors
    /// UNKNOWN_FUNCTION, and what the function says of its arguments.
    pub fn bind(
        &self,
        context: &FunctionContext,
        name: &str,
        arguments: &[Argument],
    ) -> Result<BoundFunction> {
        let Some(declaration) = self.function(name) else {
            let hint = self
                .similar(name)
                .map(|n| format!(". Maybe you meant: ['{n}']"))
                .unwrap_or_default();
            bail!(UnknownFunction, "Function with name `{name}` does not exist{hint}");
        };
        declaration.check_count(arguments.len())?;
        let arguments: Vec<Argument> = arguments
            .iter()
            .map(|a| Argument { data_type: a.data_type.without_low_cardinality(), ..a.clone() })
            .collect();
        if let Some(strings) = clob::with_strings(&arguments)? {
            if let Some(bound) = clob::bind(declaration, context, &arguments)? {
                return Ok(bound);
            }
            let bound = self.bind(context, name, &strings)?;
            let kernel = clob::of_strings(bound.kernel, &arguments);
            return Ok(BoundFunction { kernel, ..bound });
        }
        if declaration.nulls == Nulls::Custom {
            let Bound { return_type, kernel } = (declaration.bind)(context, &arguments)?;
            return Ok(BoundFunction { declaration, return_type, kernel, strips_nulls: false });
        }
        tagged::check_objects(declaration, &arguments)?;
        let is_null = |a: &Argument| a.lambda.is_none() && a.data_type.is_null_literal();
        if arguments.iter().any(is_null) {
            let data_type = DataType::null();
            let constant = data_type.clone();
            let bound = Bound::new(data_type, move |_, rows| {
                Column::constant(&constant, &types::Value::Null, rows)
            });
            let Bound { return_type, kernel } = bound;
            return Ok(BoundFunction { declaration, return_type, kernel, strips_nulls: false });
        }
        if arguments.iter().any(|a| a.lambda.is_none() && a.data_type.is_tagged()) {
            let Bound { return_type, kernel } = tagged::bind(declaration, context, &arguments)?;
            return Ok(BoundFunction { declaration, return_type, kernel, strips_nulls: false });
        }
        let (nullable, bare) = without_nullable(&arguments);
        let Bound { return_type, kernel } = (declaration.bind)(context, &bare)?;
        let return_type = if nullable { return_type.nullable() } else { return_type };
        Ok(BoundFunction { declaration, return_type, kernel, strips_nulls: nullable })
    }

    /// Binds an aggregate function, combinators included.
    ///
    /// # Errors
    /// UNKNOWN_AGGREGATE_FUNCTION, and what the function says of its arguments.
    pub fn bind_aggregate(
        &self,
        context: &FunctionContext,
        arguments: &AggregateArguments<'_>,
    ) -> Result<BoundAggregate> {
        let types: Vec<DataType> =
            arguments.types.iter().map(DataType::without_low_cardinality).collect();
        let arguments = AggregateArguments { types: &types, ..*arguments };
        let name = arguments.name;
        if types.iter().any(DataType::is_clob) && name != "count" {
            let strings: Vec<DataType> = types.iter().map(DataType::without_clob).collect();
            let arguments = AggregateArguments { types: &strings, ..arguments };
            return Ok(clob::aggregate(self.bind_aggregate(context, &arguments)?, &types));
        }
        tagged::check_aggregate(name, &types)?;
        if let Some(declaration) = self.aggregate(name) {
            if declaration.nulls == NullRows::Custom {
                return (declaration.bind)(context, &arguments);
            }
            return null_rows::bind(declaration, context, &arguments);
        }
        for combinator in &self.combinators {
            if let Some(inner) = name.strip_suffix(combinator.suffix)
                && self.is_aggregate(inner)
            {
                return (combinator.bind)(self, context, inner, &arguments);
            }
        }
        let hint =
            self.similar(name).map(|n| format!(". Maybe you meant: ['{n}']")).unwrap_or_default();
        bail!(UnknownAggregateFunction, "Unknown aggregate function {name}{hint}")
    }
}

/// The arguments without Nullable, and whether any had that.
fn without_nullable(arguments: &[Argument]) -> (bool, Vec<Argument>) {
    let nullable = arguments.iter().any(|a| a.lambda.is_none() && a.data_type.is_nullable());
    let bare = arguments.iter().map(|a| match (&a.data_type, a.lambda) {
        (DataType::Nullable(inner), None) => {
            let constant = a.constant.clone().filter(|v| !v.is_null());
            Argument { data_type: inner.as_ref().clone(), constant, lambda: None }
        }
        _ => a.clone(),
    });
    (nullable, bare.collect())
}

/// Whether any row of a column is NULL.
pub(crate) fn has_nulls(column: &Column) -> bool {
    match column {
        Column::Flat(array) => array.null_count() > 0,
        Column::Constant { value, .. } => value.is_null(0),
        Column::Dictionary(column) => column.nulls.as_ref().is_some_and(|n| n.null_count() > 0),
    }
}

/// Edit distance (Levenshtein), by rows of its table.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
