//! Makes the plan of a tree of joins.

use std::collections::HashMap;

use base::{Error, Result};
use expr::Expr;

use super::search::Tree;
use super::{Conditions, Leaves, joined};
use crate::analyze::{build_call, common_key};
use crate::{Environment, Plan};

/// Joins the leaves as the trees say; every condition is used once.
pub(super) struct Build<'e> {
    environment: &'e dyn Environment,
    conditions: Conditions,
    trees: HashMap<Leaves, Tree>,
    /// The plans with the place of their first column among all columns.
    leaves: Vec<Option<(Plan, usize)>>,
}

impl<'e> Build<'e> {
    pub(super) fn new(
        environment: &'e dyn Environment,
        conditions: Conditions,
        trees: HashMap<Leaves, Tree>,
        leaves: Vec<(Plan, usize)>,
    ) -> Build<'e> {
        let leaves = leaves.into_iter().map(Some).collect();
        Build { environment, conditions, trees, leaves }
    }

    /// The plan of a set of leaves, and which of all columns stands at each of its places.
    pub(super) fn tree(&mut self, set: Leaves) -> Result<(Plan, Vec<usize>)> {
        let tree = self.trees.get(&set).ok_or_else(|| Error::logical("no tree of some joins"))?;
        let Some((a, b)) = tree.halves else {
            let leaf = self.leaves[set.trailing_zeros() as usize].take();
            let (plan, first) = leaf.ok_or_else(|| Error::logical("an input is joined twice"))?;
            let end = first + plan.schema().len();
            return Ok((plan, (first..end).collect()));
        };
        let rows = |set: &Leaves| self.trees.get(set).map_or(0.0, |t| t.rows);
        // The side with fewer rows stands at right, where tables are built.
        let (a, b) = if rows(&a) >= rows(&b) { (a, b) } else { (b, a) };
        let (left, of_left) = self.tree(a)?;
        let (right, of_right) = self.tree(b)?;
        let keys = self.keys((a, &of_left), (b, &of_right))?;
        let mut both = of_left;
        both.extend(of_right);
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for (condition, leaves) in std::mem::take(&mut self.conditions.other) {
            let list = if leaves & !set == 0 { &mut now } else { &mut later };
            list.push((condition, leaves));
        }
        self.conditions.other = later;
        let place = |column: usize| both.iter().position(|c| *c == column).unwrap_or(column);
        let mut now: Vec<Expr> = now.into_iter().map(|(c, _)| c.remap(&place)).collect();
        let condition = match now.len() {
            0 | 1 => now.pop(),
            _ => Some(build_call(self.environment, "and", now)?),
        };
        Ok((joined(left, right, keys, condition), both))
    }

    /// Pairs of equal keys of two sides, over the columns of each.
    fn keys(
        &mut self,
        (a, of_left): (Leaves, &[usize]),
        (b, of_right): (Leaves, &[usize]),
    ) -> Result<Vec<(Expr, Expr)>> {
        let mut keys = Vec::new();
        for class in &self.conditions.classes {
            let member =
                |side: &[usize]| class.iter().find_map(|c| side.iter().position(|s| s == c));
            if let (Some(l), Some(r)) = (member(of_left), member(of_right)) {
                let column = |columns: &[usize], at: usize| {
                    Expr::column(at, self.conditions.types[columns[at]].clone())
                };
                keys.push((column(of_left, l), column(of_right, r)));
            }
        }
        let within = |leaves: Leaves, set: Leaves| leaves & !set == 0;
        let (mut later, mut other) = (Vec::new(), Vec::new());
        for ((x, of_x), (y, of_y)) in std::mem::take(&mut self.conditions.equal) {
            let (l, r) = if within(of_x, a) && within(of_y, b) {
                (x, y)
            } else if within(of_x, b) && within(of_y, a) {
                (y, x)
            } else if within(of_x | of_y, a | b) {
                // Its sides do not lie in different inputs.
                other.push((build_call(self.environment, "equals", vec![x, y])?, of_x | of_y));
                continue;
            } else {
                later.push(((x, of_x), (y, of_y)));
                continue;
            };
            let place = |columns: &[usize], column: usize| {
                columns.iter().position(|c| *c == column).unwrap_or(column)
            };
            let l = l.remap(&|column| place(of_left, column));
            let r = r.remap(&|column| place(of_right, column));
            keys.push(common_key(l, r)?);
        }
        self.conditions.equal = later;
        self.conditions.other.extend(other);
        Ok(keys)
    }
}
