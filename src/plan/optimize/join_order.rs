//! The order of inner joins.
//!
//! 1. A region of inner and cross joins, filters between them, and projections that only pick columns is taken
//!    apart: into leaves, and conditions over the columns of all leaves side by side.
//! 2. Columns that equal each other form classes, so that any two leaves of a class can be joined. A condition
//!    over one leaf goes there; of a disjunction over several leaves, what it says of each goes there too.
//! 3. The order that costs least is found among all trees of up to [`EXHAUSTIVE`] leaves, and greedily of more. A
//!    join costs the rows that it reads, more for the side that is built, and those that it gives.
//! 4. The region is put together again, each condition at the first join that has all of its columns.

mod build;
mod search;

use base::Result;
use expr::Expr;
use types::{DataType, Field, Schema};

use super::estimate::{Domain, Estimate, estimate};
use super::filters;
use crate::analyze::{build_call, conjuncts, filtered};
use crate::logical::columns_of;
use crate::{Environment, Join, JoinKind, JoinStrictness, Plan};
use build::Build;
use search::Search;

/// Regions of up to so many leaves are ordered by looking at all trees.
const EXHAUSTIVE: usize = 10;

/// Leaves of a region: sets of leaves are bits of a word.
const MOST_LEAVES: usize = 60;

/// Sets of leaves.
type Leaves = u64;

/// The pass.
pub(super) fn order(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    if !is_inner(&plan) && !is_region(&plan) {
        return plan.map_inputs(&mut |input| order(input, environment));
    }
    let schema = plan.schema();
    let mut region =
        Region { environment, leaves: Vec::new(), fields: Vec::new(), rest: Vec::new() };
    let output = region.take_apart(plan)?;
    if region.leaves.len() < 2 || region.leaves.len() > MOST_LEAVES {
        let rest = std::mem::take(&mut region.rest);
        return region.keep_order(rest, &output, schema);
    }
    region.put_together(&output, schema)
}

fn is_inner(plan: &Plan) -> bool {
    matches!(plan, Plan::Join(join) if matches!(join.kind, JoinKind::Inner | JoinKind::Cross)
        && join.strictness == JoinStrictness::All)
}

/// Filters and picks over an inner join.
fn is_region(plan: &Plan) -> bool {
    match plan {
        Plan::Filter { input, predicate } => {
            !predicate.columns().is_empty() && (is_inner(input) || is_region(input))
        }
        Plan::Project { input, expressions, .. } => {
            expressions.iter().all(|e| matches!(e, Expr::Column { .. }))
                && (is_inner(input) || is_region(input))
        }
        _ => false,
    }
}

struct Region<'e> {
    environment: &'e dyn Environment,
    /// The leaves with the place of their first column among all columns.
    leaves: Vec<(Plan, usize)>,
    /// All columns.
    fields: Vec<Field>,
    /// Conditions over all columns.
    rest: Vec<Expr>,
}

/// Conditions by what they are good for.
struct Conditions {
    /// The types of all columns.
    types: Vec<DataType>,
    /// Columns that equal each other.
    classes: Vec<Vec<usize>>,
    /// Equalities of two expressions over different leaves, each with the leaves that it reads.
    equal: Vec<((Expr, Leaves), (Expr, Leaves))>,
    /// Others over several leaves.
    other: Vec<(Expr, Leaves)>,
}

impl Region<'_> {
    /// Takes a plan apart; where its columns stand among all.
    fn take_apart(&mut self, plan: Plan) -> Result<Vec<usize>> {
        let inner = is_inner(&plan) || is_region(&plan);
        match plan {
            Plan::Join(join) if inner => {
                let left = self.take_apart(*join.left)?;
                let right = self.take_apart(*join.right)?;
                for (l, r) in join.keys {
                    let (l, r) = (l.remap(&|at| left[at]), r.remap(&|at| right[at]));
                    self.rest.push(build_call(self.environment, "equals", vec![l, r])?);
                }
                let mut both = left;
                both.extend(right);
                let condition = join.condition.map(|c| c.remap(&|at| both[at]));
                self.rest.extend(condition.into_iter().flat_map(conjuncts));
                for (at, field) in both.iter().zip(join.schema.fields()) {
                    self.fields[*at] = field.clone();
                }
                Ok(both)
            }
            Plan::Filter { input, predicate } if inner => {
                let map = self.take_apart(*input)?;
                self.rest.extend(conjuncts(predicate.remap(&|at| map[at])));
                Ok(map)
            }
            Plan::Project { input, expressions, .. } if inner => {
                let map = self.take_apart(*input)?;
                Ok(expressions.iter().flat_map(Expr::columns).map(|at| map[at]).collect())
            }
            leaf => {
                let leaf = order(leaf, self.environment)?;
                let first = self.fields.len();
                self.fields.extend(leaf.schema().fields().iter().cloned());
                self.leaves.push((leaf, first));
                Ok((first..self.fields.len()).collect())
            }
        }
    }

    /// The leaf of a column.
    fn leaf(&self, column: usize) -> usize {
        self.leaves.partition_point(|(_, first)| *first <= column) - 1
    }

    fn leaves_of(&self, expression: &Expr) -> Leaves {
        expression.columns().iter().fold(0, |all, c| all | 1 << self.leaf(*c))
    }

    /// The leaves joined in the order in which they came.
    fn keep_order(mut self, rest: Vec<Expr>, output: &[usize], schema: Schema) -> Result<Plan> {
        let mut leaves = std::mem::take(&mut self.leaves).into_iter().map(|(plan, _)| plan);
        let Some(mut plan) = leaves.next() else {
            return Err(base::Error::logical("a join without inputs"));
        };
        for right in leaves {
            plan = joined(plan, right, Vec::new(), None);
        }
        let plan = filtered(plan, rest, self.environment)?;
        Ok(picked(filters::push(plan, self.environment)?, output, schema))
    }

    fn put_together(mut self, output: &[usize], schema: Schema) -> Result<Plan> {
        let conditions = self.conditions()?;
        let estimates: Vec<Estimate> = self.leaves.iter().map(|(leaf, _)| estimate(leaf)).collect();
        let mut domains: Vec<Domain> = Vec::with_capacity(self.fields.len());
        for estimate in &estimates {
            domains.extend(estimate.columns.iter().copied());
        }
        let search = Search::new(&self, &conditions, estimates, domains);
        let trees = if self.leaves.len() <= EXHAUSTIVE { search.all() } else { search.greedy() };
        let all = (1 << self.leaves.len()) - 1;
        let leaves = std::mem::take(&mut self.leaves);
        let mut build = Build::new(self.environment, conditions, trees, leaves);
        let (plan, places) = build.tree(all)?;
        let mut place = vec![usize::MAX; self.fields.len()];
        for (at, column) in places.iter().enumerate() {
            place[*column] = at;
        }
        let output: Vec<usize> = output.iter().map(|c| place[*c]).collect();
        Ok(picked(plan, &output, schema))
    }

    /// Sorts the conditions; those over one leaf go there.
    fn conditions(&mut self) -> Result<Conditions> {
        let mut own: Vec<Vec<Expr>> = vec![Vec::new(); self.leaves.len()];
        let types = self.fields.iter().map(|f| f.data_type.clone()).collect();
        let mut found =
            Conditions { types, classes: Vec::new(), equal: Vec::new(), other: Vec::new() };
        for condition in std::mem::take(&mut self.rest) {
            let leaves = self.leaves_of(&condition);
            if leaves.count_ones() <= 1 {
                own[leaves.trailing_zeros() as usize % self.leaves.len()].push(condition);
                continue;
            }
            self.of_each_leaf(&condition, &mut own)?;
            match &condition {
                Expr::Call { function, arguments, .. } if function == "equals" => {
                    let (a, b) = (&arguments[0], &arguments[1]);
                    let (of_a, of_b) = (self.leaves_of(a), self.leaves_of(b));
                    if of_a & of_b != 0 || of_a == 0 || of_b == 0 {
                        found.other.push((condition, leaves));
                        continue;
                    }
                    match (a, b) {
                        (
                            Expr::Column { index: a, data_type: t },
                            Expr::Column { index: b, data_type: u },
                        ) if t.without_low_cardinality().inner()
                            == u.without_low_cardinality().inner() =>
                        {
                            unite(&mut found.classes, *a, *b);
                        }
                        _ => found.equal.push(((a.clone(), of_a), (b.clone(), of_b))),
                    }
                }
                _ => found.other.push((condition, leaves)),
            }
        }
        for class in &found.classes {
            for pair in class.windows(2).filter(|p| self.leaf(p[0]) == self.leaf(p[1])) {
                let sides = pair.iter().map(|c| self.column(*c)).collect();
                let equal = build_call(self.environment, "equals", sides)?;
                own[self.leaf(pair[0])].push(equal);
            }
        }
        for (at, conditions) in own.into_iter().enumerate().filter(|(_, c)| !c.is_empty()) {
            let first = self.leaves[at].1;
            let conditions = conditions.into_iter().map(|c| c.remap(&|c| c - first)).collect();
            let leaf = std::mem::replace(&mut self.leaves[at].0, Plan::one_row());
            let leaf = filtered(leaf, conditions, self.environment)?;
            self.leaves[at].0 = filters::push(leaf, self.environment)?;
        }
        Ok(found)
    }

    fn column(&self, at: usize) -> Expr {
        Expr::column(at, self.fields[at].data_type.clone())
    }

    /// What a disjunction over several leaves says of each alone.
    fn of_each_leaf(&self, condition: &Expr, own: &mut [Vec<Expr>]) -> Result<()> {
        let Expr::Call { function, arguments, .. } = condition else { return Ok(()) };
        if function != "or" {
            return Ok(());
        }
        let branches: Vec<Vec<Expr>> = arguments.iter().cloned().map(conjuncts).collect();
        for (leaf, own) in own.iter_mut().enumerate() {
            let only = |e: &&Expr| self.leaves_of(e) == 1 << leaf;
            let mut implied = Vec::with_capacity(branches.len());
            for branch in &branches {
                let mut parts: Vec<Expr> = branch.iter().filter(only).cloned().collect();
                match parts.len() {
                    0 => break,
                    1 => implied.extend(parts.pop()),
                    _ => implied.push(build_call(self.environment, "and", parts)?),
                }
            }
            if implied.len() == branches.len() {
                own.push(build_call(self.environment, "or", implied)?);
            }
        }
        Ok(())
    }
}

fn unite(classes: &mut Vec<Vec<usize>>, a: usize, b: usize) {
    let mut united = vec![a, b];
    classes.retain(|class| {
        let touched = class.contains(&a) || class.contains(&b);
        if touched {
            united.extend(class);
        }
        !touched
    });
    united.sort_unstable();
    united.dedup();
    classes.push(united);
}

/// The columns of a plan at some places, under the names and types of a schema.
fn picked(plan: Plan, places: &[usize], schema: Schema) -> Plan {
    let in_place = places.iter().enumerate().all(|(at, place)| at == *place);
    if in_place && plan.schema() == schema {
        return plan;
    }
    let expressions = columns_of(&schema)
        .into_iter()
        .zip(places)
        .map(|(e, place)| Expr::column(*place, e.data_type()))
        .collect();
    Plan::Project { input: Box::new(plan), expressions, schema }
}

fn joined(left: Plan, right: Plan, keys: Vec<(Expr, Expr)>, condition: Option<Expr>) -> Plan {
    let mut fields = left.schema().fields().to_vec();
    fields.extend(right.schema().fields().iter().cloned());
    let kind =
        if keys.is_empty() && condition.is_none() { JoinKind::Cross } else { JoinKind::Inner };
    Plan::Join(Join {
        left: Box::new(left),
        right: Box::new(right),
        kind,
        strictness: JoinStrictness::All,
        keys,
        condition,
        schema: Schema::new(fields),
        build_left: false,
        needed: None,
    })
}
