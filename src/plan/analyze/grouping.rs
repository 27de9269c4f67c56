//! GROUP BY: keys, sets of keys, totals, and expressions over groups instead of rows.

use std::sync::Arc;

use base::{Result, bail};
use expr::Expr;
use sql::ast::{Expression, GroupBy, Select};
use types::{DataType, Field, Schema};

use super::aggregation::{GROUPING, OverGroups};
use super::resolve::Resolver;
use super::select::Resolved;
use crate::{Aggregation, Environment, GroupingSets, Plan, Totals};

/// Sets that one query may group by.
const MOST_SETS: usize = 4096;

/// The keys of GROUP BY.
pub(super) enum GroupKeys {
    /// Each group has all of them.
    Plain(Vec<Expr>),
    /// What is selected without aggregate functions.
    All,
    /// Groups by each of these sets.
    Sets {
        sets: Vec<Vec<Expr>>,
        /// GROUPING SETS, whose empty set has a group even if there are no rows.
        written: bool,
    },
}

/// The keys that are no constants, each once, and whether there are none but constants: these have a key all the
/// same, so that no rows make no groups.
fn different_keys(resolved: &Resolved) -> (Vec<Expr>, bool) {
    let mut keys: Vec<Expr> = Vec::new();
    for key in &resolved.keys {
        if !matches!(key, Expr::Literal { .. }) && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let only_constants = keys.is_empty() && !resolved.keys.is_empty();
    if only_constants {
        let constant = resolved.keys[0].clone();
        let data_type = constant.data_type();
        let function = "materialize".to_owned();
        keys.push(Expr::Call { function, arguments: vec![constant], data_type });
    }
    (keys, only_constants)
}

/// The groups of a plan's rows.
pub(super) fn aggregate(
    plan: Plan,
    resolved: &mut Resolved,
    select: &Select,
    environment: &dyn Environment,
    name: &dyn Fn(usize) -> String,
) -> Result<Plan> {
    let (keys, only_constants) = different_keys(resolved);
    let place = |key: &Expr| match only_constants {
        true => Some(0),
        false => keys.iter().position(|k| k == key),
    };
    let several = resolved.sets.as_ref().map(|(sets, written)| {
        let sets: Vec<Vec<usize>> =
            sets.iter().map(|set| set.iter().filter_map(place).collect()).collect();
        (sets, *written)
    });
    let (sets, written) =
        several.clone().unwrap_or_else(|| (vec![(0..keys.len()).collect()], true));
    if select.totals && several.is_some() && (select.having.is_some() || written) {
        bail!(
            NotImplemented,
            "WITH TOTALS and several sets of keys are not supported together with HAVING or GROUPING SETS"
        );
    }
    let mut over = OverGroups::new(&keys, environment);
    let set_column = keys.len() + resolved.calls.len();
    if several.is_some() {
        over = over.with_sets(&sets, set_column, environment.flag("group_by_use_nulls"));
    }
    rewrite(resolved, &|e| over.rewrite(e, name))?;
    let mut fields: Vec<Field> = keys
        .iter()
        .enumerate()
        .map(|(at, k)| Field::new(format!("#key{at}"), over.key_type(k)))
        .collect();
    let calls = resolved.calls.iter().enumerate();
    fields.extend(calls.map(|(at, c)| Field::new(format!("#call{at}"), c.data_type.clone())));
    let calls = std::mem::take(&mut resolved.calls);
    let input = Box::new(plan);
    if several.is_none() && !select.totals {
        let schema = Schema::new(fields);
        return Ok(Plan::Aggregate(Aggregation {
            input,
            keys,
            calls,
            schema,
            limit: None,
            top: None,
        }));
    }
    fields.push(Field::new("#set", DataType::UInt64));
    let totals = select.totals.then(|| Totals {
        having: resolved.having.take(),
        before_having: environment.setting("totals_mode").as_deref() == Some("before_having"),
        row: Arc::default(),
    });
    let schema = Schema::new(fields);
    let none_of_none = several.is_some() && !written;
    Ok(Plan::GroupingSets(GroupingSets { input, keys, calls, sets, none_of_none, totals, schema }))
}

/// Brings all that is computed after grouping over the groups.
fn rewrite(resolved: &mut Resolved, change: &dyn Fn(&Expr) -> Result<Expr>) -> Result<()> {
    let all = |list: &[Expr]| -> Result<Vec<Expr>> { list.iter().map(change).collect() };
    resolved.items = all(&resolved.items)?;
    resolved.limit_by = all(&resolved.limit_by)?;
    resolved.having = resolved.having.as_ref().map(change).transpose()?;
    resolved.qualify = resolved.qualify.as_ref().map(change).transpose()?;
    for (expression, ..) in &mut resolved.order {
        *expression = change(expression)?;
    }
    if let Some(on) = &mut resolved.distinct_on {
        *on = all(on)?;
    }
    for array in resolved.array_joins.iter_mut().flatten() {
        *array = change(array)?;
    }
    let windows = std::mem::take(&mut resolved.windows);
    resolved.windows =
        windows.into_iter().map(|w| w.try_map(&mut |e| change(e))).collect::<Result<_>>()?;
    Ok(())
}

/// GROUP BY ALL: what is selected without aggregate functions.
pub(super) fn group_by_all(items: &[Expr]) -> Vec<Expr> {
    items.iter().filter(|e| !super::window::refers_aside(e)).cloned().collect()
}

impl Resolver<'_, '_> {
    /// The keys of GROUP BY.
    pub(super) fn group_keys(
        &mut self,
        select: &Select,
        items: &[Expression],
    ) -> Result<GroupKeys> {
        Ok(match &select.group_by {
            None => GroupKeys::Plain(Vec::new()),
            Some(GroupBy::All) => GroupKeys::All,
            Some(GroupBy::Plain(keys)) => {
                let mut resolved = Vec::new();
                for key in keys {
                    resolved.extend(self.group_key(key, items)?);
                }
                GroupKeys::Plain(resolved)
            }
            Some(GroupBy::Rollup(keys)) => {
                let units = self.units(keys, items)?;
                let sets = (0..=units.len()).rev().map(|n| units[..n].concat()).collect();
                GroupKeys::Sets { sets, written: false }
            }
            Some(GroupBy::Cube(keys)) => {
                let units = self.units(keys, items)?;
                if units.len() >= 32 || 1 << units.len() > MOST_SETS {
                    bail!(
                        BadArguments,
                        "CUBE of {} keys has more than {MOST_SETS} sets",
                        units.len()
                    );
                }
                let subset = |mask: usize| {
                    let mut set = Vec::new();
                    for (at, unit) in units.iter().enumerate() {
                        if mask >> (units.len() - 1 - at) & 1 == 1 {
                            set.extend(unit.iter().cloned());
                        }
                    }
                    set
                };
                let sets = (0..1_usize << units.len()).rev().map(subset).collect();
                GroupKeys::Sets { sets, written: false }
            }
            Some(GroupBy::GroupingSets(sets)) => {
                if sets.len() > MOST_SETS {
                    bail!(BadArguments, "More than {MOST_SETS} sets in GROUPING SETS");
                }
                let sets: Vec<Vec<Expr>> = sets
                    .iter()
                    .map(|set| Ok(self.units(set, items)?.concat()))
                    .collect::<Result<_>>()?;
                GroupKeys::Sets { sets, written: true }
            }
        })
    }

    /// Keys of which those of a tuple belong together.
    fn units(&mut self, keys: &[Expression], items: &[Expression]) -> Result<Vec<Vec<Expr>>> {
        let mut units: Vec<Vec<Expr>> = Vec::with_capacity(keys.len());
        for key in keys {
            let unit = self.group_key(key, items)?;
            // A key that is written twice is one.
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        Ok(units)
    }

    fn group_key(&mut self, key: &Expression, items: &[Expression]) -> Result<Vec<Expr>> {
        match key {
            Expression::Tuple(parts) => parts.iter().map(|part| self.resolve(part)).collect(),
            key => Ok(vec![self.positional(key, items)?]),
        }
    }

    /// `grouping(a, b)`, which is known once the keys are.
    pub(super) fn grouping(&mut self, arguments: &[Expression]) -> Result<Expr> {
        if !self.aggregates_allowed {
            bail!(IllegalAggregation, "GROUPING function is found where it is not allowed");
        }
        if arguments.is_empty() || arguments.len() > 64 {
            bail!(NumberOfArgumentsDoesntMatch, "Function GROUPING takes from 1 to 64 arguments");
        }
        let arguments = arguments.iter().map(|a| self.resolve(a)).collect::<Result<_>>()?;
        Ok(Expr::Call { function: GROUPING.to_owned(), arguments, data_type: DataType::UInt64 })
    }
}
