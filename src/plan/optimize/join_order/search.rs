//! Looks for the tree of joins that costs least.

use std::collections::HashMap;

use super::{Conditions, Leaves, Region};
use crate::optimize::estimate::{Domain, Estimate, matched, selectivity};

/// The share of pairs that an equality of computed values is thought to leave.
const COMPUTED_EQUALITY: f64 = 0.01;

/// A tree of joins.
#[derive(Clone, Copy)]
pub(super) struct Tree {
    cost: f64,
    /// Rows that come out, about.
    pub(super) rows: f64,
    /// Two sets of leaves that are joined last; none for a single leaf.
    pub(super) halves: Option<(Leaves, Leaves)>,
}

/// What is known of the leaves and of what connects them.
pub(super) struct Search<'r> {
    estimates: Vec<Estimate>,
    /// Of every class, the leaves of its members with what is known of these.
    classes: Vec<Vec<(Leaves, Domain)>>,
    /// The leaves of both sides of other equalities.
    equal: Vec<(Leaves, Leaves)>,
    conditions: &'r Conditions,
    /// Of all columns.
    domains: Vec<Domain>,
}

impl<'r> Search<'r> {
    pub(super) fn new(
        region: &Region<'_>,
        conditions: &'r Conditions,
        estimates: Vec<Estimate>,
        domains: Vec<Domain>,
    ) -> Search<'r> {
        let member = |column: &usize| (1 << region.leaf(*column), domains[*column]);
        Search {
            classes: conditions.classes.iter().map(|c| c.iter().map(member).collect()).collect(),
            equal: conditions.equal.iter().map(|((_, l), (_, r))| (*l, *r)).collect(),
            estimates,
            conditions,
            domains,
        }
    }

    fn leaf(&self, leaf: usize) -> Tree {
        Tree { cost: 0.0, rows: self.estimates[leaf].rows, halves: None }
    }

    /// The best tree of every set of leaves.
    pub(super) fn all(&self) -> HashMap<Leaves, Tree> {
        let count = self.estimates.len();
        let mut trees: Vec<Option<Tree>> = vec![None; 1 << count];
        for leaf in 0..count {
            trees[1 << leaf] = Some(self.leaf(leaf));
        }
        for set in (1..1usize << count).filter(|set| set.count_ones() >= 2) {
            // Without a connected pair of halves any pair has to do, at the very end.
            let last = set + 1 == 1 << count;
            trees[set] = self.best(set, &trees, true);
            if trees[set].is_none() && (last || !self.is_joinable(set as Leaves, count)) {
                trees[set] = self.best(set, &trees, false);
            }
        }
        let found = trees.into_iter().enumerate();
        found.filter_map(|(set, tree)| Some((set as Leaves, tree?))).collect()
    }

    /// Whether a set that has no connected tree of its own can wait until others join in.
    fn is_joinable(&self, set: Leaves, count: usize) -> bool {
        let others = ((1u64 << count) - 1) & !set;
        let touches = |a: Leaves, b: Leaves| a & set != 0 && b & others != 0;
        self.classes.iter().any(|c| {
            c.iter().any(|(leaf, _)| leaf & set != 0)
                && c.iter().any(|(leaf, _)| leaf & others != 0)
        }) || self.equal.iter().any(|(a, b)| touches(*a, *b) || touches(*b, *a))
    }

    fn best(&self, set: usize, trees: &[Option<Tree>], connected: bool) -> Option<Tree> {
        let mut best: Option<Tree> = None;
        let mut half = (set - 1) & set;
        while half > 0 {
            let other = set ^ half;
            if half > other
                && let (Some(a), Some(b)) = (&trees[half], &trees[other])
                && let Some(tree) = self.join((a, half as Leaves), (b, other as Leaves), connected)
                && best.is_none_or(|best| tree.cost < best.cost)
            {
                best = Some(tree);
            }
            half = (half - 1) & set;
        }
        best
    }

    /// A tree of all leaves: the two sets whose join has the fewest rows are joined first.
    pub(super) fn greedy(&self) -> HashMap<Leaves, Tree> {
        let mut sets: Vec<(Leaves, Tree)> =
            (0..self.estimates.len()).map(|leaf| (1 << leaf, self.leaf(leaf))).collect();
        let mut done = HashMap::new();
        while sets.len() > 1 {
            let mut best: Option<(usize, usize, Tree)> = None;
            for connected in [true, false] {
                for (at, (a, left)) in sets.iter().enumerate() {
                    for (to, (b, right)) in sets.iter().enumerate().skip(at + 1) {
                        if let Some(tree) = self.join((left, *a), (right, *b), connected)
                            && best.is_none_or(|(.., best)| tree.rows < best.rows)
                        {
                            best = Some((at, to, tree));
                        }
                    }
                }
                if best.is_some() {
                    break;
                }
            }
            let Some((at, to, tree)) = best else { break };
            let (b, right) = sets.swap_remove(to);
            let (a, left) = sets.swap_remove(at);
            done.extend([(a, left), (b, right)]);
            sets.push((a | b, tree));
        }
        done.extend(sets);
        done
    }

    /// Two trees joined; `None` where nothing connects them and something must.
    fn join(
        &self,
        (a, of_a): (&Tree, Leaves),
        (b, of_b): (&Tree, Leaves),
        connected: bool,
    ) -> Option<Tree> {
        let mut keys = Vec::new();
        for class in &self.classes {
            let member = |set: Leaves| class.iter().find(|(leaf, _)| leaf & set != 0);
            if let (Some((_, l)), Some((_, r))) = (member(of_a), member(of_b)) {
                keys.push((*l, *r));
            }
        }
        let within = |leaves: Leaves, set: Leaves| leaves & !set == 0;
        let mut share = 1.0;
        for (l, r) in &self.equal {
            if within(*l, of_a) && within(*r, of_b) || within(*l, of_b) && within(*r, of_a) {
                share *= COMPUTED_EQUALITY;
            }
        }
        if connected && keys.is_empty() && share == 1.0 {
            return None;
        }
        for (condition, leaves) in &self.conditions.other {
            if within(*leaves, of_a | of_b) && !within(*leaves, of_a) && !within(*leaves, of_b) {
                share *= selectivity(condition, &self.domains);
            }
        }
        let rows = (matched(a.rows, b.rows, &keys) * share).max(1.0);
        let built = a.rows.min(b.rows);
        let cost = a.cost + b.cost + a.rows.max(b.rows) + 2.0 * built + rows;
        Some(Tree { cost, rows, halves: Some((of_a, of_b)) })
    }
}
