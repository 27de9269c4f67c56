//! Joins by equal keys: one side becomes a table, the other streams past it.
//!
//! 1. The plan says which side has fewer rows; kinds that need it otherwise have their way (see `shape`). That side
//!    is read to its end, without the columns that nobody reads.
//! 2. Its keys decide how keys become numbers (see `keys`); the table leads from these to rows (see `table`).
//! 3. Where probing rows without a match are of no use, what the table holds becomes conditions on the probing
//!    plan before that is executed (see `runtime_filter`).
//! 4. Blocks of the probing side meet the table in any number of lanes (see `probe`).

mod build;
mod keys;
mod probe;
mod runtime_filter;
mod shape;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use base::Result;
use expr::Expr;
use plan::Join;

use crate::context::ExecContext;
use crate::pipeline::{Materialized, Source, evaluator, execute_for};
use build::{BuildSide, build, gather};
use probe::{Probe, Shared};
use shape::{Columns, OutputColumn, Pairs, Shape};

/// Joins two inputs; with `codes` strings of several parts are brought to one dictionary.
pub(crate) fn join(join: Join, codes: bool, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let shape = Shape::of(&join);
    let columns = Columns::of(&join, &shape)?;
    let condition = match &join.condition {
        Some(condition) => Some(evaluator(std::slice::from_ref(condition), context)?),
        None => None,
    };
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.keys.into_iter().unzip();
    let (built_plan, built_keys, probing_plan, probing_keys) = if shape.build_left {
        (join.left, left_keys, join.right, right_keys)
    } else {
        (join.right, right_keys, join.left, left_keys)
    };
    let side = BuildSide {
        keys: &built_keys,
        kept: &columns.kept,
        defaults: shape.keeps_probe
            && columns.output.iter().any(|c| matches!(c, OutputColumn::Build(_))),
    };
    let source = execute_for(*built_plan, codes, context)?;
    let gathered = gather(&side, source.as_ref(), context)?;
    drop(source);
    let mut probing_plan = *probing_plan;
    if shape.filters_probe() && context.settings.runtime_filters {
        runtime_filter::push(&mut probing_plan, &probing_keys, &gathered.keys)?;
    }
    let built = build(&side, gathered, context)?;
    let idle = built.directory.is_empty() && !shape.keeps_probe;
    if idle && (shape.rest != Some(false) || built.rows == 0) {
        return Ok(Box::new(Materialized::new(Vec::new())));
    }
    let marks = shape.rest.is_some() || matches!(shape.pairs, Pairs::Once | Pairs::Marks);
    let met = (0..if marks { built.rows } else { 0 }).map(|_| AtomicBool::new(false)).collect();
    let input: Box<dyn Source> = if idle {
        Box::new(Materialized::new(Vec::new()))
    } else {
        execute_for(probing_plan, codes, context)?
    };
    let shared = Shared {
        built,
        shape,
        columns,
        keys: evaluator(&probing_keys, context)?,
        keyless: probing_keys.is_empty(),
        condition,
        met,
        readers: AtomicUsize::new(0),
        resting: AtomicBool::new(false),
        context: context.clone(),
    };
    Ok(Box::new(Probe { input, shared: Arc::new(shared) }))
}
