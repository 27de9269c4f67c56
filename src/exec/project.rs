//! Projections: other columns of the same rows.

use std::sync::Arc;

use base::Result;
use expr::{Evaluator, Expr};
use types::{Block, Dictionary};

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Bounds, Source, evaluator};

/// Expressions over the rows of a source.
pub(crate) fn project(
    input: Box<dyn Source>,
    expressions: Vec<Expr>,
    context: &ExecContext,
) -> Result<Box<dyn Source>> {
    if expressions.iter().all(|e| matches!(e, Expr::Column { .. })) {
        let columns = expressions.iter().flat_map(Expr::columns).collect();
        return Ok(Box::new(Picked { input, columns }));
    }
    let evaluator = evaluator(&expressions, context)?;
    Ok(Box::new(Projected { input, expressions, evaluator }))
}

/// Expressions over each block.
struct Projected {
    input: Box<dyn Source>,
    expressions: Vec<Expr>,
    evaluator: Arc<Evaluator>,
}

struct ProjectedReader {
    input: Box<dyn BlockReader>,
    evaluator: Arc<Evaluator>,
}

impl Source for Projected {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        self.evaluator.expect_rows(self.input.expected_rows());
        Ok(Box::new(ProjectedReader {
            input: self.input.reader()?,
            evaluator: self.evaluator.clone(),
        }))
    }

    fn lanes(&self) -> usize {
        self.input.lanes()
    }

    fn rows(&self) -> Option<usize> {
        self.input.rows()
    }

    fn expected_rows(&self) -> usize {
        self.input.expected_rows()
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        match self.expressions.get(column) {
            Some(Expr::Column { index, .. }) => self.input.dictionary(*index),
            _ => None,
        }
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        match self.expressions.get(column) {
            Some(Expr::Column { index, .. }) => self.input.bounds(*index),
            _ => None,
        }
    }
}

impl BlockReader for ProjectedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let Some(block) = self.input.next()? else { return Ok(None) };
        if block.rows() == 0 {
            return Ok(Some(block));
        }
        let columns = self.evaluator.evaluate(&block)?;
        Ok(Some(Block::new(columns, block.rows())))
    }
}

/// Columns in another order.
struct Picked {
    input: Box<dyn Source>,
    columns: Vec<usize>,
}

struct PickedReader {
    input: Box<dyn BlockReader>,
    columns: Vec<usize>,
}

impl Source for Picked {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(PickedReader { input: self.input.reader()?, columns: self.columns.clone() }))
    }

    fn lanes(&self) -> usize {
        self.input.lanes()
    }

    fn rows(&self) -> Option<usize> {
        self.input.rows()
    }

    fn expected_rows(&self) -> usize {
        self.input.expected_rows()
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        self.input.dictionary(*self.columns.get(column)?)
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        self.input.bounds(*self.columns.get(column)?)
    }
}

impl BlockReader for PickedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let Some(block) = self.input.next()? else { return Ok(None) };
        if block.rows() == 0 {
            return Ok(Some(block));
        }
        let columns = self.columns.iter().map(|c| block.column(*c).clone()).collect();
        Ok(Some(Block::new(columns, block.rows())))
    }
}
