//! Scans whose blocks are cut to `max_block_size`, where that asks for smaller ones than sources give.

use std::sync::Arc;

use base::Result;
use types::{Block, Dictionary};

use crate::pipeline::{BlockReader, Bounds, Source};

/// A source whose blocks have at most so many rows.
pub(super) struct Sliced {
    pub(super) input: Box<dyn Source>,
    pub(super) most: usize,
}

struct SlicedReader {
    input: Box<dyn BlockReader>,
    most: usize,
    rest: Option<Block>,
}

impl Source for Sliced {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(SlicedReader { input: self.input.reader()?, most: self.most, rest: None }))
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
        self.input.dictionary(column)
    }

    fn want_codes(&self, columns: &[usize]) -> Result<()> {
        self.input.want_codes(columns)
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        self.input.bounds(column)
    }
}

impl BlockReader for SlicedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let block = match self.rest.take() {
            Some(block) => block,
            None => match self.input.next()? {
                Some(block) => block,
                None => return Ok(None),
            },
        };
        if block.rows() <= self.most {
            return Ok(Some(block));
        }
        self.rest = Some(block.slice(self.most, block.rows() - self.most));
        Ok(Some(block.slice(0, self.most)))
    }
}
