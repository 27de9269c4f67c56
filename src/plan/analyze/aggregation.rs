//! From expressions over rows to expressions over groups.

use std::collections::HashMap;

use base::{Result, bail};
use expr::Expr;
use types::{DataType, Value};

use super::{AGGREGATES, WINDOWS};
use crate::Environment;
use crate::analyze::build_call;

/// What `grouping(...)` is called until it is known which keys there are.
pub(crate) const GROUPING: &str = "__grouping";

/// Rewrites resolved expressions so that they refer to the output of an aggregation: keys first, then calls.
pub(crate) struct OverGroups<'e> {
    environment: &'e dyn Environment,
    keys: HashMap<Expr, usize>,
    /// Keys have lambdas, whose parameters are numbered anew wherever one is written.
    lambdas: bool,
    key_count: usize,
    /// The sets of keys, and the column of the set's number.
    sets: Option<(&'e [Vec<usize>], usize)>,
    /// Keys can be NULL afterwards.
    nullable: bool,
}

impl<'e> OverGroups<'e> {
    /// For these keys.
    pub(crate) fn new(keys: &[Expr], environment: &'e dyn Environment) -> OverGroups<'e> {
        OverGroups {
            environment,
            // A constant stays what it is, in the row of totals too.
            keys: keys
                .iter()
                .enumerate()
                .filter(|(_, key)| !matches!(key, Expr::Literal { .. }))
                .map(|(at, key)| (numbered(key), at))
                .rev()
                .collect(),
            lambdas: keys.iter().any(has_lambda),
            key_count: keys.len(),
            sets: None,
            nullable: false,
        }
    }

    /// For sets of keys whose number is in a column; with `nullable` keys that a set lacks are NULL.
    pub(crate) fn with_sets(
        self,
        sets: &'e [Vec<usize>],
        column: usize,
        nullable: bool,
    ) -> OverGroups<'e> {
        OverGroups { sets: Some((sets, column)), nullable, ..self }
    }

    /// The type of a key afterwards.
    pub(crate) fn key_type(&self, key: &Expr) -> DataType {
        let data_type = key.data_type();
        if self.nullable { data_type.nullable() } else { data_type }
    }

    /// Which key an expression is.
    fn place(&self, expression: &Expr) -> Option<usize> {
        match self.lambdas && has_lambda(expression) {
            true => self.keys.get(&numbered(expression)).copied(),
            false => self.keys.get(expression).copied(),
        }
    }

    /// The expression over groups.
    ///
    /// # Errors
    /// NOT_AN_AGGREGATE when it needs a column that is not a key; `name` tells what a column is called.
    pub(crate) fn rewrite(
        &self,
        expression: &Expr,
        name: &dyn Fn(usize) -> String,
    ) -> Result<Expr> {
        if let Some(at) = self.place(expression) {
            return Ok(Expr::column(at, self.key_type(expression)));
        }
        Ok(match expression {
            Expr::Column { index, .. } if *index >= WINDOWS => expression.clone(),
            Expr::Column { index, data_type } if *index >= AGGREGATES => {
                Expr::column(self.key_count + index - AGGREGATES, data_type.clone())
            }
            Expr::Column { index, .. } => {
                let column = name(*index);
                bail!(
                    NotAnAggregate,
                    "Column {column} is not under aggregate function and not in GROUP BY keys"
                )
            }
            Expr::Literal { .. } | Expr::Parameter { .. } => expression.clone(),
            Expr::Call { function, arguments, .. } if function == GROUPING => {
                self.grouping(arguments)?
            }
            Expr::Call { function, arguments, data_type } => {
                let rewritten: Vec<Expr> =
                    arguments.iter().map(|a| self.rewrite(a, name)).collect::<Result<_>>()?;
                let same = |(a, b): (&Expr, &Expr)| a.data_type() == b.data_type();
                if !rewritten.iter().zip(arguments).all(same) {
                    return build_call(self.environment, function, rewritten);
                }
                Expr::Call {
                    function: function.clone(),
                    arguments: rewritten,
                    data_type: data_type.clone(),
                }
            }
            Expr::In { argument, set, negated } => Expr::In {
                argument: Box::new(self.rewrite(argument, name)?),
                set: set.clone(),
                negated: *negated,
            },
            Expr::Lambda { parameters, body } => Expr::Lambda {
                parameters: parameters.clone(),
                body: Box::new(self.rewrite(body, name)?),
            },
        })
    }

    /// Which of some keys a row's set lacks, as bits, the last key lowest.
    fn grouping(&self, arguments: &[Expr]) -> Result<Expr> {
        let mut places = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match self.place(argument) {
                Some(at) => places.push(at),
                None if matches!(argument, Expr::Literal { .. }) => places.push(usize::MAX),
                None => {
                    bail!(BadArguments, "An argument of function GROUPING is not in GROUP BY keys")
                }
            }
        }
        let standard = self.environment.setting("force_grouping_standard_compatibility").as_deref()
            != Some("0");
        let bits = |set: Option<&Vec<usize>>| {
            let lacks = |at: &usize| *at != usize::MAX && set.is_some_and(|set| !set.contains(at));
            let bits = places.iter().map(|at| u64::from(lacks(at) == standard));
            Value::Int(bits.fold(0_i128, |all, bit| all << 1 | i128::from(bit)))
        };
        let Some((sets, column)) = self.sets else {
            return Ok(Expr::literal(bits(None), DataType::UInt64));
        };
        let all: Vec<Value> = sets.iter().map(|set| bits(Some(set))).collect();
        let all = Expr::literal(Value::Array(all.into()), DataType::array(DataType::UInt64));
        let one = Expr::literal(Value::Int(1), DataType::UInt8);
        let number = Expr::column(column, DataType::UInt64);
        let place = build_call(self.environment, "plus", vec![number, one])?;
        build_call(self.environment, "arrayElement", vec![all, place])
    }
}

fn has_lambda(expression: &Expr) -> bool {
    let mut found = false;
    expression.visit(&mut |e| found |= matches!(e, Expr::Lambda { .. }));
    found
}

/// The expression with the parameters of its lambdas numbered in the order in which they are bound, so that equal
/// lambdas are equal expressions.
pub(super) fn numbered(expression: &Expr) -> Expr {
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    expression.visit(&mut |e| {
        if let Expr::Lambda { parameters, .. } = e {
            for (id, _) in parameters {
                let next = u32::MAX - numbers.len() as u32;
                numbers.entry(*id).or_insert(next);
            }
        }
    });
    if numbers.is_empty() {
        return expression.clone();
    }
    let number = |id: u32| numbers.get(&id).copied().unwrap_or(id);
    expression.clone().transform(&mut |e| match e {
        Expr::Lambda { parameters, body } => {
            let parameters = parameters.into_iter().map(|(id, t)| (number(id), t)).collect();
            Expr::Lambda { parameters, body }
        }
        Expr::Parameter { id, data_type } => Expr::Parameter { id: number(id), data_type },
        other => other,
    })
}
