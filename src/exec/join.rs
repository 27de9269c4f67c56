//! Joins by equal keys: one side becomes a table, the other streams past it.
//!
//! 1. The plan says which side has fewer rows; kinds that need it otherwise have their way (see `shape`). That side
//!    is read to its end, without the columns that nobody reads.
//! 2. Its keys decide how keys become numbers (see `keys`); the table leads from these to rows (see `table`).
//! 3. Where probing rows without a match are of no use, what the table holds becomes conditions on the probing
//!    plan before that is executed (see `runtime_filter`).
//! 4. Blocks of the probing side meet the table in any number of lanes (see `probe`).
//!
//! A side that does not fit into memory goes to the temporary file, and the other with it (see `grace`).

mod asof;
mod build;
mod coded;
mod grace;
mod keys;
mod probe;
mod ranked;
mod runtime_filter;
mod shape;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use base::Result;
use expr::{Evaluator, Expr};
use plan::{Join, JoinStrictness, Plan};

use crate::context::ExecContext;
use crate::pipeline::{Materialized, Source, evaluator, execute_for};
use asof::{Asof, Times};
use build::{BuildSide, Built, Gathered, Rows, build, gather};
use grace::Cutter;
use probe::{Probe, Shared};
use shape::{Columns, OutputColumn, Pairs, Shape};

/// A join whose inputs are not read yet.
struct Joining {
    shape: Shape,
    columns: Arc<Columns>,
    built_keys: Vec<Expr>,
    probing_keys: Vec<Expr>,
    keys: Arc<Evaluator>,
    condition: Option<Arc<Evaluator>>,
    asof: Option<Arc<Asof>>,
    context: Arc<ExecContext>,
}

impl Joining {
    /// What is built of one side.
    fn side(&self) -> BuildSide<'_> {
        let shown = self.columns.output.iter().any(|c| matches!(c, OutputColumn::Build(_)));
        BuildSide {
            keys: &self.built_keys,
            kept: &self.columns.kept,
            defaults: self.shape.keeps_probe && shown,
            alone: false,
        }
    }

    /// Reads the side that is built, then offers the other one joined to it.
    fn run(self, built: Plan, mut probing: Plan, codes: bool) -> Result<Box<dyn Source>> {
        let (shape, context) = (self.shape, self.context.clone());
        let source = execute_for(built, codes, &context)?;
        let cutter = Cutter::new(&self.built_keys);
        let rows = gather(&self.side(), source.as_ref(), &cutter, &context)?;
        drop(source);
        let gathered = match rows {
            Rows::InMemory(gathered) => gathered,
            Rows::Spilled(partitions) => {
                let width = probing.schema().len();
                let input = execute_for(probing, false, &context)?;
                return grace::join(self, partitions, &cutter, input.as_ref(), width);
            }
        };
        if shape.filters_probe() && context.settings.runtime_filters {
            runtime_filter::push(&mut probing, &self.probing_keys, &gathered.keys)?;
        }
        let (gathered, times) = self.in_order(gathered)?;
        let built = build(&self.side(), gathered, &context)?;
        let idle = built.directory.is_empty() && !shape.keeps_probe;
        if idle && (shape.rest != Some(false) || built.rows == 0) {
            return Ok(Box::new(Materialized::new(Vec::new())));
        }
        let input: Box<dyn Source> = if idle {
            Box::new(Materialized::new(Vec::new()))
        } else {
            execute_for(probing, codes, &context)?
        };
        Ok(Box::new(Probe { input, shared: Arc::new(self.shared(built, times)) }))
    }

    /// The rows in the order in which the table is to have them, with their times where these matter.
    fn in_order(&self, gathered: Gathered) -> Result<(Gathered, Times)> {
        match &self.asof {
            Some(asof) => asof.sorted(gathered),
            None => Ok((gathered, Times::default())),
        }
    }

    /// What the lanes that probe share.
    fn shared(&self, built: Built, times: Times) -> Shared {
        let shape = self.shape;
        let marks = shape.rest.is_some() || matches!(shape.pairs, Pairs::Once | Pairs::Marks);
        let met = (0..if marks { built.rows } else { 0 }).map(|_| AtomicBool::new(false)).collect();
        Shared {
            built,
            shape,
            columns: self.columns.clone(),
            keys: self.keys.clone(),
            keyless: self.probing_keys.is_empty(),
            condition: self.condition.clone(),
            asof: self.asof.clone(),
            times,
            met,
            readers: AtomicUsize::new(0),
            resting: AtomicBool::new(false),
            context: self.context.clone(),
        }
    }
}

/// Joins two inputs; with `codes` strings of several parts are brought to one dictionary.
pub(crate) fn join(join: Join, codes: bool, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let shape = Shape::of(&join);
    let columns = Arc::new(Columns::of(&join, &shape)?);
    let asof = Asof::of(&join, &columns, context)?.map(Arc::new);
    let condition = match &join.condition {
        Some(condition) if join.strictness != JoinStrictness::Asof => {
            Some(evaluator(std::slice::from_ref(condition), context)?)
        }
        _ => None,
    };
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.keys.into_iter().unzip();
    let (built_plan, built_keys, probing_plan, probing_keys) = if shape.build_left {
        (join.left, left_keys, join.right, right_keys)
    } else {
        (join.right, right_keys, join.left, left_keys)
    };
    let keys = evaluator(&probing_keys, context)?;
    let context = context.clone();
    let joining =
        Joining { shape, columns, built_keys, probing_keys, keys, condition, asof, context };
    joining.run(*built_plan, *probing_plan, codes)
}
