//! Scans of block sources (system tables, files, numbers) and of tables in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Result;
use expr::{Evaluator, Expr};
use plan::{BlockSource, BlockStream, Scan};
use types::Block;

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Materialized, Source, evaluator, keep};

/// Rows of a block source.
pub(super) fn source(scan: Scan, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let plan::Source::Blocks(source) = scan.source.clone() else {
        return Err(base::Error::logical("no block source"));
    };
    let filter = [scan.filter.as_slice(), &scan.optional].concat();
    Ok(Box::new(BlocksScan {
        filters: filters(&filter, context)?,
        predicates: filter,
        source,
        columns: scan.columns,
        visible: scan.visible,
        limit: scan.limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX)),
        next: Arc::new(AtomicUsize::new(0)),
        given: Arc::new(AtomicUsize::new(0)),
        context: context.clone(),
    }))
}

/// Rows of a table that lie in memory.
pub(super) fn memory(scan: Scan, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let plan::Source::Table(snapshot) = &scan.source else {
        return Err(base::Error::logical("no table"));
    };
    let filters = filters(&[scan.filter.as_slice(), &scan.optional].concat(), context)?;
    let mut blocks = Vec::new();
    for block in &snapshot.memory {
        context.cancel.check()?;
        context.counters.read_rows.fetch_add(block.rows() as u64, Ordering::Relaxed);
        let columns = scan.columns.iter().map(|c| block.column(*c).clone()).collect();
        let block = Block::new(columns, block.rows());
        context.counters.read_bytes.fetch_add(block.memory() as u64, Ordering::Relaxed);
        let enough = context.has_read_enough()?;
        blocks.push(shown(filtered(block, &filters)?, scan.visible));
        if enough {
            break;
        }
    }
    Ok(Box::new(Materialized::new(blocks)))
}

fn filters(filter: &[Expr], context: &ExecContext) -> Result<Vec<Arc<Evaluator>>> {
    filter.iter().map(|f| evaluator(std::slice::from_ref(f), context)).collect()
}

fn filtered(mut block: Block, filters: &[Arc<Evaluator>]) -> Result<Block> {
    for filter in filters {
        if block.rows() == 0 {
            break;
        }
        let condition = filter.evaluate_one(block.columns(), block.rows())?;
        block = keep(block, &condition)?;
    }
    Ok(block)
}

fn shown(block: Block, visible: usize) -> Block {
    let rows = block.rows();
    let mut columns = block.into_columns();
    columns.truncate(visible);
    Block::new(columns, rows)
}

struct BlocksScan {
    source: Arc<dyn BlockSource>,
    columns: Vec<usize>,
    visible: usize,
    predicates: Vec<Expr>,
    filters: Vec<Arc<Evaluator>>,
    limit: usize,
    next: Arc<AtomicUsize>,
    given: Arc<AtomicUsize>,
    context: Arc<ExecContext>,
}

struct BlocksReader {
    source: Arc<dyn BlockSource>,
    columns: Vec<usize>,
    visible: usize,
    predicates: Vec<Expr>,
    filters: Vec<Arc<Evaluator>>,
    limit: usize,
    next: Arc<AtomicUsize>,
    given: Arc<AtomicUsize>,
    context: Arc<ExecContext>,
    stream: Option<BlockStream>,
}

impl Source for BlocksScan {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(BlocksReader {
            source: self.source.clone(),
            columns: self.columns.clone(),
            visible: self.visible,
            predicates: self.predicates.clone(),
            filters: self.filters.clone(),
            limit: self.limit,
            next: self.next.clone(),
            given: self.given.clone(),
            context: self.context.clone(),
            stream: None,
        }))
    }

    fn lanes(&self) -> usize {
        if self.limit <= self.context.settings.block_rows { 1 } else { self.source.pieces() }
    }

    fn rows(&self) -> Option<usize> {
        let rows = self.source.rows().map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
        rows.map(|rows| rows.min(self.limit))
    }
}

impl BlockReader for BlocksReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.context.cancel.check()?;
        if self.given.load(Ordering::Relaxed) >= self.limit {
            return Ok(None);
        }
        loop {
            if let Some(stream) = &mut self.stream {
                if let Some(block) = stream.next() {
                    let block = block?;
                    let counters = &self.context.counters;
                    counters.read_rows.fetch_add(block.rows() as u64, Ordering::Relaxed);
                    counters.read_bytes.fetch_add(block.memory() as u64, Ordering::Relaxed);
                    if self.context.has_read_enough()? {
                        self.next.store(self.source.pieces(), Ordering::Relaxed);
                        self.stream = None;
                    }
                    let block = shown(filtered(block, &self.filters)?, self.visible);
                    let before = self.given.fetch_add(block.rows(), Ordering::Relaxed);
                    // Rows that nobody needs may be costly above, so a block is cut.
                    let left = self.limit.saturating_sub(before);
                    let rows = block.rows().min(left);
                    return Ok(Some(if rows < block.rows() {
                        block.slice(0, rows)
                    } else {
                        block
                    }));
                }
                self.stream = None;
            }
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= self.source.pieces() {
                return Ok(None);
            }
            self.stream = Some(self.source.read(piece, &self.columns, &self.predicates)?);
        }
    }
}
