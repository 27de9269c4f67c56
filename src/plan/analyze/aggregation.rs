//! From expressions over rows to expressions over groups.

use std::collections::HashMap;

use base::{Result, bail};
use expr::Expr;

use super::AGGREGATES;
use super::correlated::OUTER;

/// Rewrites resolved expressions so that they refer to the output of an aggregation: keys first, then calls.
pub(crate) struct OverGroups {
    keys: HashMap<Expr, usize>,
    key_count: usize,
}

impl OverGroups {
    /// For these keys.
    pub(crate) fn new(keys: &[Expr]) -> OverGroups {
        OverGroups {
            keys: keys.iter().enumerate().map(|(at, key)| (key.clone(), at)).rev().collect(),
            key_count: keys.len(),
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
        if let Some(at) = self.keys.get(expression) {
            return Ok(Expr::column(*at, expression.data_type()));
        }
        Ok(match expression {
            Expr::Column { index, .. } if *index >= OUTER => expression.clone(),
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
            Expr::Call { function, arguments, data_type } => Expr::Call {
                function: function.clone(),
                arguments: arguments
                    .iter()
                    .map(|a| self.rewrite(a, name))
                    .collect::<Result<_>>()?,
                data_type: data_type.clone(),
            },
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
}
